package sqlstoretest

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/compliance"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/storage"
)

// vendor is one process of a host with agreements. What it does for them is a
// line in a file.
type vendor struct {
	admin  *chatadmin.Admin
	x      *compliance.Agreements
	retain *retention.Retention
	did    postbox
}

func newVendor(store chatadmin.Store, o *chatadmin.Options, did postbox) (*vendor, error) {
	v := &vendor{did: did}
	var err error
	if v.admin, err = chatadmin.New(store, o); err != nil {
		return nil, err
	}
	if v.retain, err = retention.New(v.admin, nil); err != nil {
		return nil, err
	}
	closings, err := closing.New(v.admin, &closing.Options{Grace: closing.AtOnce})
	if err != nil {
		return nil, err
	}
	v.x, err = compliance.New(v.admin, &compliance.Options{Recipient: "support@vendor.example", Retention: v.retain, Closings: closings, Host: v})
	return v, err
}

// Do implements compliance.Host.
func (v *vendor) Do(_ context.Context, e compliance.Effect) (string, error) {
	document := ""
	switch e.Step {
	case compliance.Send, compliance.Sign, compliance.Countersign:
		document = "envelope"
	}
	return document, v.did.line(e.Key)
}

func agreementInput(step compliance.Step) compliance.Input {
	if step == compliance.Settle {
		return compliance.Input{Funds: compliance.Refunded}
	}
	return compliance.Input{}
}

// newVendors opens two processes over one database, with a domain in it.
func newVendors(t testing.TB, db database) (two [2]*vendor, domain, boss chatadmin.ID) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "did")
	for i := range two {
		two[i] = chatadmintest.Must(newVendor(db.open(t), nil, postbox{path, "here"}))
	}
	d, admin, err := two[0].admin.CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	return two, d.ID, admin.ID
}

// On every database, of a hundred requests over two processes one is made, and
// twenty who make each step at once carry it out once.
func TestAgreementRaces(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		two, domain, boss := newVendors(t, db)
		won(t, chatadmintest.AtOnce(100, func(n int) error {
			v := two[n%2]
			_, err := v.x.Request(t.Context(), v.admin.As(domain, boss), compliance.Form{Seats: 50 + n/2%2, NewDomain: "Health", Acknowledge: "Yes"})
			return err
		}), compliance.ErrOpen)
		all, _, err := two[0].x.AgreementsPage(t.Context(), two[0].admin.AsHost(""), compliance.Query{}, chatadmin.Page{})
		require.NoError(t, err)
		require.Len(t, all, 1)
		a := all[0]
		for a.Next != compliance.Finish {
			step := a.Next
			require.Positive(t, won(t, chatadmintest.AtOnce(20, func(n int) error {
				v := two[n%2]
				_, err := v.x.Advance(t.Context(), v.admin.AsHost(""), a.ID, step, agreementInput(step))
				return err
			}), compliance.ErrUnderWay))
			a, err = two[1].x.Agreement(t.Context(), two[1].admin.AsHost(""), a.ID)
			require.NoError(t, err)
			require.Equal(t, step, a.Steps[len(a.Steps)-1].Step)
		}
		require.Len(t, a.Steps, 10)
		for key, calls := range taken(t, two[0].did.path) {
			if key != "baa-"+string(a.ID)+"-close" { // whether the closing goes on is looked at by each
				require.Len(t, calls, 1, key)
			}
		}
		mails, _, err := two[0].admin.Store().ListRecords(t.Context(), storage.RecordQuery{Kind: "baa-mail"}, storage.Page{Limit: 10})
		require.NoError(t, err)
		require.Len(t, mails, 1)
		domains := 0
		for _, err := range two[0].admin.Domains(t.Context()) {
			require.NoError(t, err)
			domains++
		}
		require.Equal(t, 2, domains)
	})
}

const vendorArg = "-vendor"

// walker is the process that is killed: it makes all steps of an agreement that
// are left.
func walker(args []string) int { return exit(walk(args)) }

func walk(args []string) error {
	id, path, process := storage.ID(args[3]), args[4], args[5]
	store, err := mortal(args, process)
	if err != nil {
		return err
	}
	now, err := later(process)
	if err != nil {
		return err
	}
	v, err := newVendor(store, &chatadmin.Options{Now: now}, postbox{path, process})
	if err != nil {
		return err
	}
	ctx, s := context.Background(), v.admin.AsHost("")
	for {
		if _, err := v.admin.Work(ctx); err != nil { // what another process has begun
			return err
		}
		a, err := v.x.Agreement(ctx, s, id)
		if err != nil {
			return err
		}
		if a.Ended() {
			fmt.Println("done", id)
			return nil
		}
		if _, err := v.x.Advance(ctx, s, id, a.Next, agreementInput(a.Next)); err != nil {
			return err
		}
	}
}

// The process that walks an agreement to its end is killed at many points. The
// next one goes on: each step is written down once, its side effect has one key,
// and is repeated only for a process that died in between. There is one new
// domain, and nothing is left of the old one.
func TestKilledAgreement(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, db database) {
		t.Parallel()
		two, domain, boss := newVendors(t, db)
		v := two[0]
		a, err := v.x.Request(t.Context(), v.admin.As(domain, boss), compliance.Form{NewDomain: "Health", Acknowledge: "Yes"})
		require.NoError(t, err)
		steps := 8
		if slow {
			steps = 2
		}
		_, kills := db.killed(t, 5, func(n int) int { return n + 1 + n/steps }, vendorArg, a.ID, storage.ID(v.did.path))
		require.Greater(t, kills, 5)
		a, err = v.x.Agreement(t.Context(), v.admin.AsHost(""), a.ID)
		require.NoError(t, err)
		require.Equal(t, compliance.OldClosed, a.State)
		var made []compliance.Step
		for _, m := range a.Steps {
			made = append(made, m.Step)
		}
		require.Equal(t, compliance.Steps()[:11], made)
		done, repeated := taken(t, v.did.path), 0
		require.Len(t, done, 11)
		for _, step := range made {
			calls := done["baa-"+string(a.ID)+"-"+string(step)]
			require.NotEmpty(t, calls, step)
			repeated += len(calls) - 1
			for i, process := range calls[1:] {
				require.NotEqual(t, calls[i], process, "no process does it twice")
			}
		}
		require.LessOrEqual(t, repeated, kills)

		kinds := map[string]int{}
		for e, err := range v.admin.AsHost(a.New).Events(t.Context(), chatadmin.EventQuery{Kind: compliance.KindStep}) {
			require.NoError(t, err)
			kinds[e.Kind]++
		}
		require.Len(t, kinds, 11)
		for kind, n := range kinds {
			require.Equal(t, 1, n, kind)
		}
		for d, err := range v.admin.Domains(t.Context()) {
			require.NoError(t, err)
			require.Equal(t, a.New, d.ID, "the only one that is left")
		}
		p, err := v.retain.Policy(t.Context(), v.admin.AsHost(a.New))
		require.NoError(t, err)
		require.True(t, p.Final)
		require.Equal(t, compliance.MaxDays, p.Days)
		users, err := v.admin.Store().CountUsers(t.Context(), chatadmin.UserQuery{Domain: a.New})
		require.NoError(t, err)
		require.EqualValues(t, 1, users)
	})
}
