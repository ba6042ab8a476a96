package compliance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// MailState is what became of the mail of a request.
type MailState string

// The states of a mail.
const (
	MailWaiting MailState = "waiting" // until it was taken, or there is a Mailer
	MailSent    MailState = "sent"
	MailFailed  MailState = "failed"  // it was refused for good, or for hours
	MailUnknown MailState = "unknown" // its record is damaged
)

// mail is how far the mail of an agreement is, under the ID of the agreement.
type mail struct {
	State MailState `json:"state"`
	Tries int       `json:"tries,omitempty"`
}

var mails = chatadmin.RecordKind[mail]{Name: "baa-mail", Check: func(m *mail) error {
	if !slices.Contains([]MailState{MailWaiting, MailSent, MailFailed}, m.State) || m.Tries < 0 {
		return errors.New("it holds values that no mail has")
	}
	return nil
}}

// Deliver sends the requests that wait, of all domains, and returns how many
// mails it sent. chatadmin.Admin.Work calls it. A process that dies after the
// mail server has taken a mail, and before that was written down, leaves it
// waiting: it is sent once more after five minutes, under the same Message-ID.
// If the answer of the mail server is lost, the mail counts as sent. What the
// mail server refuses for now is tried again, up to 8 times within about four
// hours.
func (x *Agreements) Deliver(ctx context.Context) (sent int, err error) {
	return x.mails.Deliver(ctx, "")
}

// settled notes that a mail has left, or that it was given up.
func settled(_ context.Context, _ *chatadmin.Writer, e *chatadmin.Entry[mail], failure error) error {
	if e.Value.State = MailSent; failure != nil {
		e.Value.State = MailFailed
	}
	return nil
}

// mail is the mail of a request.
func (x *Agreements) mail(ctx context.Context, e *chatadmin.Entry[mail]) (chatadmin.Mail, error) {
	r, err := requests.Get(ctx, x.admin.Store(), "", e.ID)
	if err != nil {
		return chatadmin.Mail{}, err
	}
	return x.Mail(r.Value.agreement(MailWaiting)), nil
}

// Mail is the mail of a request, with the subject and the lines that the help
// page of Office Chat asks for. The library sends it by itself; where it cannot,
// a person can.
func (x *Agreements) Mail(a Agreement) chatadmin.Mail {
	var b strings.Builder
	signer := a.Form.SignerEmail
	if signer == a.Form.AdminEmail {
		signer = "the admin"
	}
	for _, row := range [][2]string{
		{x.o.Product + " Domain name", a.Form.Domain},
		{x.o.Product + " Admin Email", a.Form.AdminEmail},
		{"Email of the person to send the BAA agreement (if different than admin)", signer},
		{fmt.Sprintf("A number of user seats needed (you start with %d)", x.o.Prices[0].Seats), fmt.Sprint(a.Form.Seats)},
		{"Your current " + x.o.Product + " plan is (If Applicable)", a.Form.Plan},
		{"Acknowledge this will be the Enterprise annual plan: " + a.Form.Price, "Yes"},
		{"Name of the new domain", a.Form.NewDomain},
		{"Request", string(a.ID)},
	} {
		if row[1] == "" {
			row[1] = "(none)"
		}
		fmt.Fprintf(&b, "%s: %s\n", row[0], row[1])
	}
	return chatadmin.Mail{ID: "baa-" + string(a.ID), To: x.o.Recipient, ReplyTo: a.Form.AdminEmail, Subject: x.o.Product + " BAA Agreement", Text: b.String()}
}
