package slack

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	slackgo "github.com/slack-go/slack"

	"chatadmin.example/sdk/integrations"
)

// api is all that is asked of Slack.
type api interface {
	exchange(ctx context.Context, clientID, secret, code, redirect string) (grant, error)
	renew(ctx context.Context, clientID, secret, renewal string) (grant, error)
	revoke(ctx context.Context, token string) error
	channels(ctx context.Context, token string) ([]integrations.Choice, error)
	user(ctx context.Context, token, id string) (name string, err error)
	post(ctx context.Context, token string, m outgoing) (ts string, err error)
	update(ctx context.Context, token, channel, ts, text string) error
	remove(ctx context.Context, token, channel, ts string) error
	find(ctx context.Context, token string, m outgoing, since time.Time, place string) (ts string, err error)
}

type grant struct {
	token   string
	renewal string        // "": the token does not expire
	life    time.Duration // of the token; 0: it does not expire
	team    string
	account account
}

type outgoing struct{ channel, thread, name, text, key string }

// library is api by slack-go/slack.
type library struct {
	base   string // ends in /api/
	client *http.Client
}

func (l *library) with(token string) *slackgo.Client {
	return slackgo.New(token, slackgo.OptionAPIURL(l.base), slackgo.OptionHTTPClient(l.client))
}

func (l *library) exchange(ctx context.Context, clientID, secret, code, redirect string) (grant, error) {
	r, err := slackgo.GetOAuthV2ResponseContext(ctx, l.client, clientID, secret, code, redirect, slackgo.OAuthOptionAPIURL(l.base))
	if err != nil {
		return grant{}, failure(err, false)
	}
	if r.AccessToken == "" || !isID.MatchString(r.Team.ID) {
		return grant{}, &integrations.ProviderError{Service: title, Sentence: "the answer names no workspace: install the app into one workspace, not into an organisation"}
	}
	me, err := l.with(r.AccessToken).AuthTestContext(ctx)
	if err != nil {
		return grant{}, failure(err, false)
	}
	return grant{r.AccessToken, r.RefreshToken, life(r.RefreshToken, r.ExpiresIn), r.Team.Name, account{Team: r.Team.ID, App: r.AppID, BotUser: r.BotUserID, Bot: me.BotID}}, nil
}

// renew exchanges a refresh token, which works once, for a new pair.
func (l *library) renew(ctx context.Context, clientID, secret, renewal string) (grant, error) {
	r, err := slackgo.RefreshOAuthV2TokenContext(ctx, l.client, clientID, secret, renewal, slackgo.OAuthOptionAPIURL(l.base))
	if err != nil {
		return grant{}, failure(err, false)
	}
	if r.AccessToken == "" || r.RefreshToken == "" {
		return grant{}, &integrations.ProviderError{Service: title, Sentence: "the answer holds no token", Again: true}
	}
	return grant{token: r.AccessToken, renewal: r.RefreshToken, life: life(r.RefreshToken, r.ExpiresIn)}, nil
}

// life is for how long a token is taken to be valid: as Slack says, between a
// minute and a day; 12 hours if it does not say. Without a refresh token it is
// valid for good.
func life(renewal string, seconds int) time.Duration {
	switch {
	case renewal == "":
		return 0
	case seconds <= 0:
		return 12 * time.Hour
	}
	return min(max(time.Duration(seconds)*time.Second, time.Minute), 24*time.Hour)
}

func (l *library) revoke(ctx context.Context, token string) error {
	_, err := l.with(token).SendAuthRevokeContext(ctx, "")
	return failure(err, false)
}

func (l *library) channels(ctx context.Context, token string) ([]integrations.Choice, error) {
	p := &slackgo.GetConversationsParameters{ExcludeArchived: true, Limit: 200, Types: []string{"public_channel", "private_channel"}}
	list := []integrations.Choice{}
	for range 500 {
		cs, next, err := l.with(token).GetConversationsContext(ctx, p)
		if err != nil {
			return nil, failure(err, false)
		}
		for _, c := range cs {
			choice := integrations.Choice{ID: c.ID, Name: c.Name}
			if !c.IsMember {
				choice.Note = "invite the app into it"
			}
			list = append(list, choice)
		}
		if p.Cursor = next; next == "" {
			break
		}
	}
	return list, nil
}

