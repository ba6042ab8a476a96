package integrations_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/slack"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// slackWorld has a draft of Slack in the group, and the address by which ann's
// browser comes back from Slack.
func slackWorld(t *testing.T, o *integrationstest.Options) (w *integrationstest.World, srv *slacktest.Server, back string) {
	t.Helper()
	srv = slacktest.NewServer()
	t.Cleanup(srv.Close)
	svc, err := slack.New(srv.Options())
	require.NoError(t, err)
	w = integrationstest.New(t, o, svc)
	srv.Now = w.Clock.Now
	require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "slack", nil))
	_, err = w.X.Draft(t.Context(), w.Ann, w.Of("slack"))
	require.NoError(t, err)
	return w, srv, journey(t, w, srv)
}

func journey(t *testing.T, w *integrationstest.World, srv *slacktest.Server) string {
	t.Helper()
	next, err := w.X.Connect(t.Context(), w.Ann, w.Of("slack"), nil)
	require.NoError(t, err)
	back, err := srv.Authorise(next.URL.Reveal())
	require.NoError(t, err)
	return back
}

func connected(t *testing.T, w *integrationstest.World) bool {
	t.Helper()
	st, err := w.X.Status(t.Context(), w.Boss, w.Of("slack"))
	require.NoError(t, err)
	return st.Connected
}

// A hundred callbacks at once, in two processes: one exchange.
func TestStateWorksOnce(t *testing.T) {
	store := memstore.New(nil)
	w, srv, back := slackWorld(t, &integrationstest.Options{Store: store})
	svc, err := slack.New(srv.Options())
	require.NoError(t, err)
	second := w.Integrations(chatadmintest.Must(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: w.Clock.Now})), svc)
	var mu sync.Mutex
	codes := map[int]int{}
	var wg sync.WaitGroup
	start := make(chan struct{})
	for n := range 100 {
		wg.Go(func() {
			<-start
			x := w.X
			if n%2 == 1 {
				x = second
			}
			rec := browse(x, w.Ann, back)
			mu.Lock()
			defer mu.Unlock()
			codes[rec.Code]++
		})
	}
	close(start)
	wg.Wait()
	require.Equal(t, map[int]int{http.StatusOK: 1, http.StatusBadRequest: 99}, codes)
	require.Equal(t, 1, srv.Calls("oauth.v2.access"))
	require.True(t, connected(t, w))
}

func TestStateIsBound(t *testing.T) {
	ctx := t.Context()
	for name, c := range map[string]struct {
		do   func(w *integrationstest.World, back string) (s *chatadmin.Scope, address string)
		code int
	}{
		"another actor's browser": {func(w *integrationstest.World, back string) (*chatadmin.Scope, string) { return w.Boss, back }, http.StatusForbidden},
		"another domain's browser": {func(w *integrationstest.World, back string) (*chatadmin.Scope, string) {
			return w.Admin.As("elsewhere", w.Ann.Actor()), back
		}, http.StatusForbidden},
		"demoted meanwhile": {func(w *integrationstest.World, back string) (*chatadmin.Scope, string) {
			require.NoError(t, w.Boss.SetGroupAdmin(ctx, w.Group, false, w.Ann.Actor()))
			return w.Ann, back
		}, http.StatusForbidden},
		"deactivated meanwhile": {func(w *integrationstest.World, back string) (*chatadmin.Scope, string) {
			_, err := w.Boss.DeactivateUsers(ctx, w.Ann.Actor())
			require.NoError(t, err)
			return w.Ann, back
		}, http.StatusForbidden},
		"disabled meanwhile": {func(w *integrationstest.World, back string) (*chatadmin.Scope, string) {
			require.NoError(t, w.X.DisableService(ctx, w.Boss, "slack"))
			return w.Ann, back
		}, http.StatusBadRequest},
		"expired": {func(w *integrationstest.World, back string) (*chatadmin.Scope, string) {
			w.Clock.Advance(10 * time.Minute)
			return w.Ann, back
		}, http.StatusBadRequest},
		"another provider": {func(w *integrationstest.World, back string) (*chatadmin.Scope, string) {
			return w.Ann, strings.Replace(back, "/callback/slack", "/callback/pager", 1)
		}, http.StatusBadRequest},
		"no code": {func(w *integrationstest.World, back string) (*chatadmin.Scope, string) {
			u, err := url.Parse(back)
			require.NoError(t, err)
			q := u.Query()
			q.Del("code")
			q.Set("error", "access_denied")
			u.RawQuery = q.Encode()
			return w.Ann, u.String()
		}, http.StatusBadRequest},
		"another state": {func(w *integrationstest.World, back string) (*chatadmin.Scope, string) {
			u, err := url.Parse(back)
			require.NoError(t, err)
			q := u.Query()
			s := q.Get("state")
			q.Set("state", s[:len(s)-43]+strings.Repeat("A", 43))
			u.RawQuery = q.Encode()
			return w.Ann, u.String()
		}, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			w, srv, back := slackWorld(t, nil)
			s, address := c.do(w, back)
			code, text := w.Browser(s, address)
			require.Equal(t, c.code, code, text)
			require.NotContains(t, text, "state=")
			require.Zero(t, srv.Calls("oauth.v2.access"))
			if st, err := w.X.Status(t.Context(), w.Boss, w.Of("slack")); err == nil {
				require.False(t, st.Connected)
			}
		})
	}
}

