package compliance_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/compliance"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/storage"
)

// The new domain keeps messages for seven days at most: nobody lengthens that,
// the host neither, and where settings were repaired a worker says so again.
func TestLimit(t *testing.T) {
	w := newWorld(t)
	a := w.in(compliance.Provisioned, true)
	host := w.Admin.AsHost(a.New)
	limit := func() retention.Policy {
		p, err := w.retain.Policy(ctx, host)
		require.NoError(t, err)
		return p
	}
	want := retention.Policy{Version: 2, Days: 7, Limit: compliance.MaxDays, Final: true}
	require.Equal(t, want, limit())
	for _, s := range []*chatadmin.Scope{host, w.newBoss(a)} {
		for _, days := range []int{0, 8, 90} {
			require.ErrorIs(t, w.retain.SetDays(ctx, s, days), chatadmin.ErrForbidden)
		}
	}
	require.ErrorIs(t, w.retain.SetLimit(ctx, a.New, 30), chatadmin.ErrForbidden)
	require.ErrorIs(t, w.retain.SetLimit(ctx, a.New, 0), chatadmin.ErrForbidden)
	require.Equal(t, want, limit())
	require.NoError(t, w.retain.SetDays(ctx, host, 3))
	require.Equal(t, 3, limit().Days)

	for range 3 { // each way in which it could be lost
		w.Clock.Advance(25 * time.Hour)
		require.Zero(t, w.Work()["agreement domains"])
		d, err := w.Store.Domains(ctx, []chatadmin.ID{a.New})
		require.NoError(t, err)
		d[0].Data = []byte("{")
		require.NoError(t, w.Store.Update(ctx, storage.Fence{Domain: a.New, Mode: storage.Exclusive}, func(ctx context.Context, tx storage.Tx) error {
			is, err := tx.Domains(ctx, []chatadmin.ID{a.New})
			if err != nil {
				return err
			}
			was := is[0].Rev
			is[0].Data, is[0].Rev = d[0].Data, was+1
			_, err = tx.ChangeDomains(ctx, []storage.Write[storage.Domain]{{Row: is[0], Was: was}})
			return err
		}))
		set, err := chatadmin.NewSettings(chatadmin.OfficeChat)
		require.NoError(t, err)
		require.NoError(t, w.Admin.RepairSettings(ctx, a.New, set))
		require.NoError(t, w.retain.SetDays(ctx, host, 90))
		w.Clock.Advance(25 * time.Hour)
		require.Equal(t, 1, w.Work()["agreement domains"])
		require.Equal(t, want, limit())
	}
	chatadmintest.PutSettings(t, w.Store, a.New, func(s *chatadmin.Settings) { s.Policies["retention"] = json.RawMessage(`{"v":9}`) })
	require.NoError(t, w.Admin.RepairPolicy(ctx, a.New, "retention", nil))
	w.Clock.Advance(25 * time.Hour)
	require.Equal(t, 1, w.Work()["agreement domains"])
	require.Equal(t, want, limit())
	_, err := w.retain.Policy(ctx, w.Host)
	require.NoError(t, err)
	require.NoError(t, w.retain.SetDays(ctx, w.Host, 900), "the old domain is as free as before")
}

