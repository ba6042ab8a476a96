package csvimport_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/csvimport"
)

// Rows that are wrong fail by themselves, with line, column, value and a stable
// code; their neighbours are imported.
func TestFaultyRows(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	file := strings.Join([]string{
		`name,email/login,mobile,Enabled`,
		`Ann,ann@acme.example,+31612345678,TRUE`,
		`too few,few@acme.example`,
		`too many,many@acme.example,1,TRUE,more`,
		`Q"uote,quote@acme.example,1,TRUE`,
		`"Quote" again,quote@acme.example,1,TRUE`,
		`No login,,1,TRUE`,
		`Bad address,not an address,1,TRUE`,
		`Named address,Bob <bob@acme.example>,1,TRUE`,
		`"Two` + "\n" + `lines",lines@acme.example,1,TRUE`,
		``,
		`Ann again,ANN@Acme.example,1,TRUE`,
		`Enabled?,enabled@acme.example,1,maybe`,
		"Control\x01,control@acme.example,1,TRUE",
		strings.Repeat("x", 300) + `,long@acme.example,1,TRUE`,
		`Bob,bob@acme.example,,`,
		`Unclosed,"unclosed@acme.example,1,TRUE`,
		`Eve,eve@acme.example,1,TRUE`,
	}, "\n")
	r, lines := w.run(w.S, file, csvimport.SkipExisting, nil)
	require.Equal(t, []string{
		"2 created",
		"3 created missing_cells",
		"4 failed field_count",
		"5 created", // a quote within a cell is part of it
		"6 failed stray_quote",
		"7 failed missing",
		"8 failed bad_email",
		"9 failed bad_email",
		"10 created", // a line break in a name is a space
		"13 failed duplicate_login",
		"14 failed bad_enabled",
		"15 failed bad_text",
		"16 failed too_long",
		"17 created",
		"18 failed unclosed_quote",
		"19 created",
	}, lines)
	require.EqualValues(t, 6, r.Counts.Created)
	require.Equal(t, `Q"uote`, w.is("quote@acme.example").DisplayName)
	require.Equal(t, "Two lines", w.is("lines@acme.example").DisplayName)
	var notes []csvimport.Note
	require.NoError(t, r.Outcomes(ctx, w.S, strings.NewReader(file), func(o csvimport.Outcome) error {
		notes = append(notes, o.Notes...)
		return nil
	}))
	byCode := map[string]csvimport.Note{}
	for _, n := range notes {
		byCode[n.Code] = n
		require.LessOrEqual(t, len(n.Value), 70, "values are cut")
		require.Equal(t, n.Code == csvimport.CodeShortRow, n.Warning)
	}
	require.Equal(t, "email/login", byCode["bad_email"].Column)
	require.Equal(t, "Bob <bob@acme.example>", byCode["bad_email"].Value)
	require.Contains(t, byCode["duplicate_login"].Message.Text, "line 2 ")
	require.Equal(t, "ANN@Acme.example", byCode["duplicate_login"].Value)
	require.Equal(t, "Enabled", byCode["bad_enabled"].Column)
	require.Contains(t, byCode["field_count"].Message.Text, "5 fields")
}

