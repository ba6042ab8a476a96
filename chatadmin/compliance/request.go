package compliance

import (
	"context"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Request requests an agreement, and queues the mail that says so. The same
// request again, while it is under way, returns the one that is there.
//
// It returns *chatadmin.FieldErrors that name all wrong fields, ErrOpen if the
// domain has another agreement under way, chatadmin.ErrThrottled if it has
// requested too many in a day, and ErrNoRecipient. It needs
// chatadmin.PermDomain. For a customer without a domain the host calls it with
// the scope AsHost(""); a domain that is not there does not keep two such
// requests apart that are made at the same moment.
func (x *Agreements) Request(ctx context.Context, s *chatadmin.Scope, f Form) (Agreement, error) {
	known, err := x.Form(ctx, s)
	if err != nil {
		return Agreement{}, err
	}
	if f, err = x.fill(f, known); err != nil {
		return Agreement{}, err
	}
	if x.o.Recipient == "" {
		return Agreement{}, ErrNoRecipient
	}
	r := request{ID: x.admin.NewID(), Old: s.Domain(), New: x.admin.NewID(), Domain: f.Domain, Name: f.NewDomain, Admin: f.AdminEmail,
		Signer: f.SignerEmail, Seats: f.Seats, Plan: f.Plan, Price: f.Price, By: s.Actor(), State: Requested}
	asked := r
	do := func(ctx context.Context, w *chatadmin.Writer) error {
		asked = r
		asked.At, asked.Changed = w.Now(), w.Now()
		open, err := x.open(ctx, w, s, &r)
		if err != nil {
			return err
		}
		if open != nil {
			asked = *open
			if open.form() != r.form() {
				return fmt.Errorf("agreement %s is %q: %w", open.ID, open.State, ErrOpen)
			}
			return nil
		}
		e, m := requests.New("", string(r.ID), "", asked), mails.New("", string(r.ID), "", mail{State: MailWaiting})
		m.Due = w.Now()
		if err := requests.Put(ctx, w, &e); err != nil {
			return err
		}
		if err := mails.Put(ctx, w, &m); err != nil || operator(s) {
			return err
		}
		w.Audit(KindRequest, []chatadmin.ID{s.Domain()}, nil, map[string]string{"agreement": string(r.ID), "seats": fmt.Sprint(r.Seats), "price": r.Price})
		l := links.New(s.Domain(), string(r.ID), "", link{Agreement: r.ID})
		return links.Put(ctx, w, &l)
	}
	if operator(s) {
		err = x.admin.Bookkeep(ctx, "", do)
	} else { // exclusive: of two requests one sees the other
		err = s.Change(ctx, chatadmin.Op{Kind: KindRequest, Need: chatadmin.PermDomain, Fence: storage.Exclusive, Targets: []chatadmin.ID{s.Domain()}}, do)
	}
	if err != nil {
		return Agreement{}, err
	}
	return x.Agreement(ctx, s, asked.ID)
}

// open is the agreement that stands in the way of r: one that the domain has
// under way. For a customer without a domain it is one whose form is the same.
func (x *Agreements) open(ctx context.Context, w *chatadmin.Writer, s *chatadmin.Scope, r *request) (*request, error) {
	lately := 0
	for p := (chatadmin.Page{Limit: 100}); ; {
		all, following, err := page(ctx, w, s, p)
		if err != nil {
			return nil, err
		}
		for _, e := range all {
			switch is := &e.Value; {
			case operator(s) && (e.Damaged != nil || is.Old != "" || is.form() != r.form()):
			case e.Damaged != nil: // it may be under way
				return nil, e.Damaged
			case next(is.State, is.Old != "") != "":
				return is, nil
			case w.Now().Sub(is.At).Abs() < 24*time.Hour:
				lately++
			}
		}
		if p.After = following; following == "" {
			break
		}
	}
	if s.Actor() != chatadmin.HostActor && lately >= x.o.PerDay {
		return nil, texts.Explain(fmt.Errorf("%d agreements were requested in 24 hours: try again tomorrow: %w", lately, chatadmin.ErrThrottled), "why.agreements_day", lately)
	}
	return nil, nil
}
