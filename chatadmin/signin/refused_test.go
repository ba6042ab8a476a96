package signin_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// refusing is a second factor that refuses some users, and asks others.
type refusing struct {
	codes
	why map[chatadmin.ID]signin.Reason
}

func (r *refusing) Ask(ctx context.Context, set *chatadmin.Settings, u chatadmin.User, a signin.Attempt) (signin.Asked, error) {
	switch why, ok := r.why[u.ID]; {
	case ok && why != "":
		return signin.Asked{}, &signin.Refusal{Reason: why}
	case ok:
		return r.codes.Ask(ctx, set, u, a)
	}
	return signin.Asked{}, nil
}

// refusals are the rows of a list, in pages of every size.
func (w *world) refusals(q signin.RefusedQuery) []signin.RefusedUser {
	w.T.Helper()
	_, err := w.gate.FlushActivity(ctx)
	require.NoError(w.T, err)
	var all []signin.RefusedUser
	for row, err := range w.gate.Refusals(ctx, w.S, q) {
		require.NoError(w.T, err)
		all = append(all, row)
	}
	for _, limit := range []int{1, 2, 100} {
		var again []signin.RefusedUser
		for p := (chatadmin.Page{Limit: limit}); ; {
			rows, next, err := w.gate.RefusalsPage(ctx, w.S, q, p)
			require.NoError(w.T, err)
			require.LessOrEqual(w.T, len(rows), limit)
			if again = append(again, rows...); next == "" {
				break
			}
			p.After = next
		}
		require.Equal(w.T, all, again, "pages of %d", limit)
	}
	return all
}

// Every reason for which a sign-in is refused is listed, with whom it was about,
// when, and from what.
func TestRefusalsHaveEveryReason(t *testing.T) {
	second := &refusing{why: map[chatadmin.ID]signin.Reason{}}
	w := &world{sessions: &sessions{}, verified: map[chatadmin.ID]int{}}
	veto := false
	w.World = chatadmintest.NewWorld(t, &chatadmintest.WorldOptions{Preset: chatadmin.Engage, Admin: func(o *chatadmin.Options) {
		o.Before = func(_ context.Context, i chatadmin.Intent) error {
			if veto && i.Kind == signin.KindUserSignIn {
				return errDown
			}
			return nil
		}
	}, Extend: func(a *chatadmin.Admin) {
		w.gate = chatadmintest.Must(signin.New(a, &signin.Options{Devices: doorman{}, SecondFactor: second, Sessions: w.sessions}))
	}})
	left := signin.Reasons()
	try := func(a signin.Attempt, verify signin.Verify) func(chatadmin.User) {
		return func(u chatadmin.User) {
			a := a
			if a.Client = signin.Web; a.Login == "" {
				a.Login = u.Login
			}
			_, err := w.gate.SignIn(ctx, w.Domain, a, verify)
			require.NoError(t, err)
		}
	}
	enter := try(signin.Attempt{}, w.verify("right"))
	wrong := try(signin.Attempt{}, w.verify("wrong"))
	by := func(why signin.Reason) func(chatadmin.User) {
		return func(u chatadmin.User) { second.why[u.ID] = why; enter(u) }
	}
	assertion := func(u chatadmin.User, subject string) {
		_, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: u.Login, Client: signin.Web, Method: signin.SAML, Issuer: "idp", Subject: subject}, w.verify("right"))
		require.NoError(t, err)
	}
	for why, refuse := range map[signin.Reason]func(chatadmin.User){
		signin.Unknown:  try(signin.Attempt{Login: "nobody-has-this"}, w.verify("right")),
		signin.Spelling: func(u chatadmin.User) { try(signin.Attempt{Login: "U" + u.Login[1:]}, w.verify("right"))(u) },
		signin.Wrong:    wrong,
		signin.WrongCode: func(u chatadmin.User) {
			second.why[u.ID] = ""
			d, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: u.Login, Client: signin.Web}, w.verify("right"))
			require.NoError(t, err)
			_, err = w.gate.Complete(ctx, w.Domain, d.Challenge.ID, "000000", false)
			require.NoError(t, err)
		},
		signin.Locked: func(u chatadmin.User) {
			for range 3 {
				wrong(u)
			}
			enter(u)
		},
		signin.NoAccess: func(u chatadmin.User) {
			_, err := w.Host.DenyAccess(ctx, u.ID)
			require.NoError(t, err)
			enter(u)
		},
		signin.Deactivated: func(u chatadmin.User) {
			_, err := w.Host.DeactivateUsers(ctx, u.ID)
			require.NoError(t, err)
			enter(u)
		},
		signin.Deleting: func(u chatadmin.User) { // noted before it is being deleted, or it is not there
			enter(u)
			w.erase(u.ID)
			enter(u)
		},
		signin.NoDomain: func(u chatadmin.User) {
			require.NoError(t, w.Admin.SuspendDomain(ctx, w.Domain))
			enter(u)
			require.NoError(t, w.Admin.ResumeDomain(ctx, w.Domain))
		},
		signin.NoDevice: try(signin.Attempt{Device: "stolen"}, w.verify("right")),
		signin.NoChallenge: func(chatadmin.User) {
			_, err := w.gate.Complete(ctx, w.Domain, "no-such-challenge", "123456", false)
			require.NoError(t, err)
		},
		signin.Busy: try(signin.Attempt{}, func(context.Context, chatadmin.User) (bool, error) { return false, chatadmin.ErrBusy }),
		signin.Changed: try(signin.Attempt{}, func(_ context.Context, u chatadmin.User) (bool, error) {
			return true, w.Admin.PasswordChanged(ctx, w.Domain, u.ID)
		}),
		signin.OtherAccount: func(u chatadmin.User) {
			assertion(u, "first")
			assertion(u, "second")
		},
		signin.Vetoed: func(u chatadmin.User) {
			veto = true
			enter(u)
			veto = false
		},
		signin.NoAddress:    by(signin.NoAddress),
		signin.TooManyCodes: by(signin.TooManyCodes),
	} {
		t.Run(string(why), func(t *testing.T) {
			login := "u-" + string(why)
			u, err := w.Host.CreateUser(ctx, chatadmin.NewUser{Login: login, Email: login + "@acme.example", FirstName: "A", LastName: "B", NoInvitation: true})
			require.NoError(t, err)
			w.Clock.Advance(time.Minute)
			refuse(u)
			left = slices.DeleteFunc(left, func(r signin.Reason) bool { return r == why })
			q, want := signin.RefusedQuery{Reason: why, User: u.ID}, u.ID
			if why == signin.Unknown || why == signin.NoChallenge {
				q.User, want = "", ""
			}
			rows := w.refusals(q)
			if why == signin.Deleting {
				require.Empty(t, rows, "who is being deleted is not listed")
				return
			}
			require.Len(t, rows, 1)
			require.Equal(t, want, rows[0].User)
			require.Equal(t, why, rows[0].Refused[0].Reason)
			require.Equal(t, w.Clock.Now(), rows[0].Refused[0].At)
			if why != signin.NoChallenge {
				require.Equal(t, signin.Web, rows[0].Refused[0].Client)
			}
			if want != "" {
				require.Equal(t, login, rows[0].Login)
				require.Equal(t, rows[0].Refused[0], w.refusals(signin.RefusedQuery{User: u.ID})[0].Refused[0])
				require.Equal(t, want, w.refusals(signin.RefusedQuery{})[0].User, "who was refused last comes first")
			}
		})
	}
	require.Empty(t, left, "every reason was tried")
	require.ErrorIs(t, func() error {
		_, _, err := w.gate.RefusalsPage(ctx, w.S, signin.RefusedQuery{Reason: "x"}, chatadmin.Page{})
		return err
	}(), chatadmin.ErrInvalid)
}