func TestStatesAreForgotten(t *testing.T) {
	w, _, back := slackWorld(t, nil)
	require.NoError(t, w.X.Deliver(t.Context()))
	w.Clock.Advance(11 * time.Minute)
	require.NoError(t, w.X.Deliver(t.Context()))
	rs, _, err := w.Store.ListRecords(t.Context(), storage.RecordQuery{Kind: "integration.state"}, chatadmin.Page{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, rs)
	code, _ := w.Browser(w.Ann, back)
	require.Equal(t, http.StatusBadRequest, code)
}

// A host has no browser.
func TestHostCannotAuthenticate(t *testing.T) {
	w, _, _ := slackWorld(t, nil)
	_, err := w.X.Connect(t.Context(), w.Host, w.Of("slack"), nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}

// Without a way to tell whose browser it is there is no OAuth.
func TestSignedInIsNeeded(t *testing.T) {
	srv := slacktest.NewServer()
	defer srv.Close()
	svc, err := slack.New(srv.Options())
	require.NoError(t, err)
	w := pagerWorld(t)
	ring := newRing(t)
	_, err = integrations.New(w.Admin, &integrations.Options{Keys: ring, Groups: w.Groups, Services: []integrations.Service{svc},
		PublicURL: "https://chat.example"})
	require.ErrorContains(t, err, "SignedIn")
	for _, address := range []string{"", "chat.example", "ftp://chat.example", "https://chat.example?x=1"} {
		_, err = integrations.New(w.Admin, &integrations.Options{Keys: ring, Groups: w.Groups, Services: []integrations.Service{svc},
			PublicURL: address, SignedIn: integrationstest.SignedIn})
		require.ErrorContains(t, err, "PublicURL")
	}
	_, err = integrations.New(w.Admin, &integrations.Options{Keys: ring, Groups: w.Groups, Services: []integrations.Service{svc, svc},
		PublicURL: "https://chat.example", SignedIn: integrationstest.SignedIn})
	require.ErrorContains(t, err, "a name of its own")
}

// The commit that uses up the state is not confirmed, though kept: the journey
// goes on.
func TestStateUnderUnknownCommit(t *testing.T) {
	store := memstore.New(nil)
	w, srv, back := slackWorld(t, &integrationstest.Options{Store: store})
	svc, err := slack.New(srv.Options())
	require.NoError(t, err)
	st := &unsure{Store: store}
	second := w.Integrations(chatadmintest.Must(chatadmin.New(st, &chatadmin.Options{Now: w.Clock.Now})), svc)
	st.times = 1
	rec := browse(second, w.Ann, back)
	require.Equal(t, 200, rec.Code, rec.Body.String())
}

type unsure struct {
	chatadmin.Store
	times int
}

func (u *unsure) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	err := u.Store.Update(ctx, fence, f)
	if err == nil && u.times > 0 {
		u.times--
		return chatadmin.ErrCommitUnknown
	}
	return err
}

// Where it cannot be seen who is signed in, nobody is accused.
func TestSignedInFails(t *testing.T) {
	w, srv, back := slackWorld(t, nil)
	svc, err := slack.New(srv.Options())
	require.NoError(t, err)
	x, err := integrations.New(chatadmintest.Must(chatadmin.New(w.Store, &chatadmin.Options{Now: w.Clock.Now})), &integrations.Options{Keys: newRing(t), Groups: w.Groups, Services: []integrations.Service{svc},
		PublicURL: "https://chat.example",
		SignedIn: func(*http.Request) (chatadmin.ID, chatadmin.ID, error) {
			return "", "", errors.New("session store down")
		}})
	require.NoError(t, err)
	rec := browse(x, w.Ann, back)
	require.Equal(t, http.StatusBadRequest, rec.Code)
	require.NotContains(t, rec.Body.String(), "begun by somebody else")
	require.NotContains(t, rec.Body.String(), "session store")
}

// twoStep is a service of users whose accounts are connected in two steps.
type twoStep struct{ *Pager }

func (twoStep) Info() integrations.Info {
	return integrations.Info{Name: "two", Title: "Two", PerUser: true}
}

func (twoStep) Connect(_ context.Context, _ *integrations.Connection, s integrations.Step) (integrations.Next, error) {
	if who := s.Answers["code"].Reveal(); who != "" {
		return integrations.Next{Grant: &integrations.Grant{Token: integrations.Hide("token-of-" + who), ID: who, Label: who}}, nil
	}
	return integrations.Next{Ask: []string{"code"}, Keep: integrations.Hide("keys")}, nil
}

func (twoStep) Send(context.Context, *integrations.Connection, integrations.Outgoing) (integrations.Sent, error) {
	return integrations.Sent{ID: "page"}, nil
}

// Thinking of another account does not take the working one away; having
// another one makes the settings a draft.
func TestTwoSteps(t *testing.T) {
	ctx := t.Context()
	pager, err := NewPager("http://127.0.0.1:1")
	require.NoError(t, err)
	w := integrationstest.New(t, nil, twoStep{pager})
	require.NoError(t, w.X.EnableService(ctx, w.Boss, "two", nil))
	of := integrations.Of{Service: "two", Owner: w.Ann.Actor()}
	_, err = w.X.Draft(ctx, w.Ann, of)
	require.NoError(t, err)
	for _, a := range []map[string]integrations.Secret{nil, {"code": integrations.Hide("first")}} {
		_, err = w.X.Connect(ctx, w.Ann, of, a)
		require.NoError(t, err)
	}
	_, err = w.X.Save(ctx, w.Ann, of, []byte(`{"line":"of the first"}`))
	require.NoError(t, err)
	count := func() (n int) {
		for _, err := range w.Host.Events(ctx, chatadmin.EventQuery{Target: w.Ann.Actor(), Kind: "integration."}) {
			require.NoError(t, err)
			n++
		}
		return n
	}
	before := count()
	_, err = w.X.Connect(ctx, w.Ann, of, nil) // thinks of connecting anew, and leaves it at that
	require.NoError(t, err)
	t.Run("still connected", func(t *testing.T) {
		st, err := w.X.Status(ctx, w.Ann, of)
		require.NoError(t, err)
		require.True(t, st.Connected || count() > before)
	})
	t.Run("link", func(t *testing.T) {
		_, err := w.X.Link(ctx, w.Ann, of, "m1", integrations.Message{Text: "x"}, nil)
		require.NoError(t, err)
	})
	t.Run("another account", func(t *testing.T) {
		_, err := w.X.Connect(ctx, w.Ann, of, map[string]integrations.Secret{"code": integrations.Hide("second")})
		require.NoError(t, err)
		st, err := w.X.Status(ctx, w.Ann, of)
		require.NoError(t, err)
		require.Equal(t, "second", st.Account)
		require.Equal(t, "draft", st.State)
	})
}