// With all or nothing one bad row keeps everything as it was, and nothing says
// that a row was created or updated: neither the plan nor the result, in the
// counts, row by row, and in the result CSV.
func TestAllOrNothing(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann := w.User("old@acme.example", func(n *chatadmin.NewUser) { n.Title = "Head" })
	away := w.User("away@acme.example")
	_, err := w.Host.DeactivateUsers(ctx, away.ID)
	require.NoError(t, err)
	w.User("on@acme.example")
	good := "login,title,enabled,manager\nnew@acme.example,,,nobody@acme.example\nold@acme.example,Chief,,\naway@acme.example,,TRUE,\non@acme.example,,FALSE,\nboss@acme.example,,,\nnone@acme.example,,FALSE,\n"
	file := good + "bad,,,\n"
	before, events := w.dump(), w.eventCount("")
	o := &csvimport.ImportOptions{AllOrNothing: true}
	p, err := csvimport.ImportsOf(w.S).Plan(ctx, w.S, strings.NewReader(file), csvimport.UpdateExisting, o)
	require.NoError(t, err)
	ran, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file), csvimport.UpdateExisting, o)
	require.ErrorIs(t, err, csvimport.ErrRowsFailed)
	applied, err := csvimport.ImportsOf(w.S).Apply(ctx, w.S, p, strings.NewReader(file), o)
	require.ErrorIs(t, err, csvimport.ErrRowsFailed)
	want := []string{"2 skipped all_or_nothing no_manager", "3 skipped all_or_nothing", "4 skipped all_or_nothing", "5 skipped all_or_nothing", "6 unchanged", "7 skipped not_created", "8 failed bad_email"}
	for _, list := range []func(context.Context, *chatadmin.Scope, io.ReadSeeker, func(csvimport.Outcome) error) error{p.Outcomes, ran.Outcomes, applied.Outcomes} {
		require.Equal(t, want, outcomes(t, list, w.S, file))
	}
	for _, c := range []csvimport.Counts{p.Counts, ran.Counts, applied.Counts} {
		require.Zero(t, c.Created+c.Updated+c.Activated+c.Deactivated)
		require.Equal(t, []int64{7, 5, 1, 1}, []int64{c.Rows, c.Skipped, c.Unchanged, c.Failed})
	}
	for _, write := range []func(context.Context, *chatadmin.Scope, io.ReadSeeker, io.Writer) error{p.WriteCSV, ran.WriteCSV, applied.WriteCSV} {
		var out strings.Builder
		require.NoError(t, write(ctx, w.S, strings.NewReader(file), &out))
		require.NotContains(t, out.String(), ",created,")
		require.NotContains(t, out.String(), ",updated,")
		require.Contains(t, out.String(), "3,skipped,all_or_nothing,")
	}
	require.Equal(t, before, w.dump())
	require.Equal(t, events, w.eventCount(""))
	require.Empty(t, w.Mail.Mails())
	require.Equal(t, "Head", w.is(ann.Login).Title)
	r, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(good), csvimport.UpdateExisting, o)
	require.NoError(t, err)
	require.Equal(t, []int64{1, 3}, []int64{r.Counts.Created, r.Counts.Updated})
}

// Managers stand in the domain or on any line of the file; one that cannot be
// set is a warning, and the user keeps the one they have.
func TestManagers(t *testing.T) {
	for name, c := range map[string]struct {
		file  []string // "login,manager,Enabled"
		lines []string
		links string // "user>manager" of everybody who has one
	}{
		"on an earlier line": {[]string{"a,,", "b,a,"}, []string{"2 created", "3 created"}, "b>a x>boss y>x"},
		"on a later line":    {[]string{"a,b,", "b,c,", "c,,"}, []string{"2 created", "3 created", "4 created"}, "a>b b>c x>boss y>x"},
		"in the domain":      {[]string{"a,BOSS,", "b,x,"}, []string{"2 created", "3 created"}, "a>boss b>x x>boss y>x"},
		"unknown":            {[]string{"a,nobody,"}, []string{"2 created no_manager"}, "x>boss y>x"},
		"not created":        {[]string{"a,b,", "b,,FALSE"}, []string{"2 created no_manager", "3 skipped not_created"}, "x>boss y>x"},
		"failed":             {[]string{"a,b,", "b,,maybe"}, []string{"2 created no_manager", "3 failed bad_enabled"}, "x>boss y>x"},
		"oneself":            {[]string{"a,A,"}, []string{"2 created own_manager"}, "x>boss y>x"},
		"a circle of two":    {[]string{"a,b,", "b,a,"}, []string{"2 created", "3 created manager_circle"}, "a>b x>boss y>x"},
		"a circle of three":  {[]string{"a,b,", "b,c,", "c,a,"}, []string{"2 created", "3 created", "4 created manager_circle"}, "a>b b>c x>boss y>x"},
		"a circle and a tail": {[]string{"a,b,", "b,a,", "c,a,", "d,c,"}, []string{"2 created", "3 created manager_circle", "4 created", "5 created"},
			"a>b c>a d>c x>boss y>x"},
		"a circle through the store":       {[]string{"x,y,"}, []string{"2 unchanged manager_circle"}, "x>boss y>x"},
		"changed":                          {[]string{"x,y,", "y,boss,"}, []string{"2 updated", "3 updated"}, "x>y y>boss"},
		"of an existing user, unknown":     {[]string{"y,nobody,"}, []string{"2 unchanged no_manager"}, "x>boss y>x"},
		"of an existing user, themselves":  {[]string{"y,y,"}, []string{"2 unchanged own_manager"}, "x>boss y>x"},
		"of a deactivated user, unknown":   {[]string{"y,nobody,FALSE"}, []string{"2 updated+deactivated no_manager"}, "x>boss y>x"},
		"of an existing user, not created": {[]string{"y,b,", "b,,FALSE"}, []string{"2 unchanged no_manager", "3 skipped not_created"}, "x>boss y>x"},
		"of a row that is deactivated":     {[]string{"a,y,", "y,,FALSE"}, []string{"2 created", "3 updated+deactivated"}, "a>y x>boss y>x"},
		"a duplicate's does not count":     {[]string{"a,x,", "a,y,"}, []string{"2 created", "3 failed duplicate_login"}, "a>x x>boss y>x"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chatadmin.Engage)
			person := func(login string, manager chatadmin.ID) chatadmin.User {
				return w.User(login, func(n *chatadmin.NewUser) {
					n.Email, n.FirstName, n.LastName, n.Manager = "p@acme.example", "P", "P", manager
				})
			}
			x := person("x", w.Boss.ID)
			person("y", x.ID)
			file := "login,manager,enabled,email,firstname,lastname\n"
			for _, row := range c.file {
				file += row + ",p@acme.example,P,P\n"
			}
			_, lines := w.run(w.S, file, csvimport.UpdateExisting, nil)
			require.Equal(t, c.lines, lines)
			require.Equal(t, c.links, w.links())
			state := w.dump()
			r, _ := w.run(w.S, file, csvimport.UpdateExisting, nil)
			require.Equal(t, state, w.dump(), "importing the same again changes nothing")
			require.Zero(t, r.Counts.Updated+r.Counts.Created)
		})
	}
}

