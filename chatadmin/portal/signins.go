package portal

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
)

func (p *Portal) signInRoutes() []route {
	if p.o.Gate == nil {
		return nil
	}
	return []route{
		{pattern: "GET /users/signins", need: chatadmin.PermUsersRead, serve: (*view).signIns},
		{pattern: "GET /users/refused", need: chatadmin.PermUsersRead, serve: (*view).refused},
		{pattern: "GET /users/idle", need: chatadmin.PermUsersEdit, serve: (*view).reviewIdle},
		{pattern: "POST /users/idle", need: chatadmin.PermUsersEdit, serve: (*view).deactivateIdle},
	}
}

// signInsPage lists when users signed in last.
type signInsPage struct {
	*view
	paging
	Rows    []signin.SignIn
	Search  string
	Filters []field
	Idle    []field // the form of the plan, for who may deactivate
}

// signInClients are the kinds of clients to choose from.
var signInClients = []signin.Client{signin.Web, signin.Desktop, signin.Mac, signin.IOS, signin.Android, signin.UnknownClient}

func (v *view) signIns() error {
	q := signin.SignInQuery{Search: v.query("q"), Client: signin.Client(v.query("client")), UnusedOnly: v.query("never") != ""}
	var err error
	if q.IdleFor, err = v.idleFor(v.query("days")); err != nil {
		return err
	}
	rows, next, err := v.p.o.Gate.SignInsPage(v.r.Context(), v.s, q, v.page(pageSize))
	if err != nil {
		return err
	}
	page := signInsPage{view: v, paging: v.paging(next), Rows: rows, Search: q.Search}
	clients := []option{{"", v.T("list.all")}}
	for _, c := range signInClients {
		clients = append(clients, option{string(c), v.ClientName(c)})
	}
	page.Filters = []field{
		{Name: "client", Label: v.T("user.client"), Value: v.query("client"), Options: clients},
		{Name: "days", Label: v.T("signins.idle_for"), Type: "number", Value: v.query("days")},
		{Name: "never", Label: v.T("signins.only_never"), Type: "checkbox", Value: v.query("never")},
	}
	if v.May(chatadmin.PermUsersEdit) {
		page.Idle = []field{
			{Name: "for", Label: v.T("signins.idle_for"), Type: "number", Value: "90", Required: true},
			{Name: "unused", Label: v.T("signins.with_never"), Type: "checkbox"},
		}
	}
	return v.render("signins", &page)
}

// ClientName is a kind of client in words.
func (v *view) ClientName(c signin.Client) string {
	if key := "signins.client_" + string(c); v.Has(key) {
		return v.T(key)
	}
	return string(c)
}

// idleFor reads a number of days; "" is none.
func (v *view) idleFor(days string) (time.Duration, error) {
	if days == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(days)
	if err != nil || n < 1 || n > 36500 {
		return 0, said(v.T("signins.days_help"), chatadmin.ErrInvalid)
	}
	return time.Duration(n) * 24 * time.Hour, nil
}

// idleReview is the plan of deactivating the idle, to be confirmed.
type idleReview struct {
	*view
	Plan     *signin.IdlePlan
	JSON     string
	Counts   []count
	Warnings messages
	Users    []chatadmin.User // the first of them
	More     bool
}

func (v *view) reviewIdle() error {
	v.backTo("/users/signins", v.r.URL.Query())
	idle := signin.Idle{WithUnused: v.query("unused") != ""}
	var err error
	if idle.For, err = v.idleFor(v.query("for")); err != nil {
		return err
	}
	plan, err := v.p.o.Gate.PlanIdle(v.r.Context(), v.s, idle)
	if err != nil {
		return err
	}
	data, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	page := idleReview{view: v, Plan: plan, JSON: string(data), Counts: v.counts(plan.Counts), Warnings: v.warnings(plan.Warnings)}
	if v.May(chatadmin.PermUsersRead) {
		first := plan.Users[:min(len(plan.Users), maxOnPage)]
		found, err := v.people(first...)
		if err != nil {
			return err
		}
		for _, id := range first {
			if u, ok := found[id]; ok {
				page.Users = append(page.Users, u)
			}
		}
		page.More = len(plan.Users) > len(first)
	}
	return v.render("idle", &page)
}

func (v *view) deactivateIdle() error {
	v.back = "/users/signins"
	f, err := v.form()
	if err != nil {
		return err
	}
	v.backTo(v.back, f)
	var plan signin.IdlePlan
	if err := json.Unmarshal([]byte(f.Get("plan")), &plan); err != nil {
		return fmt.Errorf("the plan cannot be read: %w", chatadmin.ErrInvalid)
	}
	run, err := v.p.o.Gate.ApplyIdle(v.r.Context(), v.s.Detached(), &plan, nil)
	if err != nil {
		return err
	}
	v.p.o.Wake()
	return v.began(run.ID, "signins.begun")
}
