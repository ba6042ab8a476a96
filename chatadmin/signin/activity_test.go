package signin_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

const day = 24 * time.Hour

// in signs somebody in from a kind of client.
func (w *world) in(name string, client signin.Client) {
	w.T.Helper()
	d, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: name + "@acme.example", Client: client}, w.verify("right"))
	require.NoError(w.T, err)
	require.True(w.T, d.Allowed(), d.Reason())
}

// signIns are the rows of a list, read in pages of every size, by login.
func (w *world) signIns(q signin.SignInQuery) (logins []string, rows map[string]signin.SignIn) {
	w.T.Helper()
	rows = map[string]signin.SignIn{}
	for row, err := range w.gate.SignIns(ctx, w.S, q) {
		require.NoError(w.T, err)
		name, _, _ := strings.Cut(row.Login, "@")
		logins, rows[name] = append(logins, name), row
	}
	for _, limit := range []int{1, 2, 3} {
		var again []string
		for p := (chatadmin.Page{Limit: limit}); ; {
			page, next, err := w.gate.SignInsPage(ctx, w.S, q, p)
			require.NoError(w.T, err)
			require.LessOrEqual(w.T, len(page), limit)
			for _, row := range page {
				name, _, _ := strings.Cut(row.Login, "@")
				again = append(again, name)
			}
			if p.After = next; next == "" {
				break
			}
		}
		require.Equal(w.T, logins, again, "pages of %d", limit)
	}
	return logins, rows
}

func TestLastSignIn(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann := w.user("ann")
	w.user("bob")
	start := w.Clock.Now()
	_, rows := w.signIns(signin.SignInQuery{})
	require.Equal(t, signin.SignIn{User: ann.ID, Login: ann.Login, Name: ann.DisplayName, Kind: chatadmin.Network, Status: chatadmin.Pending, IdleSince: start}, rows["ann"])

	w.Clock.Advance(time.Hour)
	w.in("ann", signin.Web)
	first := w.Clock.Now()
	_, rows = w.signIns(signin.SignInQuery{})
	require.Equal(t, signin.SignIn{User: ann.ID, Login: ann.Login, Name: ann.DisplayName, Kind: chatadmin.Network, Status: chatadmin.Active,
		SignedIn: first, Client: signin.Web, Method: signin.Password, Seen: first, IdleSince: first}, rows["ann"])
	require.Zero(t, rows["bob"].SignedIn)

	// what is refused is no sign-in, and what is soon repeated costs no write
	w.Clock.Advance(30 * time.Second)
	w.try("ann@acme.example", "wrong", signin.Wrong)
	w.in("ann", signin.Web)
	_, rows = w.signIns(signin.SignInQuery{})
	require.Equal(t, first, rows["ann"].SignedIn)
	w.in("ann", signin.IOS)
	_, rows = w.signIns(signin.SignInQuery{})
	require.Equal(t, []any{first.Add(30 * time.Second), signin.IOS}, []any{rows["ann"].SignedIn, rows["ann"].Client})
	w.Clock.Advance(day)
	w.in("ann", signin.IOS)
	_, rows = w.signIns(signin.SignInQuery{})
	require.Equal(t, w.Clock.Now(), rows["ann"].SignedIn)
	require.Len(t, w.Events(signin.KindUserSignIn), 1, "the audit log has the first one alone")
}

// A code that is asked for is no sign-in yet; the right one is.
func TestLastSignInBehindSecondFactor(t *testing.T) {
	second := &codes{}
	w := newWorld(t, chatadmin.OfficeChat, func(o *signin.Options) { o.SecondFactor = second })
	w.user("ann")
	d, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: "ann@acme.example", Client: signin.Mac}, w.verify("right"))
	require.NoError(t, err)
	require.NotNil(t, d.Challenge)
	_, rows := w.signIns(signin.SignInQuery{})
	require.Zero(t, rows["ann"].SignedIn)
	d, err = w.gate.Complete(ctx, w.Domain, d.Challenge.ID, "123456", false)
	require.NoError(t, err)
	require.True(t, d.Allowed())
	_, rows = w.signIns(signin.SignInQuery{})
	require.Equal(t, []any{w.Clock.Now(), signin.Mac}, []any{rows["ann"].SignedIn, rows["ann"].Client})
}

