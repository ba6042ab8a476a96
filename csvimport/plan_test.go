package csvimport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// office is a domain in which somebody imports who may create users, and
// neither edit them nor give them roles.
type office struct {
	store       chatadmin.Store
	host, clerk *chatadmin.Scope
	file        string
}

func newOffice(t testing.TB) *office {
	t.Helper()
	ctx := t.Context()
	store := memstore.New(nil)
	a := chatadmintest.Must(chatadmin.New(store, nil))
	d, _, err := a.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	require.NoError(t, err)
	host := a.AsHost(d.ID)
	role, err := host.CreateRole(ctx, chatadmin.Role{Name: "Clerk", Level: 50,
		Permissions: []chatadmin.Permission{chatadmin.PermUsersImport, chatadmin.PermUsersCreate, chatadmin.PermGroupCreate}})
	require.NoError(t, err)
	clerk, err := host.CreateUser(ctx, chatadmin.NewUser{Login: "clerk@acme.example", Role: role.ID})
	require.NoError(t, err)
	for _, login := range []string{"ann@acme.example", "bob@acme.example"} {
		_, err = host.CreateUser(ctx, chatadmin.NewUser{Login: login, Title: "Head"})
		require.NoError(t, err)
	}
	return &office{store, host, a.As(d.ID, clerk.ID), "login,title,manager,enabled,role\nann@acme.example,Chief,bob@acme.example,,\nbob@acme.example,,,FALSE,\nnew@acme.example,New,,,\nadmin@acme.example,,,,admin\n"}
}

// users are all users as they are stored, but for those that importing the file
// may create.
func (o *office) users(t testing.TB) (old, created []chatadmin.User) {
	for u, err := range o.host.Users(t.Context(), chatadmin.UserQuery{}) {
		require.NoError(t, err)
		if u.Login == "new@acme.example" {
			created = append(created, u)
		} else {
			old = append(old, u)
		}
	}
	return old, created
}

// forge gives a plan other settings and the hash that belongs to them, which
// whoever knows the code can compute.
func (o *office) forge(t testing.TB, change func(*Plan)) *Plan {
	t.Helper()
	p, err := ImportsOf(o.clerk).Plan(t.Context(), o.clerk, strings.NewReader(o.file), SkipExisting, nil)
	require.NoError(t, err)
	change(p)
	p.index, p.chunks = nil, nil
	if forged, err := scan(t.Context(), o.host, strings.NewReader(o.file), fileprint{p.File, p.format}, p.Settings, nil); err == nil {
		p.Decisions, p.Counts, p.Basis = forged.Decisions, forged.Counts, forged.Basis
	}
	return p
}

// Whatever mode a plan names: an importer who may not edit users edits none.
func TestForgedModes(t *testing.T) {
	for _, mode := range []Mode{"", "xx", "Update", "UPDATE", "update ", "SKIP", "skip\x00", UpdateExisting} {
		t.Run(fmt.Sprintf("%q", mode), func(t *testing.T) {
			o := newOffice(t)
			before, _ := o.users(t)
			p := o.forge(t, func(p *Plan) { p.Settings.Mode = mode })
			_, err := ImportsOf(o.clerk).Apply(t.Context(), o.clerk, p, strings.NewReader(o.file), nil)
			if mode == UpdateExisting {
				require.ErrorIs(t, err, chatadmin.ErrForbidden)
			} else {
				require.ErrorIs(t, err, chatadmin.ErrInvalid)
			}
			after, created := o.users(t)
			require.Equal(t, before, after)
			require.Empty(t, created)
		})
	}
}

// A mode that does not exist needs every permission and decides nothing, should
// it ever get as far.
func TestUnknownModeFailsClosed(t *testing.T) {
	_, err := permissions("xx")
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	role := chatadmin.Role{Level: 100, Permissions: chatadmin.Permissions()}
	is := &chatadmin.User{ID: "u", Login: "ann@acme.example", LoginKey: "ann@acme.example", Role: chatadmin.RoleMember, Status: chatadmin.Active}
	for _, c := range []struct {
		mode Mode
		role chatadmin.Role
	}{{"xx", role}, {"", role}, {UpdateExisting, chatadmin.Role{Level: 100, Permissions: []chatadmin.Permission{chatadmin.PermUsersCreate}}}} {
		v := &verdict{write: &chatadmin.UserWrite{}}
		d := decider{settings: settings{Mode: c.mode}, header: &header{}, role: c.role, domain: chatadmin.Settings{}}
		d.decide(&row{Login: "ann@acme.example", Title: "x"}, is, nil, 0, 0, v)
		require.Equal(t, letterFailed, v.letter)
		require.Equal(t, CodeForbidden, v.notes[0].Code)
	}
}

