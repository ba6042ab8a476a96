package csvimport_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/csvimport"
)

// mixed is a file of some batches with every kind of outcome in it: users who
// exist, are deactivated, activated, changed, created, with managers on earlier
// and later lines, circles, duplicates and faults. prepare makes those who
// exist.
func mixed(n int) (file string, prepare func(*world)) {
	var b strings.Builder
	b.WriteString("login,title,manager,enabled\n")
	login := func(i int) string { return fmt.Sprintf("user%04d@acme.example", (i%n+n)%n) }
	for i := range n {
		manager, enabled := "", "TRUE"
		switch i % 7 {
		case 1:
			manager = login(i - 1)
		case 2:
			manager = login(i + 1500)
		case 3:
			manager = login(i + 4) // a chain that closes at the end of the file
		case 4:
			manager = "nobody@acme.example"
		}
		switch i % 11 {
		case 5:
			enabled = "FALSE"
		case 6:
			enabled = ""
		case 7:
			enabled = "perhaps"
		}
		who := login(i)
		if i%97 == 96 {
			who = login(i - 50)
		}
		fmt.Fprintf(&b, "%s,T%d,%s,%s\n", who, i%13, manager, enabled)
	}
	return b.String(), func(w *world) {
		for i := 0; i < n; i += 5 {
			u := w.User(login(i), func(nu *chatadmin.NewUser) { nu.Title = "T1" })
			if i%3 == 0 {
				_, err := w.Host.DeactivateUsers(ctx, u.ID)
				require.NoError(w.T, err)
			}
		}
	}
}

// An import is cut off after every single transaction, by a cancelled context,
// and resumed: the end, the counts and the outcomes are those of one clean run.
func TestResumeAtEveryStep(t *testing.T) {
	file, prepare := mixed(3300)
	clean := newWorld(t, chatadmin.OfficeChat)
	prepare(clean)
	want, err := csvimport.ImportsOf(clean.S).Import(ctx, clean.S, strings.NewReader(file), csvimport.UpdateExisting, nil)
	require.NoError(t, err)
	wantLines := outcomes(t, want.Outcomes, clean.S, file)
	for _, c := range []int64{want.Counts.Created, want.Counts.Updated, want.Counts.Activated, want.Counts.Deactivated, want.Counts.Unchanged, want.Counts.Skipped, want.Counts.Failed, want.Counts.Warnings} {
		require.Positive(t, c, "the file has everything: %+v", want.Counts)
	}

	w := newWorld(t, chatadmin.OfficeChat)
	prepare(w)
	stopped := func(f func(context.Context, *csvimport.ImportOptions) (*csvimport.Result, error)) (*csvimport.Result, bool) {
		c, cancel := context.WithCancel(ctx)
		defer cancel()
		r, err := f(c, &csvimport.ImportOptions{Progress: func(chatadmin.Progress) { cancel() }})
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
		}
		return r, err == nil
	}
	r, done := stopped(func(c context.Context, o *csvimport.ImportOptions) (*csvimport.Result, error) {
		return csvimport.ImportsOf(w.S).Import(c, w.S, strings.NewReader(file), csvimport.UpdateExisting, o)
	})
	id, steps := r.ImportID, 1
	for !done {
		r, done = stopped(func(c context.Context, o *csvimport.ImportOptions) (*csvimport.Result, error) {
			return csvimport.ImportsOf(w.S).Resume(c, w.S, id, strings.NewReader(file), o)
		})
		steps++
		require.Less(t, steps, 20)
	}
	require.GreaterOrEqual(t, steps, 8, "four batches of rows, the turn, and those of managers")
	require.Equal(t, want.Counts, r.Counts)
	require.Equal(t, wantLines, outcomes(t, r.Outcomes, w.S, file))
	require.Equal(t, clean.dump(), w.dump())

	again, err := csvimport.ImportsOf(w.S).Resume(ctx, w.S, id, strings.NewReader(file), nil)
	require.NoError(t, err, "resuming what is finished")
	require.Equal(t, want.Counts, again.Counts)
	require.Len(t, w.Mail.To("boss@acme.example"), 1, "the admin is told once")

	r, err = csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file), csvimport.UpdateExisting, nil)
	require.NoError(t, err)
	require.Zero(t, r.Counts.Created+r.Counts.Updated, "importing the same file again changes nothing")
	require.Equal(t, clean.dump(), w.dump())
}

