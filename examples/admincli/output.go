package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// write prints one JSON object.
func (c *cli) write(v any) error {
	e := json.NewEncoder(c.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// say prints a result for people by text, or keeps it: the one object of --json
// is written when the command has ended.
func (c *cli) say(v any, text func(*tabwriter.Writer)) error {
	if c.json {
		c.result = v
		return nil
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	text(w)
	return w.Flush()
}

// tell says a result in one row.
func (c *cli) tell(v any, cells ...any) error {
	return c.say(v, func(w *tabwriter.Writer) { row(w, cells...) })
}

// done says in a sentence what was done.
func (c *cli) done(text string) error {
	return c.tell(map[string]any{"done": text}, text)
}

// skips tells of a row that cannot be read beside the list, which goes on
// without it. It reports false of any other error, and of none.
func (c *cli) skips(err error) bool {
	if !errors.Is(err, chatadmin.ErrDamaged) {
		return false
	}
	_, _ = fmt.Fprintf(c.err, "admincli: %s\n", err)
	return true
}

// finish writes the object of --json: the result, the error, or both if the
// command did what it should and only a mail did not leave.
func (c *cli) finish(err error) {
	if !c.json || err == nil && c.result == nil {
		return
	}
	object := map[string]json.RawMessage{}
	if err == nil || code(err) == "mail_failed" {
		if text, ok := encoded(c.result); ok && err == nil {
			_, _ = c.out.Write(text)
			return
		} else if ok {
			_ = json.Unmarshal(text, &object)
		}
	}
	object["error"], _ = json.Marshal(map[string]string{"code": code(err), "message": err.Error()})
	_ = c.write(object)
}

func encoded(v any) ([]byte, bool) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return []byte(b.String()), err == nil && v != nil
}

// row prints cells in columns.
func row(w *tabwriter.Writer, cells ...any) {
	for i, cell := range cells {
		if i > 0 {
			_, _ = fmt.Fprint(w, "\t")
		}
		_, _ = fmt.Fprint(w, cell)
	}
	_, _ = fmt.Fprintln(w)
}

// count is a number with its noun: "1 person", "2 people".
func count[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// span is a duration as people say it: "30 days", "1 hour 30 minutes".
func span(d time.Duration) string {
	if d < time.Second {
		return "0"
	}
	var parts []string
	for _, unit := range []struct {
		name string
		long time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}} {
		if n := int64(d / unit.long); n > 0 {
			parts = append(parts, count(n, unit.name, unit.name+"s"))
			d -= time.Duration(n) * unit.long
		}
	}
	return strings.Join(parts, " ")
}

// names finds how people know users and groups: by login and by name. An ID
// that is not found stays as it is.
func (c *cli) names(ctx context.Context, s *chatadmin.Scope, ids []chatadmin.ID) (func(chatadmin.ID) string, error) {
	names := map[chatadmin.ID]string{}
	for batch := range slices.Chunk(ids, chatadmin.MaxBatch) {
		users, err := c.admin.Store().Users(ctx, s.Domain(), batch)
		if err != nil {
			return nil, err
		}
		groups, err := c.admin.Store().Groups(ctx, s.Domain(), batch)
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			names[u.ID] = u.Login
		}
		for _, g := range groups {
			names[g.ID] = g.Name
		}
	}
	return func(id chatadmin.ID) string {
		if name, ok := names[id]; ok {
			return name
		}
		return string(id)
	}, nil
}
