package main

import (
	"iter"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
)

// paged adds the flags of a list that is shown page by page.
func paged(x *cobra.Command, limit *int, after *string, what string) *cobra.Command {
	x.Flags().IntVar(limit, "limit", *limit, "one page of at most so many; 0: all "+what)
	x.Flags().StringVar(after, "after", "", "the page behind this `cursor`, the one that the page before said")
	return checked(x, func([]string) error {
		if *limit < 0 {
			return usage("--limit is 0 or more")
		}
		return nil
	})
}

// readable leaves out what cannot be read, and says so.
func readable[T any](c *cli, all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range all {
			if !c.skips(err) && !yield(v, err) {
				return
			}
		}
	}
}

// rows are a page of a list, and the cursor of the next one; all of it if
// neither a limit nor a cursor is given.
func rows[T any](limit int, after string, all iter.Seq2[T, error],
	page func(chatadmin.Page) ([]T, chatadmin.Cursor, error),
) (list []T, next chatadmin.Cursor, err error) {
	if limit > 0 || after != "" {
		return page(chatadmin.Page{After: chatadmin.Cursor(after), Limit: limit})
	}
	for v, err := range all {
		if err != nil {
			return nil, "", err
		}
		list = append(list, v)
	}
	return list, "", nil
}

// enough is how many rows are looked through at once for those that fit.
const enough = 200

// fitting is a page of those rows of a list that fit, and the cursor behind the
// last of them; all of them if neither a limit nor a cursor is given. A page is
// full unless the list ends.
func fitting[T any](limit int, after string, page func(chatadmin.Page) ([]T, chatadmin.Cursor, error),
	fits func(T) bool,
) (list []T, next chatadmin.Cursor, err error) {
	if limit == 0 && after != "" {
		limit = chatadmin.DefaultPage
	}
	for p := (chatadmin.Page{After: chatadmin.Cursor(after), Limit: enough}); ; {
		rows, next, err := page(p)
		if err != nil {
			return nil, "", err
		}
		kept := make([]T, 0, len(rows))
		for i := range rows {
			if !fits(rows[i]) {
				continue
			}
			if limit > 0 && len(list)+len(kept) == limit {
				kept, p.Limit = nil, i // anew, for the cursor in front of this row
				break
			}
			kept = append(kept, rows[i])
		}
		if p.Limit < enough && kept == nil {
			continue
		}
		list = append(list, kept...)
		if next == "" || limit > 0 && len(list) == limit {
			return list, next, nil
		}
		p = chatadmin.Page{After: next, Limit: enough}
	}
}

// sayPage says a page of a list, and where the next one begins.
func (c *cli) sayPage(key string, list any, next chatadmin.Cursor, text func(*tabwriter.Writer)) error {
	v := map[string]any{key: list}
	if next != "" {
		v["next"] = next
	}
	return c.say(v, func(w *tabwriter.Writer) {
		text(w)
		if next != "" {
			row(w, "more:", "--after "+string(next))
		}
	})
}
