package compliance

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Form is a request as the customer fills it in. Blanks around a value do not
// count.
type Form struct {
	// Domain is the name of the customer's domain. It is that of the scope, or
	// "" for it; a customer without a domain has none.
	Domain string
	// NewDomain is the wanted name of the new domain, such as that of the
	// company; "" is that of the present one.
	NewDomain string
	// AdminEmail is the address of the administrator; "" is that of the actor. It
	// becomes the login of the first administrator of the new domain, who is
	// invited by mail.
	AdminEmail string
	// SignerEmail is the address of the person who gets the agreement to sign,
	// if it is not the administrator.
	SignerEmail string
	// Seats is the number of users; 0 is the fewest of Agreements.Prices.
	Seats int
	// Plan is the present plan, if there is one; "" is what the domain has.
	Plan string
	// Acknowledge is "Yes": the new domain has the enterprise plan, paid
	// annually, at the price of Agreements.Prices.
	Acknowledge string
	// Price is the price that was shown. If the table has another one by now,
	// the request is refused; "" is what the table has.
	Price string
}

const (
	maxText = 250 // bytes of a name or a price
	maxPlan = 64
)

// Codes of wrong fields, besides those of package chatadmin.
const (
	CodeBadDomain       = "bad_domain"       // not the name of the customer's domain
	CodeBadSeats        = "bad_seats"        // too few or too many
	CodeNotAcknowledged = "not_acknowledged" // anything but "Yes", in any case of letters
	CodeOldPrice        = "old_price"        // another one than the table's
	CodeBadDocument     = "bad_document"     // no reference
	CodeBadFunds        = "bad_funds"        // neither transferred, refunded nor none
	CodeNotOfThisStep   = "not_of_this_step" // a value that the step does not take
)

// Form returns a form with what is known of the actor and their domain, to show.
// It needs chatadmin.PermDomain.
func (x *Agreements) Form(ctx context.Context, s *chatadmin.Scope) (Form, error) {
	f := Form{Seats: x.o.Prices[0].Seats, Price: x.o.Prices[0].Text}
	if operator(s) {
		return f, nil
	}
	d, set, err := s.View(ctx, chatadmin.PermDomain)
	if err != nil {
		return Form{}, err
	}
	f.Domain, f.NewDomain, f.Plan = d.Name, oneLine(d.Name), string(set.Subscription.Plan)
	if s.Actor() != chatadmin.HostActor {
		u, err := s.User(ctx, s.Actor())
		if err != nil {
			return Form{}, err
		}
		f.AdminEmail = u.Email
	}
	return f, nil
}

// oneLine puts a blank in the place of what is not shown. Names that are there
// may hold some.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if printable(string(r)) {
			return r
		}
		return ' '
	}, s)
}

// fill completes a form, and returns *chatadmin.FieldErrors that name all that
// is wrong with it. known is what Form gives.
func (x *Agreements) fill(f, known Form) (Form, error) {
	for _, p := range []*string{&f.Domain, &f.NewDomain, &f.AdminEmail, &f.SignerEmail, &f.Plan, &f.Acknowledge, &f.Price} {
		*p = strings.TrimSpace(*p)
	}
	var wrong []*chatadmin.FieldError
	add := func(field, value, code, reason string) {
		wrong = append(wrong, &chatadmin.FieldError{Field: field, Value: chatadmin.Cut(value), Code: code, Reason: reason})
	}
	tell := func(field, value, code string, why texts.Message) {
		wrong = append(wrong, &chatadmin.FieldError{Field: field, Value: chatadmin.Cut(value), Code: code, Reason: why.Text, Detail: why})
	}
	if f.Domain != "" && chatadmin.Fold(f.Domain) != chatadmin.Fold(known.Domain) {
		add("domain", f.Domain, CodeBadDomain, "this is not the name of the domain that requests the agreement")
	}
	f.Domain = oneLine(known.Domain)
	if f.NewDomain = cmp.Or(f.NewDomain, known.NewDomain); f.NewDomain == "" {
		add("new_domain", "", chatadmin.CodeMissing, "give the wanted name of the new domain")
	} else if len(f.NewDomain) > maxText || !printable(f.NewDomain) {
		tell("new_domain", f.NewDomain, chatadmin.CodeBadText, texts.NewMessage("why.domain_name_bytes", maxText))
	}
	if f.AdminEmail = cmp.Or(f.AdminEmail, known.AdminEmail); f.AdminEmail == "" {
		add("admin_email", "", chatadmin.CodeMissing, "give the e-mail address of the administrator")
	} else if chatadmin.CheckEmail(f.AdminEmail) != nil {
		add("admin_email", f.AdminEmail, chatadmin.CodeBadEmail, "this is not one bare e-mail address: write it like ann@example.com")
	}
	if f.SignerEmail = cmp.Or(f.SignerEmail, f.AdminEmail); f.SignerEmail != f.AdminEmail && chatadmin.CheckEmail(f.SignerEmail) != nil {
		add("signer_email", f.SignerEmail, chatadmin.CodeBadEmail, "this is not one bare e-mail address: write it like ann@example.com")
	}
	f.Seats = cmp.Or(f.Seats, known.Seats)
	price := x.price(f.Seats)
	if least := x.o.Prices[0].Seats; f.Seats < least || f.Seats > mostSeats {
		tell("seats", fmt.Sprint(f.Seats), CodeBadSeats, texts.NewMessage("why.seats", least))
	} else if f.Price != "" && f.Price != price.Text {
		tell("price", f.Price, CodeOldPrice, texts.NewMessage("why.price", price.Text))
	}
	f.Price = price.Text
	if f.Plan = cmp.Or(f.Plan, known.Plan); len(f.Plan) > maxPlan || !printable(f.Plan) {
		tell("plan", f.Plan, chatadmin.CodeBadText, texts.NewMessage("why.plan_name", maxPlan))
	}
	if !strings.EqualFold(f.Acknowledge, "yes") {
		tell("acknowledge", f.Acknowledge, CodeNotAcknowledged, texts.NewMessage("why.acknowledge", price.Text))
	}
	f.Acknowledge = "Yes"
	if len(wrong) > 0 {
		return Form{}, &chatadmin.FieldErrors{Fields: wrong}
	}
	return f, nil
}
