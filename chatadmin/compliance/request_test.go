package compliance_test

import (
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/compliance"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// A request becomes the mail that the help page asks for, as a parser of mails
// reads it.
func TestRequestMail(t *testing.T) {
	w := newWorld(t)
	f, err := w.x.Form(ctx, w.S)
	require.NoError(t, err)
	require.Equal(t, compliance.Form{Domain: "Acme", NewDomain: "Acme", AdminEmail: "boss@acme.example", Seats: 50, Plan: "business", Price: "$999 for a year"}, f)
	f.NewDomain, f.SignerEmail, f.Seats, f.Acknowledge = " Acme Health ", "lawyer@acme.example", 60, "yes "
	a, err := w.x.Request(ctx, w.S, f)
	require.NoError(t, err)
	require.Equal(t, compliance.MailWaiting, a.Mail)
	require.Equal(t, w.S.Actor(), a.By)
	require.Equal(t, 1, w.Work()["agreement mails"])
	require.Equal(t, compliance.MailSent, w.agreement(a.ID).Mail)
	require.Zero(t, w.Work()["agreement mails"])

	data, err := os.Open(filepath.Join(w.letters, "baa-"+string(a.ID)+".eml"))
	require.NoError(t, err)
	defer func() { require.NoError(t, data.Close()) }()
	msg, err := mail.ReadMessage(data)
	require.NoError(t, err)
	require.Equal(t, "Office Chat BAA Agreement", msg.Header.Get("Subject"))
	for header, want := range map[string]string{"To": vendor, "Reply-To": "boss@acme.example"} {
		all, err := msg.Header.AddressList(header)
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.Equal(t, want, all[0].Address)
	}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "text/plain", kind)
	require.Equal(t, "utf-8", strings.ToLower(params["charset"]))
	require.Equal(t, "quoted-printable", msg.Header.Get("Content-Transfer-Encoding"))
	text, err := io.ReadAll(quotedprintable.NewReader(msg.Body))
	require.NoError(t, err)
	require.Equal(t, `Office Chat Domain name: Acme
Office Chat Admin Email: boss@acme.example
Email of the person to send the BAA agreement (if different than admin): lawyer@acme.example
A number of user seats needed (you start with 50): 60
Your current Office Chat plan is (If Applicable): business
Acknowledge this will be the Enterprise annual plan: $999 for a year: Yes
Name of the new domain: Acme Health
Request: `+string(a.ID)+"\n", strings.ReplaceAll(string(text), "\r\n", "\n"))
	require.Contains(t, w.x.Mail(compliance.Agreement{Form: compliance.Form{AdminEmail: "a@b.example", SignerEmail: "a@b.example"}}).Text,
		"Office Chat Domain name: (none)\nOffice Chat Admin Email: a@b.example\nEmail of the person to send the BAA agreement (if different than admin): the admin\n")
}

// Everything that is wrong with a form is told at once.
func TestFormFaults(t *testing.T) {
	w := newWorld(t)
	fields := func(s *chatadmin.Scope, f compliance.Form) (all []string) {
		_, err := w.x.Request(ctx, s, f)
		var wrong *chatadmin.FieldErrors
		require.True(t, errors.As(err, &wrong), "%v", err)
		for _, f := range wrong.Fields {
			all = append(all, f.Field+" "+f.Code)
		}
		return all
	}
	require.Equal(t, []string{"domain bad_domain", "new_domain bad_text", "admin_email bad_email", "signer_email bad_email", "seats bad_seats", "plan bad_text",
		"acknowledge not_acknowledged"}, fields(w.S, compliance.Form{Domain: "Other", NewDomain: "a\r\nBcc: eve@x.example", AdminEmail: "Bob <bob@x.example>",
		SignerEmail: "bob@x.example, eve@x.example", Seats: 49, Plan: "a\u2028b", Acknowledge: "No"}))
	require.Equal(t, []string{"acknowledge not_acknowledged"}, fields(w.S, compliance.Form{}))
	require.Equal(t, []string{"new_domain missing", "admin_email missing", "acknowledge not_acknowledged"}, fields(w.operator, compliance.Form{}))
	require.Equal(t, []string{"domain bad_domain"}, fields(w.operator, compliance.Form{Domain: "Acme", NewDomain: "x", AdminEmail: "a@b.example", Acknowledge: "Yes"}))
	require.Equal(t, []string{"price old_price"}, fields(w.S, compliance.Form{Price: "$9 for a year", Acknowledge: "YES"}))
	for _, seats := range []int{-1, 1, 49, 10_000_001} {
		require.Equal(t, []string{"seats bad_seats"}, fields(w.S, compliance.Form{Seats: seats, Acknowledge: "Yes"}))
	}
	for _, bad := range []string{"bob@x.example (x)", "bob@x.example\r\nBcc: eve@x.example", `"bob"@x.example`, "bob", "@", "bob@x.example>"} {
		require.Equal(t, []string{"signer_email bad_email"}, fields(w.S, compliance.Form{SignerEmail: bad, Acknowledge: "Yes"}), bad)
	}
	require.Equal(t, []string{"new_domain bad_text"}, fields(w.S, compliance.Form{NewDomain: strings.Repeat("x", 251), Acknowledge: "Yes"}))
	require.Empty(t, w.Mail.Mails())
	require.Empty(t, w.log(w.Domain))
}