// idlers is a domain in which people were last seen at different times:
//
//	early   60 days ago, on the web
//	middle  40 days ago, on iOS
//	guest   40 days ago, on the web
//	late    10 days ago
//	never   has never signed in, created 70 days ago
//	new     has never signed in, created today
//	off     60 days ago, deactivated since
func idlers(t *testing.T) *world {
	w := newWorld(t, chatadmin.OfficeChat)
	for _, name := range []string{"early", "middle", "late", "never", "off"} {
		w.user(name)
	}
	_, err := w.Host.CreateUser(ctx, chatadmin.NewUser{Login: "guest@acme.example", Kind: chatadmin.Guest, NoInvitation: true})
	require.NoError(t, err)
	w.Clock.Advance(10 * day)
	w.in("early", signin.Web)
	w.Clock.Advance(time.Hour)
	w.in("off", signin.Web)
	w.Clock.Advance(20*day - time.Hour)
	w.in("middle", signin.IOS)
	w.Clock.Advance(time.Hour)
	w.in("guest", signin.Web)
	w.Clock.Advance(30 * day)
	w.in("late", signin.Android)
	off, err := w.Host.UserByLogin(ctx, "off@acme.example")
	require.NoError(t, err)
	_, err = w.Host.DeactivateUsers(ctx, off.ID)
	require.NoError(t, err)
	w.Clock.Advance(10 * day)
	w.in("boss", signin.Web)
	w.user("new")
	return w
}

func TestSignInsFiltered(t *testing.T) {
	w := idlers(t)
	for name, c := range map[string]struct {
		q    signin.SignInQuery
		want []string
	}{
		"all, by login":         {signin.SignInQuery{}, []string{"boss", "early", "guest", "late", "middle", "never", "new"}},
		"idle, longest first":   {signin.SignInQuery{IdleFor: 5 * day}, []string{"never", "early", "middle", "guest", "late"}},
		"idle for 30 days":      {signin.SignInQuery{IdleFor: 30 * day}, []string{"never", "early", "middle", "guest"}},
		"idle for 65 days":      {signin.SignInQuery{IdleFor: 65 * day}, []string{"never"}},
		"idle for a year":       {signin.SignInQuery{IdleFor: 365 * day}, nil},
		"never":                 {signin.SignInQuery{UnusedOnly: true}, []string{"never", "new"}},
		"never, for long":       {signin.SignInQuery{UnusedOnly: true, IdleFor: 30 * day}, []string{"never"}},
		"by a client":           {signin.SignInQuery{Client: signin.Web}, []string{"boss", "early", "guest"}},
		"idle, by a client":     {signin.SignInQuery{Client: signin.Web, IdleFor: 30 * day}, []string{"early", "guest"}},
		"searched":              {signin.SignInQuery{Search: "DDL"}, []string{"middle"}},
		"idle, searched":        {signin.SignInQuery{Search: "e", IdleFor: 30 * day}, []string{"never", "early", "middle", "guest"}},
		"idle, searched for la": {signin.SignInQuery{Search: "la", IdleFor: 5 * day}, []string{"late"}},
		"guests":                {signin.SignInQuery{Kinds: []chatadmin.Kind{chatadmin.Guest}}, []string{"guest"}},
		"idle guests":           {signin.SignInQuery{Kinds: []chatadmin.Kind{chatadmin.Guest}, IdleFor: 30 * day}, []string{"guest"}},
		"deactivated":           {signin.SignInQuery{Statuses: []chatadmin.Status{chatadmin.Deactivated}}, []string{"off"}},
		"idle and deactivated":  {signin.SignInQuery{Statuses: []chatadmin.Status{chatadmin.Deactivated}, IdleFor: 30 * day}, []string{"off"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := w.signIns(c.q)
			require.Equal(t, c.want, got)
		})
	}
	_, _, err := w.gate.SignInsPage(ctx, w.S, signin.SignInQuery{IdleFor: -1}, chatadmin.Page{})
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, _, err = w.gate.SignInsPage(ctx, w.S, signin.SignInQuery{}, chatadmin.Page{After: "x"})
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	never, err := w.Host.UserByLogin(ctx, "never@acme.example")
	require.NoError(t, err)
	w.PutUser(never.ID, func(u *chatadmin.User) { u.Deleting = true })
	got, _ := w.signIns(signin.SignInQuery{IdleFor: 30 * day})
	require.Equal(t, []string{"early", "middle", "guest"}, got)
}

