package support_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"testing/slogtest"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/support"
	"chatadmin.example/sdk/chatadmin/support/redact"
)

func TestLogHandler(t *testing.T) {
	var out bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		out.Reset()
		return support.NewLogHandler(slog.NewJSONHandler(&out, nil), support.Info, nil)
	}, func(t *testing.T) map[string]any {
		m := map[string]any{}
		require.NoError(t, json.Unmarshal(out.Bytes(), &m))
		return m
	})
}

// What each level logs.
func TestLogLevels(t *testing.T) {
	for level, logged := range chatadmintest.InOrder(map[support.Level]int{support.None: 0, support.ErrorsOnly: 1, support.Warnings: 2, support.Info: 3, support.Debug: 4, "": 1}) {
		var out bytes.Buffer
		h := support.NewLogHandler(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}), support.Debug, nil)
		child := slog.New(h).With("a", 1)
		h.SetLevel(level) // of the child, too
		child.Error("x")
		child.Warn("x")
		child.Info("x")
		child.Debug("x")
		child.Log(ctx, -100, "x")
		require.Equal(t, logged, bytes.Count(out.Bytes(), []byte("\n")), level)
	}
	h := support.NewLogHandler(slog.NewTextHandler(&bytes.Buffer{}, nil), support.Debug, nil)
	require.False(t, h.Enabled(ctx, slog.LevelDebug), "the next handler decides further")
	h.SetLevel(support.None)
	require.False(t, h.Enabled(ctx, 1<<30))
}

type account struct {
	Name     string
	Password string
	hidden   string
}

type hiding struct{}

func (hiding) LogValue() slog.Value { return slog.StringValue("token=hushhush") }

type shy struct{}

func (shy) String() string               { return "nothing" }
func (shy) MarshalJSON() ([]byte, error) { return []byte(`{"password":"hushhush"}`), nil }

// A secret is written by no handler, wherever in a record it stands.
func TestLogSecrets(t *testing.T) {
	for name, log := range map[string]func(*slog.Logger){
		"message":    func(l *slog.Logger) { l.Info("GET /?token=hushhush") },
		"value":      func(l *slog.Logger) { l.Info("x", "url", "https://ann:hushhush@h/") },
		"key":        func(l *slog.Logger) { l.Info("x", "password", "hushhush") },
		"key, any":   func(l *slog.Logger) { l.Info("x", "apiKey", []string{"hushhush"}) },
		"group":      func(l *slog.Logger) { l.Info("x", slog.Group("g", slog.Group("h", "secret", "hushhush"))) },
		"with":       func(l *slog.Logger) { l.With("refresh_token", "hushhush").WithGroup("g").Info("x", "a", 1) },
		"in a group": func(l *slog.Logger) { l.WithGroup("g").With("pin", "hushhush").Info("x") },
		"error":      func(l *slog.Logger) { l.Info("x", "err", fmt.Errorf("calling: %w", errors.New("password=hushhush"))) },
		"struct":     func(l *slog.Logger) { l.Info("x", "account", account{"ann", "hushhush", ""}) },
		"pointer":    func(l *slog.Logger) { l.Info("x", "account", &account{"ann", "hushhush", "token=hushhush"}) },
		"headers":    func(l *slog.Logger) { l.Info("x", "h", http.Header{"Cookie": {"a=hushhush; b=hushhush"}}) },
		"LogValuer":  func(l *slog.Logger) { l.Info("x", "v", hiding{}) },
		"JSON alone": func(l *slog.Logger) { l.Info("x", "v", shy{}) },
		"bytes":      func(l *slog.Logger) { l.Info("x", "v", json.RawMessage(`{"password":"hushhush"}`)) },
		"odd key":    func(l *slog.Logger) { l.Info("x", "the\npassword", "hushhush") },
		"bad value":  func(l *slog.Logger) { l.Info("x", "f", map[string]any{"password": "hushhush", "f": func() {}}) },
	} {
		for form, handler := range map[string]func(*bytes.Buffer) slog.Handler{
			"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			"JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var out bytes.Buffer
			log(slog.New(support.NewLogHandler(handler(&out), support.Info, nil)))
			require.NotContains(t, out.String(), "hushhush", "%s, %s", name, form)
			require.Contains(t, out.String(), redact.Mark, "%s, %s", name, form)
		}
	}
	var out bytes.Buffer
	slog.New(support.NewLogHandler(slog.NewJSONHandler(&out, nil), support.Info, nil)).Info("joined", "user", "ann", "n", 3, "ok", true, "list", []int{1, 2}, "err", errors.New("timeout"))
	require.Contains(t, out.String(), `"msg":"joined","user":"ann","n":3,"ok":true,"list":[1,2],"err":"timeout"`, "the rest stays as it is")
}