// The host's table of prices and seats, product and address are in force.
func TestPrices(t *testing.T) {
	w := newWorld(t, func(o *compliance.Options) {
		o.Product, o.Prices = "Acme Chat", []compliance.Price{{Seats: 10, Text: "€100 for a year"}, {Seats: 100, Text: "€800 for a year"}}
	})
	require.Len(t, w.x.Prices(), 2)
	for seats, price := range chatadmintest.InOrder(map[int]string{0: "€100 for a year", 10: "€100 for a year", 99: "€100 for a year", 100: "€800 for a year", 5000: "€800 for a year"}) {
		a, err := w.x.Request(ctx, w.S, compliance.Form{Seats: seats, Acknowledge: "Yes", Price: price})
		require.NoError(t, err)
		require.Equal(t, price, a.Form.Price)
		require.Equal(t, max(seats, 10), a.Form.Seats)
		m := w.x.Mail(a)
		require.Equal(t, "Acme Chat BAA Agreement", m.Subject)
		require.Contains(t, m.Text, "(you start with 10)")
		require.Contains(t, m.Text, "Enterprise annual plan: "+price)
		w.advance(a.ID, compliance.Cancel)
	}
	for name, o := range map[string]compliance.Options{
		"no retention": {Closings: w.closings}, "no closings": {Retention: w.retain},
		"address": {Recipient: "Bob <bob@x.example>"}, "product": {Product: "a\nb"}, "limit": {PerDay: -1},
		"price": {Prices: []compliance.Price{{Seats: 1, Text: "a\nb"}}}, "no price": {Prices: []compliance.Price{{Seats: 1}}},
		"no seats": {Prices: []compliance.Price{{Text: "$1"}}}, "order": {Prices: []compliance.Price{{Seats: 2, Text: "$1"}, {Seats: 2, Text: "$2"}}},
	} {
		admin, err := chatadmin.New(memstore.New(nil), nil)
		require.NoError(t, err)
		if !strings.HasPrefix(name, "no ") || name == "no price" || name == "no seats" {
			o.Retention, err = retention.New(admin, nil)
			require.NoError(t, err)
			o.Closings, err = closing.New(admin, nil)
			require.NoError(t, err)
		}
		_, err = compliance.New(admin, &o)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, name)
	}
	_, err := compliance.New(w.Admin, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	nowhere := newWorld(t, func(o *compliance.Options) { o.Recipient = "" })
	_, err = nowhere.x.Request(ctx, nowhere.S, form())
	require.ErrorIs(t, err, compliance.ErrNoRecipient)
}

// A domain has one agreement under way. The same request twice is one, with one
// mail; too many in a day are refused.
func TestOneAtATime(t *testing.T) {
	for _, old := range []bool{true, false} {
		w := newWorld(t)
		a := w.request(old)
		require.Equal(t, a.ID, w.request(old).ID)
		require.Equal(t, 1, w.Work()["agreement mails"])
	}
	w := newWorld(t)
	a := w.request(true)
	other := form()
	other.Seats = 61
	_, err := w.x.Request(ctx, w.S, other)
	require.ErrorIs(t, err, compliance.ErrOpen)
	require.ErrorIs(t, err, chatadmin.ErrExists)
	require.ErrorContains(t, err, string(a.ID))
	for range 4 {
		_, err := w.x.Advance(ctx, w.S, a.ID, compliance.Cancel, compliance.Input{})
		require.NoError(t, err)
		a = w.request(true)
	}
	w.advance(a.ID, compliance.Cancel)
	_, err = w.x.Request(ctx, w.S, form())
	require.ErrorIs(t, err, chatadmin.ErrThrottled)
	w.Clock.Advance(25 * time.Hour)
	w.request(true)

	b := newWorld(t) // a customer without a domain asks for two, another one for one
	b.request(false)
	other.AdminEmail = "boss@new.example"
	_, err = b.x.Request(ctx, b.operator, other)
	require.NoError(t, err)
	all, _, err := b.x.AgreementsPage(ctx, b.operator, compliance.Query{}, chatadmin.Page{})
	require.NoError(t, err)
	require.Len(t, all, 2)
}

// Of a hundred requests at once one is made, and one mail leaves.
func TestRequestRace(t *testing.T) {
	w := newWorld(t)
	errs := chatadmintest.AtOnce(100, func(n int) error {
		f := form()
		f.Seats += n % 2
		_, err := w.x.Request(ctx, w.S, f)
		return err
	})
	for _, err := range errs {
		if err != nil {
			require.ErrorIs(t, err, compliance.ErrOpen)
		}
	}
	all, _, err := w.x.AgreementsPage(ctx, w.operator, compliance.Query{}, chatadmin.Page{})
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, []string{"baa.request"}, w.log(w.Domain))
	require.Equal(t, 1, w.Work()["agreement mails"])
}

// A mail that is refused for good is given up; the request is there all the
// same.
func TestMailFails(t *testing.T) {
	w := newWorld(t)
	a := w.request(true)
	w.Mail.FailNext(errors.New("busy"), chatadmin.ErrMailRefused)
	require.Zero(t, w.Work()["agreement mails"])
	require.Equal(t, compliance.MailWaiting, w.agreement(a.ID).Mail)
	w.Clock.Advance(3 * time.Minute)
	require.Zero(t, w.Work()["agreement mails"])
	require.Equal(t, compliance.MailFailed, w.agreement(a.ID).Mail)
	w.advance(a.ID, compliance.Provision)
}
