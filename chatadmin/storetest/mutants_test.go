package storetest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	ca "chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/memstore"
	"chatadmin.example/sdk/chatadmin/storetest"
)

// mutant is a store that is right but for one thing: what its functions replace.
type mutant struct {
	ca.Store
	update func(ctx context.Context, s ca.Store, fence ca.Fence, f func(context.Context, ca.Tx) error) error
	tx     func(ca.Tx) ca.Tx
}

func (m *mutant) Update(ctx context.Context, fence ca.Fence, f func(context.Context, ca.Tx) error) error {
	g := f
	if m.tx != nil {
		g = func(ctx context.Context, tx ca.Tx) error { return f(ctx, m.tx(tx)) }
	}
	if m.update != nil {
		return m.update(ctx, m.Store, fence, g)
	}
	return m.Store.Update(ctx, fence, g)
}

// readerOf lets a changed Reader stand in for that of a store.
type readerOf struct {
	ca.Reader
	s ca.Store
}

func (r readerOf) Update(ctx context.Context, fence ca.Fence, f func(context.Context, ca.Tx) error) error {
	return r.s.Update(ctx, fence, f)
}

// The readers and transactions of the mutants: each is a whole one with one method replaced.
type (
	anyDomain   struct{ ca.Reader }
	foldingRead struct{ ca.Reader }
	tiesDropped struct {
		ca.Reader
		last *sync.Map
	}
	rowsRepeated struct {
		ca.Reader
		last *sync.Map
	}
	longPages   struct{ ca.Reader }
	noLimits    struct{ ca.Reader }
	noHolds     struct{ ca.Reader }
	anySelector struct{ ca.Reader }
	ownerOnly   struct{ ca.Reader }
	oneOwner    struct{ ca.Reader }
	oneGroup    struct{ ca.Reader }
	countsAll   struct{ ca.Reader }
	patterns    struct{ ca.Reader }
	zeroIsEpoch struct{ ca.Reader }

	noRevision   struct{ ca.Tx }
	noRecordRev  struct{ ca.Tx }
	foldingWrite struct{ ca.Tx }
	ownRevisions struct{ ca.Tx }
	noParents    struct{ ca.Tx }
	wrongIndex   struct{ ca.Tx }
	stopsEarly   struct{ ca.Tx }
	wholeSeconds struct{ ca.Tx }
	overwriting  struct{ ca.Tx }
	byLogin      struct{ ca.Tx }
	rewriting    struct{ ca.Tx }
	onePerCall   struct{ ca.Tx }
)

func (r anyDomain) Users(ctx context.Context, domain ca.ID, ids []ca.ID) ([]ca.User, error) {
	a, err := r.Reader.Users(ctx, "domain-a", ids)
	if err != nil || domain == "domain-a" {
		return a, err
	}
	b, err := r.Reader.Users(ctx, domain, ids)
	return append(a, b...), err
}

func (r foldingRead) UsersByLogin(ctx context.Context, domain ca.ID, keys []string) ([]ca.User, error) {
	var all []ca.User
	p := ca.Page{Limit: 1000}
	for {
		page, next, err := r.ListUsers(ctx, ca.UserQuery{Domain: domain, WithDeleting: true}, p)
		if err != nil {
			return nil, err
		}
		for _, u := range page {
			for _, k := range keys {
				if strings.EqualFold(k, u.LoginKey) {
					all = append(all, u)
				}
			}
		}
		if p.After = next; next == "" {
			return all, nil
		}
	}
}

func (r tiesDropped) ListUsers(ctx context.Context, q ca.UserQuery, p ca.Page) ([]ca.User, ca.Cursor, error) {
	rows, next, err := r.Reader.ListUsers(ctx, q, p)
	if name, ok := r.last.Load(p.After); ok && q.ByName && p.After != "" && len(rows) > 0 && rows[0].NameKey == name {
		rows = rows[1:]
	}
	if len(rows) > 0 {
		r.last.Store(next, rows[len(rows)-1].NameKey)
	}
	return rows, next, err
}

