package slack_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

type object = map[string]any

// rich is a block of rich text with the given elements.
func rich(elements ...any) []any {
	return []any{object{"type": "rich_text", "elements": []any{object{"type": "rich_text_section", "elements": elements}}}}
}

// A message without text is shown by what else it holds, or as one line.
func TestMessagesWithoutText(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		more             object
	}{
		{"nothing at all", "", "[a message that cannot be shown here: look at it in Slack]", nil},
		{"blanks", " \n ", "[a message that cannot be shown here: look at it in Slack]", nil},
		{"a file without a name", "", "[file]", object{"subtype": "file_share", "files": []any{object{"id": "F1", "mode": "hidden_by_limit"}, nil}}},
		{"files", "", "[file: a<b>.txt]\n[file: plan]", object{"files": []any{object{"name": "a<b>.txt"}, object{"title": "plan"}}}},
		{"forwarded", "", "[forwarded from Bob]\nsee @bob", object{"attachments": []any{object{"is_share": true, "is_msg_unfurl": true, "author_name": "Bob", "text": "see <@U0BOB>", "from_url": "https://x.example"}}}},
		{"forwarded with a comment", "look", "look\n[forwarded from Bob]\nhello\n[file: x.pdf]", object{"attachments": []any{object{"is_share": true, "author_name": "Bob", "from_url": "https://x.example",
			"message_blocks": []any{object{"message": object{"blocks": rich(object{"type": "text", "text": "hello"})}}}, "files": []any{object{"name": "x.pdf"}}}}}},
		{"forwarded from nobody", "", "[forwarded from somebody]", object{"attachments": []any{object{"is_share": true}}}},
		{"a preview", "https://x.example", "https://x.example", object{"attachments": []any{object{"from_url": "https://x.example", "title": "X", "text": "all about x"}}}},
		{"an attachment", "", "Build 7\nRun (https://ci.example/7?a=1&b=2)\nfailed\nBranch: main", object{"attachments": []any{object{"pretext": "Build 7", "title": "Run", "title_link": "https://ci.example/7?a=1&b=2", "text": "failed",
			"fields": []any{object{"title": "Branch", "value": "main"}}}}}},
		{"an attachment beside a text", "alarm", "alarm\nhost is down", object{"attachments": []any{object{"text": "host is down"}}}},
		{"a fallback", "", "disk full", object{"attachments": []any{object{"fallback": "disk full"}}}},
		{"a picture", "", "[image]", object{"attachments": []any{object{"image_url": "https://x.example/a.png"}}}},
		{"rich text", "", "hi @bob :wave: site (https://x.example) @here & <b>", object{"blocks": rich(object{"type": "text", "text": "hi "}, object{"type": "user", "user_id": "U0BOB"}, object{"type": "text", "text": " "},
			object{"type": "emoji", "name": "wave"}, object{"type": "text", "text": " "}, object{"type": "link", "url": "https://x.example", "text": "site"}, object{"type": "text", "text": " "},
			object{"type": "broadcast", "range": "here"}, object{"type": "text", "text": " & <b>"})}},
		{"blocks", "", "Head <1>\nbody *bold*\nA\nB\nnote [image: logo]\n[image: chart]\n[video: how]\n[file]", object{"blocks": []any{object{"type": "header", "text": object{"type": "plain_text", "text": "Head <1>"}},
			object{"type": "section", "text": object{"type": "mrkdwn", "text": "body *bold*"}, "fields": []any{object{"type": "mrkdwn", "text": "A"}, object{"type": "mrkdwn", "text": "B"}}}, object{"type": "divider"},
			object{"type": "context", "elements": []any{object{"type": "mrkdwn", "text": "note"}, object{"type": "image", "alt_text": "logo"}}}, object{"type": "image", "alt_text": "chart"},
			object{"type": "video", "title": object{"type": "plain_text", "text": "how"}}, object{"type": "file"}, object{"type": "unheard_of"}}}},
		{"an unknown subtype", "hello", "hello", object{"subtype": "huddle_thread"}},
		{"wrong types", "", "[a message that cannot be shown here: look at it in Slack]", object{"blocks": object{"a": 1}, "attachments": "x", "files": 7}},
		{"nulls", "", "[a message that cannot be shown here: look at it in Slack]", object{"blocks": []any{nil, 1, object{"type": 3}}, "attachments": []any{nil, object{"text": 3, "fields": []any{nil}}}, "files": nil}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.slack.Subscribe(w.hook)
			w.slack.SayAs("C0GENERAL", "U0ALICE", c.text, c.more)
			require.Zero(t, w.slack.Deliver(t.Context()))
			w.Deliver()
			require.Equal(t, []string{"alice: " + c.want}, w.texts())
		})
	}
}

