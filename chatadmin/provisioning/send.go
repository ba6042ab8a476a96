package provisioning

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Activating is what a user is sent.
type Activating struct {
	Channel Channel
	Domain  string // its name
	User    chatadmin.User
	Code    string
	Expires time.Time
	// Words says texts in the language of the user.
	Words *texts.Printer
}

// DefaultMessage is the message in the language of the user. A text message has
// no subject, and fits into one for most names (160 characters).
func DefaultMessage(a Activating) (subject, text string) {
	words := a.Words
	if a.Channel == ByText {
		return "", words.Sprintf("radio.sms", chatadmin.Cut(a.Domain), a.User.Login, a.Code, words.Day(a.Expires))
	}
	return words.Sprintf("radio.subject", chatadmin.Cut(a.Domain)),
		words.Sprintf("radio.text", a.User.DisplayName, a.User.Login, a.Code, words.Time(a.Expires))
}

// SendActivations sends the queued activation codes of a domain, and returns
// how many. Each is marked before it is handed over, so that no crash sends it
// twice. What is refused is tried again later, up to 8 times. Codes wait if
// there is no Options.SMS, or no Mailer, for them. chatadmin.Admin.Work calls
// it.
func (p *Provisioning) SendActivations(ctx context.Context, domain chatadmin.ID) (n int, err error) {
	var errs []error
	q := storage.RecordQuery{Domain: domain, DueBy: p.admin.Now()}
	var due []chatadmin.Entry[CodeState]
	for e, err := range activationRecords.Each(ctx, p.admin.Store(), q) {
		switch {
		case e.Damaged != nil:
			continue
		case err != nil:
			return 0, err
		}
		due = append(due, e)
		if len(due) == chatadmin.MaxBatch { // the others are due at the next round
			break
		}
	}
	for _, e := range due {
		sent, err := p.send(ctx, domain, chatadmin.ID(e.ID))
		if sent {
			n++
		}
		if err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return n, errors.Join(errs...)
}

// send sends the code of one user.
func (p *Provisioning) send(ctx context.Context, domain, user chatadmin.ID) (sent bool, err error) {
	code, err := p.newCode()
	if err != nil {
		return false, err
	}
	a, series, err := p.claim(ctx, domain, user, code)
	if err != nil || a == nil {
		return false, err
	}
	subject, text := p.o.Message(*a)
	var refused error
	if a.Channel == ByText {
		refused = p.o.SMS.SendSMS(ctx, chatadmin.SMS{To: a.User.PhoneE164, Text: text})
	} else {
		refused = p.admin.SendMail(ctx, chatadmin.Mail{ID: series, To: a.User.Email, Subject: subject, Text: text})
	}
	err = p.admin.Bookkeep(context.WithoutCancel(ctx), domain, func(ctx context.Context, w *chatadmin.Writer) error {
		e, err := activationRecords.Get(ctx, w, domain, string(user))
		if err != nil || e.Value.State != ActivationSending || e.Value.Series != series {
			if errors.Is(err, chatadmin.ErrNotFound) || err == nil {
				return nil // replaced or ended meanwhile
			}
			return err
		}
		c := &e.Value
		switch {
		case refused == nil || errors.Is(refused, chatadmin.ErrMailUnknown):
			c.State = ActivationSent
		case errors.Is(refused, chatadmin.ErrMailRefused) || c.Tries >= maxTries:
			c.State, c.Hash = ActivationFailed, nil
		default:
			c.State, c.Hash, e.Due = ActivationQueued, nil, w.Now().Add(time.Minute<<c.Tries)
		}
		return activationRecords.Put(ctx, w, &e)
	})
	if refused != nil {
		return false, errors.Join(fmt.Errorf("activation of user %s: %w", user, refused), err)
	}
	return err == nil, err
}

// claim marks a code as being sent. nil says that there is nothing to send.
func (p *Provisioning) claim(ctx context.Context, domain, user chatadmin.ID, code string) (a *Activating, series string, err error) {
	series = string(p.admin.NewID())
	op := chatadmin.Op{Kind: chatadmin.KindUserInvite, Fence: storage.NoFence}
	err = p.admin.AsHost(domain).Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		a = nil
		e, err := activationRecords.Get(ctx, w, domain, string(user))
		if errors.Is(err, chatadmin.ErrNotFound) || err == nil && e.Value.State != ActivationQueued {
			return nil
		}
		if err != nil || w.Settings.State != chatadmin.DomainActive {
			return err
		}
		u, err := oneUser(ctx, w, domain, user)
		if err != nil && !errors.Is(err, chatadmin.ErrNotFound) {
			return err
		}
		channel := Channel("")
		if is, _, bad := ProfileOf(&u); err == nil && bad == nil && u.Status == chatadmin.Pending && u.HasAccess() {
			policy, err := policyOf(&w.Settings)
			if err != nil {
				return err
			}
			channel = (&rules{set: &w.Settings, policy: policy}).channel(&u, &is)
		}
		c := &e.Value
		switch {
		case channel == "": // there is nobody to send it to any more
			c.State, e.Due = activationEnded, time.Time{}
			return activationRecords.Put(ctx, w, &e)
		case channel == ByText && p.o.SMS == nil, channel == ByEmail && p.admin.Options().Mailer == nil:
			e.Due = w.Now().Add(time.Hour) // it waits for a sender
			return activationRecords.Put(ctx, w, &e)
		}
		*c = CodeState{State: ActivationSending, Channel: channel, Release: c.Release, Series: series, Tries: c.Tries + 1,
			Hash: hashCode(user, code), Expires: w.Now().Add(p.o.CodeLife)}
		e.Due = time.Time{}
		a = &Activating{Channel: channel, Domain: w.Domain.Name, User: u, Code: code, Expires: c.Expires, Words: p.admin.Speak(&w.Settings, &u)}
		return activationRecords.Put(ctx, w, &e)
	})
	if err != nil {
		return nil, "", err
	}
	return a, series, nil
}