func (w *world) links() string {
	w.T.Helper()
	byID, bosses := map[chatadmin.ID]string{}, []chatadmin.User{}
	for u, err := range w.Host.Users(ctx, chatadmin.UserQuery{}) {
		require.NoError(w.T, err)
		byID[u.ID] = u.Login
		bosses = append(bosses, u)
	}
	var links []string
	for _, u := range bosses {
		if u.Manager != "" {
			links = append(links, u.Login+">"+byID[u.Manager])
		}
	}
	return strings.Join(links, " ")
}

// Managers on later batches of the file are set by the thousand, however few
// each batch has.
func TestManagersOfManyBatches(t *testing.T) {
	const rows = 6500
	w := newWorld(t, chatadmin.OfficeChat)
	var file strings.Builder
	file.WriteString("login,manager\n")
	want := map[string]string{}
	for n := range rows {
		login, manager := fmt.Sprintf("user%d@acme.example", n), ""
		if far := n + 1000; n%4 == 0 && far < rows { // 250 in each of the first batches
			manager = fmt.Sprintf("user%d@acme.example", far)
			want[login] = manager
		}
		fmt.Fprintf(&file, "%s,%s\n", login, manager)
	}
	r, _ := w.run(w.S, file.String(), csvimport.SkipExisting, nil)
	require.EqualValues(t, rows, r.Counts.Created)
	require.Zero(t, r.Counts.Warnings)
	require.Equal(t, 7+2, w.eventCount(csvimport.KindImport), "seven batches of rows, and 1,375 managers in two")
	got, logins := map[string]string{}, map[chatadmin.ID]string{}
	for u, err := range w.S.Users(ctx, chatadmin.UserQuery{}) {
		require.NoError(t, err)
		logins[u.ID] = u.Login
	}
	for u, err := range w.S.Users(ctx, chatadmin.UserQuery{}) {
		require.NoError(t, err)
		if u.Manager != "" {
			got[u.Login] = logins[u.Manager]
		}
	}
	require.Equal(t, want, got)
}

// In skip mode an existing user's manager is left alone, and a row that is
// skipped is not warned of its manager.
func TestManagersInSkipMode(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	w.User("ann@acme.example")
	_, lines := w.run(w.S, "login,manager,enabled\nann@acme.example,boss@acme.example,\nbob@acme.example,nobody@acme.example,FALSE\n", csvimport.SkipExisting, nil)
	require.Equal(t, []string{"2 skipped exists", "3 skipped not_created"}, lines)
	require.Empty(t, w.is("ann@acme.example").Manager)
}

