package portal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/texts"
)

func (p *Portal) complianceRoutes() []route {
	const need = chatadmin.PermHolds
	routes := []route{
		{pattern: "GET /compliance/holds", need: need, serve: (*view).holds},
		{pattern: "POST /compliance/holds", need: need, serve: (*view).placeHold},
		{pattern: "POST /compliance/holds/release", need: need, serve: (*view).releaseHold},
	}
	if p.o.Retention != nil {
		routes = append(routes,
			route{pattern: "GET /compliance/retention", need: need, serve: (*view).retention},
			route{pattern: "GET /compliance/retention/review", need: need, serve: (*view).reviewRetention},
			route{pattern: "POST /compliance/retention", need: need, serve: (*view).saveRetention},
			route{pattern: "POST /compliance/retention/run", need: need, serve: (*view).runRetention},
		)
	}
	return routes
}

// retentionPage says how long messages and files are kept.
type retentionPage struct {
	*view
	Policy retention.Policy
	Days   field
}

func (v *view) retention() error {
	policy, err := v.p.o.Retention.Policy(v.r.Context(), v.s)
	if err != nil {
		return err
	}
	page := retentionPage{view: v, Policy: policy}
	page.Days = field{Name: "days", Label: v.T("retention.days"), Type: "number", Value: strconv.Itoa(policy.Days), Help: v.T("retention.days_help"), Required: true}
	if policy.Limit > 0 {
		page.Days.Help = v.T("retention.limit", policy.Limit)
	}
	return v.render("retention", page)
}

// retentionReview is what a policy would delete, to be confirmed: the policy
// itself, or its first run.
type retentionReview struct {
	*view
	Days     int
	Plan     *retention.Plan // nil keeps everything
	JSON     string
	Now      bool // it is the policy in force: what it deletes can go now
	Counts   []count
	Held     []count
	Warnings messages
}

func (v *view) reviewRetention() error {
	v.back = "/compliance/retention"
	days := number(v.query("days"))
	policy, err := v.p.o.Retention.Policy(v.r.Context(), v.s)
	if err != nil {
		return err
	}
	page := retentionReview{view: v, Days: days, Now: days == policy.Days}
	if days != 0 {
		ask := days
		if page.Now {
			ask = 0
		}
		plan, err := v.p.o.Retention.Plan(v.r.Context(), v.s, ask)
		if err != nil {
			return err
		}
		data, err := json.Marshal(plan)
		if err != nil {
			return err
		}
		page.Plan, page.JSON = plan, string(data)
		page.Counts, page.Held = v.counts(contents(plan.Counts)), v.counts(contents(plan.Held))
		page.Warnings = v.warnings(slices.DeleteFunc(plan.Warnings, func(m texts.Message) bool {
			return !page.Now && m.Code == "warn.retention_days" // saving sets the policy
		}))
	}
	return v.render("retentionreview", &page)
}

// contents are counts by kind.
func contents(c retention.Counts) map[string]int64 {
	all := map[string]int64{"messages": c.Messages, "files": c.Files}
	for kind, n := range c.Sources {
		all[kind] += n
	}
	return all
}

func (v *view) saveRetention() error {
	v.back = "/compliance/retention"
	f, err := v.form()
	if err != nil {
		return err
	}
	if err := v.p.o.Retention.SetDays(v.r.Context(), v.s, number(f.Get("days"))); err != nil {
		return err
	}
	v.p.o.Wake()
	return v.done(v.back, "browser.saved")
}

func (v *view) runRetention() error {
	v.back = "/compliance/retention"
	f, err := v.form()
	if err != nil {
		return err
	}
	var plan retention.Plan
	if err := json.Unmarshal([]byte(f.Get("plan")), &plan); err != nil {
		return fmt.Errorf("the plan cannot be read: %w", chatadmin.ErrInvalid)
	}
	run, err := v.p.o.Retention.Apply(v.r.Context(), v.s.Detached(), &plan, nil)
	if err != nil {
		return err
	}
	v.p.o.Wake()
	return v.done("/runs/"+string(run.ID), "retention.begun")
}