func (l *library) user(ctx context.Context, token, id string) (string, error) {
	u, err := l.with(token).GetUserInfoContext(ctx, id)
	if err != nil {
		return "", failure(err, false)
	}
	return first(u.Profile.DisplayName, u.RealName, u.Name), nil
}

// metadataType marks our messages, so that find knows them.
const metadataType = "integration_message"

func (l *library) post(ctx context.Context, token string, m outgoing) (string, error) {
	o := []slackgo.MsgOption{slackgo.MsgOptionText(m.text, false), slackgo.MsgOptionUsername(m.name), slackgo.MsgOptionParse(false), slackgo.MsgOptionDisableLinkUnfurl(),
		slackgo.MsgOptionMetadata(slackgo.SlackMetadata{EventType: metadataType, EventPayload: map[string]any{"key": m.key}})}
	if m.thread != "" {
		o = append(o, slackgo.MsgOptionTS(m.thread))
	}
	_, ts, err := l.with(token).PostMessageContext(ctx, m.channel, o...)
	if err == nil && !isTS.MatchString(ts) {
		return "", &integrations.ProviderError{Service: title, Sentence: "the answer names no message", Again: true, Unsure: true}
	}
	return ts, failure(err, true)
}

func (l *library) update(ctx context.Context, token, channel, ts, text string) error {
	_, _, _, err := l.with(token).UpdateMessageContext(ctx, channel, ts, slackgo.MsgOptionText(text, false), slackgo.MsgOptionParse(false))
	return failure(err, false) // doing it twice does no harm
}

func (l *library) remove(ctx context.Context, token, channel, ts string) error {
	_, _, err := l.with(token).DeleteMessageContext(ctx, channel, ts)
	return failure(err, false)
}

// pages is how many pages of a channel's history one look-up reads.
const pages = 20

// find looks for a message that was perhaps posted, by the key in its metadata.
// A look-up that is interrupted, by a limit for one, goes on from the Place of
// its error.
func (l *library) find(ctx context.Context, token string, m outgoing, since time.Time, place string) (string, error) {
	oldest, here := strconv.FormatInt(since.Add(-time.Minute).Unix(), 10), m.channel+" "+m.thread+" "
	cursor, _ := strings.CutPrefix(place, here)
	if !strings.HasPrefix(place, here) {
		cursor = "" // another channel was chosen meanwhile
	}
	for range pages {
		var ms []slackgo.Message
		var err error
		at := cursor
		if m.thread != "" {
			ms, _, cursor, err = l.with(token).GetConversationRepliesContext(ctx, &slackgo.GetConversationRepliesParameters{ChannelID: m.channel, Timestamp: m.thread, Oldest: oldest, Limit: 200, Cursor: cursor, IncludeAllMetadata: true})
		} else {
			var r *slackgo.GetConversationHistoryResponse
			r, err = l.with(token).GetConversationHistoryContext(ctx, &slackgo.GetConversationHistoryParameters{ChannelID: m.channel, Oldest: oldest, Limit: 200, Cursor: cursor, IncludeAllMetadata: true})
			if err == nil {
				ms, cursor = r.Messages, r.ResponseMetaData.NextCursor
			}
		}
		if err != nil {
			return "", interrupted(failure(err, false), here, at)
		}
		for _, o := range ms {
			if o.Metadata.EventType == metadataType && o.Metadata.EventPayload["key"] == m.key {
				return o.Timestamp, nil
			}
		}
		if cursor == "" {
			return "", nil
		}
	}
	p := &integrations.ProviderError{Service: title, Sentence: "it is still being looked up whether a message was posted before", Again: true}
	return "", interrupted(p, here, cursor)
}

// interrupted adds to an error where the look-up goes on. A place that Slack
// does not know any more is forgotten.
func interrupted(err error, here, cursor string) error {
	var p *integrations.ProviderError
	switch {
	case !errors.As(err, &p):
		return err
	case p.Code == "invalid_cursor":
		p.Again, p.Sentence = true, "the look-up of a message begins anew"
	case cursor != "":
		p.Place = here + cursor
	}
	return p
}

const signIn = "the authorisation is no longer valid: authenticate with Slack again"

