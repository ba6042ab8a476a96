package portal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/closing"
)

// closingRoutes are for the host's own staff: a domain that is suspended lets
// none of its own people in.
func (p *Portal) closingRoutes() []route {
	if p.o.Closings == nil {
		return nil
	}
	return []route{
		{pattern: "GET /closing", staff: true, serve: (*view).closing},
		{pattern: "POST /closing", staff: true, serve: (*view).closeDomain},
		{pattern: "GET /closing/{id}", staff: true, serve: (*view).closingRun},
		{pattern: "POST /closing/{id}/cancel", staff: true, serve: (*view).cancelClosing},
	}
}

// enterStaff finds out which domain a request of the host's staff is about.
func (v *view) enterStaff() error {
	domain, err := v.p.o.Staff(v.r)
	switch {
	case errors.Is(err, chatadmin.ErrForbidden):
		return err
	case err != nil:
		return fmt.Errorf("whether the host's staff is signed in: %w", err)
	}
	v.s = v.p.admin.AsHost(domain)
	return nil
}

// closingPage is the plan of closing the domain, to be confirmed.
type closingPage struct {
	*view
	Plan     *closing.Plan
	JSON     string
	Counts   []count
	Blockers messages
	Warnings messages
	Days     field
	Grace    int // days; 0 begins at once
	Reason   field
	Problem  string
	Open     []chatadmin.Run // closings: scheduled or begun, and cancelled ones
}

func (v *view) closing() error { return v.showClosing(nil) }

func (v *view) showClosing(wrong error) error {
	page := closingPage{view: v, Blockers: messages{Heading: v.T("plan.blockers"), Tone: "bad"}}
	var grace time.Duration // 0 is the default
	if given := v.r.FormValue("days"); given != "" {
		n := number(given)
		if grace = time.Duration(n) * 24 * time.Hour; n == 0 {
			grace = closing.AtOnce
		}
		if n < 0 || n > 365 {
			return said(v.T("closing.days_help"), chatadmin.ErrInvalid)
		}
	}
	var err error
	if page.Plan, err = v.p.o.Closings.Plan(v.r.Context(), v.s, grace); err != nil {
		return err
	}
	data, err := json.Marshal(page.Plan)
	if err != nil {
		return err
	}
	page.JSON, page.Grace = string(data), max(0, days(page.Plan.Grace))
	page.Counts, page.Warnings = v.counts(page.Plan.Counts), v.warnings(page.Plan.Warnings)
	for _, b := range page.Plan.Blockers {
		page.Blockers.List = append(page.Blockers.List, capital(b.Message))
	}
	if page.Open, _, err = v.s.RunsPage(v.r.Context(), chatadmin.RunQuery{Kind: "closing"}, v.page(pageSize)); err != nil {
		return err
	}
	fields := []field{
		{Name: "days", Label: v.T("closing.days"), Help: v.T("closing.days_help"), Type: "number", Value: fmt.Sprint(page.Grace)},
		{Name: "reason", Label: v.T("delete.reason"), Help: v.T("delete.reason_help"), Type: "textarea", Value: v.r.PostFormValue("reason"), Required: true, Max: 1000},
	}
	page.Problem = v.complain(fields, wrong)
	page.Days, page.Reason = fields[0], fields[1]
	return v.renderStatus(formStatus(wrong), "closing", &page)
}

func (v *view) closeDomain() error {
	v.back = "/closing"
	f, err := v.form()
	if err != nil {
		return err
	}
	var plan closing.Plan
	if err := json.Unmarshal([]byte(f.Get("plan")), &plan); err != nil {
		return fmt.Errorf("the plan cannot be read: %w", chatadmin.ErrInvalid)
	}
	run, err := v.p.o.Closings.Apply(v.r.Context(), v.s.Detached(), &plan, f.Get("reason"), nil)
	if err != nil {
		if errors.Is(err, chatadmin.ErrInvalid) {
			return v.showClosing(err)
		}
		return err
	}
	v.p.o.Wake()
	return v.done("/closing/"+url.PathEscape(string(run.ID)), "closing.applied", plan.Name)
}

// closingRunPage is a closing: scheduled, under way, or done with its receipt.
type closingRunPage struct {
	*view
	Run     *closing.Run
	Badge   badge
	Bar     string
	Removed []count
	Cancels bool
}

// Refreshes reports whether the page changes by itself.
func (page *closingRunPage) Refreshes() bool { return page.Run.State == chatadmin.RunRunning }

func (v *view) closingRun() error {
	v.back = "/closing"
	run, err := v.p.o.Closings.Run(v.r.Context(), v.s, chatadmin.ID(v.r.PathValue("id")))
	if err != nil {
		return err
	}
	page := closingRunPage{view: v, Run: run, Badge: v.runBadge(&run.Run), Bar: percent(run.Done, run.Total),
		Removed: v.counts(run.Data.Removed), Cancels: run.State == chatadmin.RunScheduled}
	return v.renderStatus(http.StatusOK, "closingrun", &page)
}

func (v *view) cancelClosing() error {
	id := chatadmin.ID(v.r.PathValue("id"))
	v.back = "/closing/" + url.PathEscape(string(id))
	if _, err := v.p.o.Closings.Cancel(v.r.Context(), v.s, id); err != nil {
		return err
	}
	return v.done(v.back, "closing.cancelled")
}
