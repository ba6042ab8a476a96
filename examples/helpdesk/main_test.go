package main

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHelpDesk(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(context.Background(), &out))
	for _, part := range []string{
		"refused: email: this is not", "landing: this domain has no such page: choose home, webcare or calendar", "Team: this is none of the choices",
		"mail to ann@acme.example: Uw gebruikersnaam voor Acme", "mail to ann@acme.example: Activeer uw account voor Acme",
		"Ann lands on webcare and reads nl\na message is assigned: bell, email, sms\n",
		"@acme answers: We are on our way! ^Ann\n@acme_help answers: We are on our way! ^Ann\nnot sent: ",
		"mail to logistics@acme.example, answers to ann@acme.example: Doorgestuurd",
		"mail to logistics@acme.example, from noreply@desk.example: Doorgestuurd",
		"to open: mailto:logistics@acme.example?subject=Doorgestuurd",
		"Ann has access: false\nAnn has access: true\n",
		"Ann,Ann,Ames,ann@acme.example,06 12345678,inactive,Member,0,no\n",
		`would not be published: 2, ["spring sale" "summer sale"]`, "warning: deleting cannot be undone",
		"deleted: done, publications left: 0\n",
	} {
		require.Contains(t, out.String(), part)
	}
}
