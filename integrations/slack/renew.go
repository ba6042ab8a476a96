package slack

import (
	"context"

	"chatadmin.example/sdk/integrations"
)

var _ integrations.Renewer = (*Service)(nil)

// Renew exchanges the refresh token of an app with token rotation, whose tokens
// end after 12 hours
// (https://docs.slack.dev/authentication/using-token-rotation).
func (s *Service) Renew(ctx context.Context, c *integrations.Connection) (*integrations.Grant, error) {
	g, err := s.api.renew(ctx, s.o.ClientID, s.o.ClientSecret.Reveal(), c.Renewal.Reveal())
	if err != nil {
		return nil, err
	}
	return &integrations.Grant{Token: integrations.Hide(g.token), Renewal: integrations.Hide(g.renewal), Life: g.life}, nil
}
