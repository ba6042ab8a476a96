package portal

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
	"chatadmin.example/sdk/twofa"
)

// browserPage is the page "Browser access": the two-factor settings.
type browserPage struct {
	*view
	Mode, Validity, Recovery field
}

func (v *view) browserAccess() error {
	p, err := v.p.o.TwoFactor.Policy(v.r.Context(), v.s)
	if err != nil {
		return err
	}
	return v.render("browser", v.browserForm(p))
}

func (v *view) browserForm(p twofa.Policy) browserPage {
	page := browserPage{view: v}
	page.Mode = field{Name: "mode", Label: v.T("browser.mode"), Value: string(p.Mode), Options: []option{
		{string(twofa.Off), v.T("browser.off")}, {string(twofa.Email), v.T("browser.email")}, {string(twofa.Authenticator), v.T("browser.authenticator")}}}
	page.Validity = field{Name: "days", Label: v.T("browser.validity"), Type: "number", Value: strconv.Itoa(days(p.Validity)), Help: v.T("browser.validity_help", days(twofa.MaxValidity))}
	page.Recovery = field{Name: "recovery", Label: v.T("browser.recovery"), Type: "checkbox", Help: v.T("browser.recovery_help")}
	if p.Recovery {
		page.Recovery.Value = "1"
	}
	return page
}

// browserReview is the plan of new two-factor settings, to be confirmed.
type browserReview struct {
	*view
	Plan     *twofa.Plan
	JSON     string
	Facts    []count
	Counts   []count
	Warnings messages
	Blockers messages
	Users    []chatadmin.User // who could not pass
}

func (v *view) reviewBrowserAccess() error {
	v.back = "/security/browser"
	n := number(v.query("days"))
	if n < 0 || n > days(twofa.MaxValidity) {
		return said(v.T("browser.validity_help", days(twofa.MaxValidity)), chatadmin.ErrInvalid)
	}
	policy := twofa.Policy{Mode: twofa.Mode(v.query("mode")), Validity: time.Duration(n) * 24 * time.Hour, Recovery: v.query("recovery") != ""}
	plan, err := v.p.o.TwoFactor.Plan(v.r.Context(), v.s, policy)
	if err != nil {
		return err
	}
	data, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	review := browserReview{view: v, Plan: plan, JSON: string(data), Counts: v.counts(plan.Counts),
		Warnings: v.warnings(plan.Warnings), Blockers: messages{Heading: v.T("plan.blockers"), Tone: "bad"}}
	for _, b := range plan.Blockers {
		review.Blockers.List = append(review.Blockers.List, v.Say(texts.Message{Code: "fault." + b.Code, Text: b.Message}))
	}
	if v.May(chatadmin.PermUsersRead) {
		found, err := v.people(plan.CannotPass...)
		if err != nil {
			return err
		}
		for _, id := range plan.CannotPass {
			if u, ok := found[id]; ok {
				review.Users = append(review.Users, u)
			}
		}
	}
	return v.render("browserreview", &review)
}

// Says is a mode in words.
func (r *browserReview) Says(m twofa.Mode) string { return r.T("browser." + string(m)) }

// Days is a validity period in words.
func (r *browserReview) Days(d time.Duration) string { return r.T("browser.days", days(d)) }

func (v *view) saveBrowserAccess() error {
	v.back = "/security/browser"
	f, err := v.form()
	if err != nil {
		return err
	}
	var plan twofa.Plan
	if err := json.Unmarshal([]byte(f.Get("plan")), &plan); err != nil {
		return fmt.Errorf("the plan cannot be read: %w", chatadmin.ErrInvalid)
	}
	if err := v.p.o.TwoFactor.Apply(v.r.Context(), v.s, &plan); err != nil {
		return err
	}
	v.p.o.Wake()
	return v.done("/security/browser", "browser.saved")
}