// A file grants what is below the importer's own role and takes nothing from
// the importer; the last admin stays.
func TestRolesInFiles(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	for _, r := range []chatadmin.Role{{Name: "Reader", Level: 10, Permissions: []chatadmin.Permission{chatadmin.PermUsersRead}},
		{Name: "Auditor", Level: 10, Permissions: []chatadmin.Permission{chatadmin.PermAudit}}, {Name: "Chief", Level: 60},
		{Name: "Clerk", Level: 50, Permissions: []chatadmin.Permission{chatadmin.PermUsersRead, chatadmin.PermUsersCreate, chatadmin.PermUsersEdit, chatadmin.PermUsersImport, chatadmin.PermRoles}}} {
		_, err := w.Host.CreateRole(ctx, r)
		require.NoError(t, err)
	}
	clerk := w.User("clerk@acme.example", withRole("Clerk"))
	w.User("chief@acme.example", withRole("Chief"))
	w.User("peer@acme.example", withRole("Clerk"))
	w.User("second@acme.example", withRole(chatadmin.RoleAdmin))
	s := w.Admin.As(w.Domain, clerk.ID)
	file := "login,role,title,enabled\n" + strings.Join([]string{
		"new1@acme.example,Reader,,", "new2@acme.example,Auditor,,", "new3@acme.example,Clerk,,", "new4@acme.example,Chief,,", "new5@acme.example,Domain admin,,",
		"new6@acme.example,nothing,,", "new7@acme.example,member,,", "chief@acme.example,,Lord,", "boss@acme.example,,,FALSE", "peer@acme.example,member,,", "clerk@acme.example,,Me,",
		"clerk2@acme.example,,,", "CLERK@acme.example,,,"}, "\n")
	_, lines := w.run(s, file, csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 created", "3 failed forbidden_role", "4 failed forbidden_role", "5 failed forbidden_role", "6 failed forbidden_role", "7 failed bad_role",
		"8 created", "9 failed forbidden", "10 failed forbidden", "11 updated", "12 updated", "13 created", "14 failed duplicate_login"}, lines)
	require.Equal(t, chatadmin.RoleMember, w.is("peer@acme.example").Role)

	_, lines = w.run(s, "login,role,enabled\nclerk@acme.example,,FALSE\n", csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 failed self"}, lines)
	_, lines = w.run(s, "login,role,enabled\nclerk@acme.example,Reader,\n", csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 failed self"}, lines)

	_, lines = w.run(w.S, "login,role,enabled\nboss@acme.example,member,\nsecond@acme.example,,FALSE\nnew@acme.example,admin,\n", csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 failed self", "3 updated+deactivated", "4 failed forbidden_role"}, lines)
	// The host stands above admins: it may grant the role, and even it keeps
	// the last admin.
	_, lines = w.run(w.Host, "login,role,enabled\nboss@acme.example,,FALSE\nthird@acme.example,admin,\n", csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 failed last_admin", "3 created"}, lines)
	_, lines = w.run(w.Host, "login,role,enabled\nboss@acme.example,,FALSE\nthird@acme.example,member,\n", csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 updated+deactivated", "3 failed last_admin"}, lines)

	plain, err := w.Host.CreateUser(ctx, chatadmin.NewUser{Login: "plain@acme.example", NoInvitation: true})
	require.NoError(t, err)
	_, err = csvimport.ImportsOf(w.Admin.As(w.Domain, plain.ID)).Plan(ctx, w.Admin.As(w.Domain, plain.ID), strings.NewReader("login\nx@acme.example\n"), csvimport.SkipExisting, nil)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
}

// Importing needs the permission to import, to create, and in update mode to
// edit.
func TestImportPermissions(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	for n, c := range []struct {
		ps           []chatadmin.Permission
		skip, update bool
	}{
		{nil, false, false},
		{[]chatadmin.Permission{chatadmin.PermUsersImport}, false, false},
		{[]chatadmin.Permission{chatadmin.PermUsersCreate, chatadmin.PermUsersEdit}, false, false},
		{[]chatadmin.Permission{chatadmin.PermUsersImport, chatadmin.PermUsersCreate}, true, false},
		{[]chatadmin.Permission{chatadmin.PermUsersImport, chatadmin.PermUsersCreate, chatadmin.PermUsersEdit}, true, true},
	} {
		_, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: fmt.Sprintf("r%d", n), Level: 5, Permissions: c.ps})
		require.NoError(t, err)
		s := w.Admin.As(w.Domain, w.User(fmt.Sprintf("u%d@acme.example", n), withRole(fmt.Sprintf("r%d", n))).ID)
		for mode, ok := range map[csvimport.Mode]bool{csvimport.SkipExisting: c.skip, csvimport.UpdateExisting: c.update} {
			_, err := csvimport.ImportsOf(s).Import(ctx, s, strings.NewReader("login\nx@acme.example\n"), mode, nil)
			if ok {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, chatadmin.ErrForbidden)
			}
			if n == 1 && mode == csvimport.UpdateExisting {
				require.ErrorContains(t, err, "(users.create, users.edit)", "all that is lacking at once")
			}
		}
	}
}

// A file whose separator is not read is told what is.
func TestUnknownSeparator(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	for _, file := range []string{"name#email/login#title\nAnn#ann@acme.example#Head\n", "name:login\nAnn:ann@acme.example\n", "people\nann\n"} {
		_, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file), csvimport.SkipExisting, nil)
		var wrong *csvimport.FileError
		require.ErrorAs(t, err, &wrong, file)
		require.Equal(t, "no_header", wrong.Code)
		require.Contains(t, wrong.Reason, "a comma, a semicolon, a tab or a bar (|)")
	}
}

