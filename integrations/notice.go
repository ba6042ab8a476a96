package integrations

import (
	"context"
	"fmt"
	"slices"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// noticeData is something that the admins of a group are to know.
type noticeData struct {
	Service string        `json:"service"`
	Text    texts.Message `json:"text"`
}

// notice makes the record by which Deliver tells the admins of a group, or a
// user.
func (x *Integrations) notice(domain chatadmin.ID, of Of, text texts.Message) storage.Write[storage.Record] {
	key := storage.Key{Kind: kindNotice, Domain: domain, ID: string(x.admin.NewID())}
	r, _ := row(&noticeRecords, key, of.Owner, &noticeData{of.Service, text}) // strings cannot fail
	r.Due = x.admin.Now()
	return storage.Write[storage.Record]{Row: r}
}

// tellAdmins sends by mail what admins are to know. A mail that cannot be sent
// is logged and not tried again: Status says the same.
func (x *Integrations) tellAdmins(ctx context.Context, r storage.Record) error {
	n, err := noticeRecords.Decode(r)
	if err != nil {
		return x.putAside(ctx, r, err)
	}
	name, us, err := x.concerned(ctx, r.Domain, r.Owner)
	if err != nil {
		return err
	}
	_, set, err := x.admin.AsHost(r.Domain).View(ctx, "")
	if err != nil {
		return err
	}
	for _, u := range us {
		words := x.admin.Speak(&set, &u)
		subject := words.Sprintf("integration.subject_own")
		if name != "" {
			subject = words.Sprintf("integration.subject", name)
		}
		m := chatadmin.Mail{ID: fmt.Sprintf("integration-%s-%s", r.ID, u.ID), To: u.Email, Subject: subject, Text: words.Message(n.Text) + "\n"}
		if err := x.admin.SendMail(ctx, m); err != nil {
			x.admin.Options().Logger.WarnContext(ctx, "integration: an admin could not be told", "user", u.ID, "error", err)
		}
	}
	return x.settle(ctx, r, true)
}

// concerned are whom a notice is for, and the name of the group that it is
// about: of a user's account that user, without a name; of a group its admins
// or, where none of them can be told, those of the domain.
func (x *Integrations) concerned(ctx context.Context, domain, owner chatadmin.ID) (string, []chatadmin.User, error) {
	st := x.admin.Store()
	gs, err := st.Groups(ctx, domain, []chatadmin.ID{owner})
	if err != nil {
		return "", nil, err
	}
	if len(gs) == 0 {
		us, err := st.Users(ctx, domain, []chatadmin.ID{owner})
		return "", reachable(us), err
	}
	for p := (chatadmin.Page{Limit: deliverBatch}); ; {
		ms, next, err := st.ListMemberships(ctx, storage.MemberQuery{Domain: domain, Group: owner, AdminOnly: true}, p)
		if err != nil {
			return "", nil, err
		}
		ids := make([]chatadmin.ID, len(ms))
		for i, m := range ms {
			ids[i] = m.User
		}
		if len(ids) > 0 {
			us, err := st.Users(ctx, domain, ids)
			if us = reachable(us); err != nil || len(us) > 0 { // a hundred are enough
				return gs[0].Name, us, err
			}
		}
		if p.After = next; next == "" {
			break
		}
	}
	for p := (chatadmin.Page{Limit: deliverBatch}); ; {
		us, next, err := st.ListUsers(ctx, chatadmin.UserQuery{Domain: domain, AdminOnly: true}, p)
		if us = reachable(us); err != nil || len(us) > 0 || next == "" {
			return gs[0].Name, us, err
		}
		p.After = next
	}
}

// reachable are the users who have access and an address.
func reachable(us []chatadmin.User) []chatadmin.User {
	return slices.DeleteFunc(us, func(u chatadmin.User) bool {
		return u.Email == "" || u.Denied || u.Deleting || u.Status == chatadmin.Deactivated
	})
}
