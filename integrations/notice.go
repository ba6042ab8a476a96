package integrations

import (
	"context"
	"encoding/json"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
)

// noticeData is something that the admins of a group are to know.
type noticeData struct {
	Version int    `json:"v"`
	Service string `json:"service"`
	Text    string `json:"text"`
}

// notice makes the record by which Deliver tells the admins of a group, or a user.
func (x *Integrations) notice(domain chatadmin.ID, of Of, text string) chatadmin.Change[chatadmin.Record] {
	data, _ := json.Marshal(noticeData{version, of.Service, text}) // strings cannot fail
	return chatadmin.Change[chatadmin.Record]{Row: chatadmin.Record{Key: chatadmin.Key{Kind: kindNotice, Domain: domain, ID: string(x.admin.NewID())}, Owner: of.Owner, Due: x.admin.Now(), Data: data}}
}

// notices sends what admins are to know by mail. A mail that cannot be sent is logged and not tried again: Status says the same.
func (x *Integrations) notices(ctx context.Context) error {
	for {
		rs, _, err := x.admin.Store().ListRecords(ctx, chatadmin.RecordQuery{Kind: kindNotice, DueBy: x.admin.Now()}, chatadmin.Page{Limit: deliverBatch})
		if err != nil || len(rs) == 0 {
			return err
		}
		for _, r := range rs {
			if err := x.tellAdmins(ctx, r); err != nil {
				return err
			}
			if err := (&work{x: x, domain: r.Domain, of: Of{Owner: r.Owner}}).commit(ctx, []chatadmin.Change[chatadmin.Record]{{Row: r, Was: r.Rev, Delete: true}}); err != nil {
				return err
			}
		}
	}
}

func (x *Integrations) tellAdmins(ctx context.Context, r chatadmin.Record) error {
	var n noticeData
	if err := decode(r, &n, &n.Version); err != nil {
		return err
	}
	st := x.admin.Store()
	name, ids := "your account", []chatadmin.ID{r.Owner}
	gs, err := st.Groups(ctx, r.Domain, ids)
	if err != nil {
		return err
	}
	if len(gs) > 0 {
		name, ids = gs[0].Name, nil
		ms, _, err := st.ListMemberships(ctx, chatadmin.MemberQuery{Domain: r.Domain, Group: r.Owner, AdminOnly: true}, chatadmin.Page{Limit: deliverBatch})
		if err != nil {
			return err
		}
		for _, m := range ms {
			ids = append(ids, m.User)
		}
		if len(ids) == 0 { // then it is the domain's affair
			us, _, err := st.ListUsers(ctx, chatadmin.UserQuery{Domain: r.Domain, AdminOnly: true}, chatadmin.Page{Limit: deliverBatch})
			if err != nil {
				return err
			}
			for _, u := range us {
				ids = append(ids, u.ID)
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	us, err := st.Users(ctx, r.Domain, ids)
	if err != nil {
		return err
	}
	for _, u := range us {
		if u.Email == "" || u.Denied || u.Deleting || u.Status == chatadmin.Deactivated {
			continue
		}
		m := chatadmin.Mail{ID: fmt.Sprintf("integration-%s-%s", r.ID, u.ID), To: u.Email, Subject: "An integration of " + name + " needs you", Text: n.Text + "\n"}
		if err := x.admin.SendMail(ctx, m); err != nil {
			x.admin.Options().Logger.WarnContext(ctx, "integration: an admin could not be told", "user", u.ID, "error", err)
		}
	}
	return nil
}