// Agreements are listed by page and filtered, for a domain and for the host.
func TestLists(t *testing.T) {
	w := newWorld(t)
	var ids []chatadmin.ID
	for range 5 {
		a := w.request(true)
		ids = append(ids, a.ID)
		if len(ids) < 5 {
			w.advance(a.ID, compliance.Cancel)
			w.Clock.Advance(24 * time.Hour)
		}
	}
	a := w.in2(compliance.StaffInvited)
	list := func(s *chatadmin.Scope, q compliance.Query) (got []chatadmin.ID) {
		for a, err := range w.x.Agreements(ctx, s, q) {
			require.NoError(t, err)
			got = append(got, a.ID)
		}
		return got
	}
	require.Equal(t, ids, list(w.S, compliance.Query{}))
	require.Equal(t, append(ids[:5:5], a.ID), list(w.operator, compliance.Query{}))
	require.Equal(t, []chatadmin.ID{a.ID}, list(w.newBoss(a), compliance.Query{}))
	require.Equal(t, ids[:4], list(w.S, compliance.Query{States: []compliance.State{compliance.Cancelled}}))
	require.Equal(t, []chatadmin.ID{ids[4], a.ID}, list(w.operator, compliance.Query{Steps: []compliance.Step{compliance.Provision, compliance.Bill}}))
	var paged []chatadmin.ID
	for p := (chatadmin.Page{Limit: 2}); ; {
		page, next, err := w.x.AgreementsPage(ctx, w.operator, compliance.Query{States: []compliance.State{compliance.Cancelled}}, p)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), 2)
		for _, a := range page {
			paged = append(paged, a.ID)
		}
		if p.After = next; next == "" {
			break
		}
	}
	require.Equal(t, ids[:4], paged)
}

// What is damaged is listed, stands in the way of a second request, harms no
// other domain, and is repaired by the host.
func TestDamaged(t *testing.T) {
	kinds := map[string]chatadmin.ID{"baa": "", "baa-mail": "", "baa-domain": "the domain"}
	for kind := range kinds {
		for _, data := range []string{"{", "null", `{"v":9}`, `{"v":1,"state":"lost"}`, `{"v":1,"id":"other","agreement":"other"}`} {
			w := newWorld(t)
			a, other := w.in(compliance.StaffInvited, true), w.in2(compliance.Provisioned)
			w.Work() // the mails leave
			other = w.agreement(other.ID)
			domain := map[bool]chatadmin.ID{true: a.New}[kind == "baa-domain"]
			require.NoError(t, w.Store.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
				is, err := tx.Records(ctx, []storage.Key{{Kind: kind, Domain: domain, ID: string(a.ID)}})
				if err != nil {
					return err
				}
				was := is[0].Rev
				is[0].Data, is[0].Rev, is[0].Due = []byte(data), was+1, w.Clock.Now()
				_, err = tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: is[0], Was: was}})
				return err
			}))
			w.Work()
			require.Equal(t, other, w.agreement(other.ID))
			_, err := w.x.Agreement(ctx, w.S, a.ID)
			if kind == "baa" {
				require.ErrorIs(t, err, chatadmin.ErrDamaged)
				_, err = w.x.Agreement(ctx, w.newBoss(other), a.ID)
				require.ErrorIs(t, err, chatadmin.ErrNotFound)
				f := form()
				f.Seats++
				_, err = w.x.Request(ctx, w.S, f)
				require.ErrorIs(t, err, chatadmin.ErrDamaged)
				_, err = w.x.Advance(ctx, w.operator, a.ID, compliance.Suspend, compliance.Input{})
				require.ErrorIs(t, err, chatadmin.ErrDamaged)
				page, _, err := w.x.AgreementsPage(ctx, w.operator, compliance.Query{}, chatadmin.Page{})
				require.NoError(t, err)
				require.Len(t, page, 1)
			} else {
				require.NoError(t, err)
				require.Equal(t, compliance.OldSuspended, w.advance(a.ID, compliance.Suspend).State)
			}
			if kind == "baa-mail" {
				require.Equal(t, compliance.MailUnknown, w.agreement(a.ID).Mail)
			}
			if kind == "baa-domain" { // the new domain is guarded all the same
				p, err := w.retain.Policy(ctx, w.Admin.AsHost(a.New))
				require.NoError(t, err)
				require.True(t, p.Final)
			}
			w.repair(a.New)
			w.repair(w.Domain)
			if kind == "baa" {
				w.request(true)
			}
			require.Equal(t, other, w.agreement(other.ID))
		}
	}
}

