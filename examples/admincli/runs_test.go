package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
)

// runs are the runs that "runs list" shows.
func (s *session) runs(args ...string) []run {
	s.t.Helper()
	var v struct{ Runs []run }
	s.json(&v, append([]string{"runs", "list"}, args...)...)
	require.NotNil(s.t, v.Runs)
	return v.Runs
}

// after is the clock of a later time.
func after(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }

// Runs of all kinds are listed, shown, continued, taken over and cancelled.
func TestRunsCommand(t *testing.T) {
	s := newSession(t, "officechat")
	const boss = "boss@acme.example"
	people := s.file("a.csv", "login\nann@acme.example\nbob@acme.example\neve@acme.example\n")
	require.Empty(t, s.runs())
	s.ok("--as", boss, "import", "--mode", "skip", people)
	s.ok("delete", "--grace", "30")
	s.ok("--as", boss, "delete", "ann@acme.example", "--apply")
	s.ok("delete", "bob@acme.example", "--apply")

	all := s.runs()
	require.Len(t, all, 3)
	require.Equal(t, []chatadmin.RunState{chatadmin.RunScheduled, chatadmin.RunScheduled, chatadmin.RunDone}, []chatadmin.RunState{all[0].State, all[1].State, all[2].State})
	require.Equal(t, []any{"import", boss, int64(3), int64(3)}, []any{all[2].Kind, all[2].By, all[2].Done, all[2].Total})
	require.False(t, all[2].Begun.IsZero() || all[2].Ended.IsZero())
	require.Equal(t, all[:2], s.runs("--state", "scheduled"))
	require.Equal(t, all[2:], s.runs("--kind", "import"))
	require.Empty(t, s.runs("--kind", "import", "--state", "running"))
	require.Contains(t, s.ok("runs", "list"), string(all[0].ID))

	byHost := slices.IndexFunc(all, func(r run) bool { return r.By == "host" })
	require.GreaterOrEqual(t, byHost, 0, "%v", all)
	own, other := all[1-byHost], all[byHost]
	var v run
	s.json(&v, "runs", "show", string(own.ID))
	require.NotEmpty(t, v.Report)
	v.Report = nil
	require.Equal(t, own, v)
	require.Contains(t, s.ok("runs", "show", string(all[2].ID)), boss)

	fails := func(code, says string, args ...string) {
		t.Helper()
		exit, out, errs := s.run(append([]string{"--json"}, args...)...)
		require.Equal(t, 1, exit, "%v", args)
		require.Contains(t, out, `"code":"`+code+`"`, "%v", args)
		require.Contains(t, errs, says, "%v", args)
	}
	fails("state", "scheduled for", "--as", boss, "runs", "resume", string(own.ID))
	fails("forbidden", "runs take-over "+string(other.ID), "--as", boss, "runs", "resume", string(other.ID))
	fails("invalid", "import --resume "+string(all[2].ID), "runs", "resume", string(all[2].ID))
	fails("state", "has ended", "runs", "cancel", string(all[2].ID))
	fails("invalid", "the kinds are", "runs", "list", "--kind", "flight")

	s.json(&v, "runs", "cancel", string(own.ID))
	require.Equal(t, chatadmin.RunCancelled, v.State)
	require.Len(t, s.runs("--state", "cancelled"), 1)
	require.Equal(t, "pending", s.show("ann@acme.example").Status)
	s.json(&v, "--as", boss, "runs", "take-over", string(other.ID))
	require.Equal(t, boss, v.By)
	s.json(&v, "--as", boss, "--now", after(31*24*time.Hour), "runs", "resume", string(other.ID))
	require.Equal(t, chatadmin.RunDone, v.State)
	exit, _, _ := s.run("users", "show", "bob@acme.example")
	require.Equal(t, 1, exit)
}

// cancelAfterUpdate ends a command when its first transaction behind a fence
// has ended.
type cancelAfterUpdate struct {
	chatadmin.Store
	cancel func()
}

func (c *cancelAfterUpdate) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	if fence.Mode != storage.NoFence {
		defer c.cancel()
	}
	return c.Store.Update(ctx, fence, f)
}

// A group whose deletion was interrupted goes when its run goes on; a default
// group gets its other members.
func TestInterruptedGroupRuns(t *testing.T) {
	s := newSession(t, "officechat")
	s.ok("users", "create", "ann@acme.example", "--no-welcome")
	s.ok("--as", "boss@acme.example", "groups", "create", "Sales")
	for _, call := range []string{"default", "delete"} {
		if call == "delete" {
			s.ok("groups", "undefault", "Sales")
		}
		ctx, cancel := context.WithCancel(t.Context())
		var errs bytes.Buffer
		c := &cli{in: strings.NewReader(""), out: &bytes.Buffer{}, err: &errs, store: &cancelAfterUpdate{s.store, cancel}, phones: s.phones, keyFile: s.keys}
		require.Equal(t, 1, c.main(ctx, []string{"groups", call, "Sales"}), call)
		open := s.runs("--state", "running")
		require.Len(t, open, 1, "%s: %s", call, errs.String())
		require.Contains(t, errs.String(), "runs resume "+string(open[0].ID), call)
		s.ok("runs", "resume", string(open[0].ID))
		require.Empty(t, s.runs("--state", "running"), call)
	}
	require.NotContains(t, s.ok("groups", "list"), "Sales")
}

