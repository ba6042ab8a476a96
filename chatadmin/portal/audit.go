package portal

import (
	"errors"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

func (p *Portal) auditRoutes() []route {
	return []route{{pattern: "GET /audit", need: chatadmin.PermAudit, serve: (*view).audit}}
}

// auditPage is the audit log.
type auditPage struct {
	*view
	paging
	Rows    []eventRow
	Filters []field
	Problem string
}

type eventRow struct {
	Event   chatadmin.AuditEvent
	Name    string
	Actor   string
	Targets []targetRow
	More    int // targets that are not shown
	Changes []changeRow
	Notes   []count
}

type targetRow struct {
	ID   chatadmin.ID
	Name string // of a user; "" is something else, or somebody deleted
}

type changeRow struct {
	Target string
	chatadmin.FieldChange
}

// maxTargets is how many targets of one event are shown.
const maxTargets = 20

func (v *view) audit() error {
	q, problem, err := v.eventQuery()
	if err != nil {
		return err
	}
	page := auditPage{view: v, Problem: problem}
	page.Filters = []field{
		{Name: "kind", Label: v.T("audit.kind"), Value: v.query("kind"), Options: v.eventKinds()},
		{Name: "actor", Label: v.T("audit.actor"), Type: "text", Value: v.query("actor"), Autocomplete: "off"},
		{Name: "target", Label: v.T("audit.target"), Type: "text", Value: v.query("target"), Autocomplete: "off"},
		{Name: "from", Label: v.T("audit.from"), Type: "date", Value: v.query("from")},
		{Name: "to", Label: v.T("audit.to"), Type: "date", Value: v.query("to")},
	}
	if problem == "" {
		events, next, err := v.s.EventsPage(v.r.Context(), q, v.page(pageSize))
		if err != nil {
			return err
		}
		page.paging = v.paging(next)
		if page.Rows, err = v.eventRows(events); err != nil {
			return err
		}
	}
	return v.render("audit", page)
}

// eventQuery reads the filters. Actor and target are logins, or IDs.
func (v *view) eventQuery() (q chatadmin.EventQuery, problem string, err error) {
	q = chatadmin.EventQuery{Domain: v.s.Domain(), Kind: v.query("kind")}
	for name, id := range map[string]*chatadmin.ID{"actor": &q.Actor, "target": &q.Target} {
		given := v.query(name)
		if given == "" {
			continue
		}
		*id = chatadmin.ID(given)
		if !v.May(chatadmin.PermUsersRead) {
			continue
		}
		u, err := v.s.UserByLogin(v.r.Context(), given)
		if err == nil {
			*id = u.ID
		} else if !errors.Is(err, chatadmin.ErrNotFound) {
			return q, "", err
		}
	}
	for name, at := range map[string]*time.Time{"from": &q.From, "to": &q.To} {
		given := v.query(name)
		if given == "" {
			continue
		}
		day, err := time.Parse(time.DateOnly, given)
		if err != nil {
			return q, v.T("audit.bad_date", given), nil
		}
		if name == "to" {
			day = day.AddDate(0, 0, 1)
		}
		*at = day
	}
	return q, "", nil
}

// eventKinds are the beginnings of kinds that the list can be narrowed to.
func (v *view) eventKinds() []option {
	out := []option{{"", v.T("list.all")}}
	for _, prefix := range []string{"user.", "group.", "import.", "device.", "twofa.", "role.", "domain.", "hold.", "retention.", "run.", "integration."} {
		out = append(out, option{prefix, v.T("audit.kind_" + prefix[:len(prefix)-1])})
	}
	if is := v.query("kind"); is != "" && !slices.ContainsFunc(out, func(o option) bool { return o.Value == is }) {
		out = append(out, option{is, is})
	}
	return out
}

// eventRows adds to a page of events the names of the people in them, by one
// call.
func (v *view) eventRows(events []chatadmin.AuditEvent) ([]eventRow, error) {
	var about []chatadmin.ID
	for _, e := range events {
		about = append(append(about, e.Actor), e.Targets[:min(len(e.Targets), maxTargets)]...)
	}
	about = unique(about)
	names := map[chatadmin.ID]string{}
	for part := range slices.Chunk(about, chatadmin.MaxBatch) {
		some, err := v.namesOf(part)
		if err != nil {
			return nil, err
		}
		for id, name := range some {
			names[id] = name
		}
		if len(names) > chatadmin.MaxBatch {
			break
		}
	}
	rows := make([]eventRow, len(events))
	for i, e := range events {
		row := eventRow{Event: e, Name: e.Kind, Actor: names[e.Actor]}
		if key := "event." + e.Kind; v.Has(key) {
			row.Name = v.T(key)
		}
		if row.Actor == "" {
			row.Actor = string(e.Actor)
		}
		for _, id := range e.Targets[:min(len(e.Targets), maxTargets)] {
			row.Targets = append(row.Targets, targetRow{id, names[id]})
			for _, c := range e.Changes[id] {
				row.Changes = append(row.Changes, changeRow{names[id], c})
			}
		}
		row.More = len(e.Targets) - len(row.Targets)
		for _, name := range sorted(e.Note) {
			row.Notes = append(row.Notes, count{name, e.Note[name]})
		}
		rows[i] = row
	}
	return rows, nil
}