func (r rowsRepeated) ListUsers(ctx context.Context, q ca.UserQuery, p ca.Page) ([]ca.User, ca.Cursor, error) {
	rows, next, err := r.Reader.ListUsers(ctx, q, p)
	if u, ok := r.last.Load(p.After); ok && p.After != "" && len(rows) < p.Limit {
		rows = append([]ca.User{u.(ca.User)}, rows...)
	}
	if len(rows) > 0 {
		r.last.Store(next, rows[len(rows)-1])
	}
	return rows, next, err
}

func (r longPages) ListUsers(ctx context.Context, q ca.UserQuery, p ca.Page) ([]ca.User, ca.Cursor, error) {
	p.Limit = ca.MaxBatch
	return r.Reader.ListUsers(ctx, q, p)
}

func (r noLimits) ListUsers(ctx context.Context, q ca.UserQuery, p ca.Page) ([]ca.User, ca.Cursor, error) {
	p.Limit = max(1, min(p.Limit, ca.MaxBatch))
	return r.Reader.ListUsers(ctx, q, p)
}

func (r noHolds) CountContent(ctx context.Context, q ca.ContentQuery) (ca.ContentCount, error) {
	q.ExceptContainers = nil
	return r.Reader.CountContent(ctx, q)
}

func (r anySelector) CountContent(ctx context.Context, q ca.ContentQuery) (ca.ContentCount, error) {
	if len(q.Authors) > 0 {
		q.Containers = nil
	}
	return r.Reader.CountContent(ctx, q)
}

func (r ownerOnly) ListRecords(ctx context.Context, q ca.RecordQuery, p ca.Page) ([]ca.Record, ca.Cursor, error) {
	if q.Owner != "" && q.Domain != "" {
		q.Domain = "domain-a"
	}
	return r.Reader.ListRecords(ctx, q, p)
}

func (r oneOwner) ListRecords(ctx context.Context, q ca.RecordQuery, p ca.Page) ([]ca.Record, ca.Cursor, error) {
	if len(q.Owners) > 0 {
		q.Owners = q.Owners[:1]
	}
	return r.Reader.ListRecords(ctx, q, p)
}

func (r oneGroup) ListMemberships(ctx context.Context, q ca.MemberQuery, p ca.Page) ([]ca.Membership, ca.Cursor, error) {
	if len(q.Groups) > 0 {
		q.Group, q.Groups = q.Groups[0], nil
	}
	return r.Reader.ListMemberships(ctx, q, p)
}

func (r countsAll) CountMembers(ctx context.Context, _ ca.ID, groups []ca.ID) (map[ca.ID]int64, error) {
	return r.Reader.CountMembers(ctx, "domain-a", groups)
}

func (r patterns) ListUsers(ctx context.Context, q ca.UserQuery, p ca.Page) ([]ca.User, ca.Cursor, error) {
	q.Prefix = strings.TrimSuffix(q.Prefix, "%")
	return r.Reader.ListUsers(ctx, q, p)
}

func (r zeroIsEpoch) Records(ctx context.Context, keys []ca.Key) ([]ca.Record, error) {
	rs, err := r.Reader.Records(ctx, keys)
	for i := range rs {
		if rs[i].Due.IsZero() {
			rs[i].Due = time.UnixMilli(0).UTC()
		}
	}
	return rs, err
}

func (x noRevision) ChangeUsers(ctx context.Context, c []ca.Change[ca.User]) ([]ca.Conflict, error) {
	c = append([]ca.Change[ca.User](nil), c...)
	for i := range c {
		if is, err := x.Users(ctx, c[i].Row.Domain, []ca.ID{c[i].Row.ID}); err == nil && len(is) == 1 && c[i].Was != 0 {
			c[i].Was = is[0].Rev
		}
	}
	return x.Tx.ChangeUsers(ctx, c)
}

func (x noRecordRev) ChangeRecords(ctx context.Context, c []ca.Change[ca.Record]) ([]ca.Conflict, error) {
	c = append([]ca.Change[ca.Record](nil), c...)
	for i := range c {
		if is, err := x.Records(ctx, []ca.Key{c[i].Row.Key}); err == nil && len(is) == 1 && c[i].Was != 0 {
			c[i].Was = is[0].Rev
		}
	}
	return x.Tx.ChangeRecords(ctx, c)
}