// One call of work does what had come due, and the next finds nothing.
func TestWorkCommand(t *testing.T) {
	s := newSession(t, "officechat")
	mails := t.TempDir()
	s.ok("users", "create", "ann@acme.example")
	s.ok("delete", "--grace", "1")
	s.ok("users", "create", "bob@acme.example", "--no-welcome")
	s.ok("delete", "bob@acme.example", "--apply")
	var v struct{ Did map[string]int }
	s.json(&v, "--mail-dir", mails, "work")
	require.Equal(t, map[string]int{"invitations": 1}, v.Did)
	files, err := filepath.Glob(filepath.Join(mails, "*.eml"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	var idle struct{ Did map[string]int }
	s.json(&idle, "--mail-dir", mails, "work")
	require.NotNil(t, idle.Did)
	require.Empty(t, idle.Did)
	require.Contains(t, s.ok("work"), "nothing was due")

	require.Contains(t, s.ok("--now", after(25*time.Hour), "work"), "1")
	require.Len(t, s.runs("--state", "done"), 1)
	code, _, errs := s.run("--as", "boss@acme.example", "work")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "leave out --as")
}

// A damaged record is listed and repaired, by either spelling of its name.
func TestRecordsCommand(t *testing.T) {
	s := newSession(t, "officechat")
	people := s.file("a.csv", "login\nann@acme.example\n")
	type damaged struct{ Kind, ID, Why string }
	list := func() []damaged {
		var v struct{ Records []damaged }
		s.json(&v, "records", "damaged")
		require.NotNil(t, v.Records)
		return v.Records
	}
	require.Empty(t, list())
	for _, join := range []bool{false, true} {
		s.ok("import", "--mode", "skip", people)
		s.damage("run.ended")
		bad := list()
		require.Len(t, bad, 1)
		_, out, errs := s.run("runs", "list")
		require.NotContains(t, out, bad[0].ID)
		require.Contains(t, errs, bad[0].ID, "told beside the list")
		require.NotEmpty(t, bad[0].Why)
		require.Contains(t, s.ok("records", "damaged"), bad[0].ID)
		_, out, _ = s.run("--json", "runs", "show", bad[0].ID)
		require.Contains(t, out, `"code":"damaged"`)
		name := []string{bad[0].Kind, bad[0].ID}
		if join {
			name = []string{bad[0].Kind + "/" + bad[0].ID}
		}
		require.Contains(t, s.ok(append([]string{"records", "repair"}, name...)...), bad[0].ID)
		require.Empty(t, list())
		code, _, _ := s.run(append([]string{"records", "repair"}, name...)...)
		require.Equal(t, 1, code, "it is gone")
	}
	require.Contains(t, s.ok("audit", "list"), chatadmin.KindRepair)
}

// A list goes on behind what cannot be read, and tells of it.
func TestListsGoOnBehindDamage(t *testing.T) {
	s := newSession(t, "officechat")
	s.ok("import", "--mode", "skip", "--send-invites", s.file("a.csv", "login\nann@acme.example\n"))
	s.ok("holds", "add", "--user", "boss@acme.example", "--reason", "case 1")
	s.damage("invitation")
	s.damage("hold")
	s.ok("import", "--mode", "skip", "--send-invites", s.file("b.csv", "login\nbob@acme.example\n"))
	code, out, errs := s.run("invitations", "list")
	require.Zero(t, code, errs)
	require.Contains(t, out, "bob@acme.example")
	require.Contains(t, errs, "invitation")
	code, _, errs = s.run("holds", "list")
	require.Zero(t, code, errs)
	require.Contains(t, errs, "hold")
}

// damage cuts off the data of all records of a kind.
func (s *session) damage(kind string) {
	s.t.Helper()
	ctx := s.t.Context()
	var domain chatadmin.ID
	for d, err := range chatadmintest.Must(chatadmin.New(s.store, nil)).Domains(ctx) {
		require.NoError(s.t, err)
		domain = d.ID
	}
	rs, _, err := s.store.ListRecords(ctx, storage.RecordQuery{Kind: kind, Domain: domain}, chatadmin.Page{Limit: chatadmin.MaxBatch})
	require.NoError(s.t, err)
	require.NotEmpty(s.t, rs)
	err = s.store.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		var changes []storage.Write[storage.Record]
		for _, r := range rs {
			was := r.Rev
			r.Rev, r.Data = was+1, r.Data[:len(r.Data)/2]
			changes = append(changes, storage.Write[storage.Record]{Row: r, Was: was})
		}
		_, err := tx.ChangeRecords(ctx, changes)
		return err
	})
	require.NoError(s.t, err)
}

