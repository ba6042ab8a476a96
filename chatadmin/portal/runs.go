package portal

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

func (p *Portal) runRoutes() []route {
	return []route{
		{pattern: "GET /runs", serve: (*view).runs},
		{pattern: "GET /runs/{id}", serve: (*view).run},
		{pattern: "POST /runs/{id}/resume", serve: (*view).resumeRun},
		{pattern: "POST /runs/{id}/takeover", serve: (*view).takeOverRun},
		{pattern: "POST /runs/{id}/cancel", serve: (*view).cancelRun},
	}
}

// runsPageData is the list of everything long.
type runsPageData struct {
	*view
	paging
	Rows    []runRow
	Filters []field
}

type runRow struct {
	Run  chatadmin.Run
	Kind string
	By   string
	Bar  string // how far it is, in per cent
	badge
}

func (v *view) runs() error {
	q := chatadmin.RunQuery{}
	states := []option{{"", v.T("list.all")}}
	for _, s := range []chatadmin.RunState{chatadmin.RunScheduled, chatadmin.RunRunning, chatadmin.RunDone, chatadmin.RunStopped, chatadmin.RunCancelled} {
		states = append(states, option{string(s), v.T("runs." + string(s))})
		if v.query("state") == string(s) {
			q.States = []chatadmin.RunState{s}
		}
	}
	all, next, err := v.s.RunsPage(v.r.Context(), q, v.page(pageSize))
	if err != nil {
		return err
	}
	var by []chatadmin.ID
	for _, run := range all {
		by = append(by, run.By)
	}
	names, err := v.namesOf(by)
	if err != nil {
		return err
	}
	data := runsPageData{view: v, paging: v.paging(next), Filters: []field{{Name: "state", Label: v.T("runs.state"), Value: v.query("state"), Options: states}}}
	for _, run := range all {
		data.Rows = append(data.Rows, runRow{run, v.runKind(run.Kind), names[run.By], percent(run.Done, run.Total), v.runBadge(&run)})
	}
	return v.render("runs", data)
}

// namesOf are the names of actors, as far as the reader may know them.
func (v *view) namesOf(ids []chatadmin.ID) (map[chatadmin.ID]string, error) {
	names := map[chatadmin.ID]string{chatadmin.HostActor: v.T("actor.host"), v.me.ID: v.me.DisplayName}
	if !v.May(chatadmin.PermUsersRead) {
		return names, nil
	}
	us, err := v.people(unique(ids)...)
	for id, u := range us {
		names[id] = u.DisplayName
	}
	return names, err
}

