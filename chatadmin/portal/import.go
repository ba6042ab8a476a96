package portal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
	"chatadmin.example/sdk/csvimport"
)

func (p *Portal) importRoutes() []route {
	if p.o.Imports == nil {
		return nil
	}
	const need = chatadmin.PermUsersImport
	return []route{
		{pattern: "GET /imports", need: need, serve: (*view).importForm},
		{pattern: "POST /imports", need: need, serve: (*view).receive},
		{pattern: "GET /imports/{id}", need: need, serve: (*view).importPage},
		{pattern: "POST /imports/{id}/plan", need: need, serve: (*view).planAgain},
		{pattern: "POST /imports/{id}/start", need: need, serve: (*view).startImport},
		{pattern: "POST /imports/{id}/resume", need: need, serve: (*view).resumeImport},
		{pattern: "POST /imports/{id}/discard", need: need, serve: (*view).discardImport},
		{pattern: "POST /imports/{id}/invite", need: need, serve: (*view).inviteImported},
		{pattern: "GET /imports/{id}/result", need: need, serve: (*view).importResult},
	}
}

// isUpload reports whether a request sends a file, which is not read as a form.
func isUpload(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "multipart/form-data" && strings.HasSuffix(r.URL.Path, "/imports")
}

// importFormPage is the page "Import Users".
type importFormPage struct {
	*view
	Problem   string
	Wrong     string // the name of the field that is wrong
	Given     upload
	Encodings []option
	Mine      []upload
	MaxMB     int64
}

func (v *view) importForm() error { return v.showImportForm(http.StatusOK, upload{}, "", "") }

func (v *view) showImportForm(status int, given upload, field, problem string) error {
	mine, err := v.myUploads(v.r.Context())
	if err != nil {
		return err
	}
	return v.renderStatus(status, "import", importFormPage{v, problem, field, given, v.encodings(), mine, v.p.o.MaxUpload >> 20})
}

// encodings are those that spreadsheets write, by their WHATWG names.
func (v *view) encodings() []option {
	out := []option{{"", v.T("import.encoding_auto")}}
	for _, name := range []string{"utf-8", "windows-1252", "windows-1250", "windows-1251", "iso-8859-2", "ibm850", "shift_jis", "gbk"} {
		out = append(out, option{name, name})
	}
	return out
}

// receive takes an uploaded file. The fields of the form come before the file.
func (v *view) receive() error {
	v.back = "/imports"
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, v.p.o.MaxUpload+1<<20)
	parts, err := v.r.MultipartReader()
	if err != nil {
		return fmt.Errorf("the form cannot be read: %w: %w", err, chatadmin.ErrInvalid)
	}
	var u upload
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return v.showImportForm(http.StatusBadRequest, u, "file", v.T("import.no_file"))
		}
		if err != nil {
			return fmt.Errorf("the upload was interrupted: %w: %w", err, chatadmin.ErrInvalid)
		}
		if part.FormName() == "file" {
			return v.receiveFile(u, part)
		}
		value, err := io.ReadAll(io.LimitReader(part, 100))
		if err != nil {
			return fmt.Errorf("the upload was interrupted: %w: %w", err, chatadmin.ErrInvalid)
		}
		u.set(part.FormName(), string(value))
	}
}

// set takes one field of the form over.
func (u *upload) set(name, value string) {
	switch name {
	case "mode":
		u.Mode = csvimport.Mode(value)
	case "invite":
		u.Invite = value != ""
	case "all_or_nothing":
		u.AllOrNothing = value != ""
	case "clear_blanks":
		u.ClearBlanks = value != ""
	case "encoding":
		u.Encoding = value
	}
}

func (v *view) receiveFile(u upload, part *multipart.Part) error {
	ctx := v.r.Context()
	u.File = strings.ToValidUTF8(cut(filepath.Base(part.FileName())), "")
	switch {
	case part.FileName() == "":
		return v.showImportForm(http.StatusBadRequest, u, "file", v.T("import.no_file"))
	case u.Mode != csvimport.SkipExisting && u.Mode != csvimport.UpdateExisting:
		return v.showImportForm(http.StatusBadRequest, u, "mode", v.T("import.no_mode"))
	}
	if err := v.newUpload(ctx, &u); err != nil {
		return err
	}
	if err := v.spool(&u, part); err != nil {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second) // the browser may have gone
		defer cancel()
		return errors.Join(err, v.discard(clean, u.ID))
	}
	if err := v.planUpload(ctx, &u); err != nil {
		return err
	}
	return v.redirect("/imports/" + string(u.ID))
}

