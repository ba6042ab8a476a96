package slack

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/integrations"
)

// messageID is how the map of messages knows one: by channel and timestamp.
func messageID(channel, ts string) string { return channel + ":" + ts }

// Send implements integrations.Service by chat.postMessage, chat.update and
// chat.delete. Text is posted with the author's name before it, under the name
// of the settings.
func (s *Service) Send(ctx context.Context, c *integrations.Connection, o integrations.Outgoing) (integrations.Sent, error) {
	var set settings
	if err := json.Unmarshal(c.Settings, &set); err != nil {
		return integrations.Sent{}, fmt.Errorf("%w: %w", chatadmin.ErrInvalid, err)
	}
	token, text := c.Token.Reveal(), Escape(o.Text)
	if o.Author != "" {
		text = Escape(o.Author + ": " + o.Text)
	}
	channel, ts, _ := strings.Cut(o.ID, ":")
	switch o.Op {
	case integrations.Edited:
		return integrations.Sent{ID: o.ID}, elsewhere(channel, &set, s.api.update(ctx, token, channel, ts, shorten(text, maxEdit, longEdit)))
	case integrations.Deleted:
		err := elsewhere(channel, &set, s.api.remove(ctx, token, channel, ts))
		var p *integrations.ProviderError
		if errors.As(err, &p) && p.Code == "message_not_found" {
			err = nil
		}
		return integrations.Sent{ID: o.ID}, err
	}
	if o.Op != integrations.Posted {
		return integrations.Sent{}, fmt.Errorf("operation %q is not known: %w", o.Op, chatadmin.ErrInvalid)
	}
	if strings.TrimSpace(o.Text) == "" {
		return integrations.Sent{}, fmt.Errorf("the message has no text: %w", chatadmin.ErrInvalid)
	}
	m := outgoing{channel: set.Channel, name: set.Name, text: text, key: key(o.Key)}
	if ch, ts, ok := strings.Cut(o.Thread, ":"); ok && ch == set.Channel {
		m.thread = ts
	}
	if o.Tried {
		switch ts, err := s.api.find(ctx, token, m, earliest(&o, c.Now), o.Place); {
		case err != nil:
			return integrations.Sent{}, err
		case ts != "":
			return integrations.Sent{ID: messageID(m.channel, ts)}, nil
		}
	}
	ts, err := s.api.post(ctx, token, m)
	return integrations.Sent{ID: messageID(m.channel, ts)}, err
}

// earliest is where to begin looking for a message that was perhaps posted. A
// time ahead of ours was written by a clock that was wrong: then it is as long
// ago as a message may wait.
func earliest(o *integrations.Outgoing, now time.Time) time.Time {
	since := o.Since
	if since.IsZero() {
		since = o.Queued
	}
	if since.After(now) {
		since = now.Add(-24 * time.Hour)
	}
	return since
}

// elsewhere makes a failure final if it is about a channel that was chosen
// earlier: nobody may ever mend that one, and the messages to the one chosen
// now are not to wait for it.
func elsewhere(channel string, set *settings, err error) error {
	var p *integrations.ProviderError
	if channel != set.Channel && errors.As(err, &p) && ofChannel[p.Code] {
		final := *p
		final.Again, final.Sentence = false, "the message lies in a channel chosen earlier, where the app can do nothing any more"
		return &final
	}
	return err
}

// key is what stands in the metadata: whoever reads them in Slack learns
// nothing of our IDs.
func key(k string) string {
	h := sha256.Sum256([]byte(k))
	return base64.RawURLEncoding.EncodeToString(h[:18])
}
