package csvimport

import (
	"context"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
)

// linkTime is how the end of a link is written.
const linkTime = "2 January 2006, 15:04 MST"

// people counts people, with the verb.
func people(n int64, one, many string) string {
	if n == 1 {
		return "1 person " + one
	}
	return fmt.Sprintf("%d people %s", n, many)
}

// invitations says in a sentence what became of the invitations of an import
// that has ended.
func (x *Imports) invitations(ctx context.Context, s *chatadmin.Scope, r *Result) string {
	run, err := x.runs.Get(ctx, s, r.ImportID)
	if err != nil {
		return ""
	}
	return invitationsOf(run.Data.Counts.Created, run.Data.Settings.SendInvitations, x.admin.Options().Mailer != nil, run.Data.Owed)
}

// invitationsOf says what became of the invitations of those who were created.
func invitationsOf(created int64, send, mailer bool, o owed) string {
	held := people(created, "was created and is not invited yet", "were created and are not invited yet")
	switch {
	case created == 0:
		return "Nobody was created, so nobody is invited."
	case !mailer:
		return people(created, "was created and not invited", "were created and not invited") + ": no mailer is set up, so that no mail and no link went out."
	case send:
		return people(created, "was created; their invitation goes out by mail.", "were created; their invitations go out by mail.")
	case o.Release != "":
		return people(created, "was created and invited later.", "were created and invited later.")
	case o.Mailed && o.To != "":
		return fmt.Sprintf("%s: a link that invites them was mailed to %s and works once, until %s.", held, o.To, o.Expires.Format(linkTime))
	case o.Mailed:
		return fmt.Sprintf("%s: a link that invites them was mailed to the importer and works once, until %s.", held, o.Expires.Format(linkTime))
	}
	return held + ": no link was mailed, since the import was made by the host, by somebody without an address, or the mail was not accepted."
}