// spool writes the file of an upload into the spool.
func (v *view) spool(u *upload, from io.Reader) error {
	out, err := v.p.o.Spool.Create(v.r.Context(), u.fileName())
	if err != nil {
		return err
	}
	u.Size, err = io.Copy(out, io.LimitReader(from, v.p.o.MaxUpload+1))
	if err == nil && u.Size > v.p.o.MaxUpload {
		err = &http.MaxBytesError{Limit: v.p.o.MaxUpload}
	}
	var large *http.MaxBytesError
	if err != nil && !errors.As(err, &large) {
		err = fmt.Errorf("the upload was interrupted: %w: %w", err, chatadmin.ErrInvalid)
	}
	return errors.Join(err, out.Close())
}

// discard removes an upload.
func (v *view) discard(ctx context.Context, id chatadmin.ID) error {
	e, err := uploads.Get(ctx, v.p.admin.Store(), v.s.Domain(), string(id))
	if err != nil {
		return err
	}
	return v.p.forgetUpload(ctx, v.s.Domain(), e.Value)
}

// importPage is one import, from its review to its result.
type importPage struct {
	*view
	Upload    upload
	Decisions string
	Counts    []count
	Findings  []findingRow
	Encodings []option
	Fields    []option
	Columns   []columnRow
	Run       *chatadmin.Run
	Done      string // of the run, in per cent
	Invites   bool   // there are people to invite
}

type findingRow struct {
	Text, Tone, Where, Value string
	Count                    string
}

// columnRow is a column of the file with what it is taken for.
type columnRow struct {
	N     int
	Name  string
	Field string
}

func (v *view) importPage() error {
	e, err := v.upload()
	if err != nil {
		return err
	}
	u := e.Value
	page := importPage{view: v, Upload: u, Encodings: v.encodings()}
	switch {
	case u.Result != nil:
		page.Counts = v.importCounts(u.Result.Counts)
		page.Invites = !u.Invite && u.Result.Counts.Created > 0
	case u.Plan != nil:
		page.Decisions = planToken(u.Plan)
		page.Counts = v.importCounts(u.Plan.Counts)
	}
	for _, f := range u.Findings {
		page.Findings = append(page.Findings, v.finding(f))
	}
	if u.Plan != nil {
		for i, c := range u.Plan.Columns {
			page.Columns = append(page.Columns, columnRow{i, c.Heading, c.Field})
		}
	}
	page.Fields = v.importFields()
	if u.Import != "" {
		run, _, err := v.s.Run(v.r.Context(), u.Import)
		if err != nil && !errors.Is(err, chatadmin.ErrNotFound) {
			return err
		}
		if err == nil {
			page.Run, page.Done = &run, percent(run.Done, run.Total)
		}
	}
	return v.render("importrun", &page)
}

// Refreshes reports whether the page changes by itself.
func (page *importPage) Refreshes() bool {
	s := page.Upload.State
	return s == received || s == waiting || s == running
}

// Is reports whether the upload is in a state.
func (page *importPage) Is(state string) bool { return string(page.Upload.State) == state }

func percent(done, total int64) string {
	if total <= 0 {
		return "0"
	}
	return fmt.Sprint(min(100, done*100/total))
}

func (v *view) finding(f csvimport.Finding) findingRow {
	tone := "bad"
	if f.Warning {
		tone = "warn"
	}
	where := v.T("import.line", f.Line)
	if f.Example.Column != "" {
		where = v.T("import.line_column", f.Line, f.Example.Column)
	}
	return findingRow{Text: v.Say(f.Example.Message), Tone: tone, Where: where, Value: f.Example.Value, Count: v.words.Sprintf("%d", f.Count)}
}

// importFields are what a column of a file may be taken for.
func (v *view) importFields() []option {
	out := []option{{"-", v.T("import.not_read")}}
	login := []string{"email/login"}
	if !v.settings.Login.IsEmail {
		login = []string{"login", "email"}
	}
	for _, name := range append(append([]string{"name", "firstname", "lastname"}, login...), "title", "mobile", "manager", "Enabled", "blocked", "role",
		"department", "kind", "groups", "language", "new login", "new email") {
		out = append(out, option{name, name})
	}
	return out
}

