package chatadmin

import "fmt"

// SubscriptionPlan is what a domain pays for.
type SubscriptionPlan string

const (
	Free       SubscriptionPlan = "free"
	Business   SubscriptionPlan = "business"
	Enterprise SubscriptionPlan = "enterprise"
)

// Subscription is a plan, paid by the month or by the year.
type Subscription struct {
	Plan   SubscriptionPlan `json:"plan"`
	Annual bool             `json:"annual"`
}

// Feature is something that not every subscription includes.
type Feature string

const (
	FeatureDefaultGroups Feature = "default groups" // marking and unmarking them; being in them needs nothing
	FeatureBAA           Feature = "a business associate agreement"
)

// Features says which subscription a feature needs at least. A host replaces
// the table through Options.Features; a feature that is not in it needs
// nothing.
type Features map[Feature]Subscription

// DefaultFeatures is the table used where a host gives none.
func DefaultFeatures() Features {
	return Features{
		FeatureDefaultGroups: {Plan: Business},
		FeatureBAA:           {Plan: Enterprise, Annual: true},
	}
}

// Require refuses with ErrNotInSubscription, naming what is needed, where s
// does not include f.
func (fs Features) Require(s Subscription, f Feature) error {
	need, ok := fs[f]
	if !ok || s.rank() >= need.rank() && (s.Annual || !need.Annual) {
		return nil
	}
	paid := ""
	if need.Annual {
		paid = ", paid annually"
	}
	return fmt.Errorf("%s needs the %s plan%s; this domain has %s: %w", f, need.Plan, paid, s.Plan, ErrNotInSubscription)
}

func (s Subscription) rank() int {
	switch s.Plan {
	case Enterprise:
		return 2
	case Business:
		return 1
	}
	return 0
}

func (s Subscription) check() error {
	switch s.Plan {
	case Free, Business, Enterprise:
		return nil
	}
	return fmt.Errorf("subscription %q: choose free, business or enterprise: %w", s.Plan, ErrInvalid)
}