// Every other value of a plan that no Make has made is refused.
func TestDamagedPlans(t *testing.T) {
	for name, change := range map[string]func(*Plan){
		"another actor":        func(p *Plan) { p.Actor = chatadmin.HostActor },
		"no actor":             func(p *Plan) { p.Actor = "" },
		"another kind":         func(p *Plan) { p.Kind = chatadmin.KindGroupDefault },
		"no file":              func(p *Plan) { p.File = nil },
		"a short hash":         func(p *Plan) { p.File = p.File[:31] },
		"no decisions":         func(p *Plan) { p.Decisions = nil },
		"a negative count":     func(p *Plan) { p.Counts.Rows, p.Counts.Failed = p.Counts.Rows-9, p.Counts.Failed-9 },
		"counts that overflow": func(p *Plan) { p.Counts.Rows, p.Counts.Created = 1<<62, 1<<62 },
		"counts that lie":      func(p *Plan) { p.Counts.Rows++ },
		"a long file name":     func(p *Plan) { p.Settings.FileName = strings.Repeat("x", 100) },
		"a file name of lines": func(p *Plan) { p.Settings.FileName = "a\r\nBcc: x@y.example" },
		"a file name, no text": func(p *Plan) { p.Settings.FileName = "\xff" },
	} {
		o := newOffice(t)
		p, err := ImportsOf(o.clerk).Plan(t.Context(), o.clerk, strings.NewReader(o.file), SkipExisting, nil)
		require.NoError(t, err)
		change(p)
		_, err = ImportsOf(o.clerk).Apply(t.Context(), o.clerk, p, strings.NewReader(o.file), nil)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, name)
		_, created := o.users(t)
		require.Empty(t, created, name)
	}
}

// The header is checked as that of every plan is.
func TestPlanHeader(t *testing.T) {
	o := newOffice(t)
	apply := func(change func(*Plan)) error {
		p, err := ImportsOf(o.clerk).Plan(t.Context(), o.clerk, strings.NewReader(o.file), SkipExisting, nil)
		require.NoError(t, err)
		change(p)
		_, err = ImportsOf(o.clerk).Apply(t.Context(), o.clerk, p, strings.NewReader(o.file), nil)
		return err
	}
	require.ErrorIs(t, apply(func(p *Plan) { p.Domain = "other" }), chatadmin.ErrNotFound)
	require.ErrorIs(t, apply(func(p *Plan) { p.Basis = "0" }), chatadmin.ErrPlanStale)
	_, created := o.users(t)
	require.Empty(t, created)
	require.NoError(t, apply(func(*Plan) {}))
}