// sentences are the errors that an admin can do something about.
var sentences = map[string]integrations.ProviderError{
	"invalid_auth": {SignIn: true, Sentence: signIn}, "account_inactive": {SignIn: true, Sentence: signIn}, "token_revoked": {SignIn: true, Sentence: signIn},
	"token_expired": {SignIn: true, Sentence: signIn}, "not_authed": {SignIn: true, Sentence: signIn}, "org_login_required": {SignIn: true, Sentence: signIn},
	"invalid_refresh_token":   {SignIn: true, Sentence: signIn},
	"missing_scope":           {SignIn: true, Sentence: "the app lacks a permission: authenticate with Slack again and grant all that it asks for"},
	"not_in_channel":          {Again: true, Sentence: "the app is not in the channel: invite it there (/invite) or choose another channel"},
	"channel_not_found":       {Again: true, Sentence: "the channel does not exist, or the app is not in it: invite it there or choose another channel"},
	"is_archived":             {Again: true, Sentence: "the channel is archived: choose another one"},
	"restricted_action":       {Again: true, Sentence: "the workspace does not let the app post in this channel: ask its owner or choose another channel"},
	"ratelimited":             {Again: true, Sentence: "too many requests"},
	"rate_limited":            {Again: true, Sentence: "too many messages"},
	"message_limit_exceeded":  {Again: true, Sentence: "too many messages were posted in the workspace"},
	"internal_error":          {Again: true, Unsure: true, Sentence: "an error at Slack"},
	"fatal_error":             {Again: true, Unsure: true, Sentence: "an error at Slack"},
	"service_unavailable":     {Again: true, Unsure: true, Sentence: "Slack is not available"},
	"request_timeout":         {Again: true, Unsure: true, Sentence: "Slack did not get the whole request"},
	"invalid_code":            {Sentence: "this sign-in was already used or has expired: authenticate again"},
	"code_already_used":       {Sentence: "this sign-in was already used: authenticate again"},
	"bad_redirect_uri":        {Sentence: "the app does not list this address among its redirect URLs: add it in the app's settings at Slack"},
	"bad_client_secret":       {Sentence: "the client secret is wrong: ask who runs this application"},
	"invalid_client_id":       {Sentence: "the client ID is wrong: ask who runs this application"},
	"msg_too_long":            {Sentence: "the message is too long"},
	"no_text":                 {Sentence: "the message has no text"},
	"edit_window_closed":      {Sentence: "the workspace does not let messages be edited any more after so long"},
	"cant_update_message":     {Sentence: "this message cannot be edited"},
	"cant_delete_message":     {Sentence: "this message cannot be deleted"},
	"message_not_found":       {Sentence: "the message is not there any more"},
	"invalid_arg_name":        {Sentence: "Slack does not know a field of the request"},
	"as_user_not_supported":   {Sentence: "the app is of an old kind: create a new one"},
	"team_access_not_granted": {SignIn: true, Sentence: "the app may not act in this workspace: authenticate with Slack again"},
	"ekm_access_denied":       {Again: true, Sentence: "the workspace's owners have suspended access"},
	"thread_not_found":        {Sentence: "the thread is not there any more"},
}

// ofChannel are the errors that an admin can mend by doing something about the
// channel.
var ofChannel = map[string]bool{"not_in_channel": true, "channel_not_found": true, "is_archived": true, "restricted_action": true}

// failure makes a ProviderError of what slack-go says; nothing of its own text
// is kept but Slack's names of errors. writes says that the request may have
// been carried out although the answer is missing.
func failure(err error, writes bool) error {
	var limited *slackgo.RateLimitedError
	var status slackgo.StatusCodeError
	var said slackgo.SlackErrorResponse
	var dial *net.OpError
	p := &integrations.ProviderError{Service: title}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, integrations.ErrHost):
		return integrations.ErrHost
	case errors.As(err, &limited):
		p.Code, p.Sentence, p.Again, p.After = "429", "too many requests", true, limited.RetryAfter
	case errors.As(err, &status):
		p.Code, p.Sentence, p.Again, p.Unsure = strconv.Itoa(status.Code), "Slack is not available", status.Code >= 500 || status.Code == 429, writes && status.Code >= 500
		if !p.Again {
			p.Sentence = "the request was refused"
		}
	case errors.As(err, &said):
		if known, ok := sentences[said.Err]; ok {
			*p = known
			p.Service, p.Unsure = title, known.Unsure && writes
		} else {
			p.Sentence = "the request was refused"
		}
		p.Code = said.Err
	case errors.As(err, &dial) && dial.Op == "dial":
		p.Sentence, p.Again = "Slack cannot be reached", true
	default:
		p.Sentence, p.Again, p.Unsure = "there was no usable answer", true, writes
	}
	return p
}