// A store that re-runs, loses and half-confirms transactions, and an import
// that is taken up again whenever it stops: the end is that of one clean run.
func TestImportOverAnUnreliableStore(t *testing.T) {
	file, prepare := mixed(2200)
	clean := newWorld(t, chatadmin.OfficeChat)
	prepare(clean)
	want, err := csvimport.ImportsOf(clean.S).Import(ctx, clean.S, strings.NewReader(file), csvimport.UpdateExisting, nil)
	require.NoError(t, err)
	for seed := range uint64(6) {
		good := memstore.New(nil)
		w := newWorldOn(t, good, chatadmin.OfficeChat)
		prepare(w)
		chaos := good.Handle(&memstore.Options{Chaos: &memstore.Chaos{Seed: seed, Rerun: 0.3, UnknownKept: 0.3, UnknownLost: 0.3}})
		s := chatadmintest.Must(chatadmin.New(chaos, &chatadmin.Options{Now: w.Clock.Now})).As(w.Domain, w.Boss.ID)
		p, err := csvimport.ImportsOf(s).Plan(ctx, s, strings.NewReader(file), csvimport.UpdateExisting, nil)
		require.NoError(t, err)
		r, err := csvimport.ImportsOf(s).Apply(ctx, s, p, strings.NewReader(file), nil)
		for n := 0; err != nil; n++ {
			require.Less(t, n, 50)
			require.True(t, errors.Is(err, chatadmin.ErrCommitUnknown) || errors.Is(err, chatadmin.ErrBusy), "%v", err)
			r, err = csvimport.ImportsOf(s).Resume(ctx, s, r.ImportID, strings.NewReader(file), nil)
		}
		require.Equal(t, want.Counts, r.Counts)
		require.Equal(t, clean.dump(), w.dump())
	}
}

// Two admins import the same file at the same time, and a hundred goroutines
// another: each user is created once and invited once.
func TestImportsAtOnce(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	second := w.User("second@acme.example", withRole(chatadmin.RoleAdmin))
	other := chatadmintest.Must(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: w.Clock.Now, Mailer: w.Mail})).As(w.Domain, second.ID)
	var file strings.Builder
	file.WriteString("login,manager\n")
	for i := range 1300 {
		fmt.Fprintf(&file, "user%04d@acme.example,user%04d@acme.example\n", i, (i+700)%1300)
	}
	created := make([]int64, 100)
	var wg sync.WaitGroup
	for n := range created {
		s := w.S
		if n%2 == 0 {
			s = other
		}
		wg.Go(func() {
			r, err := csvimport.ImportsOf(s).Import(ctx, s, strings.NewReader(file.String()), csvimport.UpdateExisting, &csvimport.ImportOptions{SendInvitations: true})
			for errors.Is(err, chatadmin.ErrBusy) {
				r, err = csvimport.ImportsOf(s).Resume(ctx, s, r.ImportID, strings.NewReader(file.String()), nil)
			}
			if err != nil {
				t.Error(err)
				return
			}
			created[n] = r.Counts.Created
		})
	}
	wg.Wait()
	total := int64(0)
	for _, c := range created {
		total += c
	}
	require.EqualValues(t, 1300, total)
	for i := range 1300 {
		require.Len(t, w.Mail.To(fmt.Sprintf("user%04d@acme.example", i)), 1)
	}
	require.Equal(t, []string{"Admin Announcements: 1302", "All Of Us: 1302"}, w.dump()[1302:])
}

