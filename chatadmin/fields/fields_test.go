package fields_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/fields"
	"chatadmin.example/sdk/chatadmin/storage"
)

// A value is kept in one form, found by any spelling, and leaves the index when
// it changes.
func TestFind(t *testing.T) {
	w := newWorld(t)
	w.declare(centre())
	w.declare(fields.Field{Name: "Team", Kind: fields.Text})
	ann, bob := w.user("ann", "cost CENTRE", "04711", "Team", "Blue Sky"), w.user("bob", "Cost-centre", "4711.0")
	require.Equal(t, "4711", w.value(ann.ID, "Cost centre"))
	require.Equal(t, []string{"ann", "bob"}, w.found("costcentre", "+4711"))
	require.Equal(t, []string{"ann"}, w.found("team", "BLUE SKY"))
	require.Empty(t, w.found("team", "4711"), "the value of another field")
	require.Equal(t, 3, w.records())

	require.NoError(t, w.edit(ann.ID, "Cost centre", "12"))
	require.Equal(t, []string{"bob"}, w.found("Cost centre", "4711"))
	require.Equal(t, []string{"ann"}, w.found("Cost centre", "12"))
	require.NoError(t, w.edit(bob.ID, "Cost centre", ""))
	require.Empty(t, w.found("Cost centre", "4711"))
	require.Equal(t, 2, w.records())

	title := "Head"
	_, err := w.S.EditUser(ctx, ann.ID, chatadmin.UserEdit{Title: &title})
	require.NoError(t, err)
	_, err = w.S.DeactivateUsers(ctx, ann.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"ann"}, w.found("Cost centre", "12"), "a deactivated user keeps their values")

	_, err = w.create("cid", "Cost centre", "x", "Salary", "1")
	require.Equal(t, []string{"Cost centre bad_number", "Salary bad_field"}, told(t, err), "all at once")
	for field, want := range chatadmintest.InOrder(map[string]error{"Salary": chatadmin.ErrNotFound, "Cost centre": chatadmin.ErrInvalid}) {
		for _, err := range w.f.Find(ctx, w.S, field, "x") {
			require.ErrorIs(t, err, want)
		}
		_, _, err := w.f.FindPage(ctx, w.S, field, "", chatadmin.Page{Limit: 1})
		require.ErrorIs(t, err, want)
	}
}

func TestFindPages(t *testing.T) {
	w := newWorld(t)
	w.declare(centre())
	for i := range 25 {
		w.user(fmt.Sprintf("u%02d", i), "Cost centre", fmt.Sprint(i%2))
	}
	var all []string
	for p := (chatadmin.Page{Limit: 4}); ; {
		users, next, err := w.f.FindPage(ctx, w.S, "Cost centre", "1", p)
		require.NoError(t, err)
		require.LessOrEqual(t, len(users), 4)
		for _, u := range users {
			all = append(all, strings.TrimSuffix(u.Login, "@acme.example"))
		}
		if p.After = next; next == "" {
			break
		}
	}
	require.ElementsMatch(t, []string{"u01", "u03", "u05", "u07", "u09", "u11", "u13", "u15", "u17", "u19", "u21", "u23"}, all)
}

// What users have already under the name becomes searchable; what the field does
// not take stays as it is, and is counted.
func TestDeclareOverValues(t *testing.T) {
	w := newWorld(t)
	ids := w.raw(2100, "Cost centre", func(i int) string {
		switch i % 3 {
		case 0:
			return fmt.Sprintf("%03d", i%7)
		case 1:
			return "to be decided"
		}
		return ""
	})
	run := w.declare(centre())
	require.Equal(t, []any{chatadmin.RunDone, int64(700), int64(700), int64(2101)}, []any{run.State, run.Data.Values, run.Data.Invalid, run.Done})
	require.Len(t, w.found("Cost centre", "3"), 100)
	require.Equal(t, "to be decided", w.value(ids[1], "Cost centre"))
	title := "Head"
	_, err := w.S.EditUser(ctx, ids[1], chatadmin.UserEdit{Title: &title})
	require.NoError(t, err, "what is there does not keep others from changing")
	require.Equal(t, []string{"Cost centre bad_number"}, told(t, w.edit(ids[1], "Cost centre", "undecided")))
	require.NoError(t, w.edit(ids[1], "Cost centre", "3"))
	require.Len(t, w.found("Cost centre", "3"), 101)

	// Again is nothing; another kind is refused; choices change.
	again, err := w.f.Declare(ctx, w.S, centre(), nil)
	require.NoError(t, err)
	require.Nil(t, again)
	_, err = w.f.Declare(ctx, w.S, fields.Field{Name: "COST CENTRE", Kind: fields.Text}, nil)
	require.ErrorIs(t, err, chatadmin.ErrExists)
	rank := fields.Field{Name: "Rank", Kind: fields.Choice, Choices: []string{"Gold"}}
	w.declare(rank)
	require.NoError(t, w.edit(ids[0], "Rank", "gold"))
	rank.Choices = []string{"Silver"}
	require.Nil(t, w.declare(rank))
	require.Equal(t, "Gold", w.value(ids[0], "Rank"), "it stays until it is changed")
	require.NoError(t, w.edit(ids[0], "Rank", "silver"))
	require.Equal(t, []string{"raw00000"}, w.found("Rank", "Silver"))
}

