package csvimport_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/csvimport"
)

// What happens between the plan and the row that is committed.

// importer is somebody with a custom role who may import.
func (w *world) importer() *chatadmin.Scope {
	w.T.Helper()
	r, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "HR", Level: 50,
		Permissions: []chatadmin.Permission{chatadmin.PermUsersRead, chatadmin.PermUsersCreate, chatadmin.PermUsersEdit, chatadmin.PermUsersImport}})
	require.NoError(w.T, err)
	return w.Admin.As(w.Domain, w.User("hr@acme.example", withRole(r.ID)).ID)
}

// meanwhile runs an import during which something happens when it has been
// planned and begun.
func (w *world) meanwhile(s *chatadmin.Scope, file string, mode csvimport.Mode, o csvimport.ImportOptions, happens func()) (*csvimport.Result, error) {
	o.Begun = func(chatadmin.ID) { happens() }
	return csvimport.ImportsOf(s).Import(ctx, s, strings.NewReader(file), mode, &o)
}

func (w *world) promote(u chatadmin.User) func() {
	return func() {
		_, err := w.Host.AssignRole(ctx, chatadmin.RoleAdmin, u.ID)
		require.NoError(w.T, err)
	}
}

// Whose only change is the manager is as much above the importer as anybody.
func TestManagerOfSomebodyAbove(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	s := w.importer()
	ann := w.User("ann@acme.example")
	_, lines := w.run(s, "login,manager\nboss@acme.example,ann@acme.example\nnew@acme.example,boss@acme.example\n", csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 failed forbidden", "3 created"}, lines)
	require.Empty(t, w.is("boss@acme.example").Manager)
	_, lines = w.run(s, "login,manager\nboss@acme.example,nobody@acme.example\nboss@acme.example,boss@acme.example\nhr@acme.example,ann@acme.example\n", csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 unchanged no_manager", "3 failed duplicate_login", "4 updated"}, lines, "what would not be set is not refused either, and one's own manager is one's own")

	file := "login,title,manager\nann@acme.example,B,boss@acme.example\n"
	for _, file := range []string{file, strings.Replace(file, ",B,", ",,", 1)} {
		r, err := w.meanwhile(s, file, csvimport.UpdateExisting, csvimport.ImportOptions{}, w.promote(ann))
		require.NoError(t, err, "the row fails by itself")
		require.Equal(t, []string{"2 failed forbidden"}, outcomes(t, r.Outcomes, s, file))
		again, err := csvimport.ImportsOf(s).Resume(ctx, s, r.ImportID, strings.NewReader(file), nil)
		require.NoError(t, err)
		require.Equal(t, r.Counts, again.Counts)
		require.Empty(t, w.is("ann@acme.example").Manager)
		_, err = w.Host.AssignRole(ctx, chatadmin.RoleMember, ann.ID)
		require.NoError(t, err)
	}
}

// All or nothing holds for what is found wrong only when it is committed: the
// import stops before it.
func TestAllOrNothingMeanwhile(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	s := w.importer()
	ann := w.User("ann@acme.example")
	file := "login,title\nnew@acme.example,A\nann@acme.example,B\n"
	r, err := w.meanwhile(s, file, csvimport.UpdateExisting, csvimport.ImportOptions{AllOrNothing: true}, w.promote(ann))
	require.ErrorIs(t, err, csvimport.ErrRowsFailed)
	require.ErrorContains(t, err, "line 3")
	require.Zero(t, r.Counts.Created)
	_, err = w.Host.UserByLogin(ctx, "new@acme.example")
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	_, err = w.Host.AssignRole(ctx, chatadmin.RoleMember, ann.ID)
	require.NoError(t, err)
	r, err = csvimport.ImportsOf(s).Resume(ctx, s, r.ImportID, strings.NewReader(file), nil)
	require.NoError(t, err, "it goes on when what was wrong is mended")
	require.EqualValues(t, 1, r.Counts.Created)
}

// Skip mode leaves existing users alone, also one whom somebody else has
// created a moment before.
func TestSkippedMeanwhile(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	file := "login,manager\nann@acme.example,boss@acme.example\n"
	r, err := w.meanwhile(w.S, file, csvimport.SkipExisting, csvimport.ImportOptions{}, func() { w.User("ann@acme.example") })
	require.NoError(t, err)
	require.Equal(t, []string{"2 skipped exists"}, outcomes(t, r.Outcomes, w.S, file))
	require.Empty(t, w.is("ann@acme.example").Manager)
}

// A plan that was reviewed as changing a title does not take a role away.
func TestPlanIsStaleByFields(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann := w.User("ann@acme.example")
	file := "login,title,role\nann@acme.example,B,member\n"
	p, err := csvimport.ImportsOf(w.S).Plan(ctx, w.S, strings.NewReader(file), csvimport.UpdateExisting, nil)
	require.NoError(t, err)
	w.promote(ann)()
	_, err = csvimport.ImportsOf(w.S).Apply(ctx, w.S, p, strings.NewReader(file), nil)
	require.ErrorIs(t, err, chatadmin.ErrPlanStale)
	require.Equal(t, chatadmin.RoleAdmin, w.is("ann@acme.example").Role)
}

// What was not reviewed with the plan is not done either.
func TestApplyIsAskedForMore(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	file := "login\nann@acme.example\n"
	p, err := csvimport.ImportsOf(w.S).Plan(ctx, w.S, strings.NewReader(file), csvimport.SkipExisting, &csvimport.ImportOptions{AllOrNothing: true})
	require.NoError(t, err)
	for _, o := range []csvimport.ImportOptions{{SendInvitations: true}, {ClearBlanks: true}} {
		_, err := csvimport.ImportsOf(w.S).Apply(ctx, w.S, p, strings.NewReader(file), &o)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
	_, err = csvimport.ImportsOf(w.S).Apply(ctx, w.S, p, strings.NewReader(file), &csvimport.ImportOptions{AllOrNothing: true, FileName: "x.csv"})
	require.NoError(t, err)
}

// An import that is stopped before its first row has an ID.
func TestCancelledAtOnce(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	c, cancel := context.WithCancel(ctx)
	file := "login\nann@acme.example\n"
	r, err := csvimport.ImportsOf(w.S).Import(c, w.S, strings.NewReader(file), csvimport.SkipExisting, &csvimport.ImportOptions{Begun: func(chatadmin.ID) { cancel() }, FileName: strings.Repeat("x", 3<<20)})
	require.ErrorIs(t, err, context.Canceled)
	rs, err := w.Store.Records(ctx, []storage.Key{{Kind: "run", Domain: w.Domain, ID: string(r.ImportID)}})
	require.NoError(t, err)
	require.Less(t, len(rs[0].Data), 1000, "however long the file's name is")
	r, err = csvimport.ImportsOf(w.S).Resume(ctx, w.S, r.ImportID, strings.NewReader(file), nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, r.Counts.Created)
}

// unique is a store with a further unique column, of the host's own.
type unique struct {
	chatadmin.Store
	calls int
	taken func(chatadmin.User) bool
}

func (s *unique) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	s.calls++
	return s.Store.Update(ctx, fence, func(ctx context.Context, tx storage.Tx) error { return f(ctx, uniqueTx{tx, s}) })
}

type uniqueTx struct {
	storage.Tx
	s *unique
}

func (x uniqueTx) ChangeUsers(ctx context.Context, c []storage.Write[chatadmin.User]) ([]storage.Conflict, error) {
	var conflicts []storage.Conflict
	for i := range c {
		if x.s.taken(c[i].Row) {
			conflicts = append(conflicts, storage.Conflict{Index: i, Reason: storage.KeyTaken, Field: "email"})
		}
	}
	if conflicts != nil {
		return conflicts, nil
	}
	return x.Tx.ChangeUsers(ctx, c)
}

// Whom the host's own column does not take fails by themselves.
func TestUniqueColumnOfTheHost(t *testing.T) {
	store := &unique{Store: memstore.New(nil), taken: func(u chatadmin.User) bool { return strings.HasPrefix(u.Email, "taken") }}
	w := newWorldOn(t, store, chatadmin.ESChat)
	_, err := w.Host.CreateUser(ctx, chatadmin.NewUser{Login: "eve", FirstName: "E", LastName: "Eve", Email: "taken@acme.example"})
	require.EqualError(t, err, "email: another user has the same email as \"eve\": exists already")
	file := "login,firstname,lastname,email\nann,Ann,Smith,taken1@acme.example\nbob,Bob,Smith,b@acme.example\ncarl,Carl,Smith,taken2@acme.example\n"
	r, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file), csvimport.SkipExisting, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"2 failed taken", "3 created", "4 failed taken"}, outcomes(t, r.Outcomes, w.S, file))
	_, err = csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file), csvimport.SkipExisting, &csvimport.ImportOptions{AllOrNothing: true})
	require.ErrorIs(t, err, csvimport.ErrRowsFailed)
}

// What a function of the host refuses stops the import; it is not tried for
// ever, whatever its error is.
func TestHostRefusesUsers(t *testing.T) {
	refusal := error(nil)
	calls := 0
	w := newWorld(t, chatadmin.OfficeChat, func(o *chatadmin.Options) {
		o.OnUserChange = []chatadmin.UserChangeFunc{func(context.Context, *chatadmin.Writer, []chatadmin.UserChange) error {
			calls++
			return refusal
		}}
	})
	for _, refusal = range []error{errors.Join(errors.New("this badge is given"), chatadmin.ErrExists), &chatadmin.FieldError{Field: "login", Code: chatadmin.CodeTaken},
		errors.Join(&chatadmin.FieldError{Field: "login", Code: chatadmin.CodeTaken}, chatadmin.ErrExists)} {
		calls = 0
		_, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader("login\nann@acme.example\n"), csvimport.SkipExisting, nil)
		require.ErrorIs(t, err, refusal)
		require.Less(t, calls, 150)
	}
}
