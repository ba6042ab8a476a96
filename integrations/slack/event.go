package slack

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"

	"chatadmin.example/sdk/integrations"
)

// envelope is what the Events API sends, as far as it matters here. Everything
// else is ignored. See https://docs.slack.dev/apis/events-api.
type envelope struct {
	Type      string `json:"type"`
	Challenge string `json:"challenge"`
	TeamID    string `json:"team_id"`
	AppID     string `json:"api_app_id"`
	Event     *event `json:"event"`

	ContextTeamID  string `json:"context_team_id"`
	Shared         bool   `json:"is_ext_shared_channel"`
	Authorizations []*struct {
		TeamID string `json:"team_id"`
	} `json:"authorizations"`
}

// concerns reports whether an event is for a workspace. In a channel that
// several workspaces share (Slack Connect), team_id may be the workspace of the
// author. The installation that the event is for stands in authorizations,
// which names one of them even where several have the app; for the others the
// ID of the channel decides, which is the same in all of them.
func (env *envelope) concerns(team, channel string) bool {
	if env.TeamID == team || env.ContextTeamID == team {
		return true
	}
	for _, a := range env.Authorizations {
		if a != nil && a.TeamID == team {
			return true
		}
	}
	return env.Shared && env.Event != nil && channel != "" && env.Event.Channel == channel
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
	Hidden   bool      `json:"hidden"`
	Message  *event    `json:"message"`
	Previous *event    `json:"previous_message"`

	// What else a message can hold, in many forms.
	Blocks      json.RawMessage `json:"blocks"`
	Attachments json.RawMessage `json:"attachments"`
	Files       json.RawMessage `json:"files"`
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

// notices are the subtypes by which Slack tells of the channel itself. They are
// no messages of anybody. See https://docs.slack.dev/reference/events/message.
var notices = regexp.MustCompile(`^(channel|group)_(join|leave|topic|purpose|name|archive|unarchive|convert_to_private|convert_to_public|posting_permissions)$` +
	`|^(bot_add|bot_remove|bot_enable|bot_disable|pinned_item|unpinned_item|reminder_add|message_replied|ekm_access_denied)$`)

// Why events are ignored.
const (
	ignoredNotice  = "notice of Slack about the channel"
	ignoredBot     = "message of another app"
	ignoredPreview = "change without an edit, such as the preview of a link"
	ignoredUnknown = "event of an unknown form"
)

// decide turns an event into what is to be done in the group, or tells why it
// is ignored. What is of another channel or our own is ignored for no reason.
func (a *account) decide(e *event, set *settings) (in *incoming, ignored string) {
	if e == nil || e.Type != "message" || e.Channel != set.Channel {
		return nil, ""
	}
	in = &incoming{Channel: e.Channel}
	switch {
	case notices.MatchString(e.Subtype):
		return nil, ignoredNotice
	case e.Subtype == "" || !e.Hidden && e.Subtype != "message_changed" && e.Subtype != "message_deleted":
		if own, other := a.automatic(e, set); own || other {
			return nil, why(other, ignoredBot)
		}
		in.Op, in.TS, in.User, in.Name, in.Text = integrations.Posted, e.TS, e.User, e.Username, e.text()
		if e.ThreadTS != e.TS {
			in.Thread = e.ThreadTS
		}
	case e.Subtype == "message_changed" && e.Message != nil && e.Message.Subtype == "tombstone":
		in.Op, in.TS = integrations.Deleted, e.Message.TS
	case e.Subtype == "message_changed" && e.Message != nil && e.Message.Edited != nil:
		// else a preview was added to a link
		if own, other := a.automatic(e.Message, set); own || other {
			return nil, why(other, ignoredBot)
		}
		if e.Previous != nil && e.Previous.text() == e.Message.text() {
			return nil, ignoredPreview
		}
		in.Op, in.TS, in.Text = integrations.Edited, e.Message.TS, e.Message.text()
	case e.Subtype == "message_deleted":
		if e.Previous != nil {
			if own, other := a.automatic(e.Previous, set); own || other {
				return nil, why(other, ignoredBot)
			}
		}
		in.Op, in.TS = integrations.Deleted, e.Deleted
	case e.Subtype == "message_changed" && e.Message != nil:
		return nil, ignoredPreview
	default:
		return nil, ignoredUnknown
	}
	if !isTS.MatchString(in.TS) || in.Thread != "" && !isTS.MatchString(in.Thread) {
		return nil, ignoredUnknown
	}
	if in.Op != integrations.Deleted {
		in.Text = first(in.Text, unshown)
	}
	return in, ""
}

func why(is bool, reason string) string {
	if is {
		return reason
	}
	return ""
}

// automatic reports whether a message comes from this app, so that nothing
// echoes, or from another program that the settings do not let in.
func (a *account) automatic(e *event, set *settings) (own, other bool) {
	app := e.AppID
	if e.BotProfile != nil && app == "" {
		app = e.BotProfile.AppID
	}
	switch {
	case e.User != "" && e.User == a.BotUser, app != "" && app == a.App, e.BotID != "" && e.BotID == a.Bot:
		return true, false
	case e.BotID != "" || app != "" || e.Subtype == "bot_message" || e.User == "USLACKBOT":
		return false, !set.Bots
	}
	return false, e.User == ""
}

// at is the time in the order of which events go. In both forms a new message
// has the same.
func (in *incoming) key(eventTS string) string {
	if in.Op == integrations.Posted || !isTS.MatchString(eventTS) {
		eventTS = in.TS
	}
	return fmt.Sprintf("%s/%s/%s/%s", eventTS, in.Op, in.Channel, in.TS)
}

// legacy reads the form that an outgoing webhook posts. See
// https://api.slack.com/legacy/custom-integrations/outgoing-webhooks.
func legacy(form url.Values) (e *event, token, team string) {
	e = &event{Type: "message", User: form.Get("user_id"), Username: form.Get("user_name"), Text: form.Get("text"), Channel: form.Get("channel_id"),
		TS: form.Get("timestamp"), ThreadTS: form.Get("thread_ts"), BotID: form.Get("bot_id")}
	return e, form.Get("token"), form.Get("team_id")
}

// accept adds what is to be kept of an event, or why it is ignored.
func (a *account) accept(acc *integrations.Accepted, e *event, set *settings, eventTS string) error {
	in, ignored := a.decide(e, set)
	if ignored != "" {
		acc.Ignored = append(acc.Ignored, ignored)
	}
	if in == nil {
		return nil
	}
	data, err := json.Marshal(in)
	acc.Events = append(acc.Events, integrations.Event{Key: in.key(eventTS), Data: data})
	return err
}
