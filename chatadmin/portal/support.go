package portal

import (
	"net/url"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/support"
)

func (p *Portal) supportRoutes() []route {
	if p.o.Support == nil {
		return nil
	}
	const need = chatadmin.PermSupport
	return []route{
		{pattern: "GET /support/levels", need: need, serve: (*view).levels},
		{pattern: "POST /support/levels", need: need, serve: (*view).saveLevel},
		{pattern: "GET /support/reports", need: need, serve: (*view).reports},
		{pattern: "GET /support/reports/{id}", serve: (*view).problemReport},
		{pattern: "POST /support/reports/{id}/acknowledge", need: need, serve: (*view).acknowledge},
		{pattern: "POST /support/reports/{id}/state", need: need, serve: (*view).setReportState},
	}
}

// levelsPage says how much the clients of each platform log.
type levelsPage struct {
	*view
	Rows     []levelRow
	Warnings messages
}

type levelRow struct {
	support.Reporting
	Key     string // of the platform
	Options []option
}

func (v *view) levels() error {
	all, err := v.p.o.Support.Levels(v.r.Context(), v.s)
	if err != nil {
		return err
	}
	page := levelsPage{view: v, Warnings: messages{Tone: "warn"}}
	for _, r := range all {
		row := levelRow{Reporting: r, Key: string(r.Platform)}
		for _, l := range r.Levels {
			row.Options = append(row.Options, option{string(l), v.T("level." + string(l))})
		}
		if r.Warning != "" {
			page.Warnings.List = append(page.Warnings.List, v.T("support.none_warning", r.Platform.String()))
		}
		page.Rows = append(page.Rows, row)
	}
	return v.render("levels", page)
}

// saveLevel sets the level of one platform.
func (v *view) saveLevel() error {
	v.back = "/support/levels"
	f, err := v.form()
	if err != nil {
		return err
	}
	r, err := v.p.o.Support.SetLevel(v.r.Context(), v.s, support.Platform(f.Get("platform")), support.Level(f.Get("level")))
	if err != nil {
		return err
	}
	return v.done(v.back, "support.level_saved", r.Platform.String())
}

// reportsPage lists problem reports.
type reportsPage struct {
	*view
	paging
	Rows    []reportRow
	Filters []field
}

type reportRow struct {
	Report support.Report
	By     string
	badge
}

func (v *view) reports() error {
	var q support.Query
	platforms, states := []option{{"", v.T("list.all")}}, []option{{"", v.T("list.all")}}
	for _, p := range support.Platforms() {
		platforms = append(platforms, option{string(p), p.String()})
		if v.query("platform") == string(p) {
			q.Platforms = []support.Platform{p}
		}
	}
	for _, s := range support.States() {
		states = append(states, option{string(s), v.T("report." + string(s))})
		if v.query("state") == string(s) {
			q.States = []support.State{s}
		}
	}
	q.Ticket = v.query("ticket")
	all, next, err := v.p.o.Support.ReportsPage(v.r.Context(), v.s, q, v.page(pageSize))
	if err != nil {
		return err
	}
	page := reportsPage{view: v, paging: v.paging(next)}
	page.Filters = []field{
		{Name: "platform", Label: v.T("support.platform"), Value: v.query("platform"), Options: platforms},
		{Name: "state", Label: v.T("support.state"), Value: v.query("state"), Options: states},
		{Name: "ticket", Label: v.T("support.ticket"), Type: "search", Value: v.query("ticket"), Max: 64, Autocomplete: "off"},
	}
	var by []chatadmin.ID
	for _, r := range all {
		by = append(by, r.User)
	}
	names, err := v.namesOf(by)
	if err != nil {
		return err
	}
	for _, r := range all {
		page.Rows = append(page.Rows, reportRow{r, names[r.User], v.reportBadge(&r)})
	}
	return v.render("reports", page)
}

func (v *view) reportBadge(r *support.Report) badge {
	tone := map[support.State]string{support.Failed: "bad", support.Solved: "good", support.Sent: "warn", support.Received: "warn", support.InWork: "warn"}[r.State]
	if tone == "" {
		tone = "mute"
	}
	return badge{v.T("report." + string(r.State)), tone}
}

// reportMoves are where a report can go from its state.
var reportMoves = map[support.State][]support.State{support.Received: {support.InWork, support.Solved},
	support.InWork: {support.Solved, support.Received}, support.Solved: {support.InWork}}

// reportPage is one problem report.
type reportPage struct {
	*view
	Report support.Report
	By     string
	Badge  badge
	Acks   bool     // it can be acknowledged
	States []option // it can be moved to
}

func (v *view) problemReport() error {
	v.back = "/support/reports"
	r, err := v.p.o.Support.Report(v.r.Context(), v.s, chatadmin.ID(v.r.PathValue("id")))
	if err != nil {
		return err
	}
	names, err := v.namesOf([]chatadmin.ID{r.User})
	if err != nil {
		return err
	}
	page := reportPage{view: v, Report: r, By: names[r.User], Badge: v.reportBadge(&r)}
	if v.May(chatadmin.PermSupport) {
		page.Acks = r.State == support.Sent
		for _, to := range reportMoves[r.State] {
			page.States = append(page.States, option{string(to), v.T("report.to_" + string(to))})
		}
	}
	return v.render("report", &page)
}

func (v *view) onReport() (chatadmin.ID, url.Values, error) {
	id := chatadmin.ID(v.r.PathValue("id"))
	v.back = "/support/reports/" + url.PathEscape(string(id))
	f, err := v.form()
	return id, f, err
}

func (v *view) acknowledge() error {
	id, _, err := v.onReport()
	if err != nil {
		return err
	}
	if _, err := v.p.o.Support.Acknowledge(v.r.Context(), v.s, id); err != nil {
		return err
	}
	v.p.o.Wake()
	return v.done(v.back, "support.acknowledged")
}

func (v *view) setReportState() error {
	id, f, err := v.onReport()
	if err != nil {
		return err
	}
	if _, err := v.p.o.Support.SetState(v.r.Context(), v.s, id, support.State(f.Get("state"))); err != nil {
		return err
	}
	return v.done(v.back, "support.moved")
}