// What a bot posts in blocks alone comes in where the settings let bots in.
func TestBotOfBlocks(t *testing.T) {
	w := draftWorld(t, nil)
	w.save(`{"channel":"general","bots":true}`)
	w.slack.Subscribe(w.hook)
	w.slack.SayAs("C0GENERAL", "", "", object{"subtype": "bot_message", "bot_id": "B0OTHER", "username": "CI", "blocks": []any{object{"type": "section", "text": object{"type": "plain_text", "text": "green"}}}})
	require.Zero(t, w.slack.Deliver(t.Context()))
	w.Deliver()
	require.Equal(t, []string{"CI: green"}, w.texts())
}

// Deep and huge content costs what it weighs, and is bounded.
func TestContentIsBounded(t *testing.T) {
	w := newWorld(t, nil)
	deep := strings.Repeat(`{"type":"rich_text","elements":[`, 3000) + strings.Repeat(`]}`, 3000)
	line := `{"type":"section","text":{"type":"plain_text","text":"` + strings.Repeat("<", 1000) + `"}},`
	for i, blocks := range []string{"[" + deep + "]", "[" + strings.TrimSuffix(strings.Repeat(line, 200), ",") + "]"} {
		body := strings.Replace(string(fixture(t, "event_message.json")), `"text": "Hello, this is a normal text message",
    "team"`, `"text": "", "team"`, 1)
		head, rest, ok := strings.Cut(body, `"blocks": [`)
		require.True(t, ok)
		_, tail, ok := strings.Cut(rest, "    \"channel\"")
		require.True(t, ok)
		body = strings.ReplaceAll(head+`"blocks": `+blocks+`, "channel"`+tail, "1719209506.817929", "171920950"+string(rune('0'+i))+".817929")
		require.True(t, json.Valid([]byte(body)))
		code, _ := w.event([]byte(body))
		require.Equal(t, http.StatusOK, code)
	}
	w.Deliver()
	ms := w.Groups.Messages(w.Group)
	require.Len(t, ms, 2)
	for _, m := range ms {
		require.LessOrEqual(t, len(m.Text), 40000)
	}
}

// An event of a channel that workspaces share is for us by its authorizations
// or by its channel, whoever's workspace its author is of.
func TestSharedChannels(t *testing.T) {
	for name, c := range map[string]struct {
		env  object
		want int
	}{
		"the author's workspace, our installation":       {object{"team_id": "T0OTHER", "authorizations": []any{object{"team_id": slacktest.Team}}, "is_ext_shared_channel": true}, 1},
		"our installation, not marked as shared":         {object{"team_id": "T0OTHER", "authorizations": []any{object{"team_id": slacktest.Team}}}, 1},
		"ours by its context":                            {object{"team_id": "T0OTHER", "context_team_id": slacktest.Team, "authorizations": nil}, 1},
		"another installation of the app in the channel": {object{"team_id": "T0OTHER", "authorizations": []any{object{"team_id": "T0OTHER"}}, "is_ext_shared_channel": true}, 1},
		"another workspace":                              {object{"team_id": "T0OTHER", "context_team_id": "T0OTHER", "authorizations": []any{nil, object{"team_id": "T0OTHER"}}}, 0},
		"another app":                                    {object{"api_app_id": "A0OTHER"}, 0},
		"nobody's":                                       {object{"team_id": "", "context_team_id": "", "authorizations": []any{object{"team_id": ""}}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			var env object
			require.NoError(t, json.Unmarshal(fixture(t, "event_message.json"), &env))
			for k, v := range c.env {
				env[k] = v
			}
			body, err := json.Marshal(env)
			require.NoError(t, err)
			code, _ := w.event(body)
			require.Equal(t, http.StatusOK, code)
			w.Deliver()
			require.Len(t, w.texts(), c.want)
		})
	}
}

// An answer without the message's timestamp does not count as posted: the
// message is looked for, and known afterwards.
func TestAnswerWithoutTimestamp(t *testing.T) {
	w := newWorld(t, nil)
	w.slack.NoTS = 1
	w.Say("m1", "", "once")
	w.drain(time.Hour)
	ms := w.slack.Messages("C0GENERAL")
	require.Len(t, ms, 1)
	_, err := w.X.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Edited, Group: w.Group, ID: "m1", Author: "Ann", Text: "edited"})
	require.NoError(t, err)
	w.Deliver()
	require.Equal(t, "Ann: edited", w.slack.Messages("C0GENERAL")[0].Text)
}
