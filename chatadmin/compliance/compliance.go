package compliance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/internal/mailqueue"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/storage"
)

// OfficeChatRecipient is the address to which Office Chat's own help page sends
// requests.
const OfficeChatRecipient = "Support@OfficeChat.com"

// Options of Agreements. Retention and Closings are needed, Recipient is needed
// for requests; for the rest the zero value is a working default.
type Options struct {
	// Recipient is the address that requests go to.
	Recipient string
	// Product is what the mail calls the product; default "Office Chat".
	Product string
	// Prices say what the plan costs, by number of seats; default DefaultPrices.
	Prices []Price
	// Retention keeps new domains at MaxDays.
	Retention *retention.Retention
	// Closings close old domains.
	Closings *closing.Closings
	// Host carries out what the library cannot; nil: people do it, and say so
	// with Advance.
	Host Host
	// PerDay is how many requests a domain may make in 24 hours; default 5. It
	// does not bind the host.
	PerDay int
}

// MaxDays is for how many days a domain under an agreement keeps messages and
// files.
const MaxDays = 7

// Host is what the host does for agreements.
type Host interface {
	// Do carries out the side effect of a step, before the step counts as made.
	// It may be called several times for one step: see Effect.Key. An error
	// refuses the step, and is shown to the actor. The reference that it returns,
	// if any, is that of the document of the step.
	Do(ctx context.Context, e Effect) (document string, err error)
}

// Effect is what the host shall do.
type Effect struct {
	// Key is the same whenever Do is called for the same step of the same
	// agreement.
	Key       string
	Step      Step
	Agreement Agreement
	Input     Input
	// NewDomain is the domain that Provision makes. Do may create it with
	// chatadmin.Admin.CreateDomain, under this ID and changed as needed;
	// otherwise the library does.
	NewDomain chatadmin.NewDomain
}

// Agreements is the business associate agreements of all domains. It is safe
// for many goroutines and starts none.
type Agreements struct {
	admin *chatadmin.Admin
	o     Options
	mails mailqueue.Queue[mail]
}

// Kinds of audit events. That of a step is KindStep and its name, such as
// "baa.provision". They name the domain in whose log they are.
const (
	KindRequest = "baa.request"
	KindStep    = "baa."
	KindForget  = "baa.forget"
)

// Errors of this package.
var (
	// ErrNoRecipient is returned if Options.Recipient is not set.
	ErrNoRecipient = chatadmin.ErrUnavailable.New("no_recipient", "requests go nowhere: set Options.Recipient")
	// ErrOpen is returned if a domain requests an agreement while another one is
	// under way.
	ErrOpen = chatadmin.ErrExists.New("agreement_open", "an agreement is under way already: wait for its end, or cancel it")
	// ErrStep is wrapped by every StepError.
	ErrStep = chatadmin.ErrState.New("agreement_step", "not the next step")
	// ErrUnderWay is returned if somebody else makes a step of the agreement.
	ErrUnderWay = chatadmin.ErrState.New("agreement_busy", "a step is under way: try again in five minutes")
)

// New returns the agreements of an Admin. It makes chatadmin.Admin.Work send
// requests, continue steps that were interrupted, and look after new domains.
// It returns an error of class Invalid if an address or a price in the options
// cannot be, or if Retention or Closings are missing.
func New(admin *chatadmin.Admin, o *Options) (*Agreements, error) {
	x := &Agreements{admin: admin}
	if o != nil {
		x.o = *o
	}
	if admin == nil || x.o.Retention == nil || x.o.Closings == nil {
		return nil, fmt.Errorf("agreements need an Admin, Options.Retention and Options.Closings: %w", chatadmin.ErrInvalid)
	}
	if x.o.Recipient != "" {
		if err := chatadmin.CheckEmail(x.o.Recipient); err != nil {
			return nil, fmt.Errorf("recipient of requests: %w", err)
		}
	}
	x.o.Product = cmp.Or(x.o.Product, "Office Chat")
	x.o.PerDay = cmp.Or(x.o.PerDay, 5)
	if x.o.Prices = slices.Clone(x.o.Prices); len(x.o.Prices) == 0 {
		x.o.Prices = DefaultPrices()
	}
	if !printable(x.o.Product) || x.o.PerDay < 0 {
		return nil, fmt.Errorf("the name of the product has control characters, or a limit is negative: %w", chatadmin.ErrInvalid)
	}
	if err := checkPrices(x.o.Prices); err != nil {
		return nil, err
	}
	x.mails = mailqueue.Queue[mail]{Admin: admin, Kind: &mails, Tries: func(m *mail) *int { return &m.Tries }, Mail: x.mail, Settle: settled}
	ext := chatadmin.Extension{
		Records: []chatadmin.Damageable{&links, x.damage()},
		Workers: []chatadmin.Worker{
			{Name: "agreements", Due: admin.DueDomains(requests.Name), Do: x.work},
			{Name: "agreement domains", Due: admin.DueDomains(links.Name), Do: x.guard},
		},
	}
	if admin.Options().Mailer != nil {
		ext.Workers = append(ext.Workers, chatadmin.Worker{Name: "agreement mails", Due: admin.DueDomains(mails.Name),
			Do: func(ctx context.Context, _ chatadmin.ID) (int, error) { return x.Deliver(ctx) }})
	}
	admin.Extend(ext)
	return x, nil
}

// operator reports whether a scope is that of the host without a domain, which
// sees all agreements.
func operator(s *chatadmin.Scope) bool { return s.Actor() == chatadmin.HostActor && s.Domain() == "" }

// view authorises for reading.
func view(ctx context.Context, s *chatadmin.Scope) error {
	if operator(s) {
		return nil
	}
	_, _, err := s.View(ctx, chatadmin.PermDomain)
	return err
}

// load reads an agreement that belongs to the scope.
func load(ctx context.Context, r storage.Reader, s *chatadmin.Scope, id chatadmin.ID) (chatadmin.Entry[request], error) {
	e, err := requests.Get(ctx, r, "", string(id))
	if operator(s) {
		return e, err
	}
	own := e.Value.Old == s.Domain() || e.Value.New == s.Domain()
	if e.Damaged != nil { // it belongs to the domains that name it
		l, named := links.Get(ctx, r, s.Domain(), string(id))
		own = named == nil || l.Damaged != nil
	}
	if !own && (err == nil || e.Damaged != nil || errors.Is(err, chatadmin.ErrNotFound)) {
		return chatadmin.Entry[request]{}, fmt.Errorf("agreement %q: %w", chatadmin.Cut(string(id)), chatadmin.ErrNotFound)
	}
	return e, err
}
