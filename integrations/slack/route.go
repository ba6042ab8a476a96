package slack

import (
	"encoding/json"
	"mime"

	"chatadmin.example/sdk/integrations"
)

var _ integrations.Router = (*Service)(nil)

// shared takes the place of a workspace in the route of a channel that several
// workspaces share: events there may name another one.
const shared = "*"

// Routes are the connection's channel in its workspace, and the channel alone
// for Slack Connect.
func (s *Service) Routes(c *integrations.Connection) ([]string, error) {
	var set settings
	var a account
	if json.Unmarshal(c.Settings, &set) != nil || json.Unmarshal(c.Account, &a) != nil || set.Channel == "" {
		return nil, nil // Accept refuses it
	}
	return []string{a.Team + "/" + set.Channel, shared + "/" + set.Channel}, nil
}

// Route takes the app's one request URL of the Events API: it checks the
// signature, answers Slack's look at the address, and sends an event where its
// channel is bridged.
func (s *Service) Route(r *integrations.Request) (integrations.Routed, error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/json" ||
		!signed(s.o.SigningSecret.Reveal(), r.Body, r.Header.Get("X-Slack-Request-Timestamp"), r.Header.Get("X-Slack-Signature"), r.Now) {
		return integrations.Routed{}, integrations.ErrRefused
	}
	var env envelope
	if json.Unmarshal(r.Body, &env) != nil { // signed, and of no form that we know
		return integrations.Routed{}, nil
	}
	if env.Type == "url_verification" {
		return integrations.Routed{Type: "text/plain; charset=utf-8", Body: env.Challenge}, nil
	}
	return integrations.Routed{Keys: env.routes()}, nil
}

// routes are the keys of the connections that an event may be for. Slack names
// at most a few workspaces.
func (env *envelope) routes() (keys []string) {
	if env.Type != "event_callback" || env.Event == nil || !isID.MatchString(env.Event.Channel) {
		return nil
	}
	if env.Shared {
		return []string{shared + "/" + env.Event.Channel}
	}
	teams := []string{env.TeamID, env.ContextTeamID}
	for _, a := range env.Authorizations {
		if a != nil {
			teams = append(teams, a.TeamID)
		}
	}
	seen := map[string]bool{}
	for _, team := range teams {
		if isID.MatchString(team) && !seen[team] && len(seen) < 10 {
			seen[team] = true
			keys = append(keys, team+"/"+env.Event.Channel)
		}
	}
	return keys
}