func (x foldingWrite) ChangeUsers(ctx context.Context, c []ca.Change[ca.User]) ([]ca.Conflict, error) {
	c = append([]ca.Change[ca.User](nil), c...)
	for i := range c {
		c[i].Row.LoginKey = strings.ToLower(c[i].Row.LoginKey)
	}
	return x.Tx.ChangeUsers(ctx, c)
}

func (x ownRevisions) ChangeUsers(ctx context.Context, c []ca.Change[ca.User]) ([]ca.Conflict, error) {
	c = append([]ca.Change[ca.User](nil), c...)
	for i := range c {
		c[i].Row.Rev = c[i].Was + 1
	}
	return x.Tx.ChangeUsers(ctx, c)
}

func (x noParents) ChangeMemberships(ctx context.Context, c []ca.Change[ca.Membership]) ([]ca.Conflict, error) {
	cs, err := x.Tx.ChangeMemberships(ctx, c)
	var kept []ca.Conflict
	for _, conflict := range cs {
		if conflict.Reason != ca.NoParent {
			kept = append(kept, conflict)
		}
	}
	return kept, err
}

func (x wrongIndex) ChangeUsers(ctx context.Context, c []ca.Change[ca.User]) ([]ca.Conflict, error) {
	cs, err := x.Tx.ChangeUsers(ctx, c)
	for i := range cs {
		cs[i].Index = i
	}
	return cs, err
}

func (x stopsEarly) ChangeUsers(ctx context.Context, c []ca.Change[ca.User]) ([]ca.Conflict, error) {
	for i := range c {
		if cs, err := x.Tx.ChangeUsers(ctx, c[i:i+1]); err != nil || len(cs) > 0 {
			for j := range cs {
				cs[j].Index = i
			}
			return cs, err
		}
	}
	return nil, nil
}

func (x wholeSeconds) ChangeRecords(ctx context.Context, c []ca.Change[ca.Record]) ([]ca.Conflict, error) {
	c = append([]ca.Change[ca.Record](nil), c...)
	for i := range c {
		c[i].Row.Due = c[i].Row.Due.Round(time.Second)
	}
	return x.Tx.ChangeRecords(ctx, c)
}

func (x overwriting) AddMembers(ctx context.Context, q ca.UserQuery, m ca.Membership, p ca.Page) ([]ca.ID, ca.Cursor, error) {
	is, _, err := x.ListMemberships(ctx, ca.MemberQuery{Domain: m.Domain, Group: m.Group, AdminOnly: true}, ca.Page{Limit: 100})
	if err != nil {
		return nil, "", err
	}
	for _, old := range is {
		now := old
		now.Rev, now.Admin = m.Rev, m.Admin
		if _, err := x.ChangeMemberships(ctx, []ca.Change[ca.Membership]{{Row: now, Was: old.Rev}}); err != nil {
			return nil, "", err
		}
	}
	return x.Tx.AddMembers(ctx, q, m, p)
}

func (x byLogin) AddMembers(ctx context.Context, q ca.UserQuery, m ca.Membership, p ca.Page) ([]ca.ID, ca.Cursor, error) {
	us, next, err := x.ListUsers(ctx, q, p)
	var added []ca.ID
	for _, u := range us {
		m.User = u.ID
		if cs, err := x.ChangeMemberships(ctx, []ca.Change[ca.Membership]{{Row: m}}); err != nil {
			return nil, "", err
		} else if len(cs) == 0 {
			added = append(added, u.ID)
		}
	}
	return added, next, err
}

func (x rewriting) ChangeEvents(ctx context.Context, c []ca.Change[ca.Event]) ([]ca.Conflict, error) {
	for _, e := range c {
		if e.Was != 0 && !e.Delete {
			if cs, err := x.Tx.ChangeEvents(ctx, []ca.Change[ca.Event]{{Row: e.Row, Was: e.Was, Delete: true}}); err != nil || len(cs) > 0 {
				return cs, err
			}
			e.Was = 0
		}
		if cs, err := x.Tx.ChangeEvents(ctx, []ca.Change[ca.Event]{e}); err != nil || len(cs) > 0 {
			return cs, err
		}
	}
	return nil, nil
}