// A group is marked default while files are imported: nobody is missed.
func TestMarkingWhileImporting(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	other := chatadmintest.Must(chatadmin.New(store.Handle(nil), nil)).As(w.Domain, w.Boss.ID)
	var groups []chatadmin.ID
	for n := range 10 {
		g, err := w.Host.CreateGroup(ctx, fmt.Sprintf("G%d", n))
		require.NoError(t, err)
		groups = append(groups, g.ID)
	}
	var wg sync.WaitGroup
	for n := range 100 {
		wg.Go(func() {
			if n%10 == 9 {
				p, err := other.PlanDefaultGroup(ctx, groups[n/10])
				if err == nil {
					_, err = other.ApplyDefaultGroup(ctx, p, nil)
				}
				if err != nil {
					t.Error(err)
				}
				return
			}
			file := "login\n"
			for i := range 20 {
				file += fmt.Sprintf("u%d.%d@acme.example\n", n, i)
			}
			if _, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file), csvimport.SkipExisting, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for g, err := range w.Host.Groups(ctx, chatadmin.GroupQuery{DefaultOnly: true}) {
		require.NoError(t, err)
		n, err := w.Host.CountMembers(ctx, g.ID)
		require.NoError(t, err)
		require.EqualValues(t, 1801, n, g.Name)
	}
}

// Imports in parallel, each of which would remove some of the admins: one
// remains.
func TestImportsRemoveAdmins(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	other := chatadmintest.Must(chatadmin.New(store.Handle(nil), nil)).AsHost(w.Domain)
	for n := range 99 {
		w.User(fmt.Sprintf("admin%d@acme.example", n), withRole(chatadmin.RoleAdmin))
	}
	var wg sync.WaitGroup
	for n := range 100 {
		s, login := w.Host, fmt.Sprintf("admin%d@acme.example", n)
		if n%2 == 0 {
			s = other
		}
		if n == 99 {
			login = w.Boss.Login
		}
		wg.Go(func() {
			row := login + ",FALSE,\n"
			if n%3 == 0 {
				row = login + ",,member\n"
			}
			if _, err := csvimport.ImportsOf(s).Import(ctx, s, strings.NewReader("login,enabled,role\n"+row), csvimport.UpdateExisting, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	left, err := w.Host.AdminsInForce(ctx)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

// An importer who loses the right in the middle is stopped at the next batch,
// and may go on when it is given back.
func TestImporterDemoted(t *testing.T) {
	for name, end := range map[string]func(*world, chatadmin.ID) error{
		"demoted": func(w *world, id chatadmin.ID) error {
			_, err := w.S.AssignRole(ctx, chatadmin.RoleMember, id)
			return err
		},
		"deactivated": func(w *world, id chatadmin.ID) error { _, err := w.S.DeactivateUsers(ctx, id); return err },
		"denied":      func(w *world, id chatadmin.ID) error { _, err := w.S.DenyAccess(ctx, id); return err },
	} {
		w := newWorld(t, chatadmin.OfficeChat)
		importer := w.User("importer@acme.example", withRole(chatadmin.RoleAdmin))
		s := w.Admin.As(w.Domain, importer.ID)
		file := "login\n"
		for n := range 3000 {
			file += fmt.Sprintf("u%d@acme.example\n", n)
		}
		steps := 0
		r, err := csvimport.ImportsOf(s).Import(ctx, s, strings.NewReader(file), csvimport.SkipExisting, &csvimport.ImportOptions{Progress: func(chatadmin.Progress) {
			if steps++; steps == 1 {
				require.NoError(t, end(w, importer.ID))
			}
		}})
		require.ErrorIs(t, err, chatadmin.ErrForbidden, name)
		require.EqualValues(t, 1000, r.Counts.Created)
		require.Len(t, w.dump(), 1000+2+2)
		_, err = csvimport.ImportsOf(s).Resume(ctx, s, r.ImportID, strings.NewReader(file), nil)
		require.ErrorIs(t, err, chatadmin.ErrForbidden)
		_, err = csvimport.ImportsOf(w.S).Resume(ctx, w.S, r.ImportID, strings.NewReader(file), nil)
		require.ErrorIs(t, err, chatadmin.ErrForbidden, "it was active a moment ago")
		for _, f := range []func(context.Context, ...chatadmin.ID) ([]chatadmin.User, error){w.S.ActivateUsers, w.S.GrantAccess} {
			_, err = f(ctx, importer.ID)
			require.NoError(t, err)
		}
		_, err = w.S.AssignRole(ctx, chatadmin.RoleAdmin, importer.ID)
		require.NoError(t, err)
		r, err = csvimport.ImportsOf(s).Resume(ctx, s, r.ImportID, strings.NewReader(file), nil)
		require.NoError(t, err)
		require.EqualValues(t, 3000, r.Counts.Created)
	}
}

// Another admin resumes an import of which nothing was heard for a while: in
// the end everything is as if the first had finished it, and the link is
// theirs.
func TestResumedByAnother(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	importer := w.User("importer@acme.example", withRole(chatadmin.RoleAdmin))
	s, file := w.Admin.As(w.Domain, importer.ID), file(3000)
	stopped, stop := context.WithCancel(ctx)
	r, err := csvimport.ImportsOf(s).Import(stopped, s, strings.NewReader(file), csvimport.SkipExisting, &csvimport.ImportOptions{Progress: func(chatadmin.Progress) { stop() }})
	require.ErrorIs(t, err, context.Canceled)
	_, err = w.S.AssignRole(ctx, chatadmin.RoleMember, importer.ID)
	require.NoError(t, err)
	w.Clock.Advance(11 * time.Minute)
	member := w.Admin.As(w.Domain, w.User("member@acme.example").ID)
	_, err = csvimport.ImportsOf(member).Resume(ctx, member, r.ImportID, strings.NewReader(file), nil)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	r, err = csvimport.ImportsOf(w.S).Resume(ctx, w.S, r.ImportID, strings.NewReader(file), nil)
	require.NoError(t, err)
	require.EqualValues(t, 3000, r.Counts.Created)
	require.Len(t, w.Mail.To("boss@acme.example"), 1)
	require.Empty(t, w.Mail.To("importer@acme.example"))
}

// A plan is applied to what was reviewed, or not at all.
func TestStaleImportPlan(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	file := "login,title\nann@acme.example,Head\n"
	plan := func() *csvimport.Plan {
		p, err := csvimport.ImportsOf(w.S).Plan(ctx, w.S, strings.NewReader(file), csvimport.UpdateExisting, nil)
		require.NoError(t, err)
		return p
	}
	p := plan()
	w.User("unrelated@acme.example")
	_, err := csvimport.ImportsOf(w.S).Apply(ctx, w.S, p, strings.NewReader(file+"bob@acme.example,x\n"), nil)
	require.ErrorIs(t, err, csvimport.ErrOtherFile)
	_, err = csvimport.ImportsOf(w.Host).Apply(ctx, w.Host, p, strings.NewReader(file), nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = csvimport.ImportsOf(w.S).Apply(ctx, w.S, p, strings.NewReader(file), nil)
	require.NoError(t, err, "somebody else's new user does not matter")
	_, err = csvimport.ImportsOf(w.S).Apply(ctx, w.S, p, strings.NewReader(file), nil)
	require.ErrorIs(t, err, chatadmin.ErrPlanStale, "Ann exists now")
	p = plan()
	_, err = w.S.CreateRole(ctx, chatadmin.Role{Name: "New"})
	require.NoError(t, err)
	_, err = csvimport.ImportsOf(w.S).Apply(ctx, w.S, p, strings.NewReader(file), nil)
	require.ErrorIs(t, err, chatadmin.ErrPlanStale, "the settings changed")
	_, err = csvimport.ImportsOf(w.S).Resume(ctx, w.S, "no-such-import", strings.NewReader(file), nil)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
}

func TestFileThatChangesUnderTheImport(t *testing.T) {
	lines := func(n int) string {
		var b strings.Builder
		b.WriteString("login,name\n")
		for i := range n {
			fmt.Fprintf(&b, "u%d@acme.example,U\n", i)
		}
		return b.String()
	}
	for name, then := range map[string]int{"grown within a batch": 1501, "grown by a batch": 3200, "shrunk within a batch": 1100, "shrunk by a batch": 900, "emptied": 0} {
		w := newWorld(t, chatadmin.OfficeChat)
		file := &struct{ *strings.Reader }{strings.NewReader(lines(1500))}
		var id chatadmin.ID
		_, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, file, csvimport.SkipExisting, &csvimport.ImportOptions{Begun: func(i chatadmin.ID) {
			id, file.Reader = i, strings.NewReader(lines(then))
		}})
		require.ErrorIs(t, err, csvimport.ErrOtherFile, name)

		r, err := csvimport.ImportsOf(w.S).Resume(ctx, w.S, id, strings.NewReader(lines(1500)), nil)
		require.NoError(t, err, name)
		require.EqualValues(t, 1500, r.Counts.Created, name)
	}
}
