package chatadmin

import (
	"context"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// PostDecision says whether a user may post in a group: PostAllowed, or the
// reason why not. The zero PostDecision does not allow it.
type PostDecision string

const (
	PostAllowed    PostDecision = "allowed"
	PostSuspended  PostDecision = "suspended"   // the domain is suspended or closing
	PostNoAccess   PostDecision = "no_access"   // the user is deactivated, denied or being deleted
	PostNotMember  PostDecision = "not_member"  // of the group
	PostArchived   PostDecision = "archived"    // the group is archived: nobody posts there
	PostAdminsOnly PostDecision = "admins_only" // the group's posting policy
)

// Allowed reports whether the user may post.
func (d PostDecision) Allowed() bool { return d == PostAllowed }

// Message tells people why they may not post; "" if they may.
func (d PostDecision) Message() string { return d.Sentence().Text }

// Sentence is Message with its code, to be said in another language; see
// package texts.
func (d PostDecision) Sentence() texts.Message {
	switch d {
	case PostAllowed:
		return texts.Message{}
	case PostSuspended, PostArchived, PostAdminsOnly, PostNotMember:
		return texts.NewMessage("post." + string(d))
	}
	return texts.NewMessage("post." + string(PostNoAccess))
}

// MayPost reports whether a user may post in a group. Hosts ask it before they
// accept a message. The first line that applies decides:
//
//	the domain is suspended or closing                   PostSuspended
//	the user is deactivated, denied or being deleted     PostNoAccess
//	the user is not a member of the group                PostNotMember
//	the group is archived                                PostArchived
//	only admins post; the user is no admin of the group
//	and has not the role of the domain's admins          PostAdminsOnly
//	otherwise                                            PostAllowed
//
// If the settings of the group cannot be read, only admins post. It reads four
// rows by their keys. A group or user that does not exist is ErrNotFound.
//
// Everybody may ask about themselves; about others it needs PermUsersRead.
func (s *Scope) MayPost(ctx context.Context, group, user ID) (PostDecision, error) {
	need := PermUsersRead
	if user == s.actor {
		need = ""
	}
	_, set, u, role, err := s.authorize(ctx, s.admin.store, need)
	if err != nil {
		return "", err
	}
	r := s.admin.store
	if user != s.actor {
		us, err := r.Users(ctx, s.domain, []ID{user})
		us, err = s.visibleUsers(ctx, role, us, err)
		if u, err = one(us, err, "user", string(user)); err != nil {
			return "", err
		}
	}
	ms, err := r.Memberships(ctx, s.domain, []storage.Pair{{Group: group, User: user}})
	if err != nil {
		return "", err
	}
	var g Group
	// whether a group exists is told to those alone who may read it
	if len(ms) > 0 || role.May(PermUsersRead) {
		if g, err = readGroup(ctx, r, s.domain, group); err != nil {
			return "", err
		}
	}
	switch {
	case set.State != DomainActive:
		return PostSuspended, nil
	case !u.HasAccess():
		return PostNoAccess, nil
	case len(ms) == 0:
		return PostNotMember, nil
	case g.Archived:
		return PostArchived, nil
	}
	decided, err := GroupSettingsOf(g)
	if err != nil {
		s.admin.o.Logger.WarnContext(ctx, "the settings of a group cannot be read: only admins post there", "domain", s.domain, "group", g.ID, "error", err)
	}
	if decided.Posting == AdminsPost && !ms[0].Admin && !u.Admin {
		return PostAdminsOnly, nil
	}
	return PostAllowed, nil
}