func (x onePerCall) ChangeMemberships(ctx context.Context, c []ca.Change[ca.Membership]) ([]ca.Conflict, error) {
	return x.Tx.ChangeMemberships(ctx, c[:min(1, len(c))])
}

// autocommit is a transaction that is none: each change is committed by itself, and others come in between.
type autocommit struct {
	ca.Reader
	s ca.Store
}

func alone[T any](a autocommit, ctx context.Context, f func(ca.Tx) (T, error)) (T, error) {
	runtime.Gosched()
	v, err := ca.UpdateValue(context.WithoutCancel(ctx), a.s, ca.Fence{}, func(_ context.Context, tx ca.Tx) (T, error) { return f(tx) })
	runtime.Gosched()
	return v, err
}

func (a autocommit) ChangeDomains(ctx context.Context, c []ca.Change[ca.Domain]) ([]ca.Conflict, error) {
	return alone(a, ctx, func(tx ca.Tx) ([]ca.Conflict, error) { return tx.ChangeDomains(ctx, c) })
}

func (a autocommit) ChangeUsers(ctx context.Context, c []ca.Change[ca.User]) ([]ca.Conflict, error) {
	return alone(a, ctx, func(tx ca.Tx) ([]ca.Conflict, error) { return tx.ChangeUsers(ctx, c) })
}

func (a autocommit) ChangeGroups(ctx context.Context, c []ca.Change[ca.Group]) ([]ca.Conflict, error) {
	return alone(a, ctx, func(tx ca.Tx) ([]ca.Conflict, error) { return tx.ChangeGroups(ctx, c) })
}

func (a autocommit) ChangeMemberships(ctx context.Context, c []ca.Change[ca.Membership]) ([]ca.Conflict, error) {
	return alone(a, ctx, func(tx ca.Tx) ([]ca.Conflict, error) { return tx.ChangeMemberships(ctx, c) })
}

func (a autocommit) ChangeDevices(ctx context.Context, c []ca.Change[ca.Device]) ([]ca.Conflict, error) {
	return alone(a, ctx, func(tx ca.Tx) ([]ca.Conflict, error) { return tx.ChangeDevices(ctx, c) })
}

func (a autocommit) ChangeRecords(ctx context.Context, c []ca.Change[ca.Record]) ([]ca.Conflict, error) {
	return alone(a, ctx, func(tx ca.Tx) ([]ca.Conflict, error) { return tx.ChangeRecords(ctx, c) })
}

func (a autocommit) ChangeEvents(ctx context.Context, c []ca.Change[ca.Event]) ([]ca.Conflict, error) {
	return alone(a, ctx, func(tx ca.Tx) ([]ca.Conflict, error) { return tx.ChangeEvents(ctx, c) })
}

func (a autocommit) InsertContent(ctx context.Context, c []ca.Content) ([]ca.Conflict, error) {
	return alone(a, ctx, func(tx ca.Tx) ([]ca.Conflict, error) { return tx.InsertContent(ctx, c) })
}

func (a autocommit) AddMembers(context.Context, ca.UserQuery, ca.Membership, ca.Page) ([]ca.ID, ca.Cursor, error) {
	return nil, "", errors.New("not needed by the tests that catch this mutant")
}

func (a autocommit) DeleteContent(context.Context, ca.ContentQuery, ca.Page) (ca.ContentCount, []string, ca.Cursor, error) {
	return ca.ContentCount{}, nil, "", errors.New("not needed by the tests that catch this mutant")
}

func noTransactions(ctx context.Context, s ca.Store, fence ca.Fence, f func(context.Context, ca.Tx) error) error {
	return f(ctx, autocommit{s, s})
}

func reading(f func(ca.Reader) ca.Reader) func(*mutant) {
	return func(m *mutant) { m.Store = readerOf{f(m.Store), m.Store} }
}

