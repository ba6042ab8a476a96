package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"chatadmin.example/sdk/chatadmin"
)

// flags makes the flag set of a command, whose --help prints text.
func (c *cli) flags(name, text string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(c.err)
	fs.Usage = func() {
		_, _ = fmt.Fprintln(c.err, strings.TrimSpace(text))
	}
	return fs
}

// parse parses flags. With rest, they may also stand behind arguments, which are collected there.
func parse(fs *flag.FlagSet, args []string, rest *[]string) error {
	fs.SetOutput(discard{})
	show := fs.Usage
	fs.Usage = func() {}
	for {
		err := fs.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			show()
			return err
		}
		if err != nil {
			return usage("%s: %s", fs.Name(), err)
		}
		if rest == nil || fs.NArg() == 0 {
			return nil
		}
		*rest = append(*rest, fs.Arg(0))
		args = fs.Args()[1:]
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// write prints one JSON object.
func (c *cli) write(v any) error {
	e := json.NewEncoder(c.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// say prints a result as JSON or, by text, for people.
func (c *cli) say(v any, text func(*tabwriter.Writer)) error {
	if c.json {
		return c.write(v)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	text(w)
	return w.Flush()
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

// names finds how people know users, groups and the domain: by login and by name. What is not found keeps its ID.
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
