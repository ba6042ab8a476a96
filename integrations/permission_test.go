package integrations_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
)

// diary is a service of users: it takes linked messages.
type diary struct{ *Pager }

func (diary) Info() integrations.Info {
	return integrations.Info{Name: "diary", Title: "Diary", PerUser: true}
}

func (diary) Send(context.Context, *integrations.Connection, integrations.Outgoing) (integrations.Sent, error) {
	return integrations.Sent{ID: "page"}, nil
}

func pagerWorld(t *testing.T) *integrationstest.World {
	t.Helper()
	pager, err := NewPager("http://127.0.0.1:1")
	require.NoError(t, err)
	w := integrationstest.New(t, nil, pager, diary{pager})
	require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "pager", nil))
	require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "diary", nil))
	_, err = w.X.Draft(t.Context(), w.Ann, w.Of("pager"))
	require.NoError(t, err)
	_, err = w.X.Connect(t.Context(), w.Ann, w.Of("pager"), key)
	require.NoError(t, err)
	_, err = w.X.Save(t.Context(), w.Ann, w.Of("pager"), []byte(`{"line":"night"}`))
	require.NoError(t, err)
	return w
}

var key = map[string]integrations.Secret{"key": integrations.Hide("pager-key-1234567890")}

type call struct {
	chatadmintest.Call
	do func(ctx context.Context, w *integrationstest.World, s *chatadmin.Scope) error
}

// matrix has a line for each exported method that acts in somebody's name.
func matrix() map[string]call {
	groups := chatadmintest.Call{Need: chatadmin.PermGroups}
	return map[string]call{
		"Services": {chatadmintest.Call{NoTarget: true}, func(ctx context.Context, w *integrationstest.World, s *chatadmin.Scope) error {
			_, err := w.X.Services(ctx, s)
			return err
		}},
		"EnableService": {chatadmintest.Call{Need: chatadmin.PermServices, NoTarget: true}, func(ctx context.Context, w *integrationstest.World, s *chatadmin.Scope) error {
			return w.X.EnableService(ctx, s, "pager", []byte("{}"))
		}},
		"DisableService": {chatadmintest.Call{Need: chatadmin.PermServices, NoTarget: true}, func(ctx context.Context, w *integrationstest.World, s *chatadmin.Scope) error {
			return w.X.DisableService(ctx, s, "pager")
		}},
		"Draft": {groups, func(ctx context.Context, w *integrationstest.World, s *chatadmin.Scope) error {
			_, err := w.X.Draft(ctx, s, w.Of("pager"))
			return err
		}},
		"Status": {groups, func(ctx context.Context, w *integrationstest.World, s *chatadmin.Scope) error {
			_, err := w.X.Status(ctx, s, w.Of("pager"))
			return err
		}},
		"Choices": {groups, func(ctx context.Context, w *integrationstest.World, s *chatadmin.Scope) error {
			_, err := w.X.Choices(ctx, s, w.Of("pager"))
			return err
		}},
		"Connect": {groups, func(ctx context.Context, w *integrationstest.World, s *chatadmin.Scope) error {
			_, err := w.X.Connect(ctx, s, w.Of("pager"), key)
			return err
		}},
		"Save": {groups, func(ctx context.Context, w *integrationstest.World, s *chatadmin.Scope) error {
			_, err := w.X.Save(ctx, s, w.Of("pager"), []byte(`{"line":"day"}`))
			return err
		}},
		"Disconnect": {groups, func(ctx context.Context, w *integrationstest.World, s *chatadmin.Scope) error {
			return w.X.Disconnect(ctx, s, w.Of("pager"))
		}},
		"DeadLetters": {groups, func(ctx context.Context, w *integrationstest.World, s *chatadmin.Scope) error {
			_, err := w.X.DeadLetters(ctx, s, w.Of("pager"))
			return err
		}},
		"Retry": {groups, func(ctx context.Context, w *integrationstest.World, s *chatadmin.Scope) error {
			return w.X.Retry(ctx, s, dead)
		}},
		"Discard": {groups, func(ctx context.Context, w *integrationstest.World, s *chatadmin.Scope) error {
			return w.X.Discard(ctx, s, dead)
		}},
		"Link": {chatadmintest.Call{OwnTarget: true}, func(ctx context.Context, w *integrationstest.World, s *chatadmin.Scope) error {
			of := integrations.Of{Service: "diary", Owner: s.Actor()}
			if _, err := w.X.Draft(ctx, s, of); err != nil {
				return err
			}
			if _, err := w.X.Connect(ctx, s, of, key); err != nil {
				return err
			}
			_, err := w.X.Link(ctx, s, of, "m1", integrations.Message{Text: "dear diary"}, nil)
			return err
		}},
	}
}