// Somebody of another domain is nobody here.
func TestOtherDomainsUsers(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	d, other, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Other", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "them@other.example"}})
	require.NoError(t, err)
	_, lines := w.run(w.S, "login,manager,enabled\nthem@other.example,,FALSE\nann@acme.example,them@other.example,\n", csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 skipped not_created", "3 created no_manager"}, lines)
	us, err := w.Store.Users(ctx, d.ID, []chatadmin.ID{other.ID})
	require.NoError(t, err)
	require.Equal(t, chatadmin.Pending, us[0].Status)
}

// A user who is being deleted is not touched by a row, and is nobody's manager
// any more.
func TestRowOfAUserBeingDeleted(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	u := w.User("gone@acme.example")
	require.NoError(t, w.Store.Update(ctx, storage.Fence{Domain: w.Domain, Mode: storage.Exclusive}, func(ctx context.Context, tx storage.Tx) error {
		now := u
		now.Deleting, now.Rev = true, u.Rev+1
		_, err := tx.ChangeUsers(ctx, []storage.Write[chatadmin.User]{{Row: now, Was: u.Rev}})
		return err
	}))
	_, lines := w.run(w.S, "login,manager\ngone@acme.example,\nann@acme.example,gone@acme.example\n", csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 failed deleting", "3 created no_manager"}, lines)
}

// A host that vetoes deactivations is asked by name, and stops the import with
// everything before kept.
func TestVetoOfDeactivation(t *testing.T) {
	refuse := map[chatadmin.ID]bool{}
	var asked []chatadmin.ID
	w := newWorld(t, chatadmin.OfficeChat, func(o *chatadmin.Options) {
		o.Before = func(_ context.Context, i chatadmin.Intent) error {
			if i.Kind == chatadmin.KindUserDeactivate {
				asked = append(asked, i.Targets...)
				for _, id := range i.Targets {
					if refuse[id] {
						return fmt.Errorf("%s stays", id)
					}
				}
			}
			return nil
		}
	})
	ann, bob := w.User("ann@acme.example"), w.User("bob@acme.example")
	file := "login,enabled\nann@acme.example,FALSE\nbob@acme.example,TRUE\n"
	refuse[ann.ID] = true
	r, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file), csvimport.UpdateExisting, nil)
	require.ErrorIs(t, err, chatadmin.ErrVetoed)
	require.Equal(t, []chatadmin.ID{ann.ID}, asked)
	require.Equal(t, chatadmin.Pending, w.is("ann@acme.example").Status)
	delete(refuse, ann.ID)
	_, err = csvimport.ImportsOf(w.S).Resume(ctx, w.S, r.ImportID, strings.NewReader(file), nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.Deactivated, w.is("ann@acme.example").Status)
	require.Equal(t, chatadmin.Pending, w.row(bob.ID).Status)
}

func (w *world) row(id chatadmin.ID) chatadmin.User {
	w.T.Helper()
	us, err := w.Store.Users(ctx, w.Domain, []chatadmin.ID{id})
	require.NoError(w.T, err)
	require.Len(w.T, us, 1)
	return us[0]
}