// repair repairs what is damaged in a domain, as the host alone can.
func (w *world) repair(domain chatadmin.ID) {
	w.T.Helper()
	host := w.Admin.AsHost(domain)
	for bad, err := range host.Damaged(ctx) {
		require.NoError(w.T, err)
		if bad.Kind == "baa" && domain == w.Domain && w.settings(domain).State == chatadmin.DomainActive {
			require.ErrorIs(w.T, w.S.Repair(ctx, bad.Kind, bad.ID), chatadmin.ErrForbidden)
		}
		require.NoError(w.T, host.Repair(ctx, bad.Kind, bad.ID))
	}
	for bad := range host.Damaged(ctx) {
		require.Fail(w.T, "it is damaged still", "%v", bad)
	}
}

// An agreement outlives the user who asked for it and the old domain; of those
// that are closed nothing is left, and the host can forget what has ended.
func TestErased(t *testing.T) {
	w := newWorld(t)
	e, err := erase.New(w.Admin, nil)
	require.NoError(t, err)
	_, err = w.Host.CreateUser(ctx, chatadmin.NewUser{Login: "second@acme.example", Role: chatadmin.RoleAdmin, NoInvitation: true})
	require.NoError(t, err)
	a := w.request(true)
	plan, err := e.Plan(ctx, w.Host, []chatadmin.ID{w.S.Actor()}, nil)
	require.NoError(t, err)
	_, err = e.Apply(ctx, w.Host, plan, "has left", nil)
	require.NoError(t, err)
	kept := w.agreement(a.ID)
	require.Equal(t, a, kept)

	require.ErrorIs(t, w.x.Forget(ctx, w.operator, a.ID), compliance.ErrStep)
	w.advance(a.ID, compliance.Provision)
	w.advance(a.ID, compliance.Cancel)
	require.NoError(t, w.x.Forget(ctx, w.operator, a.ID))
	require.NoError(t, w.x.Forget(ctx, w.operator, a.ID))
	_, err = w.x.Agreement(ctx, w.operator, a.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	for _, s := range []*chatadmin.Scope{w.operator, w.Host, w.Admin.AsHost(a.New)} {
		page, _, err := w.x.AgreementsPage(ctx, s, compliance.Query{}, chatadmin.Page{})
		require.NoError(t, err)
		require.Empty(t, page)
	}
	for kind, domain := range chatadmintest.InOrder(map[string]chatadmin.ID{"baa": "", "baa-mail": "", "baa-domain": w.Domain}) {
		left, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Kind: kind, Domain: domain}, storage.Page{Limit: 10})
		require.NoError(t, err)
		if kind != "baa-domain" {
			require.Empty(t, left, kind)
		}
		for _, r := range left {
			require.Equal(t, a.New, r.Domain, "the new domain is guarded on")
		}
	}
	c, err := w.closings.Plan(ctx, w.Admin.AsHost(a.New), closing.AtOnce)
	require.NoError(t, err)
	_, err = w.closings.Apply(ctx, w.Admin.AsHost(a.New), c, "not used", nil)
	require.NoError(t, err)
	left, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Kind: "baa-domain"}, storage.Page{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, left)
}

// An agreement whose domains are gone can be cancelled and forgotten.
func TestDomainsGone(t *testing.T) {
	w := newWorld(t)
	a := w.in(compliance.StaffInvited, true)
	for _, domain := range []chatadmin.ID{a.New, w.Domain} {
		s := w.Admin.AsHost(domain)
		p, err := w.closings.Plan(ctx, s, closing.AtOnce)
		require.NoError(t, err)
		_, err = w.closings.Apply(ctx, s, p, "all over", nil)
		require.NoError(t, err)
		w.Clock.Advance(25 * time.Hour)
		w.Work()
	}
	require.Equal(t, compliance.Cancelled, w.advance(a.ID, compliance.Cancel).State)
	require.NoError(t, w.x.Forget(ctx, w.operator, a.ID))
}