// holdsPage lists legal holds.
type holdsPage struct {
	*view
	paging
	Rows    []holdRow
	Fields  []field
	Problem string
}

type holdRow struct {
	Hold    chatadmin.Hold
	Subject string // its name, as far as it is known
	By      string
}

func (v *view) holds() error { return v.showHolds(nil, nil) }

func (v *view) showHolds(f url.Values, wrong error) error {
	ctx := v.r.Context()
	all, next, err := v.s.HoldsPage(ctx, v.page(pageSize))
	if err != nil {
		return err
	}
	page := holdsPage{view: v, paging: v.paging(next)}
	var users, groups []chatadmin.ID
	for _, h := range all {
		users = append(users, h.User, h.By)
		if h.Group != "" {
			groups = append(groups, h.Group)
		}
	}
	names, err := v.namesOf(users)
	if err != nil {
		return err
	}
	if v.May(chatadmin.PermUsersRead) && len(groups) > 0 {
		gs, err := v.p.admin.Store().Groups(ctx, v.s.Domain(), unique(groups))
		if err != nil {
			return err
		}
		for _, g := range gs {
			names[g.ID] = g.Name
		}
	}
	for _, h := range all {
		page.Rows = append(page.Rows, holdRow{h, names[h.Subject()], names[h.By]})
	}
	page.Fields = []field{
		{Name: "user", Label: v.T("holds.user"), Help: v.T("holds.user_help"), Type: "text", Value: f.Get("user"), Max: 254, Autocomplete: "off"},
		{Name: "group", Label: v.T("holds.group"), Help: v.T("holds.group_help"), Type: "text", Value: f.Get("group"), Max: 250, Autocomplete: "off"},
		{Name: "reason", Label: v.T("delete.reason"), Type: "textarea", Value: f.Get("reason"), Required: true, Max: 1000},
	}
	page.Problem = v.complain(page.Fields, wrong)
	return v.renderStatus(formStatus(wrong), "holds", page)
}

// subject finds whom or what a form wants to hold: a user by login or ID, or a
// group by name or ID. Readers without the permission for the lists give IDs.
func (v *view) subject(f url.Values) (h chatadmin.Hold, err error) {
	h = chatadmin.Hold{User: chatadmin.ID(f.Get("user")), Group: chatadmin.ID(f.Get("group")), Reason: f.Get("reason")}
	if !v.May(chatadmin.PermUsersRead) || h.User != "" && h.Group != "" {
		return h, nil
	}
	if h.User != "" {
		u, err := v.s.UserByLogin(v.r.Context(), f.Get("user"))
		if err == nil {
			h.User = u.ID
		} else if !errors.Is(err, chatadmin.ErrNotFound) {
			return h, err
		}
	}
	if h.Group != "" {
		gs, _, err := v.s.GroupsPage(v.r.Context(), chatadmin.GroupQuery{Prefix: f.Get("group")}, chatadmin.Page{Limit: 1})
		if err != nil {
			return h, err
		}
		if len(gs) == 1 && chatadmin.Fold(gs[0].Name) == chatadmin.Fold(f.Get("group")) {
			h.Group = gs[0].ID
		}
	}
	return h, nil
}

func (v *view) placeHold() error {
	v.back = "/compliance/holds"
	f, err := v.form()
	if err != nil {
		return err
	}
	h, err := v.subject(f)
	if err == nil {
		_, err = v.s.AddHold(v.r.Context(), h)
	}
	if errors.Is(err, chatadmin.ErrNotFound) {
		return v.showHolds(f, err)
	}
	if err != nil {
		return v.again(err, func() error { return v.showHolds(f, err) })
	}
	return v.done(v.back, "holds.placed")
}

func (v *view) releaseHold() error {
	v.back = "/compliance/holds"
	f, err := v.form()
	if err != nil {
		return err
	}
	v.backTo(v.back, f)
	if _, err := v.s.ReleaseHold(v.r.Context(), chatadmin.ID(f.Get("hold"))); err != nil {
		return err
	}
	return v.done(v.back, "holds.released")
}
