package compliance_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/compliance"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// An agreement from the request to the end, each step by whom it is for.
func TestWholeWay(t *testing.T) {
	w := newWorld(t)
	a := w.request(true)
	step := func(s *chatadmin.Scope, step compliance.Step) {
		t.Helper()
		var err error
		a, err = w.x.Advance(ctx, s, a.ID, step, input(step))
		require.NoError(t, err, step)
		require.Empty(t, a.Problem)
		require.Nil(t, a.Doing)
		require.Equal(t, 1, w.effects.count(step), step)
	}
	step(w.Host, compliance.Provision)
	set := w.settings(a.New)
	require.Equal(t, chatadmin.Subscription{Plan: chatadmin.Enterprise, Annual: true}, set.Subscription)
	newHost, newBoss := w.Admin.AsHost(a.New), w.newBoss(a)
	require.Equal(t, a.New, w.effects.last.NewDomain.ID)
	step(newBoss, compliance.Invite)
	require.Equal(t, chatadmin.DomainActive, w.settings(w.Domain).State)
	step(w.Host, compliance.Suspend)
	require.Equal(t, chatadmin.DomainSuspended, w.settings(w.Domain).State)
	_, err := w.x.Agreement(ctx, w.S, a.ID)
	require.ErrorIs(t, err, chatadmin.ErrSuspended)
	step(newBoss, compliance.Bill)
	step(newHost, compliance.Send)
	step(newBoss, compliance.Sign)
	step(newHost, compliance.Countersign)
	step(newHost, compliance.Deliver)
	step(newHost, compliance.Settle)
	step(newHost, compliance.Close)
	require.NotEmpty(t, a.Closing)
	require.Equal(t, compliance.OldClosing, a.State)
	w.Work()
	require.Equal(t, compliance.OldClosing, w.agreement(a.ID).State, "it has a grace period")
	a = w.finish(a)
	require.Equal(t, compliance.OldClosed, a.State)
	_, err = w.closings.Receipt(ctx, a.Closing)
	require.NoError(t, err)
	left, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Domain: w.Domain}, storage.Page{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, left, "nothing is left in the old domain")

	require.Len(t, a.Steps, 11)
	for _, m := range a.Steps {
		want := compliance.Made{Step: m.Step, By: chatadmin.HostActor, At: m.At, Document: input(m.Step).Document, Funds: input(m.Step).Funds}
		if m.Step.Customer() {
			want.By, want.Domain = newBoss.Actor(), a.New
		}
		require.Equal(t, want, m)
	}
	require.Equal(t, []string{"baa.provision", "baa.invite", "baa.suspend", "baa.bill", "baa.send", "baa.sign", "baa.countersign", "baa.deliver", "baa.settle", "baa.close", "baa.finish"}, w.log(a.New))
	for e, err := range newHost.Events(ctx, chatadmin.EventQuery{Kind: "baa.sign"}) {
		require.NoError(t, err)
		require.Equal(t, newBoss.Actor(), e.Actor)
		require.Equal(t, []chatadmin.FieldChange{{Field: "state", Before: "sent", After: "signed"}}, e.Changes[a.New])
	}
	own, err := w.x.Agreement(ctx, newBoss, a.ID)
	require.NoError(t, err)
	require.Equal(t, a, own)
}

// Without a Host people do what there is to do, and say so.
func TestWithoutHost(t *testing.T) {
	w := newWorld(t, func(o *compliance.Options) { o.Host = nil })
	require.Equal(t, compliance.OldClosed, w.in(compliance.OldClosed, true).State)
	a := w.in2(compliance.BillingOnFile)
	_, err := w.x.Advance(ctx, w.operator, a.ID, compliance.Send, compliance.Input{})
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}

// What the host refuses does not happen, is shown, and can be tried again.
func TestHostRefuses(t *testing.T) {
	for _, from := range ways[true][:10] {
		w := newWorld(t)
		a := w.in(from.state, true)
		w.effects.fail = errors.New("no card is on file")
		_, err := w.x.Advance(ctx, w.operator, a.ID, from.step, input(from.step))
		require.ErrorIs(t, err, w.effects.fail)
		failed := w.agreement(a.ID)
		require.Contains(t, failed.Problem, "no card is on file")
		failed.Problem = ""
		require.Equal(t, a, failed, "nothing else has changed")
		if from.step == compliance.Suspend {
			require.Equal(t, chatadmin.DomainActive, w.settings(w.Domain).State)
		}
		w.effects.fail = nil
		require.Empty(t, w.advance(a.ID, from.step).Problem)
		require.Equal(t, 2, w.effects.count(from.step))
	}
}