// Users of an earlier version, who are active without a record, are idle since
// the library keeps it, not before.
func TestSignInsOfBefore(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	old := w.user("old")
	w.PutUser(old.ID, func(u *chatadmin.User) { u.Status = chatadmin.Active })
	w.Clock.Advance(400 * day)
	got, _ := w.signIns(signin.SignInQuery{IdleFor: 30 * day, Statuses: []chatadmin.Status{chatadmin.Active}})
	require.Empty(t, got, "nobody knows")
	_, rows := w.signIns(signin.SignInQuery{})
	require.Zero(t, rows["old"].IdleSince)
	w.in("boss", signin.Web)
	since := w.Clock.Now()
	w.Clock.Advance(29 * day)
	active := signin.SignInQuery{IdleFor: 30 * day, Statuses: []chatadmin.Status{chatadmin.Active}}
	got, _ = w.signIns(active)
	require.Empty(t, got)
	w.Clock.Advance(2 * day)
	got, rows = w.signIns(active)
	require.Equal(t, []string{"boss", "old"}, got)
	require.Equal(t, since, rows["old"].IdleSince)
	w.in("old", signin.Web)
	got, _ = w.signIns(active)
	require.Equal(t, []string{"boss"}, got)
}

// Whoever stays signed in is not idle: requests are noted, and written at most
// once an hour.
func TestSeen(t *testing.T) {
	store := &failing{Store: memstore.New(nil)}
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	ann := w.user("ann")
	w.in("ann", signin.Desktop)
	signedIn := w.Clock.Now()
	flush := func() int {
		n, err := w.gate.FlushActivity(ctx)
		require.NoError(t, err)
		return n
	}
	w.gate.Seen(w.Domain, ann.ID)
	require.Zero(t, flush(), "the sign-in is not an hour old")
	w.Clock.Advance(40 * day)
	w.gate.Seen(w.Domain, ann.ID)
	w.gate.Seen(w.Domain, "gone")
	w.gate.Seen("nowhere", ann.ID)
	w.gate.Seen(w.Domain, chatadmin.HostActor)
	got, _ := w.signIns(signin.SignInQuery{IdleFor: 30 * day, Search: "ann"})
	require.Equal(t, []string{"ann"}, got, "not written yet")
	n, err := w.gate.FlushActivity(ctx)
	require.Equal(t, 1, n)
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "one domain is none")
	got, rows := w.signIns(signin.SignInQuery{})
	require.Equal(t, []string{"ann", "boss"}, got)
	require.Equal(t, []any{signedIn, signin.Desktop, w.Clock.Now()}, []any{rows["ann"].SignedIn, rows["ann"].Client, rows["ann"].Seen})
	got, _ = w.signIns(signin.SignInQuery{IdleFor: 30 * day, Search: "ann"})
	require.Empty(t, got)
	w.gate.Seen(w.Domain, ann.ID)
	require.Zero(t, flush())

	// what cannot be written now is written later
	w.Clock.Advance(2 * time.Hour)
	w.gate.Seen(w.Domain, ann.ID)
	store.err = errDown
	_, err = w.gate.FlushActivity(ctx)
	require.ErrorIs(t, err, errDown)
	store.err = nil
	report, err := w.Admin.Work(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, report["user activity"])

	// a clock that was ahead is put right
	w.Clock.Advance(10 * day)
	w.gate.Seen(w.Domain, ann.ID)
	require.Equal(t, 1, flush())
	w.Clock.Advance(-5 * day)
	w.gate.Seen(w.Domain, ann.ID)
	require.Equal(t, 1, flush())
	_, rows = w.signIns(signin.SignInQuery{})
	require.Equal(t, w.Clock.Now(), rows["ann"].Seen)
}