func TestTooManyFields(t *testing.T) {
	w := newWorld(t)
	for i := range fields.DefaultMost {
		w.declare(fields.Field{Name: fmt.Sprintf("Field %d", i), Kind: fields.Text})
	}
	_, err := w.f.Declare(ctx, w.S, centre(), nil)
	require.ErrorIs(t, err, chatadmin.ErrLimited)
	for _, most := range []int{-1, 101} {
		_, err := fields.New(w.Admin, &fields.Options{Most: most})
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
	_, err = fields.New(nil, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}

// Interrupted after any transaction, declaring and removing end as if they had
// never been.
func TestInterrupted(t *testing.T) {
	no := errors.New("the machine is gone")
	for n := 1; ; n++ {
		w := newWorld(t)
		ids := w.raw(30, "Cost centre", func(i int) string { return fmt.Sprint(i % 3) })
		left := n
		w.before = func(chatadmin.Intent) error {
			if left--; left < 0 {
				return no
			}
			return nil
		}
		run, err := w.f.Declare(ctx, w.S, centre(), nil)
		interrupted := err != nil
		w.before = nil
		if interrupted {
			require.ErrorIs(t, err, no)
			require.NotNil(t, run)
			if users, _, err := w.f.FindPage(ctx, w.S, "Cost centre", "1", chatadmin.Page{Limit: 9}); err == nil {
				require.NotEmpty(t, users, "who cannot search yet is told so")
			} else {
				require.True(t, errors.Is(err, chatadmin.ErrState) || errors.Is(err, chatadmin.ErrNotFound), "%v", err)
			}
			_, err = w.f.Resume(ctx, w.S, run.ID, nil)
			require.NoError(t, err)
		}
		require.Len(t, w.found("Cost centre", "1"), 10)

		plan, err := w.f.Plan(ctx, w.S, "cost centre")
		require.NoError(t, err)
		require.EqualValues(t, 30, plan.Values)
		left = n
		w.before = func(chatadmin.Intent) error {
			if left--; left < 0 {
				return no
			}
			return nil
		}
		run, err = w.f.Apply(ctx, w.S, plan, nil)
		again := err != nil
		w.before = nil
		if again {
			require.ErrorIs(t, err, no)
			run, err = w.f.Resume(ctx, w.S, run.ID, nil)
			require.NoError(t, err)
		}
		require.EqualValues(t, 30, run.Data.Values)
		list, err := w.f.List(ctx, w.S)
		require.NoError(t, err)
		require.Empty(t, list)
		require.Zero(t, w.records())
		require.Empty(t, w.value(ids[0], "Cost centre"))
		if !interrupted && !again {
			require.Greater(t, n, 4)
			return
		}
	}
}

// A plan counts, and rests on the declaration.
func TestRemove(t *testing.T) {
	w := newWorld(t)
	w.declare(fields.Field{Name: "Rank", Kind: fields.Choice, Choices: []string{"Gold"}})
	ann := w.user("ann", "Rank", "gold")
	plan, err := w.f.Plan(ctx, w.S, "RANK")
	require.NoError(t, err)
	require.EqualValues(t, 1, plan.Values)
	w.declare(fields.Field{Name: "Rank", Kind: fields.Choice, Choices: []string{"Gold", "Silver"}})
	_, err = w.f.Apply(ctx, w.S, plan, nil)
	require.ErrorIs(t, err, chatadmin.ErrPlanStale)
	for _, bad := range []*fields.Plan{nil, {}, {PlanHeader: plan.PlanHeader, Values: -1, Field: plan.Field}, {PlanHeader: plan.PlanHeader}} {
		_, err := w.f.Apply(ctx, w.S, bad, nil)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
	_, err = w.f.Plan(ctx, w.S, "Nothing")
	require.ErrorIs(t, err, chatadmin.ErrNotFound)

	// While it is removed nobody gets a value, nor is it declared again.
	plan, err = w.f.Plan(ctx, w.S, "Rank")
	require.NoError(t, err)
	no := errors.New("not now")
	steps := 0
	w.before = func(i chatadmin.Intent) error {
		if i.Kind == fields.KindRemove {
			if steps++; steps == 2 {
				return no
			}
		}
		return nil
	}
	run, err := w.f.Apply(ctx, w.S, plan, nil)
	require.ErrorIs(t, err, no)
	w.before = nil
	_, err = w.create("bob", "Rank", "Silver")
	require.Equal(t, []string{"Rank bad_field"}, told(t, err))
	_, err = w.f.Declare(ctx, w.S, fields.Field{Name: "Rank", Kind: fields.Text}, nil)
	require.ErrorIs(t, err, chatadmin.ErrState)
	_, err = w.f.Apply(ctx, w.S, plan, nil)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	_, err = w.f.Resume(ctx, w.S, run.ID, nil)
	require.NoError(t, err)
	require.Empty(t, w.value(ann.ID, "Rank"))
	w.declare(fields.Field{Name: "Rank", Kind: fields.Text})
	require.Empty(t, w.found("Rank", "gold"))
	w.user("bob", "Rank", "Silver")
	require.Equal(t, []string{"bob"}, w.found("Rank", "silver"))

	var changes []string
	for e, err := range w.Host.Events(ctx, chatadmin.EventQuery{Kind: fields.KindRemove, Target: ann.ID}) {
		require.NoError(t, err)
		changes = append(changes, fmt.Sprint(e.Changes[ann.ID]))
	}
	require.Equal(t, []string{"[{field Rank Gold }]"}, changes)
}

// Who stands above the actor keeps what they have.
func TestRemoveAbove(t *testing.T) {
	w := newWorld(t)
	w.declare(centre())
	require.NoError(t, w.edit(w.S.Actor(), "Cost centre", "1"))
	role, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "clerk", Level: 10, Permissions: []chatadmin.Permission{chatadmin.PermDomain}})
	require.NoError(t, err)
	u := w.user("clerk")
	_, err = w.Host.AssignRole(ctx, role.ID, u.ID)
	require.NoError(t, err)
	_, err = w.f.Plan(ctx, w.Admin.As(w.Domain, u.ID), "Cost centre")
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
}

// A hundred people change the same users while the field is declared: nobody is
// missed, and nothing too many is left.
func TestDeclareRace(t *testing.T) {
	w := newWorld(t)
	ids := w.raw(100, "Cost centre", func(int) string { return "1" })
	errs := chatadmintest.AtOnce(101, func(n int) error {
		if n == 100 {
			_, err := w.f.Declare(ctx, w.S, centre(), nil)
			return err
		}
		_, err := w.S.EditUser(ctx, ids[n], chatadmin.UserEdit{Parts: []chatadmin.UserPart{func(_ *chatadmin.Settings, _ *chatadmin.User, a *chatadmin.Attributes) []*chatadmin.FieldError {
			a.Fields = map[string]string{"Cost centre": "2"}
			return nil
		}}})
		return err
	})
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Empty(t, w.found("Cost centre", "1"))
	require.Len(t, w.found("Cost centre", "2"), 100)
	require.Equal(t, 100, w.records())
}

// A record that says more than is true is passed over.
func TestStaleRecord(t *testing.T) {
	w := newWorld(t)
	w.declare(centre())
	ann := w.user("ann", "Cost centre", "1")
	require.NoError(t, w.Store.Update(ctx, storage.Fence{Domain: w.Domain, Mode: storage.Shared}, func(c context.Context, tx storage.Tx) error {
		us, err := tx.Users(c, w.Domain, []chatadmin.ID{ann.ID})
		if err != nil {
			return err
		}
		u, was := us[0], us[0].Rev
		u.Rev, u.Attrs = was+1, nil
		_, err = tx.ChangeUsers(c, []storage.Write[chatadmin.User]{{Row: u, Was: was}})
		return err
	}))
	require.Equal(t, 1, w.records())
	require.Empty(t, w.found("Cost centre", "1"))
	require.NoError(t, w.edit(ann.ID, "Cost centre", "1"))
	require.Equal(t, []string{"ann"}, w.found("Cost centre", "1"))
}

func TestDamagedPolicy(t *testing.T) {
	w := newWorld(t)
	chatadmintest.CheckPolicy(t, w.Admin, w.Store, w.Domain, "fields", `{"v":1,"fields":[{"name":"Team","kind":"text","ready":true}]}`,
		[]string{`{"v":2,"fields":[]}`, `{"v":1,"fields":7}`, `{"v":1,"fields":[{}]}`, `{"v":1,"fields":[{"name":"Team","kind":"text"},{"name":"team","kind":"date"}]}`}, func() error {
			_, err := w.f.List(ctx, w.Host)
			return err
		})
}
