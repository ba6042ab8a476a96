package csvimport

import (
	"context"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
)

// invitations says in a sentence what became of the invitations of an import
// that has ended.
func (x *Imports) invitations(ctx context.Context, s *chatadmin.Scope, r *Result) texts.Message {
	run, err := x.runs.Get(ctx, s, r.ImportID)
	if err != nil {
		return texts.Message{}
	}
	return invitationsOf(run.Data.Counts.Created, run.Data.Settings.SendInvitations, x.admin.Options().Mailer != nil, run.Data.Owed)
}

// invitationsOf says what became of the invitations of those who were created.
func invitationsOf(created int64, send, mailer bool, o owed) texts.Message {
	switch {
	case created == 0:
		return texts.NewMessage("import.invited_nobody")
	case !mailer:
		return texts.NewMessage("import.invited_no_mailer", created)
	case send:
		return texts.NewMessage("import.invited_now", created)
	case o.Release != "":
		return texts.NewMessage("import.invited_later", created)
	case o.Mailed && o.To != "":
		return texts.NewMessage("import.link_mailed", created, o.To, o.Expires)
	case o.Mailed:
		return texts.NewMessage("import.link_mailed_importer", created, o.Expires)
	}
	return texts.NewMessage("import.link_none", created)
}