// failing is a store that is down at times.
type failing struct {
	chatadmin.Store
	err error
}

func (f *failing) Update(ctx context.Context, fence storage.Fence, do func(context.Context, storage.Tx) error) error {
	if f.err != nil {
		return f.err
	}
	return f.Store.Update(ctx, fence, do)
}

// A record that cannot be read makes nobody idle and keeps nobody out; the next
// sign-in writes it anew, and the time after a repair counts from there.
func TestActivityDamaged(t *testing.T) {
	for name, how := range waysToDamage {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chatadmin.OfficeChat)
			ann, bob := w.user("ann"), w.user("bob")
			w.in("ann", signin.Web)
			w.in("bob", signin.Web)
			w.in("boss", signin.Web)
			w.Clock.Advance(40 * day)
			w.damage("activity", ann.ID, how)
			w.damage("activity", bob.ID, how)
			q := signin.SignInQuery{IdleFor: 30 * day}
			got, _ := w.signIns(q)
			require.Equal(t, []string{"boss"}, got)
			p, err := w.gate.PlanIdle(ctx, w.Host, signin.Idle{For: 30 * day})
			require.NoError(t, err)
			require.NotContains(t, p.Users, ann.ID)
			require.ElementsMatch(t, []string{string(ann.ID), string(bob.ID)}, w.damaged())

			w.in("ann", signin.Web)
			require.NoError(t, w.Host.Repair(ctx, "activity", string(bob.ID)))
			require.Empty(t, w.damaged())
			_, rows := w.signIns(signin.SignInQuery{})
			require.Equal(t, w.Clock.Now(), rows["ann"].SignedIn)
			require.Equal(t, w.Clock.Now(), rows["bob"].IdleSince)
			w.Clock.Advance(31 * day)
			got, _ = w.signIns(q)
			require.Equal(t, []string{"boss", "ann", "bob"}[:1], got[:1])
			require.ElementsMatch(t, []string{"boss", "ann", "bob"}, got)
		})
	}
}

// A hundred sign-ins of one user at once, in two processes: all come in, and
// one record says so.
func TestSignInsAtOnce(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann := w.user("ann")
	other := chatadmintest.Must(signin.New(chatadmintest.Must(chatadmin.New(w.Store, &chatadmin.Options{Now: w.Clock.Now})), nil))
	for _, err := range chatadmintest.AtOnce(100, func(n int) error {
		gate := map[bool]*signin.Gate{true: w.gate, false: other}[n%2 == 0]
		client := []signin.Client{signin.Web, signin.IOS, signin.Mac}[n%3]
		d, err := gate.SignIn(ctx, w.Domain, signin.Attempt{Login: "ann@acme.example", Client: client}, w.verify("right"))
		if err == nil && !d.Allowed() {
			err = fmt.Errorf("refused: %s", d.Reason())
		}
		return err
	}) {
		require.NoError(t, err)
	}
	rs, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Kind: "activity", Domain: w.Domain, Owner: ann.ID}, chatadmin.Page{Limit: 10})
	require.NoError(t, err)
	require.Len(t, rs, 1)
	require.Equal(t, w.Clock.Now(), rs[0].Due)
}
