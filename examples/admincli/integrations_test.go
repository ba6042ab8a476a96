package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/integrations/afas/afastest"
	"chatadmin.example/sdk/integrations/mailchimp/mailchimptest"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// lines is what a running command writes; it can be read meanwhile.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// site is a company whose commands run one by one over one SQLite file, beside
// a running "serve" and fakes of all providers.
type site struct {
	*session
	slack     *slacktest.Server
	mailchimp *mailchimptest.Server
	afas      *afastest.Server
	global    []string
	flags     []string
	out       *lines
}

func newSite(t *testing.T) *site {
	t.Helper()
	w := &site{session: &session{t: t}, slack: slacktest.NewServer(), mailchimp: mailchimptest.NewServer(), afas: afastest.NewServer(), out: &lines{}}
	t.Cleanup(func() { w.slack.Close(); w.mailchimp.Close(); w.afas.Close() })
	w.global = []string{"--db", filepath.Join(t.TempDir(), "chat.db"), "--as", "boss@acme.example"}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	w.flags = []string{"--slack-api", w.slack.URL, "--mailchimp-api", w.mailchimp.URL, "--afas-api", w.afas.URL, "--public-url", "http://" + address + "/integrations"}
	w.ok(w.global[0], w.global[1], "init", "--name", "Acme", "--admin", "boss@acme.example")
	w.ok(append(w.global, "groups", "create", "Sales")...)

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int)
	go func() {
		args := append(append(append([]string{"--json"}, w.global...), "integrations", "serve", "--listen", address), w.flags...)
		ended <- (&cli{in: strings.NewReader(""), out: w.out, err: &lines{}}).main(ctx, args)
	}()
	require.Eventually(t, func() bool {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, 20*time.Second, 10*time.Millisecond)
	t.Cleanup(func() {
		stop()
		require.Zero(t, <-ended)
	})
	return w
}

// do runs an integrations command and decodes what it says.
func (w *site) do(v any, args ...string) {
	w.t.Helper()
	w.json(v, append(append(append([]string{}, w.global...), append([]string{"integrations"}, args...)...), w.flags...)...)
}

func (w *site) fails(code int, text string, args ...string) {
	w.t.Helper()
	got, out, errs := w.run(append(append(append([]string{}, w.global...), append([]string{"integrations"}, args...)...), w.flags...)...)
	require.Equal(w.t, code, got, "%s%s", out, errs)
	require.Contains(w.t, errs, text)
}

type connectionShown struct {
	State, Account, Webhook_URL, Problem string
	Enabled, Connected                   bool
	Waiting                              int
	Settings                             map[string]any
	Dead                                 []struct{ ID, Reason string }
	URL                                  string
	Ask                                  []string
	Choices                              []struct{ ID, Name string }
	Services                             []struct {
		Name     string
		Enabled  bool
		Settings json.RawMessage
	}
}

// browse goes to the provider's page and back.
func (w *site) browse(authorise func(string) (string, error), address string) {
	w.t.Helper()
	back, err := authorise(address)
	require.NoError(w.t, err)
	res, err := http.Get(back)
	require.NoError(w.t, err)
	require.NoError(w.t, res.Body.Close())
	require.Equal(w.t, http.StatusOK, res.StatusCode)
}

func (w *site) eventually(text string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return strings.Contains(w.out.String(), text) }, 20*time.Second, 20*time.Millisecond, text)
}

