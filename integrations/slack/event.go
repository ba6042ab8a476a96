package slack

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"chatadmin.example/sdk/integrations"
)

// envelope is what the Events API sends, as far as it matters here. Everything else is ignored. See https://docs.slack.dev/apis/events-api.
type envelope struct {
	Type      string `json:"type"`
	Challenge string `json:"challenge"`
	TeamID    string `json:"team_id"`
	AppID     string `json:"api_app_id"`
	Event     *event `json:"event"`
}

type event struct {
	Type     string `json:"type"`
	Subtype  string `json:"subtype"`
	User     string `json:"user"`
	Username string `json:"username"`
	Text     string `json:"text"`
	Channel  string `json:"channel"`
	TS       string `json:"ts"`
	ThreadTS string `json:"thread_ts"`
	EventTS  string `json:"event_ts"`
	BotID    string `json:"bot_id"`
	AppID    string `json:"app_id"`
	Deleted  string `json:"deleted_ts"`

	BotProfile *struct {
		AppID string `json:"app_id"`
	} `json:"bot_profile"`
	Edited   *struct{} `json:"edited"`
	Message  *event    `json:"message"`
	Previous *event    `json:"previous_message"`
	Files    []*struct {
		Name string `json:"name"`
	} `json:"files"`
}

// incoming is what is kept of an event until it is brought into the group.
type incoming struct {
	Op      integrations.Op `json:"op"`
	Channel string          `json:"channel"`
	TS      string          `json:"ts"`
	Thread  string          `json:"thread,omitempty"`
	User    string          `json:"user,omitempty"`
	Name    string          `json:"name,omitempty"` // where Slack says it
	Text    string          `json:"text,omitempty"` // markup
}

var (
	isTS = regexp.MustCompile(`^\d{10}\.\d{6}$`)
	isID = regexp.MustCompile(`^[A-Z0-9]{2,24}$`)
)

// posts are the subtypes that are messages of people.
var posts = map[string]bool{"": true, "file_share": true, "me_message": true, "thread_broadcast": true, "bot_message": true}

// decide turns an event into what is to be done in the group: nothing for what is unknown, of another channel, or our own.
func (a *account) decide(e *event, set *settings) *incoming {
	if e == nil || e.Type != "message" || e.Channel != set.Channel {
		return nil
	}
	in := &incoming{Channel: e.Channel}
	switch {
	case posts[e.Subtype]:
		if a.automatic(e, set) {
			return nil
		}
		in.Op, in.TS, in.User, in.Name, in.Text = integrations.Posted, e.TS, e.User, e.Username, e.text()
		if e.ThreadTS != e.TS {
			in.Thread = e.ThreadTS
		}
	case e.Subtype == "message_changed" && e.Message != nil && e.Message.Subtype == "tombstone":
		in.Op, in.TS = integrations.Deleted, e.Message.TS
	case e.Subtype == "message_changed" && e.Message != nil && e.Message.Edited != nil: // else a preview was added to a link
		if a.automatic(e.Message, set) || e.Previous != nil && e.Previous.text() == e.Message.text() {
			return nil
		}
		in.Op, in.TS, in.Text = integrations.Edited, e.Message.TS, e.Message.text()
	case e.Subtype == "message_deleted":
		if e.Previous != nil && a.automatic(e.Previous, set) {
			return nil
		}
		in.Op, in.TS = integrations.Deleted, e.Deleted
	default:
		return nil
	}
	if !isTS.MatchString(in.TS) || in.Thread != "" && !isTS.MatchString(in.Thread) || in.Op == integrations.Posted && in.Text == "" {
		return nil
	}
	return in
}

// automatic reports whether a message comes from a program: from this app always, so that nothing echoes, and from others unless the settings let them in.
func (a *account) automatic(e *event, set *settings) bool {
	app := e.AppID
	if e.BotProfile != nil && app == "" {
		app = e.BotProfile.AppID
	}
	switch {
	case e.User != "" && e.User == a.BotUser, app != "" && app == a.App, e.BotID != "" && e.BotID == a.Bot:
		return true
	case e.BotID != "" || app != "" || e.Subtype == "bot_message" || e.User == "USLACKBOT":
		return !set.Bots
	}
	return e.User == ""
}

// text is the text of a message, with the names of its files.
func (e *event) text() string {
	text := e.Text
	for _, f := range e.Files {
		if f != nil && f.Name != "" {
			text = strings.TrimPrefix(text+"\n[file: "+Escape(f.Name)+"]", "\n")
		}
	}
	return text
}

// at is the time in the order of which events go. In both forms a new message has the same.
func (in *incoming) key(eventTS string) string {
	if in.Op == integrations.Posted || !isTS.MatchString(eventTS) {
		eventTS = in.TS
	}
	return fmt.Sprintf("%s/%s/%s/%s", eventTS, in.Op, in.Channel, in.TS)
}

// legacy reads the form that an outgoing webhook posts. See https://api.slack.com/legacy/custom-integrations/outgoing-webhooks.
func legacy(form url.Values) (e *event, token, team string) {
	e = &event{Type: "message", User: form.Get("user_id"), Username: form.Get("user_name"), Text: form.Get("text"), Channel: form.Get("channel_id"),
		TS: form.Get("timestamp"), ThreadTS: form.Get("thread_ts"), BotID: form.Get("bot_id")}
	return e, form.Get("token"), form.Get("team_id")
}

func (in *incoming) event(eventTS string) ([]integrations.Event, error) {
	if in == nil {
		return nil, nil
	}
	data, err := json.Marshal(in)
	return []integrations.Event{{Key: in.key(eventTS), Data: data}}, err
}