// An import tells what it takes the file for, planned or carried out.
func TestImportTellsEncodingAndColumns(t *testing.T) {
	s := newSession(t, "officechat")
	text := "Kontakt,a=b,Vorname,Raum\nann@acme.example,Nobody,J\xf6rg,12\n"
	people := s.file("people.csv", text)
	type column struct{ Heading, Field string }
	var rep struct {
		Encoding        string
		Samples         []string
		Columns         []column
		Created, Failed int
	}
	call := []string{"import", "--mode", "skip", "--encoding", "windows-1252", "--map", "Kontakt=login", "--map", "a=b=-", "--map", "Raum=title"}
	for _, extra := range []string{"--dry-run", "--rows"} {
		rep.Samples, rep.Columns = nil, nil
		s.json(&rep, append(slices.Clone(call), extra, people)...)
		require.Equal(t, "windows-1252", rep.Encoding)
		require.Equal(t, []string{"Jörg"}, rep.Samples)
		require.Len(t, rep.Columns, 4)
		require.Equal(t, column{"a=b", "-"}, rep.Columns[1])
		require.Equal(t, column{"Raum", "title"}, rep.Columns[3])
		require.Equal(t, []int{1, 0}, []int{rep.Created, rep.Failed})
	}
	var u struct {
		FirstName string `json:"first_name"`
		Title     string
	}
	s.json(&u, "users", "show", "ann@acme.example")
	require.Equal(t, []string{"Jörg", "12"}, []string{u.FirstName, u.Title})

	plain := s.file("plain.csv", "login\nbob@acme.example\n")
	out := s.ok("--json", "import", "--mode", "skip", "--dry-run", plain)
	require.Contains(t, out, `"samples":[]`)
	require.Contains(t, s.ok("import", "--mode", "skip", "--dry-run", plain), "column:")
}

// A file is written as a spreadsheet wants it, and can be imported again.
func TestExportSeparators(t *testing.T) {
	s := newSession(t, "officechat")
	for flags, want := range map[string]string{
		"": ",", "--separator tab": "\t", "--separator ;": ";", "--separator |": "|", "--excel": ";", "--excel --separator ,": ",",
	} {
		out := filepath.Join(t.TempDir(), "export.csv")
		s.ok(append([]string{"export", out}, strings.Fields(flags)...)...)
		text, err := os.ReadFile(out)
		require.NoError(t, err)
		excel := strings.Contains(flags, "excel")
		require.Equal(t, excel, bytes.HasPrefix(text, []byte("\ufeff")), flags)
		require.Equal(t, excel, bytes.Contains(text, []byte("\r\n")), flags)
		head, _, _ := bytes.Cut(text, []byte("\n"))
		require.Greater(t, bytes.Count(head, []byte(want)), 3, flags)
		var rep struct{ Unchanged, Failed int }
		s.json(&rep, "import", "--mode", "update", out)
		require.Equal(t, 1, rep.Unchanged, flags)
	}
}

// Another admin than the one with the link sends what an import held back.
func TestReleaseCommand(t *testing.T) {
	s := newSession(t, "officechat")
	mails := t.TempDir()
	s.ok("users", "create", "second@acme.example", "--role", "admin", "--no-welcome")
	var rep struct {
		ImportID string `json:"import_id"`
	}
	s.json(&rep, "--as", "boss@acme.example", "import", "--mode", "skip", s.file("p.csv", "login\nann@acme.example\nbob@acme.example\n"))
	var v struct{ Invited int }
	s.json(&v, "--mail-dir", mails, "--as", "second@acme.example", "invitations", "release", "--import", rep.ImportID)
	require.Equal(t, 2, v.Invited)
	code, _, errs := s.run("--mail-dir", mails, "invitations", "release", "--import", rep.ImportID)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "on their way")
	s.ok("import", "--mode", "skip", s.file("q.csv", "login\neve@acme.example\ndan@acme.example\n"))
	s.json(&v, "--mail-dir", mails, "invitations", "release")
	require.Equal(t, 2, v.Invited, "of all imports")
	var r struct{ Revoked int }
	s.json(&r, "invitations", "revoke", "eve@acme.example", "dan@acme.example")
	require.Equal(t, 2, r.Revoked)
	s.json(&v, "--mail-dir", mails, "invitations", "release")
	require.Zero(t, v.Invited)
}

// A domain decides how long it keeps its audit log and its runs.
func TestPruningSettings(t *testing.T) {
	s := newSession(t, "officechat")
	kept := func(args ...string) []any {
		var v map[string]any
		s.json(&v, append([]string{"domain"}, args...)...)
		return []any{v["audit_days"], v["run_days"]}
	}
	require.Equal(t, []any{0.0, 0.0}, kept("show"))
	require.Equal(t, []any{730.0, -1.0}, kept("settings", "audit_days=730", "run_days=forever"))
	require.Contains(t, s.ok("domain", "show"), "forever")
	require.Equal(t, []any{730.0, 0.0}, kept("settings", "run_days=default"))
	code, out, _ := s.run("--json", "domain", "settings", "audit_days=3")
	require.Equal(t, 1, code)
	var v struct{ Error struct{ Code string } }
	require.NoError(t, json.Unmarshal([]byte(out), &v))
	require.Equal(t, "invalid", v.Error.Code)
	require.Equal(t, []any{730.0, 0.0}, kept("show"))
}
