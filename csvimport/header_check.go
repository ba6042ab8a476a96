package csvimport

import (
	"fmt"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
)

// found lists the headings of the file for a message.
func (h *header) found() string {
	var b strings.Builder
	for i, name := range h.names {
		if b.Len() > 150 {
			fmt.Fprintf(&b, " and %d more", len(h.names)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", chatadmin.Cut(name))
	}
	return b.String()
}

// check refuses a header without a login, and one with a status that is not
// understood.
func (h *header) check(names []string) error {
	data := slices.ContainsFunc(names, func(s string) bool { return chatadmin.CheckEmail(strings.TrimSpace(s)) == nil })
	known := slices.ContainsFunc(h.at, func(i int) bool { return i >= 0 })
	example := strings.Join(h.example()[:5], ",")
	switch {
	case !h.has(colLogin) && data:
		return fileError("no_header", fmt.Sprintf("the first line must hold the headings, such as %q; this file begins with data: %s", example, h.found()),
			"why.csv_data", example, listed(h.names))
	case !known && len(h.names) == 1:
		return fileError("no_header", fmt.Sprintf("the first line is a single column, %q: separate columns by a comma, a semicolon, a tab or a bar (|), and begin with headings such as %q",
			chatadmin.Cut(h.names[0]), example), "why.csv_separator", example, chatadmin.Cut(h.names[0]))
	case !known:
		return fileError("no_header", fmt.Sprintf("the first line must hold the headings, such as %q; none of these is known: %s", example, h.found()),
			"why.csv_headings", example, listed(h.names))
	case !h.has(colLogin):
		text := fmt.Sprintf("the column %q is missing: it says which user a line is about; the headings are %s", h.example()[3], h.found())
		if near := h.nearest(); near != "" {
			text += fmt.Sprintf("; is %q meant?", chatadmin.Cut(near))
		}
		return fileError("missing_column", text, "why.csv_login", h.example()[3], listed(h.names))
	}
	if h.has(colEnabled) {
		return nil
	}
	for _, name := range h.unknown {
		if looksLikeStatus(name) {
			return fileError("status_column", fmt.Sprintf("the column %q may say who has access, and it is not known how: rename it to Enabled, or say what it means", chatadmin.Cut(name)),
				"why.csv_status", chatadmin.Cut(name))
		}
	}
	return nil
}

// nearest is the heading that is most like one of the login.
func (h *header) nearest() string {
	found, least := "", 3
	for _, name := range h.unknown {
		key := headingKey(name)
		for known := range ranks {
			if m, _ := meanKey(known, h.oneLogin); m.col != colLogin || len(known) < 4 {
				continue
			}
			if d := distance(key, known, least); d < least {
				found, least = name, d
			}
		}
	}
	return found
}

// distance is how many letters differ between two words, if fewer than most.
func distance(a, b string, most int) int {
	if len(a)-len(b) >= most || len(b)-len(a) >= most {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			last, row[j+1] = row[j+1], min(last+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// warnings are those of the headings: one for each meaning that several columns
// have, and one for all that are not known.
func (h *header) warnings() (w []texts.Message) {
	byWinner := map[string][]string{}
	var order []string
	for _, l := range h.losers {
		if byWinner[l.winner] == nil {
			order = append(order, l.winner)
		}
		byWinner[l.winner] = append(byWinner[l.winner], l.name)
	}
	for _, winner := range order {
		names := byWinner[winner]
		w = append(w, texts.NewMessage("warn.csv_same", len(names), listed(names), chatadmin.Cut(winner)))
	}
	if len(h.unknown) > 0 {
		w = append(w, texts.NewMessage("warn.csv_unknown", len(h.unknown), listed(h.unknown)))
	}
	return w
}

// listed names some columns.
func listed(names []string) string {
	const most = 8
	var quoted []string
	for _, name := range names[:min(len(names), most)] {
		quoted = append(quoted, fmt.Sprintf("%q", chatadmin.Cut(name)))
	}
	if more := len(names) - most; more > 0 {
		quoted = append(quoted, fmt.Sprintf("… (+%d)", more))
	}
	return strings.Join(quoted, ", ")
}
