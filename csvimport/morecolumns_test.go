package csvimport_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/csvimport"
)

// in lists the groups of a user, sorted, but for the default ones.
func (w *world) in(login string) []string {
	w.T.Helper()
	var names []string
	u := w.is(login)
	for g, err := range w.Host.Groups(ctx, chatadmin.GroupQuery{}) {
		require.NoError(w.T, err)
		ms, err := w.Store.Memberships(ctx, w.Domain, []storage.Pair{{Group: g.ID, User: u.ID}})
		require.NoError(w.T, err)
		if len(ms) > 0 && !g.Default {
			names = append(names, g.Name)
		}
	}
	slices.Sort(names)
	return names
}

func (w *world) groups(names ...string) {
	w.T.Helper()
	for _, name := range names {
		_, err := w.Host.CreateGroup(ctx, name)
		require.NoError(w.T, err)
	}
}

// A file adds members to groups that its importer may add members to, in either
// way of writing a list, and removes nobody.
func TestGroupsColumn(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	w.groups("Sales", "Ops Team", "Émile")
	w.User("old@acme.example")
	w.User("kept@acme.example")
	file := "login,groups\nnew@acme.example,sales; OPS team ;;\nold@acme.example,SALES|émile\nbad@acme.example,Sales;Nothing|None too\nkept@acme.example,\n"
	r, lines := w.run(w.S, file, csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 created", "3 updated", "4 created no_group", "5 unchanged"}, lines)
	require.Equal(t, []string{"Ops Team", "Sales"}, w.in("new@acme.example"))
	require.Equal(t, []string{"Sales", "Émile"}, w.in("old@acme.example"))
	require.Equal(t, []string{"Sales"}, w.in("bad@acme.example"))
	found, err := r.Findings(ctx, w.S, strings.NewReader(file))
	require.NoError(t, err)
	require.Contains(t, found[0].Example.Message.Text, "Nothing, None too")
	require.Equal(t, 3, w.eventCount(chatadmin.KindMemberAdd), "one event for each group")

	_, lines = w.run(w.S, file, csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 unchanged", "3 unchanged", "4 unchanged no_group", "5 unchanged"}, lines)
	var out strings.Builder
	_, err = csvimport.Export(ctx, w.Host, &out, csvimport.ImportFormat, &csvimport.ExportOptions{Groups: true})
	require.NoError(t, err)
	require.Contains(t, out.String(), ",Ops Team;Sales\n")
	r, _ = w.run(w.S, out.String(), csvimport.UpdateExisting, &csvimport.ImportOptions{ClearBlanks: true})
	require.EqualValues(t, r.Counts.Rows, r.Counts.Unchanged)
	_, lines = w.run(w.S, "login,groups\nold@acme.example,Ops Team\n", csvimport.UpdateExisting, &csvimport.ImportOptions{ClearBlanks: true})
	require.Equal(t, []string{"2 updated"}, lines)
	require.Equal(t, []string{"Ops Team", "Sales", "Émile"}, w.in("old@acme.example"), "nobody leaves a group")
	_, lines = w.run(w.S, "login,groups\nkept@acme.example,Sales\n", csvimport.SkipExisting, nil)
	require.Equal(t, []string{"2 skipped exists"}, lines)
	_, lines = w.run(w.S, "login,groups\nmany@acme.example,\""+strings.Repeat("Sales;", 51)+"\"\nlong@acme.example,"+strings.Repeat("x", 1020)+"\n", csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 failed too_long", "3 failed too_long"}, lines)
}

// Without PermGroups, only the groups whose admin the importer is are theirs to
// fill; a file does not tell whether there are others.
func TestGroupsOfTheImporter(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	w.groups("Board", "Fans")
	s := w.importer()
	for g, err := range w.Host.Groups(ctx, chatadmin.GroupQuery{Prefix: "Fans"}) {
		require.NoError(t, err)
		_, err = w.Host.AddMembers(ctx, g.ID, s.Actor())
		require.NoError(t, err)
		require.NoError(t, w.Host.SetGroupAdmin(ctx, g.ID, true, s.Actor()))
	}
	_, lines := w.run(s, "login,groups\nann@acme.example,Board;Fans\nbob@acme.example,No such\n", csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 created no_group", "3 created no_group"}, lines)
	require.Equal(t, []string{"Fans"}, w.in("ann@acme.example"))
}

// A group that goes while the import runs costs a warning and nobody's row.
func TestGroupGoesMeanwhile(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	w.groups("Sales")
	var file strings.Builder
	file.WriteString("login,groups\n")
	for i := range 1500 {
		fmt.Fprintf(&file, "u%d@acme.example,Sales\n", i)
	}
	gone := false
	r, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file.String()), csvimport.SkipExisting, &csvimport.ImportOptions{Progress: func(chatadmin.Progress) {
		if !gone {
			gone = true
			for g, err := range w.Host.Groups(ctx, chatadmin.GroupQuery{Prefix: "Sales"}) {
				require.NoError(t, err)
				_, err = w.Host.RenameGroup(ctx, g.ID, "Selling")
				require.NoError(t, err)
			}
		}
	}})
	require.NoError(t, err)
	require.EqualValues(t, 1500, r.Counts.Created)
	require.EqualValues(t, 500, r.Counts.Warnings)
}

func attributes(t *testing.T, u chatadmin.User) chatadmin.Attributes {
	t.Helper()
	a, err := chatadmin.AttributesOf(u)
	require.NoError(t, err)
	return a
}

// The preferred language is a canonical tag; a cell that is none is a warning
// and changes nothing.
func TestLanguageColumn(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	file := "login,Preferred Language\na@acme.example,de_ch\nb@acme.example,English\nc@acme.example,EN\nd@acme.example,\n"
	_, lines := w.run(w.S, file, csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 created", "3 created bad_language", "4 created", "5 created"}, lines)
	require.Equal(t, "de-CH", attributes(t, w.is("a@acme.example")).Language)
	require.Empty(t, attributes(t, w.is("b@acme.example")).Language)
	require.Equal(t, "en", attributes(t, w.is("c@acme.example")).Language)
	r, lines := w.run(w.S, "login,language\na@acme.example,\nb@acme.example,fr\nc@acme.example,gibberish-\n", csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 unchanged", "3 updated", "4 unchanged bad_language"}, lines)
	require.EqualValues(t, 1, r.Counts.KeptBlanks)
	_, lines = w.run(w.S, "login,language\na@acme.example,\nc@acme.example,gibberish-\n", csvimport.UpdateExisting, &csvimport.ImportOptions{ClearBlanks: true})
	require.Equal(t, []string{"2 updated", "3 unchanged bad_language"}, lines)
	require.Empty(t, attributes(t, w.is("a@acme.example")).Language)
	require.Equal(t, "en", attributes(t, w.is("c@acme.example")).Language)
}

// Columns of the host's own are kept under the names that the host gave them,
// and come back from an export.
func TestHostFields(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	o := &csvimport.ImportOptions{Fields: []string{"Cost centre", "Badge"}, Aliases: map[string]string{"KST": "cost centre"}}
	file := "login,KST,badge,Shoe size\nann@acme.example,4711,=cmd,44\nbob@acme.example,,,\ncy@acme.example," + strings.Repeat("x", 251) + ",,\n"
	r, lines := w.run(w.S, file, csvimport.UpdateExisting, o)
	require.Equal(t, []string{"2 created", "3 created", "4 failed too_long"}, lines)
	require.Equal(t, `the column "Shoe size" is not known and not read`, r.Warnings[0].Text)
	require.Equal(t, map[string]string{"Cost centre": "4711", "Badge": "=cmd"}, attributes(t, w.is("ann@acme.example")).Fields)
	require.Empty(t, w.is("bob@acme.example").Attrs)
	found, err := r.Findings(ctx, w.S, strings.NewReader(file))
	require.NoError(t, err)
	require.Equal(t, "KST", found[0].Example.Column)

	state := w.everybody()
	var out strings.Builder
	_, err = csvimport.Export(ctx, w.Host, &out, csvimport.ImportFormat, &csvimport.ExportOptions{Fields: o.Fields, Groups: true})
	require.NoError(t, err)
	_, _ = w.run(w.S, out.String(), csvimport.UpdateExisting, &csvimport.ImportOptions{Fields: o.Fields, ClearBlanks: true})
	require.Equal(t, state, w.everybody())

	_, lines = w.run(w.S, "login,KST,badge\nann@acme.example,JosÃ©,\n", csvimport.UpdateExisting, &csvimport.ImportOptions{Columns: map[string]string{"KST": "Cost centre"}, Fields: o.Fields, ClearBlanks: true})
	require.Equal(t, []string{"2 updated decoded_twice"}, lines)
	require.Equal(t, map[string]string{"Cost centre": "4711"}, attributes(t, w.is("ann@acme.example")).Fields)

	for _, fields := range [][]string{{"title"}, {"New Login"}, {""}, {"_x"}, {"a", "A"}, {"***"}, {"a\nb"}, {strings.Repeat("x", 65)}, make([]string, 33)} {
		_, err := csvimport.ImportsOf(w.S).Plan(ctx, w.S, strings.NewReader(file), csvimport.UpdateExisting, &csvimport.ImportOptions{Fields: fields})
		require.ErrorIs(t, err, chatadmin.ErrInvalid, "%q", fields)
	}
}

// A new login renames one user, where the preset lets it change, once.
func TestNewLogin(t *testing.T) {
	for preset, immutable := range map[chatadmin.Preset]bool{chatadmin.ESChat: false, chatadmin.Engage: true} {
		w := newWorld(t, preset)
		names := func(u *chatadmin.NewUser) {
			u.FirstName, u.LastName, u.Email = "First", "Last", u.Login+"@acme.example"
		}
		for _, login := range []string{"ann", "bob", "cat"} {
			w.User(login, names)
		}
		file := "login,new login,new e-mail\nann,anna,anna@acme.example\nbob,,robert@acme.example\n"
		_, lines := w.run(w.S, file, csvimport.UpdateExisting, nil)
		if immutable {
			require.Equal(t, []string{"2 failed immutable", "3 updated"}, lines)
			continue
		}
		require.Equal(t, []string{"2 updated new_login", "3 updated"}, lines)
		require.Equal(t, "anna@acme.example", w.is("anna").Email)
		require.Equal(t, "robert@acme.example", w.is("bob").Email)
		_, lines = w.run(w.S, file, csvimport.UpdateExisting, nil)
		require.Equal(t, []string{"2 unchanged", "3 unchanged"}, lines, "importing it again changes nothing")
	}
}

// Two users never come to have one login, whoever stands first in the file.
func TestNewLoginCollisions(t *testing.T) {
	for name, c := range map[string]struct {
		rows string
		want []string
	}{
		"somebody else's":     {"ann,bob", []string{"2 failed taken"}},
		"twice":               {"ann,zoe;bob,ZOE", []string{"2 updated new_login", "3 failed duplicate_login"}},
		"one that is created": {"zoe,;ann,zoe", []string{"2 created", "3 failed duplicate_login"}},
		"created afterwards":  {"ann,zoe;zoe,", []string{"2 updated new_login", "3 failed duplicate_login"}},
		"a swap":              {"ann,bob;bob,ann", []string{"2 failed taken", "3 failed duplicate_login taken duplicate_login"}},
		"nobody":              {"who,zoe", []string{"2 failed no_user"}},
		"the same":            {"ann,ann;bob,Bob", []string{"2 unchanged", "3 updated new_login"}},
		"no login":            {"ann,a b", []string{"2 failed bad_login"}},
		"gone and used":       {"ann,zoe;bob,ann", []string{"2 updated new_login", "3 failed taken duplicate_login"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chatadmin.ESChat)
			for _, login := range []string{"ann", "bob"} {
				w.User(login, func(u *chatadmin.NewUser) { u.FirstName, u.LastName = "First", "Last" })
			}
			file := "login,new login,lastname,firstname\n"
			for row := range strings.SplitSeq(c.rows, ";") {
				file += row + ",Last,First\n"
			}
			_, lines := w.run(w.S, file, csvimport.UpdateExisting, nil)
			for i := range lines {
				parts := strings.Fields(lines[i])
				want := strings.Fields(c.want[i])
				require.Equal(t, want[:2], parts[:2], "%q", lines)
				slices.Sort(parts[2:])
				slices.Sort(want[2:])
				require.Equal(t, slices.Compact(want[2:]), slices.Compact(parts[2:]), "%q", lines)
			}
		})
	}
}

// A manager may be named by the old login or by the new one, wherever the rows
// stand; circles through both are found.
func TestManagersWhoAreRenamed(t *testing.T) {
	for name, c := range map[string]struct {
		rows string
		want []string
		of   map[string]string // manager by login
	}{
		"by the old one":       {"ann,anna,\nbob,,ann", []string{"2 updated new_login", "3 updated"}, map[string]string{"bob": "anna"}},
		"by the new one":       {"ann,anna,\nbob,,anna", []string{"2 updated new_login", "3 updated"}, map[string]string{"bob": "anna"}},
		"on an earlier line":   {"bob,,anna\nann,anna,", []string{"2 updated", "3 updated new_login"}, map[string]string{"bob": "anna"}},
		"themselves":           {"ann,anna,anna", []string{"2 updated new_login own_manager"}, map[string]string{"anna": ""}},
		"a circle":             {"ann,anna,bob\nbob,,anna", []string{"2 updated new_login", "3 unchanged manager_circle"}, map[string]string{"anna": "bob", "bob": ""}},
		"a circle of old ones": {"bob,robert,ann\nann,anna,bob", []string{"2 updated new_login", "3 updated new_login manager_circle"}, map[string]string{"robert": "anna", "anna": ""}},
		"who is renamed gets one": {"ann,anna,bob\nbob,robert,", []string{"2 updated new_login", "3 updated new_login"},
			map[string]string{"anna": "robert"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chatadmin.ESChat)
			for _, login := range []string{"ann", "bob"} {
				w.User(login, func(u *chatadmin.NewUser) { u.FirstName, u.LastName = "First", "Last" })
			}
			file := "login,new login,manager\n" + c.rows + "\n"
			_, lines := w.run(w.S, file, csvimport.UpdateExisting, nil)
			require.Equal(t, c.want, lines)
			for login, manager := range c.of {
				id := chatadmin.ID("")
				if manager != "" {
					id = w.is(manager).ID
				}
				require.Equal(t, id, w.is(login).Manager, login)
			}
			state := w.dump()
			again, _ := w.run(w.S, file, csvimport.UpdateExisting, nil)
			require.Zero(t, again.Counts.Updated+again.Counts.Created)
			require.Equal(t, state, w.dump())
		})
	}
}

// Where the login is the e-mail address, both change.
func TestNewAddress(t *testing.T) {
	for _, heading := range []string{"new login", "New e-mail", "neue E-Mail-Adresse"} {
		w := newWorld(t, chatadmin.OfficeChat)
		w.User("ann@acme.example")
		file := "email," + heading + "\nann@acme.example,anna@acme.example\n"
		_, lines := w.run(w.S, file, csvimport.UpdateExisting, nil)
		require.Equal(t, []string{"2 updated new_login"}, lines)
		require.Equal(t, "anna@acme.example", w.is("anna@acme.example").Email)
		_, lines = w.run(w.S, "email,"+heading+"\nanna@acme.example,nothing\n", csvimport.UpdateExisting, nil)
		require.Equal(t, "2 failed", lines[0][:8])
	}
}

// A plan says what each column is taken for, such that saying the same back
// comes to the same plan.
func TestPlanColumns(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	w.User("ann@acme.example")
	file := "Username,E-Mail *,Telefon,Mobil,Block sign in,Shoe size,_line,Badge\nx,ann@acme.example,1,2,,44,3,7\n"
	o := csvimport.ImportOptions{Fields: []string{"badge"}}
	p, err := csvimport.ImportsOf(w.S).Plan(ctx, w.S, strings.NewReader(file), csvimport.UpdateExisting, &o)
	require.NoError(t, err)
	require.Equal(t, []csvimport.PlanColumn{{"Username", "-"}, {"E-Mail *", "email/login"}, {"Telefon", "-"}, {"Mobil", "mobile"}, {"Block sign in", "blocked"},
		{"Shoe size", ""}, {"_line", "-"}, {"Badge", "badge"}}, p.Columns)
	o.Columns = map[string]string{}
	for _, c := range p.Columns {
		if c.Field != "" {
			o.Columns[c.Heading] = c.Field
		}
	}
	again, err := csvimport.ImportsOf(w.S).Plan(ctx, w.S, strings.NewReader(file), csvimport.UpdateExisting, &o)
	require.NoError(t, err)
	require.Equal(t, p.Decisions, again.Decisions)
	require.Equal(t, p.Columns, again.Columns)
	require.Len(t, again.Warnings, 1, "what was chosen is not warned of")
	data, err := json.Marshal(p)
	require.NoError(t, err)
	require.Contains(t, string(data), `{"heading":"Shoe size","field":""}`)
}

// A login that is taken while the import runs fails its own row alone.
func TestNewLoginIsTakenMeanwhile(t *testing.T) {
	w := newWorld(t, chatadmin.ESChat)
	w.User("ann", func(u *chatadmin.NewUser) { u.FirstName, u.LastName = "First", "Last" })
	var file strings.Builder
	file.WriteString("login,firstname,lastname,new login\n")
	for i := range 1200 {
		fmt.Fprintf(&file, "user.%d,First,Last,\n", i)
	}
	file.WriteString("ann,First,Last,zoe\nbob,First,Last,\n")
	taken := false
	r, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file.String()), csvimport.UpdateExisting, &csvimport.ImportOptions{Progress: func(chatadmin.Progress) {
		if !taken {
			taken = true
			w.User("zoe", func(u *chatadmin.NewUser) { u.FirstName, u.LastName = "First", "Last" })
		}
	}})
	require.NoError(t, err)
	require.EqualValues(t, 1201, r.Counts.Created)
	require.EqualValues(t, 1, r.Counts.Failed)
	lines := outcomes(t, r.Outcomes, w.S, file.String())
	require.Equal(t, []string{"1202 failed taken", "1203 created"}, lines[1200:])
	require.Equal(t, "ann", w.is("ann").Login)
}

// The audit log says what an import has changed of the attributes.
func TestAttributesAreAudited(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	w.User("ann@acme.example")
	w.run(w.S, "login,language,Badge\nann@acme.example,fr,7\n", csvimport.UpdateExisting, &csvimport.ImportOptions{Fields: []string{"Badge"}})
	said := ""
	for e, err := range w.Host.Events(ctx, chatadmin.EventQuery{Kind: csvimport.KindImport}) {
		require.NoError(t, err)
		said += string(e.Data)
	}
	require.Contains(t, said, `"language"`)
	require.Contains(t, said, `"field Badge"`)
}