func TestIntegrations(t *testing.T) {
	w := newSite(t)
	info, err := os.Stat(w.global[1] + ".key")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	var v connectionShown
	w.do(&v, "services")
	require.Len(t, v.Services, 3)
	w.fails(1, "ask a domain admin", "configure", "slack", "--group", "Sales")
	w.do(&v, "enable", "slack")
	v = connectionShown{}
	w.do(&v, "configure", "slack", "--group", "Sales")
	require.Equal(t, "draft", v.State)
	require.NotEmpty(t, v.Webhook_URL)
	hook := v.Webhook_URL
	w.fails(1, "authenticate first", "configure", "slack", "--group", "Sales", "--channel", "general")
	w.do(&v, "connect", "slack", "--group", "Sales")
	w.browse(w.slack.Authorise, v.URL)
	w.do(&v, "choices", "slack", "--group", "Sales")
	require.Equal(t, "C0GENERAL", v.Choices[0].ID)
	w.do(&v, "configure", "slack", "--group", "Sales", "--channel", "general", "--name", "Feed")
	require.Equal(t, []any{"saved", true, slacktest.TeamName, hook}, []any{v.State, v.Connected, v.Account, v.Webhook_URL})

	w.do(&v, "configure", "slack", "--group", "Sales", "--bots")
	require.Equal(t, []any{"Feed", true, "C0GENERAL"}, []any{v.Settings["name"], v.Settings["bots"], v.Settings["channel"]})
	v.Settings = nil
	w.do(&v, "configure", "slack", "--group", "Sales", "--bots=false", "--channel", "general")
	require.Equal(t, []any{"Feed", nil}, []any{v.Settings["name"], v.Settings["bots"]})

	w.slack.Subscribe(hook)
	w.slack.Say("C0GENERAL", "U0ALICE", "", "hello from Slack")
	require.Zero(t, w.slack.Deliver(t.Context()))
	w.eventually(`"author":"alice","text":"hello from Slack"`)
	w.do(&v, "say", "--group", "Sales", "--author", "Ann", "hello <Slack>")
	require.Eventually(t, func() bool { return len(w.slack.Messages("C0GENERAL")) == 2 }, 20*time.Second, 20*time.Millisecond)
	require.Equal(t, "Ann: hello &lt;Slack&gt;", w.slack.Messages("C0GENERAL")[1].Text)

	// A message that Slack refuses for good, looked at and tried again.
	var refuse sync.Once
	fault := slacktest.Fault{Error: "msg_too_long"}
	w.slack.SetFault(func(method string) (f slacktest.Fault) {
		if method == "chat.postMessage" {
			refuse.Do(func() { f = fault })
		}
		return f
	})
	w.do(&v, "say", "--group", "Sales", "too long")
	require.Eventually(t, func() bool {
		v = connectionShown{}
		w.do(&v, "show", "slack", "--group", "Sales")
		return len(v.Dead) == 1
	}, 20*time.Second, 20*time.Millisecond)
	require.Contains(t, v.Dead[0].Reason, "the message is too long")
	w.do(&v, "retry", v.Dead[0].ID)
	require.Eventually(t, func() bool { return len(w.slack.Messages("C0GENERAL")) == 3 }, 20*time.Second, 20*time.Millisecond)
	w.fails(1, "not found", "retry", "nonsense")

	w.do(&v, "disable", "slack")
	w.fails(1, "ask a domain admin", "choices", "slack", "--group", "Sales")
	w.do(&v, "disconnect", "slack", "--group", "Sales")
	// whichever process ends it
	require.Eventually(t, func() bool { return w.slack.Tokens() == 0 }, 20*time.Second, 20*time.Millisecond)
}