// dead is the dead letter that Retry and Discard are about.
var dead chatadmin.ID

// letter makes a dead letter of the group: its one message is refused by the
// host.
func letter(w *integrationstest.World) chatadmin.ID {
	find := func() []integrations.DeadLetter {
		list, err := w.X.DeadLetters(w.T.Context(), w.Ann, w.Of("pager"))
		require.NoError(w.T, err)
		return list
	}
	if len(find()) == 0 {
		w.Groups.Fault = func(string) (error, error) { return fmt.Errorf("no such group: %w", chatadmin.ErrNotFound), nil }
		st, err := w.X.Status(w.T.Context(), w.Ann, w.Of("pager"))
		require.NoError(w.T, err)
		res, err := http.Post(st.Webhook.Reveal(), "application/json", strings.NewReader(`{"id":"1","text":"x"}`))
		require.NoError(w.T, err)
		require.NoError(w.T, res.Body.Close())
		w.Deliver()
	}
	return find()[0].ID
}

func TestPermissions(t *testing.T) {
	for name, c := range matrix() {
		t.Run(name, func(t *testing.T) {
			var w *integrationstest.World
			c.Open = func(t *testing.T) (*chatadmin.Admin, chatadmin.ID) {
				w = pagerWorld(t)
				if name == "Retry" || name == "Discard" {
					dead = letter(w)
				}
				return w.Admin, w.Domain
			}
			c.Do = func(ctx context.Context, s *chatadmin.Scope) error { return c.do(ctx, w, s) }
			chatadmintest.Authorise(t, c.Call)
			if c.Need == chatadmin.PermGroups {
				c.Open(t)
				require.NoError(t, c.do(t.Context(), w, w.Ann), "an admin of the group may")
				c.Open(t)
				member := w.User("member@acme.example")
				_, err := w.Host.AddMembers(t.Context(), w.Group, member.ID)
				require.NoError(t, err)
				require.ErrorIs(t, c.do(t.Context(), w, w.Admin.As(w.Domain, member.ID)), chatadmin.ErrForbidden, "a member of the group may not")
			}
		})
	}
}

// hostOnly are the methods that take no scope: only the host can call them.
var hostOnly = []string{"Deliver", "Form", "Handler", "Reseal", "ResumeReseal", "Tell"}

// Every exported method has its line in the matrix and in the documentation.
func TestPermissionTable(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	listed := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^//\t([a-z.]+|\([a-z ]+\)) {2,}(.*)$`).FindAllStringSubmatch(string(text), -1) {
		for _, word := range regexp.MustCompile(`[A-Z]\w+`).FindAllString(m[2], -1) {
			listed[word] = m[1]
		}
	}
	typ := reflect.TypeFor[*integrations.Integrations]()
	lines := matrix()
	for i := range typ.NumMethod() {
		name := typ.Method(i).Name
		c, ok := lines[name]
		want := string(c.Need)
		switch {
		case !ok:
			require.Contains(t, hostOnly, name, "a new call needs a line in the matrix")
			want = "(host)"
		case c.OwnTarget:
			want = "(oneself)"
		case want == "":
			want = "(none)"
		case c.Need == chatadmin.PermGroups:
			want = "groups"
		}
		require.Equal(t, want, listed[name], "%s in doc.go", name)
	}
	require.Len(t, lines, typ.NumMethod()-len(hostOnly))
}

// The code in ADDING.md is the code that is compiled here.
func TestAddingPage(t *testing.T) {
	page, err := os.ReadFile("ADDING.md")
	require.NoError(t, err)
	code, err := os.ReadFile("pager_test.go")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	require.Len(t, blocks, 7)
	for _, b := range blocks {
		require.Contains(t, string(code), b[1])
	}
}