// Whatever stands in a plan, with a hash that fits: nobody is changed by an
// importer who may only create, nobody gets a role, and nothing panics.
func FuzzPlan(f *testing.F) {
	for _, s := range []string{`{}`, `null`, `{"settings":{"mode":"xx"}}`, `{"settings":{"mode":"update"}}`, `{"settings":{"mode":""}}`, `{"actor":"host"}`, `{"counts":{"rows":-1}}`,
		`{"settings":{"mode":"skip","send_invitations":true,"file_name":"\u0000"}}`, `{"domain":"x"}`, `{"file":""}`, `{"decisions":null}`, `{"domain_rev":-5}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, mutation string) {
		o := newOffice(t)
		before, _ := o.users(t)
		var refused error
		p := o.forge(t, func(p *Plan) {
			data, err := json.Marshal(p)
			require.NoError(t, err)
			kept := &Plan{}
			require.NoError(t, json.Unmarshal(data, kept))
			refused = json.Unmarshal([]byte(mutation), kept)
			*p = *kept
		})
		if refused != nil {
			return
		}
		_, err := ImportsOf(o.clerk).Apply(t.Context(), o.clerk, p, strings.NewReader(o.file), nil)
		after, created := o.users(t)
		require.Equal(t, before, after)
		for _, u := range created {
			require.NoError(t, err)
			require.Equal(t, chatadmin.RoleMember, u.Role)
			require.Equal(t, chatadmin.Pending, u.Status)
		}
	})
}

// What an import has kept of itself is checked as well: a damaged record ends
// the resumption with an error, and changes nobody.
func TestDamagedRecords(t *testing.T) {
	const cursorOf, settingsOf, fileOf, countsOf, rowsOf = "at", "settings", "file", "counts", "rows"
	hash := `"` + strings.Repeat("A", 42) + `E="` // no file has it, but it has the length of one
	for _, c := range []struct{ part, data string }{
		{cursorOf, `{}`}, {cursorOf, `null`}, {cursorOf, `[]`}, {cursorOf, `{"phase":"other"}`}, {cursorOf, `{"phase":"rows","batch":-1}`},
		{cursorOf, `{"phase":"rows","batch":1,"rows":99999999999}`}, {cursorOf, `{"phase":"links","only":[4294967295]}`},
		{settingsOf, `{}`}, {settingsOf, `null`}, {settingsOf, `{"mode":"xx"}`}, {fileOf, `null`}, {fileOf, hash},
		{countsOf, `{"rows":-3}`}, {countsOf, `{"rows":7}`}, {countsOf, `[]`},
		{rowsOf, `{"l":"?"}`}, {rowsOf, `{"l":"c"}`}, {rowsOf, `null`}, {rowsOf, `{"l":7}`}, {rowsOf, `{"l":"` + strings.Repeat("c", 1000) + `","n":[{"r":0,"c":"x","k":230}]}`},
		{rowsOf, `{"l":"` + strings.Repeat("c", 1000) + `","n":[{"r":-1,"c":"x","k":0}]}`}, {rowsOf, `{"l":"` + strings.Repeat("c", 1000) + `","o":[1000]}`},
	} {
		t.Run(c.part+" "+c.data[:min(40, len(c.data))], func(t *testing.T) {
			o := newOffice(t)
			var b strings.Builder
			b.WriteString("login\n")
			for n := range 1500 {
				fmt.Fprintf(&b, "u%d@acme.example\n", n)
			}
			file := b.String()
			stopped, stop := context.WithCancel(t.Context())
			r, err := ImportsOf(o.clerk).Import(stopped, o.clerk, strings.NewReader(file), SkipExisting, &ImportOptions{Progress: func(chatadmin.Progress) { stop() }})
			require.ErrorIs(t, err, context.Canceled)
			o.damage(t, r.ImportID, c.part, c.data)
			before, _ := o.users(t)
			_, err = ImportsOf(o.clerk).Resume(t.Context(), o.clerk, r.ImportID, strings.NewReader(file), nil)
			require.Error(t, err)
			after, _ := o.users(t)
			require.Equal(t, before, after)
		})
	}
}

// damage replaces a part of what an import has kept.
func (o *office) damage(t *testing.T, id chatadmin.ID, part, data string) {
	t.Helper()
	ctx, domain := t.Context(), o.host.Domain()
	k := storage.Key{Kind: "run", Domain: domain, ID: string(id)}
	if part == "rows" {
		k = chunkKey(chunkKind, domain, id, 0)
	}
	require.NoError(t, o.store.Update(ctx, storage.Fence{Domain: domain, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
		rs, err := tx.Records(ctx, []storage.Key{k})
		if err != nil || len(rs) != 1 {
			return errors.Join(err, errors.New("one record is damaged"))
		}
		now := rs[0]
		now.Data, now.Rev = []byte(data), now.Rev+1
		if part != "rows" {
			var run, kept map[string]json.RawMessage
			if err := json.Unmarshal(rs[0].Data, &run); err != nil {
				return err
			}
			if err := json.Unmarshal(run["data"], &kept); err != nil {
				return err
			}
			kept[part] = json.RawMessage(data)
			if run["data"], err = json.Marshal(kept); err != nil {
				return err
			}
			if now.Data, err = json.Marshal(run); err != nil {
				return err
			}
		}
		_, err = tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: now, Was: rs[0].Rev}})
		return err
	}))
}

// What was not given is refused by each call, and nothing panics.
func TestNothingGiven(t *testing.T) {
	o := newOffice(t)
	ctx, file := t.Context(), strings.NewReader(o.file)
	p, err := ImportsOf(o.clerk).Plan(ctx, o.clerk, file, SkipExisting, nil)
	require.NoError(t, err)
	r, err := ImportsOf(o.clerk).Import(ctx, o.clerk, strings.NewReader("login\nzoe@acme.example\n"), SkipExisting, nil)
	require.NoError(t, err)
	each := func(Outcome) error { return nil }
	var noFile *os.File
	var noReader *strings.Reader
	var noBuilder *strings.Builder
	for name, call := range map[string]func() error{
		"Make, no file":          func() error { _, err := ImportsOf(o.clerk).Plan(ctx, o.clerk, nil, SkipExisting, nil); return err },
		"Make, nil file":         func() error { _, err := ImportsOf(o.clerk).Plan(ctx, o.clerk, noFile, SkipExisting, nil); return err },
		"Make, nil reader":       func() error { _, err := ImportsOf(o.clerk).Plan(ctx, o.clerk, noReader, SkipExisting, nil); return err },
		"Make, no scope":         func() error { _, err := ImportsOf(nil).Plan(ctx, nil, file, SkipExisting, nil); return err },
		"Run, no file":           func() error { _, err := ImportsOf(o.clerk).Import(ctx, o.clerk, nil, SkipExisting, nil); return err },
		"Run, no scope":          func() error { _, err := ImportsOf(nil).Import(ctx, nil, file, SkipExisting, nil); return err },
		"Apply, no plan":         func() error { _, err := ImportsOf(o.clerk).Apply(ctx, o.clerk, nil, file, nil); return err },
		"Apply, empty plan":      func() error { _, err := ImportsOf(o.clerk).Apply(ctx, o.clerk, &Plan{}, file, nil); return err },
		"Apply, no file":         func() error { _, err := ImportsOf(o.clerk).Apply(ctx, o.clerk, p, nil, nil); return err },
		"Apply, no scope":        func() error { _, err := ImportsOf(nil).Apply(ctx, nil, p, file, nil); return err },
		"Resume, no file":        func() error { _, err := ImportsOf(o.clerk).Resume(ctx, o.clerk, r.ImportID, nil, nil); return err },
		"Resume, no scope":       func() error { _, err := ImportsOf(nil).Resume(ctx, nil, r.ImportID, file, nil); return err },
		"Outcomes, no plan":      func() error { return (*Plan)(nil).Outcomes(ctx, o.clerk, file, each) },
		"Outcomes, empty plan":   func() error { return (&Plan{}).Outcomes(ctx, o.clerk, file, each) },
		"Outcomes, no function":  func() error { return p.Outcomes(ctx, o.clerk, file, nil) },
		"Outcomes, no file":      func() error { return p.Outcomes(ctx, o.clerk, nil, each) },
		"Outcomes, no scope":     func() error { return p.Outcomes(ctx, nil, file, each) },
		"Outcomes, no result":    func() error { return (*Result)(nil).Outcomes(ctx, o.clerk, file, each) },
		"Outcomes, empty result": func() error { return (&Result{}).Outcomes(ctx, o.clerk, file, each) },
		"Outcomes, result alone": func() error { return r.Outcomes(ctx, o.clerk, file, nil) },
		"WriteCSV, no plan":      func() error { return (*Plan)(nil).WriteCSV(ctx, o.clerk, file, io.Discard) },
		"WriteCSV, no writer":    func() error { return p.WriteCSV(ctx, o.clerk, file, nil) },
		"WriteCSV, nil writer":   func() error { return p.WriteCSV(ctx, o.clerk, file, noBuilder) },
		"WriteCSV, no file":      func() error { return p.WriteCSV(ctx, o.clerk, nil, io.Discard) },
		"WriteCSV, no result":    func() error { return (*Result)(nil).WriteCSV(ctx, o.clerk, file, io.Discard) },
		"WriteCSV, result alone": func() error { return r.WriteCSV(ctx, o.clerk, file, nil) },
		"Export, no writer":      func() error { _, err := Export(ctx, o.host, nil, ImportFormat, nil); return err },
		"Export, nil writer":     func() error { _, err := Export(ctx, o.host, noBuilder, ImportFormat, nil); return err },
		"Export, no scope":       func() error { _, err := Export(ctx, nil, io.Discard, ImportFormat, nil); return err },
		"Held, no scope":         func() error { _, _, err := ImportsOf(nil).Unsent(ctx, nil, "x"); return err },
		"Release, no scope":      func() error { _, err := ImportsOf(nil).Release(ctx, nil, "x"); return err },
	} {
		t.Run(name, func(t *testing.T) {
			require.NotPanics(t, func() { require.ErrorIs(t, call(), chatadmin.ErrInvalid) })
		})
	}
}