func writing(f func(ca.Tx) ca.Tx) func(*mutant) { return func(m *mutant) { m.tx = f } }

func updating(f func(ctx context.Context, s ca.Store, fence ca.Fence, f func(context.Context, ca.Tx) error) error) func(*mutant) {
	return func(m *mutant) { m.update = f }
}

// mutants: what is wrong, and the test that finds it.
var mutants = map[string]struct {
	test string
	mend func(*mutant)
}{
	"users written whatever their revision": {"Conflicts", writing(func(tx ca.Tx) ca.Tx { return noRevision{tx} })},
	"increments lost":                       {"RaceCounter", writing(func(tx ca.Tx) ca.Tx { return noRecordRev{tx} })},
	"users of any domain":                   {"Isolation", reading(func(r ca.Reader) ca.Reader { return anyDomain{r} })},
	"logins folded when read":               {"UserKeys", reading(func(r ca.Reader) ca.Reader { return foldingRead{r} })},
	"logins folded when written":            {"UserKeys", writing(func(tx ca.Tx) ca.Tx { return foldingWrite{tx} })},
	"ties dropped between pages":            {"Pages", reading(func(r ca.Reader) ca.Reader { return tiesDropped{r, &sync.Map{}} })},
	"rows repeated between pages":           {"Pages", reading(func(r ca.Reader) ca.Reader { return rowsRepeated{r, &sync.Map{}} })},
	"pages too long":                        {"Pages", reading(func(r ca.Reader) ca.Reader { return longPages{r} })},
	"limits not enforced":                   {"Limits", reading(func(r ca.Reader) ca.Reader { return noLimits{r} })},
	"legal holds ignored":                   {"Content", reading(func(r ca.Reader) ca.Reader { return noHolds{r} })},
	"records of one owner":                  {"RecordLists", reading(func(r ca.Reader) ca.Reader { return oneOwner{r} })},
	"memberships of one group":              {"Memberships", reading(func(r ca.Reader) ca.Reader { return oneGroup{r} })},
	"members of another domain counted":     {"Memberships", reading(func(r ca.Reader) ca.Reader { return countsAll{r} })},
	"selectors not combined":                {"Content", reading(func(r ca.Reader) ca.Reader { return anySelector{r} })},
	"records of any domain":                 {"RecordLists", reading(func(r ca.Reader) ca.Reader { return ownerOnly{r} })},
	"prefixes taken as patterns":            {"UserLists", reading(func(r ca.Reader) ca.Reader { return patterns{r} })},
	"the zero time comes back as 1970":      {"Values", reading(func(r ca.Reader) ca.Reader { return zeroIsEpoch{r} })},
	"revisions of its own":                  {"Revisions", writing(func(tx ca.Tx) ca.Tx { return ownRevisions{tx} })},
	"missing parents swallowed":             {"Parents", writing(func(tx ca.Tx) ca.Tx { return noParents{tx} })},
	"conflicts at the wrong index":          {"Conflicts", writing(func(tx ca.Tx) ca.Tx { return wrongIndex{tx} })},
	"the first conflict ends the call":      {"Conflicts", writing(func(tx ca.Tx) ca.Tx { return stopsEarly{tx} })},
	"times rounded to seconds":              {"Values", writing(func(tx ca.Tx) ca.Tx { return wholeSeconds{tx} })},
	"AddMembers overwrites":                 {"AddMembers", writing(func(tx ca.Tx) ca.Tx { return overwriting{tx} })},
	"AddMembers goes by login":              {"AddMembers", writing(func(tx ca.Tx) ca.Tx { return byLogin{tx} })},
	"events rewritten whole":                {"Events", writing(func(tx ca.Tx) ca.Tx { return rewriting{tx} })},
	"only the first item of a call":         {"Limits", writing(func(tx ca.Tx) ca.Tx { return onePerCall{tx} })},
	"check, then set":                       {"RaceLastAdmin", updating(noTransactions)},
	"nested calls allowed":                  {"Nested", updating(noTransactions)},
	"forgets when opened again":             {"Domains", nil},
	"keeps the writes of a failed function": {"Rollback", updating(func(ctx context.Context, s ca.Store, fence ca.Fence, f func(context.Context, ca.Tx) error) error {
		var failed error
		err := s.Update(ctx, fence, func(ctx context.Context, tx ca.Tx) error {
			if failed = f(ctx, tx); errors.Is(failed, ca.ErrRetry) {
				return failed
			}
			return nil
		})
		return errors.Join(err, failed)
	})},
	"starves the exclusive fence": {"RaceDefaultGroup", func(m *mutant) {
		var shared atomic.Int64
		m.update = func(ctx context.Context, s ca.Store, fence ca.Fence, f func(context.Context, ca.Tx) error) error {
			if fence.Mode == ca.Shared {
				shared.Add(1)
			}
			for until := shared.Load() + 3000; fence.Mode == ca.Exclusive && shared.Load() < until && ctx.Err() == nil; {
				runtime.Gosched()
			}
			return s.Update(ctx, fence, f)
		}
	}},
	"the fence does not change": {"Fences", updating(func(ctx context.Context, s ca.Store, fence ca.Fence, f func(context.Context, ca.Tx) error) error {
		if fence.Mode == ca.Exclusive {
			fence.Mode = ca.Shared
		}
		return s.Update(ctx, fence, f)
	})},
	"an unknown domain has a fence": {"Fences", updating(func(ctx context.Context, s ca.Store, fence ca.Fence, f func(context.Context, ca.Tx) error) error {
		if err := s.Update(ctx, fence, f); !errors.Is(err, ca.ErrNoDomain) {
			return err
		}
		return s.Update(ctx, ca.Fence{}, f)
	})},
	"does not run again": {"Retry", updating(func(ctx context.Context, s ca.Store, fence ca.Fence, f func(context.Context, ca.Tx) error) error {
		var failed error
		err := s.Update(ctx, fence, func(ctx context.Context, tx ca.Tx) error {
			if failed = f(ctx, tx); failed != nil {
				return errors.New("given up")
			}
			return nil
		})
		if failed != nil {
			return failed
		}
		return err
	})},
	"runs again on what it has written": {"Retry", updating(func(ctx context.Context, s ca.Store, fence ca.Fence, f func(context.Context, ca.Tx) error) error {
		return s.Update(ctx, fence, func(ctx context.Context, tx ca.Tx) error {
			for range 10 {
				if err := f(ctx, tx); !errors.Is(err, ca.ErrRetry) {
					return err
				}
			}
			return ca.ErrRetry
		})
	})},
	"deaf to cancellation": {"Cancel", updating(func(ctx context.Context, s ca.Store, fence ca.Fence, f func(context.Context, ca.Tx) error) error {
		return s.Update(context.WithoutCancel(ctx), fence, f)
	})},
}