func TestMailchimpAndAFAS(t *testing.T) {
	w := newSite(t)
	var v connectionShown
	w.do(&v, "enable", "mailchimp")
	w.do(&v, "connect", "mailchimp", "--group", "Sales")
	w.browse(w.mailchimp.Authorise, v.URL)
	w.fails(1, "choose 1 to 100 audiences", "configure", "mailchimp", "--group", "Sales", "--settings", "{}")
	w.do(&v, "configure", "mailchimp", "--group", "Sales", "--audience", "a6b5da1054,b7c6eb2165")
	require.Equal(t, "saved", v.State)
	codes, err := w.mailchimp.Fire(t.Context(), "a6b5da1054", []byte("type=subscribe&fired_at=2026-03-26+21:35:57&data[id]=1&data[list_id]=a6b5da1054&data[email]=eve@a.example"))
	require.NoError(t, err)
	require.Equal(t, []int{200}, codes)
	w.eventually("eve@a.example subscribed to Newsletter.")

	// What is not given stays as it was.
	w.do(&v, "configure", "mailchimp", "--group", "Sales", "--name", "Letters")
	require.Equal(t, "Letters", v.Settings["name"])
	require.Len(t, v.Settings["audiences"], 2)
	w.do(&v, "configure", "mailchimp", "--group", "Sales", "--audience", "a6b5da1054,b7c6eb2165")
	require.Equal(t, "Letters", v.Settings["name"])

	require.Len(t, w.mailchimp.Webhooks("b7c6eb2165"), 1)
	w.ok(append(w.global, "groups", "delete", "Sales")...)
	require.Eventually(t, func() bool { return len(w.mailchimp.Webhooks("b7c6eb2165")) == 0 }, 20*time.Second, 20*time.Millisecond, "the webhooks go with the group")

	w.fails(1, "environment", "enable", "afas")
	w.do(&v, "enable", "afas", "--environment", "12345", "--kind", "test")
	w.do(&v, "enable", "afas", "--kind", "accept")
	v = connectionShown{}
	w.do(&v, "services")
	require.JSONEq(t, `{"environment":"12345","kind":"accept"}`, string(v.Services[2].Settings))
	w.do(&v, "enable", "afas", "--kind", "test")
	v = connectionShown{}
	w.do(&v, "connect", "afas")
	require.Equal(t, []string{"api_key", "environment_key", "user"}, v.Ask)
	w.in = afastest.APIKey + "\n"
	w.do(&v, "connect", "afas", "--answer", "api_key=-", "--answer", "environment_key="+afastest.EnvironmentKey, "--answer", "user=work@exampleemail.com")
	w.do(&v, "connect", "afas", "--answer", "code="+w.afas.Code("work@exampleemail.com"))
	require.True(t, v.Connected)
	w.do(&v, "choices", "afas")
	require.Equal(t, "27", v.Choices[len(v.Choices)-1].ID)
	var linked struct{ ID string }
	w.do(&linked, "link", "afas", "--key", "k1", "--field", "type=27", "--field", "subject=Talk", "a message")
	require.Equal(t, "48761", linked.ID)
	require.Len(t, w.afas.Items(), 1)

	w.ok(w.global[0], w.global[1], "2fa", "rotate-key")
	v = connectionShown{}
	w.do(&v, "choices", "afas")
	require.NotEmpty(t, v.Choices, "the token was sealed anew")
}

func TestIntegrationsUsage(t *testing.T) {
	s := newSession(t, "officechat")
	key := []string{"--key-file", filepath.Join(t.TempDir(), "key")}
	for args, want := range map[string]int{"integrations": 2, "integrations --help": 0, "integrations fly": 2, "integrations enable": 2, "integrations enable telex": 1, "integrations services": 0, "integrations show slack": 1,
		"integrations configure slack --group Nowhere": 1, "integrations connect afas": 2, "integrations serve extra": 2, "integrations say hello": 2, "integrations services --slack-api nonsense": 2,
		"integrations services --public-url nonsense": 2, "integrations connect slack --answer nonsense": 2} {
		code, out, errs := s.run(append(strings.Fields(args), key...)...)
		require.Equal(t, want, code, "%s: %s%s", args, out, errs)
	}
	require.NoError(t, os.WriteFile(key[1], []byte("short"), 0o600))
	code, _, errs := s.run(append([]string{"integrations", "services"}, key...)...)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "32 bytes")
	code, out, _ := s.run("--json", "integrations", "show", "slack", "--group", "Nowhere", "--key-file", filepath.Join(t.TempDir(), "other"))
	require.Equal(t, 1, code)
	require.NoError(t, json.Unmarshal([]byte(out), &map[string]any{}))
}