// A veto of the host comes before anything is done.
func TestVeto(t *testing.T) {
	w := newWorld(t)
	a := w.in(compliance.StaffInvited, true)
	reason := errors.New("not on a Friday")
	w.Restart(func(o *chatadmin.Options) {
		o.Before = func(_ context.Context, i chatadmin.Intent) error {
			if i.Kind == compliance.KindStep+"suspend" {
				return reason
			}
			return nil
		}
	})
	_, err := w.x.Advance(ctx, w.operator, a.ID, compliance.Suspend, compliance.Input{})
	require.ErrorIs(t, err, chatadmin.ErrVetoed)
	require.ErrorIs(t, err, reason)
	require.Zero(t, w.effects.count(compliance.Suspend))
	require.Equal(t, a, w.agreement(a.ID))
}

// The host gives the references of documents, and what it gives is checked.
func TestDocuments(t *testing.T) {
	w := newWorld(t)
	a := w.in(compliance.BillingOnFile, true)
	for _, in := range []compliance.Input{{Document: "a b"}, {Document: "a\nb"}, {Document: "\xff"}, {Document: string(make([]byte, 251))}, {Funds: compliance.Refunded}, {}} {
		_, err := w.x.Advance(ctx, w.operator, a.ID, compliance.Send, in)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
	w.effects.give = "two words"
	_, err := w.x.Advance(ctx, w.operator, a.ID, compliance.Send, compliance.Input{})
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	w.effects.give = "envelope-7"
	a, err = w.x.Advance(ctx, w.operator, a.ID, compliance.Send, compliance.Input{})
	require.NoError(t, err)
	require.Equal(t, "envelope-7", a.Steps[len(a.Steps)-1].Document)
	_, err = w.x.Advance(ctx, w.operator, a.ID, compliance.Send, compliance.Input{Document: "envelope-8"})
	require.ErrorIs(t, err, compliance.ErrStep, "it was sent with another document")
	a = w.in2(compliance.Delivered)
	for _, funds := range []compliance.Funds{"", "lost"} {
		_, err = w.x.Advance(ctx, w.operator, a.ID, compliance.Settle, compliance.Input{Funds: funds})
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
}

// in2 is in, in a world that has had another agreement.
func (w *world) in2(state compliance.State) compliance.Agreement {
	w.T.Helper()
	f := form()
	f.AdminEmail, f.NewDomain = "other@new.example", "Other"
	a, err := w.x.Request(ctx, w.operator, f)
	require.NoError(w.T, err)
	for a.State != state {
		a = w.advance(a.ID, a.Next)
	}
	return a
}

// A hundred who make the same step at once carry it out once.
func TestStepRace(t *testing.T) {
	w := newWorld(t)
	a := w.in(compliance.Delivered, true)
	for err := range errorsOf(chatadmintest.AtOnce(100, func(int) error {
		_, err := w.x.Advance(ctx, w.operator, a.ID, compliance.Settle, input(compliance.Settle))
		return err
	})) {
		require.ErrorIs(t, err, compliance.ErrUnderWay)
	}
	require.Equal(t, 1, w.effects.count(compliance.Settle))
	require.Len(t, w.agreement(a.ID).Steps, len(a.Steps)+1)
}

func errorsOf(all []error) func(func(error) bool) {
	return func(yield func(error) bool) {
		for _, err := range all {
			if err != nil && !yield(err) {
				return
			}
		}
	}
}

// A process that dies between the side effect of a step and its record: the step
// cannot be made for five minutes, then anybody makes it, or a worker does, with
// the same key.
func TestCrash(t *testing.T) {
	for _, from := range ways[true][:10] {
		for _, worker := range []bool{false, true} {
			w := newWorld(t)
			before := w.in(from.state, true)
			dead, die := context.WithCancelCause(ctx)
			store := w.Store
			w.Store = &crashing{Store: store, dead: dead}
			w.Restart()
			w.effects.meet = func(compliance.Effect) { die(errCrash) }
			_, err := w.x.Advance(ctx, w.operator, before.ID, from.step, input(from.step))
			require.ErrorIs(t, err, errCrash, from.step)
			w.effects.meet = nil
			w.Store = store
			w.Restart()
			a := w.agreement(before.ID)
			require.Equal(t, before.State, a.State)
			require.NotNil(t, a.Doing)
			require.Equal(t, from.step, a.Doing.Step)
			_, err = w.x.Advance(ctx, w.operator, a.ID, from.step, input(from.step))
			require.ErrorIs(t, err, compliance.ErrUnderWay)
			require.Zero(t, w.Work()["agreements"])
			w.Clock.Advance(5 * time.Minute)
			if worker {
				require.Equal(t, 1, w.Work()["agreements"], from.step)
			} else {
				w.advance(a.ID, from.step)
			}
			require.Equal(t, 2, w.effects.count(from.step), "with the same key")
			a = w.agreement(a.ID)
			require.Len(t, a.Steps, len(before.Steps)+1)
			require.Equal(t, input(from.step).Document, a.Steps[len(before.Steps)].Document)
			require.Zero(t, w.Work()["agreements"])
		}
	}
}

var errCrash = errors.New("the process has died")

// crashing is a store to which nothing comes through any more once the process
// has died.
type crashing struct {
	chatadmin.Store
	dead context.Context
}

func (c *crashing) Update(ctx context.Context, f storage.Fence, do func(context.Context, storage.Tx) error) error {
	if c.dead.Err() != nil {
		return errCrash
	}
	return c.Store.Update(ctx, f, do)
}

// A call that takes longer than five minutes does not write down a step that
// another call has made meanwhile.
func TestSlowStep(t *testing.T) {
	w := newWorld(t)
	a := w.in(compliance.BillingOnFile, true)
	w.effects.meet = func(compliance.Effect) {
		w.effects.meet = nil
		w.Clock.Advance(6 * time.Minute)
		_, err := w.x.Advance(ctx, w.operator, a.ID, compliance.Send, compliance.Input{Document: "second"})
		require.NoError(t, err)
	}
	a, err := w.x.Advance(ctx, w.operator, a.ID, compliance.Send, compliance.Input{Document: "first"})
	require.NoError(t, err)
	require.Equal(t, "second", a.Steps[len(a.Steps)-1].Document)
	require.Len(t, a.Steps, 5)
	require.Len(t, w.log(a.New), 5)
}

// A claim of a clock that was ahead keeps nobody waiting for it.
func TestStepClock(t *testing.T) {
	w := newWorld(t)
	a := w.in(compliance.Delivered, true)
	w.Clock.Advance(365 * 24 * time.Hour)
	w.effects.meet = func(compliance.Effect) { panic("dies") }
	require.Panics(t, func() { _, _ = w.x.Advance(ctx, w.operator, a.ID, compliance.Settle, input(compliance.Settle)) })
	w.effects.meet = nil
	w.Clock.Advance(-365 * 24 * time.Hour)
	require.Equal(t, compliance.FundsSettled, w.advance(a.ID, compliance.Settle).State)
}

// A claim of a clock that is a little ahead is one.
func TestStepClocksDiffer(t *testing.T) {
	w := newWorld(t)
	a := w.in(compliance.Delivered, true)
	w.effects.meet = func(compliance.Effect) {
		w.effects.meet = nil
		w.Clock.Advance(-time.Minute)
		_, err := w.x.Advance(ctx, w.operator, a.ID, compliance.Settle, input(compliance.Settle))
		require.ErrorIs(t, err, compliance.ErrUnderWay)
	}
	w.advance(a.ID, compliance.Settle)
	require.Equal(t, 1, w.effects.count(compliance.Settle))
}

// A closing that was cancelled is begun again by the same step, and one that a
// legal hold forbids is refused.
func TestCloseAgain(t *testing.T) {
	w := newWorld(t)
	a := w.in(compliance.FundsSettled, true)
	hold, err := w.Host.AddHold(ctx, chatadmin.Hold{User: w.ann.ID, Reason: "a lawsuit"})
	require.NoError(t, err)
	_, err = w.x.Advance(ctx, w.operator, a.ID, compliance.Close, compliance.Input{})
	require.ErrorIs(t, err, chatadmin.ErrHeld)
	require.Equal(t, compliance.FundsSettled, w.agreement(a.ID).State)
	_, err = w.Host.ReleaseHold(ctx, hold.ID)
	require.NoError(t, err)
	a = w.advance(a.ID, compliance.Close)
	_, err = w.closings.Cancel(ctx, w.Host, a.Closing)
	require.NoError(t, err)
	w.Clock.Advance(2 * time.Hour)
	w.Work()
	require.Contains(t, w.agreement(a.ID).Problem, "was cancelled")
	_, err = w.x.Advance(ctx, w.operator, a.ID, compliance.Finish, compliance.Input{})
	require.ErrorIs(t, err, chatadmin.ErrTransition)
	require.ErrorContains(t, err, "cancelled")
	again := w.advance(a.ID, compliance.Close)
	require.NotEqual(t, a.Closing, again.Closing)
	require.Len(t, again.Steps, len(a.Steps))
	require.Equal(t, compliance.OldClosed, w.finish(again).State)

	b := newWorld(t) // the host has closed it by itself
	a = b.in(compliance.FundsSettled, true)
	p, err := b.closings.Plan(ctx, b.Host, closing.AtOnce)
	require.NoError(t, err)
	run, err := b.closings.Apply(ctx, b.Host, p, "by hand", nil)
	require.NoError(t, err)
	a = b.advance(a.ID, compliance.Close)
	require.Equal(t, run.ID, a.Closing)
	require.Equal(t, compliance.OldClosed, b.advance(a.ID, compliance.Finish).State)

	c := newWorld(t) // before it was to be suspended
	a = c.in(compliance.StaffInvited, true)
	p, err = c.closings.Plan(ctx, c.Host, closing.AtOnce)
	require.NoError(t, err)
	_, err = c.closings.Apply(ctx, c.Host, p, "by hand", nil)
	require.NoError(t, err)
	for a.Next != "" {
		a = c.advance(a.ID, a.Next)
	}
	require.Equal(t, compliance.OldClosed, a.State)
}

// Whatever a store may do (run a function twice, lose a commit, keep one that it
// reports as unknown), each step is made once.
func TestChaos(t *testing.T) {
	for seed := range uint64(10) {
		w := newWorld(t)
		w.Store = memstore.New(&memstore.Options{Chaos: &memstore.Chaos{Seed: seed, Rerun: 0.3, UnknownKept: 0.1, UnknownLost: 0.1, ShortPage: 0.2}})
		w.Restart()
		d, _, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
		require.NoError(t, err)
		again := func(do func() error) {
			t.Helper()
			for {
				err := do()
				if err == nil {
					return
				}
				require.True(t, errors.Is(err, chatadmin.ErrCommitUnknown) || errors.Is(err, compliance.ErrUnderWay) || errors.Is(err, chatadmin.ErrTransition), "%v", err)
				if w.Clock.Advance(lease); errors.Is(err, chatadmin.ErrTransition) { // the grace period
					w.Clock.Advance(24 * time.Hour)
				}
				_, _ = w.Admin.Work(ctx) // may fail likewise
			}
		}
		s, f := w.Admin.AsHost(d.ID), form()
		f.AdminEmail = "boss@acme.example"
		var a compliance.Agreement
		again(func() error {
			var err error
			a, err = w.x.Request(ctx, s, f)
			return err
		})
		for a.Next != "" {
			step := a.Next
			w.Clock.Advance(24 * time.Hour)
			again(func() error {
				_, err := w.x.Advance(ctx, w.Admin.AsHost(""), a.ID, step, input(step))
				return err
			})
			a = w.agreement(a.ID)
		}
		require.Equal(t, compliance.OldClosed, a.State)
		var made []compliance.Step
		for _, m := range a.Steps {
			made = append(made, m.Step)
		}
		require.Equal(t, compliance.Steps()[:11], made)
		require.Len(t, w.log(a.New), 11)
	}
}

// The new domain is made once, also where the host makes it, and must have the
// subscription that an agreement needs.
func TestProvision(t *testing.T) {
	w := newWorld(t)
	made := func(e compliance.Effect, plan chatadmin.SubscriptionPlan) {
		if e.Step != compliance.Provision {
			return
		}
		n := e.NewDomain
		n.Subscription = chatadmin.Subscription{Plan: plan, Annual: true}
		_, _, err := w.Admin.CreateDomain(ctx, n)
		require.NoError(t, err)
	}
	w.effects.meet = func(e compliance.Effect) { made(e, chatadmin.Business) }
	a := w.request(true)
	_, err := w.x.Advance(ctx, w.operator, a.ID, compliance.Provision, compliance.Input{})
	require.ErrorIs(t, err, chatadmin.ErrNotInSubscription)
	require.Equal(t, compliance.Requested, w.agreement(a.ID).State)
	w.effects.meet = nil
	_, err = w.Admin.AsHost(a.New).ChangeSettings(ctx, func(s *chatadmin.Settings) error {
		s.Subscription.Plan = chatadmin.Enterprise
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, compliance.Provisioned, w.advance(a.ID, compliance.Provision).State)

	a = w.in2(compliance.BillingOnFile)
	_, err = w.Admin.AsHost(a.New).ChangeSettings(ctx, func(s *chatadmin.Settings) error {
		s.Subscription.Annual = false
		return nil
	})
	require.NoError(t, err)
	_, err = w.x.Advance(ctx, w.operator, a.ID, compliance.Send, input(compliance.Send))
	require.ErrorIs(t, err, chatadmin.ErrNotInSubscription)
}