const mutantVar = "CHATADMIN_MUTANT"

// TestMutant runs the suite on the mutant that TestMutants names to a child process: there a failure is what is wanted.
func TestMutant(t *testing.T) {
	name := os.Getenv(mutantVar)
	if name == "" {
		t.Skip("run by TestMutants")
	}
	m, ok := mutants[name]
	require.True(t, ok)
	storetest.Run(t, func(*testing.T) storetest.Backend {
		right := memstore.New(nil)
		first := &mutant{Store: right}
		again := func() ca.Store {
			if m.mend == nil {
				return memstore.New(nil)
			}
			second := &mutant{Store: right.Handle(nil)}
			second.update, second.tx = first.update, first.tx
			if first.update == nil && first.tx == nil {
				m.mend(second)
			}
			return second
		}
		if m.mend != nil {
			m.mend(first)
		}
		return storetest.Backend{Store: first, Again: again}
	})
}

// TestMutants proves the suite: each store that is wrong in one way fails the test that is meant to find it.
func TestMutants(t *testing.T) {
	for name, m := range mutants {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run", "^TestMutant$/^"+m.test+"$", "-test.timeout", "60s")
			cmd.Env = append(os.Environ(), mutantVar+"="+name)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, "the mutant passes:\n%s", out)
			require.Contains(t, string(out), "--- FAIL: TestMutant/"+m.test, "it failed for another reason")
		})
	}
}
