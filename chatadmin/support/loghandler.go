package support

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"chatadmin.example/sdk/chatadmin/support/redact"
)

// LogHandler is a slog.Handler for a client. It logs as much as the reporting
// level says, and takes secrets out before they are written. It is safe for
// many goroutines.
type LogHandler struct {
	next   slog.Handler
	level  *slog.LevelVar // shared with the handlers made from this one
	redact *redact.Redactor
}

// NewLogHandler returns a handler that gives records to next, which decides
// further whether it wants them. With a nil r, secrets are taken out by
// redact.Default.
func NewLogHandler(next slog.Handler, l Level, r *redact.Redactor) *LogHandler {
	if r == nil {
		r = redact.Default()
	}
	h := &LogHandler{next, new(slog.LevelVar), r}
	h.SetLevel(l)
	return h
}

// SetLevel changes the level of this handler and of all that were made from it.
func (h *LogHandler) SetLevel(l Level) { h.level.Set(l.Slog()) }

// Enabled implements slog.Handler.
func (h *LogHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= h.level.Level() && h.level.Level() != slogNone && h.next.Enabled(ctx, l)
}

// Handle implements slog.Handler.
func (h *LogHandler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, h.redact.String(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.clean(a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

// WithAttrs implements slog.Handler.
func (h *LogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	cleaned := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		cleaned[i] = h.clean(a)
	}
	return &LogHandler{h.next.WithAttrs(cleaned), h.level, h.redact}
}

// WithGroup implements slog.Handler.
func (h *LogHandler) WithGroup(name string) slog.Handler {
	return &LogHandler{h.next.WithGroup(name), h.level, h.redact}
}

// clean takes secrets out of an attribute: by its key, or by what its value
// looks like as text.
func (h *LogHandler) clean(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		attrs := make([]slog.Attr, len(v.Group()))
		for i, in := range v.Group() {
			attrs[i] = h.clean(in)
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(attrs...)}
	}
	text, isText := textOf(v)
	clean := h.redact.String(text)
	if h.namesSecret(a.Key) {
		return slog.String(a.Key, redact.Mark)
	}
	if clean == text {
		if isText || v.Kind() != slog.KindAny {
			return slog.Attr{Key: a.Key, Value: v}
		}
		// How next writes it is not known: as JSON it may show more.
		if b, err := json.Marshal(v.Any()); err == nil && h.redact.String(string(b)) == string(b) {
			return slog.Attr{Key: a.Key, Value: v}
		}
		if err, ok := v.Any().(error); !ok || err == nil {
			clean = redact.Mark
		}
	}
	return slog.String(a.Key, clean)
}

// namesSecret reports whether the value of a key is secret.
func (h *LogHandler) namesSecret(key string) bool {
	line := strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, key) + `="x"`
	return strings.HasSuffix(h.redact.String(line), redact.Mark+`"`)
}

// textOf is a value as text, and whether it is a text by itself.
func textOf(v slog.Value) (string, bool) {
	if v.Kind() == slog.KindAny {
		if err, ok := v.Any().(error); ok {
			return fmt.Sprint(err), false
		}
		return fmt.Sprintf("%+v", v.Any()), false
	}
	return v.String(), v.Kind() == slog.KindString
}
