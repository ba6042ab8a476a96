package mailchimp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/integrations"
)

// incoming is what is kept of an event until it is brought into the group.
type incoming struct {
	Type   string `json:"type"`
	List   string `json:"list"`
	Email  string `json:"email,omitempty"`
	Name   string `json:"name,omitempty"`
	New    string `json:"new,omitempty"` // the new address
	Action string `json:"action,omitempty"`
	Reason string `json:"reason,omitempty"`
	Title  string `json:"title,omitempty"` // subject of a campaign
	Status string `json:"status,omitempty"`
}

// The events that Mailchimp tells of. See
// https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks.
const (
	subscribe   = "subscribe"
	unsubscribe = "unsubscribe"
	profile     = "profile"
	upemail     = "upemail"
	cleaned     = "cleaned"
	campaign    = "campaign"
)

// read takes a form apart; ok is false for what is unknown.
func read(form url.Values) (in incoming, fired time.Time, ok bool) {
	data := func(name string) string { return line(form.Get("data[" + name + "]")) }
	in = incoming{Type: form.Get("type"), List: data("list_id"), Email: data("email"), Action: data("action"), Reason: data("reason"), Status: data("status"), Title: data("subject"),
		Name: strings.TrimSpace(data("merges][FNAME") + " " + data("merges][LNAME"))}
	fired, err := time.Parse(time.DateTime, form.Get("fired_at"))
	switch in.Type {
	case subscribe, unsubscribe, profile, cleaned:
		ok = in.Email != ""
	case upemail:
		in.Email, in.New = data("old_email"), data("new_email")
		ok = in.Email != "" && in.New != ""
	case campaign:
		ok = data("id") != ""
	}
	return in, fired, ok && err == nil && in.List != ""
}

// line is a value as one visible line of at most 200 bytes.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if s = strings.TrimSpace(s); len(s) > 200 {
		s = strings.ToValidUTF8(s[:197], "") + "…"
	}
	return s
}

const (
	// profileWait is how long a changed profile waits for the change of address
	// that it may come with.
	profileWait = 30 * time.Second
	// together is how far apart the times of the two may lie.
	together = 2
)

// event makes what is kept. A change of address covers the profile events that
// Mailchimp sends with it, for the old address or the new.
func (in *incoming) event(fired time.Time, body []byte) (integrations.Event, error) {
	data, err := json.Marshal(in)
	e := integrations.Event{Data: data}
	if in.Type == profile {
		e.Key, e.Wait = in.profileKey(in.Email, fired), profileWait
		return e, err
	}
	sum := sha256.Sum256(body)
	e.Key = fmt.Sprintf("%s/%s/%x", fired.Format(time.DateTime), in.Type, sum[:16])
	if in.Type == upemail {
		for _, address := range []string{in.Email, in.New} {
			for d := -together; d <= together; d++ {
				e.Cover = append(e.Cover, in.profileKey(address, fired.Add(time.Duration(d)*time.Second)))
			}
		}
	}
	return e, err
}

func (in *incoming) profileKey(address string, fired time.Time) string {
	sum := sha256.Sum256([]byte(in.List + "\x00" + strings.ToLower(address)))
	return fmt.Sprintf("%s/%s/%x", fired.Format(time.DateTime), profile, sum[:16])
}

// text is the sentence that the group reads.
func (in *incoming) text(audience string) string {
	who := in.Email
	if in.Name != "" {
		who = in.Name + " (" + in.Email + ")"
	}
	switch in.Type {
	case subscribe:
		return fmt.Sprintf("%s subscribed to %s.", who, audience)
	case unsubscribe:
		text := fmt.Sprintf("%s unsubscribed from %s", who, audience)
		if in.Action == "delete" {
			text = fmt.Sprintf("%s was deleted from %s", who, audience)
		}
		if in.Reason == "abuse" {
			return text + ", and reported a mail as spam."
		}
		return text + "."
	case profile:
		return fmt.Sprintf("%s changed their profile in %s.", who, audience)
	case upemail:
		return fmt.Sprintf("%s is now %s in %s.", who, in.New, audience)
	case cleaned:
		why := "mails to this address come back"
		if in.Reason == "abuse" {
			why = "a mail was reported as spam"
		}
		return fmt.Sprintf("%s was removed from %s: %s.", who, audience, why)
	default:
		title := in.Title
		if title == "" {
			title = "without a subject"
		} else {
			title = "“" + title + "”"
		}
		text := fmt.Sprintf("The campaign %s to %s is %s", title, audience, in.Status)
		switch in.Status {
		case "sent":
			text = fmt.Sprintf("The campaign %s was sent to %s", title, audience)
		case "":
			text = fmt.Sprintf("The campaign %s to %s has changed", title, audience)
		}
		if in.Reason != "" {
			text += " (" + in.Reason + ")"
		}
		return text + "."
	}
}

// tolerance is how old a signature may be: Mailchimp repeats a request over 75
// minutes, and what is kept against repetition outlives this by far.
const tolerance = 2 * time.Hour

// signed reports whether a request bears a signature by the webhook's secret,
// in the form "t=…,v1=…".
func signed(secret string, body []byte, header string, now time.Time) bool {
	var at, sig string
	for part := range strings.SplitSeq(header, ",") {
		switch name, v, _ := strings.Cut(strings.TrimSpace(part), "="); name {
		case "t":
			at = v
		case "v1":
			sig = v
		}
	}
	if at == "" || len(at) > 12 || strings.Trim(at, "0123456789") != "" {
		return false
	}
	sec, err := strconv.ParseInt(at, 10, 64)
	if err != nil || time.Unix(sec, 0).Sub(now).Abs() > tolerance {
		return false
	}
	return hmac.Equal([]byte(Sign(secret, at, body)), []byte(sig))
}

// Sign makes the signature of a body as Mailchimp does, for tests and fakes.
func Sign(secret, at string, body []byte) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(at + "."))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// accept decides about a request to the address of one audience.
func accept(c *integrations.Connection, r *integrations.Request) (integrations.Accepted, error) {
	var acc integrations.Accepted
	h := c.Hooks[r.Hook]
	switch {
	case h == nil:
		return acc, integrations.ErrRefused
	case r.Method != "POST" || len(r.Body) == 0: // Mailchimp looks whether the address answers
		return acc, nil
	case !h.Signing.IsZero() && !signed(h.Signing.Reveal(), r.Body, r.Header.Get("X-Mailchimp-Signature"), r.Now):
		return acc, integrations.ErrRefused
	}
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		return acc, integrations.ErrRefused
	}
	in, fired, ok := read(form)
	if !ok || in.List != r.Hook {
		acc.Ignored = []string{"event of an unknown form"}
		return acc, nil
	}
	e, err := in.event(fired, r.Body)
	acc.Events = []integrations.Event{e}
	return acc, err
}

func receive(data json.RawMessage, set *settings) ([]integrations.Effect, error) {
	var in incoming
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("%w: %w", chatadmin.ErrInvalid, err)
	}
	name := ""
	for _, a := range set.Audiences {
		if a.ID == in.List {
			name = a.Name
		}
	}
	if name == "" {
		return nil, nil // not chosen any more
	}
	return []integrations.Effect{{Op: integrations.Posted, As: set.Name, Text: in.text(name)}}, nil
}