// Of each user the last ten are kept, whatever happens in how many processes,
// and they go with the user.
func TestRefusalsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, chatadmin.OfficeChat)
	ann, bob := w.user("ann"), w.user("bob")
	other := chatadmintest.Must(signin.New(chatadmintest.Must(chatadmin.New(w.Store, &chatadmin.Options{Now: w.Clock.Now})), nil))
	for n := range 30 {
		w.Clock.Advance(time.Hour)
		for _, g := range []*signin.Gate{w.gate, other} {
			_, err := g.SignIn(ctx, w.Domain, signin.Attempt{Login: "ann@acme.example", Client: signin.IOS}, w.verify("wrong"))
			require.NoError(t, err)
		}
		w.try("nobody@acme.example", "right", signin.Unknown)
		if n%7 == 0 {
			_, err := other.FlushActivity(ctx)
			require.NoError(t, err)
		}
	}
	for _, err := range chatadmintest.AtOnce(20, func(n int) error {
		_, err := []*signin.Gate{w.gate, other}[n%2].FlushActivity(ctx)
		return err
	}) {
		require.NoError(t, err)
	}
	w.Clock.Advance(time.Minute)
	w.try("bob@acme.example", "wrong", signin.Wrong)
	rows := w.refusals(signin.RefusedQuery{})
	require.Equal(t, bob.ID, rows[0].User)
	require.Len(t, rows, 3)
	for _, row := range rows[1:] {
		require.Len(t, row.Refused, 10)
		require.True(t, slices.IsSortedFunc(row.Refused, func(a, b signin.Refused) int { return b.At.Compare(a.At) }))
	}
	require.Len(t, w.refusals(signin.RefusedQuery{Search: "ANN@"}), 1)
	require.Len(t, w.refusals(signin.RefusedQuery{Client: signin.IOS}), 1)
	require.Len(t, w.refusals(signin.RefusedQuery{Since: w.Clock.Now()}), 1)
	require.Empty(t, w.refusals(signin.RefusedQuery{Since: w.Clock.Now().Add(time.Millisecond)}))
	records, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Domain: w.Domain, Owner: ann.ID, Kind: "refused"}, chatadmin.Page{Limit: 10})
	require.NoError(t, err)
	require.Len(t, records, 1, "it goes with her")
	require.NotContains(t, string(records[0].Data), "acme", "and holds nothing that was typed")
}