// importCounts are the counts of an import that say something.
func (v *view) importCounts(c csvimport.Counts) []count {
	all := []count{v.count("import.rows", c.Rows)}
	for _, one := range []struct {
		key string
		n   int64
	}{
		{"import.created", c.Created}, {"import.updated", c.Updated}, {"import.activated", c.Activated}, {"import.deactivated", c.Deactivated},
		{"import.unchanged", c.Unchanged}, {"import.skipped", c.Skipped}, {"import.failed", c.Failed}, {"import.warnings", c.Warnings}, {"import.kept_blanks", c.KeptBlanks},
	} {
		if one.n > 0 || one.key == "import.created" || one.key == "import.updated" {
			all = append(all, v.count(one.key, one.n))
		}
	}
	return all
}

// planAgain plans with other meanings of columns, or another encoding.
func (v *view) planAgain() error {
	e, err := v.upload()
	if err != nil {
		return err
	}
	form, err := v.form()
	if err != nil {
		return err
	}
	u := e.Value
	v.back = "/imports/" + string(u.ID)
	switch u.State {
	case received, review, refused, failed:
	default:
		return chatadmin.ErrTransition
	}
	if u.Import != "" { // it has begun: it is resumed, not planned anew
		return chatadmin.ErrTransition
	}
	if form.Has("encoding") {
		u.Encoding = form.Get("encoding")
	}
	if u.Plan != nil && form.Has("columns") {
		u.Columns = map[string]string{}
		for i, c := range u.Plan.Columns {
			if is := form.Get(fmt.Sprintf("column%d", i)); is != "" && is != c.Field {
				u.Columns[c.Heading] = is
			} else if c.Field != "" {
				u.Columns[c.Heading] = c.Field
			}
		}
	}
	if form.Has("forget_columns") {
		u.Columns = nil
	}
	if err := v.planUpload(v.r.Context(), &u); err != nil {
		return err
	}
	return v.redirect("/imports/" + string(u.ID))
}

// planToken names a plan, so that the plan that is carried out is the one that
// was shown.
func planToken(p *csvimport.Plan) string {
	data, err := json.Marshal(p)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// startImport is "Import Now": the worker carries out the plan that was shown.
func (v *view) startImport() error {
	id := chatadmin.ID(v.r.PathValue("id"))
	form, err := v.form()
	if err != nil {
		return err
	}
	e, err := v.upload()
	if err != nil {
		return err
	}
	v.back = "/imports/" + string(id)
	if e.Value.State == review {
		if planToken(e.Value.Plan) != form.Get("plan") {
			return chatadmin.ErrPlanStale
		}
		if err := v.changeUpload(v.r.Context(), id, []uploadState{review}, func(u *upload) { u.State = waiting }); err != nil {
			return err
		}
		v.p.o.Wake()
	}
	return v.redirect("/imports/" + string(id)) // a second click finds it under way
}

// resumeImport continues an import that could not go on.
func (v *view) resumeImport() error {
	id := chatadmin.ID(v.r.PathValue("id"))
	v.back = "/imports/" + string(id)
	e, err := v.upload()
	if err != nil {
		return err
	}
	if e.Value.State == failed && e.Value.Import != "" {
		if err := v.changeUpload(v.r.Context(), id, []uploadState{failed}, func(u *upload) { u.State, u.Problem = waiting, texts.Message{} }); err != nil {
			return err
		}
		v.p.o.Wake()
	}
	return v.redirect("/imports/" + string(id))
}

// discardImport removes the file and the result of an upload.
func (v *view) discardImport() error {
	e, err := v.upload()
	if err != nil {
		return err
	}
	v.back = "/imports"
	if s := e.Value.State; s == waiting || s == running {
		return chatadmin.ErrTransition
	}
	if err := v.discard(v.r.Context(), e.Value.ID); err != nil {
		return err
	}
	return v.done("/imports", "import.discarded")
}

// inviteImported invites the people whom an import has created.
func (v *view) inviteImported() error {
	e, err := v.upload()
	if err != nil {
		return err
	}
	v.back = "/imports/" + string(e.Value.ID)
	n, err := v.p.o.Imports.ReleaseImport(v.r.Context(), v.s, e.Value.Import)
	if err != nil {
		return err
	}
	v.p.o.Wake()
	return v.done("/imports/"+string(e.Value.ID), "import.invited", n)
}

// importResult is the result CSV of an import.
func (v *view) importResult() error {
	e, err := v.upload()
	if err != nil {
		return err
	}
	v.back = "/imports/" + string(e.Value.ID)
	if e.Value.State != done {
		return chatadmin.ErrTransition
	}
	file, err := v.p.o.Spool.Open(v.r.Context(), e.Value.resultName())
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	v.attach("result.csv")
	_, _ = io.Copy(v.w, file) // the browser may have gone
	return nil
}
