package slacktest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// SayAs posts a message of a person with further fields, such as files,
// attachments or blocks, in the form of the Events API, and returns its
// timestamp.
func (s *Server) SayAs(channel, user, text string, more map[string]any) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(&Message{Channel: channel, User: user, Text: text, More: more}).TS
}

// Say posts a message of a person, in a thread unless thread is "", and returns
// its timestamp.
func (s *Server) Say(channel, user, thread, text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(&Message{Channel: channel, User: user, Thread: thread, Text: text}).TS
}

// Edit changes the text of a person's message.
func (s *Server) Edit(channel, ts, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.find(channel, ts); m != nil {
		s.edit(m, text)
	}
}

// Delete deletes a message.
func (s *Server) Delete(channel, ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.find(channel, ts); m != nil {
		s.drop(m)
	}
}

// Messages are those of a channel, deleted ones included.
func (s *Server) Messages(channel string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Message
	for _, m := range s.messages {
		if m.Channel == channel {
			list = append(list, *m)
		}
	}
	return list
}

func (s *Server) stamp() string {
	s.last = max(s.last+1, s.Now().UnixMicro())
	return fmt.Sprintf("%d.%06d", s.last/1e6, s.last%1e6)
}

func (s *Server) find(channel, ts string) *Message {
	i := slices.IndexFunc(s.messages, func(m *Message) bool { return m.Channel == channel && m.TS == ts && !m.Deleted })
	if i < 0 {
		return nil
	}
	return s.messages[i]
}

func (s *Server) add(m *Message) *Message {
	m.TS = s.stamp()
	s.messages = append(s.messages, m)
	s.tell(m.Channel, m.json(), m.TS)
	for _, sub := range s.subs {
		if sub.token != "" && sub.channel == m.Channel {
			s.queue = append(s.queue, delivery{sub.url, "application/x-www-form-urlencoded", []byte(s.form(m, sub.token)), false})
		}
	}
	return m
}

func (s *Server) edit(m *Message, text string) {
	was := m.json()
	m.Text = text
	m.Edits++
	now := m.json()
	now["edited"] = map[string]any{"user": m.User, "ts": s.stamp()}
	s.tell(m.Channel, map[string]any{"type": "message", "subtype": "message_changed", "hidden": true, "channel": m.Channel, "message": now, "previous_message": was}, s.stamp())
}

func (s *Server) drop(m *Message) {
	m.Deleted = true
	s.tell(m.Channel, map[string]any{"type": "message", "subtype": "message_deleted", "hidden": true, "channel": m.Channel, "deleted_ts": m.TS, "previous_message": m.json()}, s.stamp())
}

func (m *Message) json() map[string]any {
	v := map[string]any{"type": "message", "user": m.User, "text": m.Text, "ts": m.TS, "team": Team, "channel": m.Channel}
	if m.Thread != "" {
		v["thread_ts"] = m.Thread
	}
	if m.Bot {
		v["bot_id"], v["app_id"], v["username"] = Bot, App, m.Username
		v["bot_profile"] = map[string]any{"id": Bot, "app_id": App, "team_id": Team}
	}
	maps.Copy(v, m.More)
	if m.Metadata != nil {
		v["metadata"] = m.Metadata
	}
	return v
}

// tell queues an event for every subscriber.
func (s *Server) tell(channel string, event map[string]any, at string) {
	s.events++
	event["channel"], event["event_ts"], event["channel_type"] = channel, at, "channel"
	if event["subtype"] != nil {
		event["ts"] = at
	}
	body, _ := json.Marshal(map[string]any{"token": "deprecated", "team_id": Team, "api_app_id": App, "type": "event_callback", "event_id": fmt.Sprintf("Ev%06d", s.events),
		"event_time": s.Now().Unix(), "event": event, "authorizations": []any{map[string]any{"team_id": Team, "user_id": BotUser, "is_bot": true}}})
	for _, sub := range s.subs {
		if sub.token == "" {
			s.queue = append(s.queue, delivery{sub.url, "application/json", body, true})
		}
	}
}

// form is what an outgoing webhook posts of a message.
func (s *Server) form(m *Message, token string) string {
	i := slices.IndexFunc(s.channels, func(c channel) bool { return c.ID == m.Channel })
	v := url.Values{"token": {token}, "team_id": {Team}, "team_domain": {"example"}, "service_id": {"133126759712"}, "channel_id": {m.Channel}, "channel_name": {s.channels[i].Name},
		"timestamp": {m.TS}, "user_id": {m.User}, "user_name": {s.users[m.User]}, "text": {m.Text}}
	if m.Thread != "" {
		v.Set("thread_ts", m.Thread)
	}
	if m.Bot {
		v.Set("user_id", "USLACKBOT")
		v.Set("user_name", "slackbot")
		v.Set("bot_id", Bot)
		v.Set("bot_name", m.Username)
	}
	return strings.ReplaceAll(v.Encode(), "%20", "+")
}
