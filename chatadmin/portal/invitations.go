package portal

import (
	"context"

	"chatadmin.example/sdk/chatadmin"
)

// invitationsPage lists who has not signed in yet.
type invitationsPage struct {
	*view
	paging
	Rows    []invitedRow
	Filters []field
	Invites bool // the reader may invite
}

type invitedRow struct {
	chatadmin.InvitedUser
	badge
}

// invitationTones are the states that users who have not signed in can have.
var invitationTones = []struct {
	state chatadmin.InvitationState
	tone  string
}{
	{chatadmin.InvitationNone, "mute"}, {chatadmin.InvitationQueued, "warn"}, {chatadmin.InvitationSending, "warn"},
	{chatadmin.InvitationSent, "good"}, {chatadmin.InvitationExpired, "bad"}, {chatadmin.InvitationFailed, "bad"},
}

func (v *view) invitations() error {
	var q chatadmin.InvitationQuery
	if state := v.query("state"); state != "" {
		q.States = []chatadmin.InvitationState{chatadmin.InvitationState(state)}
	}
	us, next, err := v.s.InvitationsPage(v.r.Context(), q, v.page(pageSize))
	if err != nil {
		return err
	}
	page := invitationsPage{view: v, paging: v.paging(next), Invites: v.May(chatadmin.PermUsersEdit)}
	tones := map[chatadmin.InvitationState]string{"": "bad"}
	states := []option{{"", v.T("list.all")}}
	for _, s := range invitationTones {
		tones[s.state] = s.tone
		states = append(states, option{string(s.state), v.T("invitation." + string(s.state))})
	}
	page.Filters = []field{{Name: "state", Label: v.T("user.invitation"), Value: v.query("state"), Options: states}}
	for _, u := range us {
		text := v.T("invitation.damaged")
		if u.State != "" {
			text = v.T("invitation." + string(u.State))
		}
		page.Rows = append(page.Rows, invitedRow{u, badge{text, tones[u.State]}})
	}
	return v.render("invitations", page)
}

// inviteUsers invites those of the selected users who have no working link.
func (v *view) inviteUsers() error {
	return v.withInvited(v.s.InviteUsers, "invitations.invited")
}

// revokeInvitations ends the invitations of the selected users.
func (v *view) revokeInvitations() error {
	return v.withInvited(v.s.RevokeInvitations, "invitations.revoked")
}

// withInvited does something with the selected users, and tells with how many.
func (v *view) withInvited(do func(context.Context, ...chatadmin.ID) ([]chatadmin.ID, error), told string) error {
	v.back = "/users/invitations"
	f, err := v.form()
	if err != nil {
		return err
	}
	v.backTo(v.back, f)
	chosen := ids(f["user"])
	if len(chosen) == 0 {
		return v.done(v.back, "tools.nobody")
	}
	did, err := do(v.r.Context(), chosen...)
	if err != nil {
		return err
	}
	v.p.o.Wake()
	return v.done(v.back, told, len(did))
}