// unique are IDs without repetitions.
func unique(ids []chatadmin.ID) (out []chatadmin.ID) {
	seen := map[chatadmin.ID]bool{}
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

func (v *view) runKind(kind string) string {
	if key := "run." + kind; v.Has(key) {
		return v.T(key)
	}
	return kind
}

func (v *view) runBadge(run *chatadmin.Run) badge {
	tone := map[chatadmin.RunState]string{chatadmin.RunDone: "good", chatadmin.RunRunning: "warn", chatadmin.RunScheduled: "warn"}[run.State]
	if tone == "" {
		tone = "mute"
	}
	return badge{v.T("runs." + string(run.State)), tone}
}

// runPage is one run with its report.
type runPage struct {
	*view
	Run      chatadmin.Run
	Kind     string
	By       string
	Bar      string
	Badge    badge
	Report   []count
	Upload   chatadmin.ID // of an import on the portal
	Mine     bool
	Resumes  bool
	TakeOver bool
	Cancels  bool
}

// Refreshes reports whether the page changes by itself.
func (page *runPage) Refreshes() bool {
	return page.Run.State == chatadmin.RunRunning && page.Run.Problem == "" && !page.Run.Silent(page.p.admin.Now())
}

func (v *view) run() error {
	v.back = "/runs"
	run, report, err := v.s.Run(v.r.Context(), chatadmin.ID(v.r.PathValue("id")))
	if err != nil {
		return err
	}
	names, err := v.namesOf([]chatadmin.ID{run.By})
	if err != nil {
		return err
	}
	page := runPage{view: v, Run: run, Kind: v.runKind(run.Kind), By: names[run.By], Bar: percent(run.Done, run.Total), Badge: v.runBadge(&run),
		Mine: run.By == v.s.Actor(), Report: v.report(report)}
	silent := run.Silent(v.p.admin.Now()) || run.Problem != ""
	if run.Kind == "import" {
		if page.Upload, err = v.uploadOf(run.ID); err != nil {
			return err
		}
	}
	page.Resumes = run.State == chatadmin.RunRunning && page.Mine && silent && (run.Kind != "import" || page.Upload != "")
	page.TakeOver = run.Open() && !page.Mine
	page.Cancels = run.State == chatadmin.RunScheduled
	return v.render("run", &page)
}

// report are the numbers in what a kind keeps of a run: those of its first
// level, and of the objects there.
func (v *view) report(data json.RawMessage) []count {
	var all map[string]json.RawMessage
	if json.Unmarshal(data, &all) != nil {
		return nil
	}
	numbers := map[string]int64{}
	for name, value := range all {
		var n int64
		if json.Unmarshal(value, &n) == nil && name != "v" {
			numbers[name] = n
		}
		var below map[string]int64
		if name == "removed" || name == "counts" {
			if json.Unmarshal(value, &below) == nil {
				for kind, n := range below {
					numbers[kind] = n
				}
			}
		}
	}
	return v.counts(numbers)
}

// uploadOf finds the upload of an import's run; "" is none.
func (v *view) uploadOf(run chatadmin.ID) (chatadmin.ID, error) {
	for e, err := range uploads.Each(v.r.Context(), v.p.admin.Store(), storage.RecordQuery{Domain: v.s.Domain()}) {
		if errors.Is(err, chatadmin.ErrDamaged) {
			continue
		}
		if err != nil {
			return "", err
		}
		if e.Value.Import == run {
			return e.Value.ID, nil
		}
	}
	return "", nil
}

func (v *view) onRun() chatadmin.ID {
	id := chatadmin.ID(v.r.PathValue("id"))
	v.back = "/runs/" + url.PathEscape(string(id))
	return id
}

// resumeRun has the worker continue a run.
func (v *view) resumeRun() error {
	id := v.onRun()
	run, _, err := v.s.Run(v.r.Context(), id)
	if err != nil {
		return err
	}
	if run.Kind == "import" {
		err = v.wakeImport(id)
	} else {
		_, err = v.s.Detached().ResumeRun(v.r.Context(), id, nil)
	}
	if err != nil {
		return err
	}
	v.p.o.Wake()
	return v.done(v.back, "runs.resumed")
}

// takeOverRun puts the reader in charge of a run, and has the worker continue
// it.
func (v *view) takeOverRun() error {
	id := v.onRun()
	run, err := v.s.TakeOverRun(v.r.Context(), id)
	if err != nil {
		return err
	}
	switch {
	case run.Kind == "import":
		err = v.wakeImport(id)
	case run.State == chatadmin.RunRunning:
		_, err = v.s.Detached().ResumeRun(v.r.Context(), id, nil)
	}
	if err != nil {
		return err
	}
	v.p.o.Wake()
	return v.done(v.back, "runs.taken_over")
}

// wakeImport has the worker continue an import in the name of the reader, who
// is in charge of its run.
func (v *view) wakeImport(run chatadmin.ID) error {
	if v.p.o.Imports == nil {
		return chatadmin.ErrTransition
	}
	id, err := v.uploadOf(run)
	if err != nil {
		return err
	}
	now, _, err := v.s.Run(v.r.Context(), run)
	switch {
	case err != nil:
		return err
	case now.By != v.s.Actor():
		return chatadmin.ErrForbidden
	case !now.Open():
		return nil
	case id == "": // its file is not here
		return chatadmin.ErrTransition
	}
	op := chatadmin.Op{Kind: kindUpload, Need: chatadmin.PermUsersImport}
	return v.s.Change(v.r.Context(), op, func(ctx context.Context, w *chatadmin.Writer) error {
		e, err := uploads.Get(ctx, w, v.s.Domain(), string(id))
		if err != nil || e.Value.State == done {
			return err
		}
		e.Value.By, e.Value.State, e.Value.Problem = v.s.Actor(), waiting, texts.Message{}
		e.Due = e.Value.due(w.Now())
		return uploads.Put(ctx, w, &e)
	})
}

func (v *view) cancelRun() error {
	id := v.onRun()
	if _, err := v.s.CancelRun(v.r.Context(), id); err != nil {
		return err
	}
	return v.done(v.back, "runs.was_cancelled")
}
