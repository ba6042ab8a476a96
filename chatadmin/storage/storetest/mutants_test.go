package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/chatadmin/storage/storetest"

	"chatadmin.example/sdk/chatadmin/storage"
)

// mutant is a store that is right but for one thing: what its functions
// replace.
type mutant struct {
	storage.Store
	update func(ctx context.Context, s storage.Store, fence storage.Fence, f func(context.Context, storage.Tx) error) error
	tx     func(storage.Tx) storage.Tx
}

func (m *mutant) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	g := f
	if m.tx != nil {
		g = func(ctx context.Context, tx storage.Tx) error { return f(ctx, m.tx(tx)) }
	}
	if m.update != nil {
		return m.update(ctx, m.Store, fence, g)
	}
	return m.Store.Update(ctx, fence, g)
}

// readerOf lets a changed Reader stand in for that of a store.
type readerOf struct {
	storage.Reader
	s storage.Store
}

func (r readerOf) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	return r.s.Update(ctx, fence, f)
}

func reading(f func(storage.Reader) storage.Reader) func(*mutant) {
	return func(m *mutant) { m.Store = readerOf{f(m.Store), m.Store} }
}

func writing(f func(storage.Tx) storage.Tx) func(*mutant) { return func(m *mutant) { m.tx = f } }

func updating(f func(ctx context.Context, s storage.Store, fence storage.Fence, f func(context.Context, storage.Tx) error) error) func(*mutant) {
	return func(m *mutant) { m.update = f }
}

// wrong is a mutant and the test that finds it.
type wrong struct {
	test string
	says string // of what the test says, its space collapsed
	mend func(*mutant)
}

// mutants: what is wrong. Those of keys, lengths and locks are added by
// wrongkeys_test.go.
var mutants = map[string]wrong{
	"users written whatever their revision": {"Conflicts", "- Index: (int) 3,", writing(func(tx storage.Tx) storage.Tx { return noRevision{tx} })},
	"increments lost":                       {"RaceCounter", "as many increments as were confirmed", writing(func(tx storage.Tx) storage.Tx { return noRecordRev{tx} })},
	"users of any domain":                   {"Isolation", "users of another domain", reading(func(r storage.Reader) storage.Reader { return anyDomain{r} })},
	"logins folded when read":               {"UserKeys", `Messages: "a"`, reading(func(r storage.Reader) storage.Reader { return foldingRead{r} })},
	"logins folded when written":            {"UserKeys", "{0 4 login_key user-000001}", writing(func(tx storage.Tx) storage.Tx { return foldingWrite{tx} })},
	"ties dropped between pages":            {"Pages", "pages of 1", reading(func(r storage.Reader) storage.Reader { return tiesDropped{r, &sync.Map{}} })},
	"rows repeated between pages":           {"Pages", "pages of 3", reading(func(r storage.Reader) storage.Reader { return rowsRepeated{r, &sync.Map{}} })},
	"pages too long":                        {"Pages", `"25" is not less than or equal to "1"`, reading(func(r storage.Reader) storage.Reader { return longPages{r} })},
	"limits not enforced":                   {"Limits", "a page of 0", reading(func(r storage.Reader) storage.Reader { return noLimits{r} })},
	"legal holds ignored":                   {"Content", " but ", reading(func(r storage.Reader) storage.Reader { return noHolds{r} })},
	"chats have an age":                     {"Content", "before", reading(func(r storage.Reader) storage.Reader { return agingChats{r} })},
	"chats of held users are open":          {"Content", " but ", reading(func(r storage.Reader) storage.Reader { return openChats{r} })},
	"what is kept ends a page":              {"DeleteContentByAge", "by age, pages of 3", writing(func(tx storage.Tx) storage.Tx { return keptEnds{tx} })},
	"records of one owner":                  {"RecordLists", "Messages: owners", reading(func(r storage.Reader) storage.Reader { return oneOwner{r} })},
	"memberships of one group":              {"Memberships", "expected: int(1) actual : int64(3)", reading(func(r storage.Reader) storage.Reader { return oneGroup{r} })},
	"members of another domain counted":     {"Memberships", "a group of another domain", reading(func(r storage.Reader) storage.Reader { return countsAll{r} })},
	"selectors not combined":                {"Content", "author in", reading(func(r storage.Reader) storage.Reader { return anySelector{r} })},
	"records of any domain":                 {"RecordLists", "other domain", reading(func(r storage.Reader) storage.Reader { return ownerOnly{r} })},
	"searches find beginnings alone":        {"Search", "search", reading(func(r storage.Reader) storage.Reader { return prefixSearch{r} })},
	"searches find words alone":             {"Search", "search", reading(func(r storage.Reader) storage.Reader { return wordSearch{r} })},
	"searches with accents":                 {"Search", "search", reading(func(r storage.Reader) storage.Reader { return keySearch{r} })},
	"searches across fields":                {"Search", "search vries ann", reading(func(r storage.Reader) storage.Reader { return oneLine{r} })},
	"searches take patterns":                {"Search", "search mary_ann", reading(func(r storage.Reader) storage.Reader { return likeSearch{r} })},
	"searches of three letters at least":    {"Search", "search", reading(func(r storage.Reader) storage.Reader { return longSearch{r} })},
	"searches lose a row at a border":       {"Search", "pages of 1", reading(func(r storage.Reader) storage.Reader { return borderLost{r} })},
	"searches go by what was":               {"Search", "search", reading(func(r storage.Reader) storage.Reader { return staleSearch{r, &sync.Map{}} })},
	"the oldest user first":                 {"Search", "newest", reading(func(r storage.Reader) storage.Reader { return oldestUsers{r} })},
	"denied or not":                         {"Search", "denied", reading(func(r storage.Reader) storage.Reader { return deniedToo{r} })},
	"members of any group":                  {"Search", "member", reading(func(r storage.Reader) storage.Reader { return anyGroup{r} })},
	"groups by their beginnings alone":      {"GroupSearch", "search", reading(func(r storage.Reader) storage.Reader { return groupPrefixes{r} })},
	"groups with accents":                   {"GroupSearch", "search", reading(func(r storage.Reader) storage.Reader { return groupKeys{r} })},
	"groups by patterns":                    {"GroupSearch", "search old", reading(func(r storage.Reader) storage.Reader { return groupPatterns{r} })},
	"groups by three letters at least":      {"GroupSearch", "search", reading(func(r storage.Reader) storage.Reader { return groupTrigrams{r} })},
	"groups lost at a border":               {"GroupSearch", "pages of 1", reading(func(r storage.Reader) storage.Reader { return groupBorder{r} })},
	"groups by what they were called":       {"GroupSearch", "search", reading(func(r storage.Reader) storage.Reader { return staleGroups{r, &sync.Map{}} })},
	"devices by their beginnings alone":     {"DeviceSearch", "search", reading(func(r storage.Reader) storage.Reader { return devicePrefixes{r} })},
	"devices with accents":                  {"DeviceSearch", "search jose", reading(func(r storage.Reader) storage.Reader { return deviceAccents{r} })},
	"devices by patterns":                   {"DeviceSearch", "search 35_7001", reading(func(r storage.Reader) storage.Reader { return devicePatterns{r} })},
	"devices by three letters at least":     {"DeviceSearch", "search", reading(func(r storage.Reader) storage.Reader { return deviceTrigrams{r} })},
	"devices lost at a border":              {"DeviceSearch", "pages of 1", reading(func(r storage.Reader) storage.Reader { return deviceBorder{r} })},
	"devices by what they were called":      {"DeviceSearch", "search, the", reading(func(r storage.Reader) storage.Reader { return staleDevices{r, &sync.Map{}} })},
	"archived or not":                       {"GroupSearch", "archived", reading(func(r storage.Reader) storage.Reader { return archivedToo{r} })},
	"archives not written":                  {"GroupSearch", "archived", writing(func(tx storage.Tx) storage.Tx { return neverArchived{tx} })},
	"prefixes taken as patterns":            {"UserLists", "metachars", reading(func(r storage.Reader) storage.Reader { return patterns{r} })},
	"the zero time comes back as 1970":      {"Values", "0001-01-01 00:00:00 +0000 UTC is 1970-01-01", reading(func(r storage.Reader) storage.Reader { return zeroIsEpoch{r} })},
	"devices of the first user alone":       {"Devices", "Not equal: expected: []storage.ID", reading(func(r storage.Reader) storage.Reader { return firstUser{r} })},
	"revisions of its own":                  {"Revisions", "a change prepared for the row that was there before", writing(func(tx storage.Tx) storage.Tx { return ownRevisions{tx} })},
	"missing parents swallowed":             {"Parents", "members of what is not there", writing(func(tx storage.Tx) storage.Tx { return noParents{tx} })},
	"conflicts at the wrong index":          {"Conflicts", "storage.Conflict{storage.Conflict{Index:0, Reason:0x2", writing(func(tx storage.Tx) storage.Tx { return wrongIndex{tx} })},
	"the first conflict ends the call":      {"Conflicts", `actual : []storage.Conflict{storage.Conflict{Index:1, Reason:0x2, Field:"", Other:""}}`, writing(func(tx storage.Tx) storage.Tx { return stopsEarly{tx} })},
	"times rounded to seconds":              {"Values", "1970-01-01 00:00:00.001 +0000 UTC is 1970-01-01 00:00:00 +0000", writing(func(tx storage.Tx) storage.Tx { return wholeSeconds{tx} })},
	"AddMembers overwrites":                 {"AddMembers", "who is a member already stays as they are", writing(func(tx storage.Tx) storage.Tx { return overwriting{tx} })},
	"AddMembers goes by login":              {"AddMembers", "who is added, by ID", writing(func(tx storage.Tx) storage.Tx { return byLogin{tx} })},
	"events rewritten whole":                {"Events", "only the data of an event is rewritten", writing(func(tx storage.Tx) storage.Tx { return rewriting{tx} })},
	"only the first item of a call":         {"Limits", "members written in two calls", writing(func(tx storage.Tx) storage.Tx { return onePerCall{tx} })},
	"check, then set":                       {"RaceLastAdmin", "admins of race-", updating(noTransactions)},
	"nested calls allowed":                  {"Nested", "called from within its own transaction", updating(noTransactions)},
	"forgets when opened again":             {"Domains", "both domains, as another handle reads them", nil},
	"places are numbers of rows":            {"Pages", "the list goes on behind what it has shown", reading(func(r storage.Reader) storage.Reader { return offsets{r} })},
	"a full page is the last":               {"Pages", "pages of 24", reading(func(r storage.Reader) storage.Reader { return endsEarly{r} })},
	"a deleted row takes its cursor along": {"Pages", "the row of the cursor is gone", reading(func() func(storage.Reader) storage.Reader {
		m := &sync.Map{}
		return func(r storage.Reader) storage.Reader { return rowCursors{r, m} }
	}())},
	"users sorted as people do":           {"UserLists", "Not equal: expected: []storage.ID{", reading(func(r storage.Reader) storage.Reader { return foldedOrder{r} })},
	"the oldest event first":              {"Events", `Not equal: expected: []storage.ID{"e`, reading(func(r storage.Reader) storage.Reader { return oldestFirst{r} })},
	"devices of any domain":               {"Isolation", "devices of another domain", reading(func(r storage.Reader) storage.Reader { return anyDevice{r} })},
	"records read from another domain":    {"Records", "records of several kinds and domains", reading(func(r storage.Reader) storage.Reader { return anyRecord{r} })},
	"members listed as missing":           {"UserLists", "outside", reading(func(r storage.Reader) storage.Reader { return membersToo{r} })},
	"times of a local zone":               {"Values", "every value as it was written", reading(func(r storage.Reader) storage.Reader { return localTimes{r} })},
	"the fence comes back to what it was": {"Fences", `"[1 2]" should have 4 item(s)`, reading(func(r storage.Reader) storage.Reader { return fewFences{r, new([]storage.Rev)} })},
	"keys of file contents get lost":      {"DeleteContentOfUsers", "a key for each file", writing(func(tx storage.Tx) storage.Tx { return losesKeys{tx} })},
	"files behind messages are left":      {"DeleteContentOfUsers", "pages of 7", writing(func(tx storage.Tx) storage.Tx { return onePage{tx} })},
	"chats go before what lies in them": {"DeleteContent", "what lies in a chat goes before the chat", writing(func() func(storage.Tx) storage.Tx {
		n := new(atomic.Int64)
		return func(tx storage.Tx) storage.Tx { return chatsFirst{tx, n} }
	}())},
	"events of the first target alone":          {"EventsAbout", "pages of 1, kind", reading(func(r storage.Reader) storage.Reader { return firstTarget{r} })},
	"targets of deleted events stay":            {"Events", "its own deletions", writing(func(tx storage.Tx) storage.Tx { return staleTargets{tx} })},
	"no fence at all":                           {"Exclusion", "has not seen what the other wrote", updating(noTransactions)},
	"no shared fence":                           {"Exclusion", "has not seen what the other wrote", updating(fenced(exclusiveOnly))},
	"the exclusive fence taken as a shared one": {"Exclusion", "has not seen what the other wrote", updating(fenced(sharedOnly))},
	"a snapshot older than the fence":           {"Exclusion", "has not seen what the other wrote", updating(oldSnapshot())},
	"chats written before the rest of a call":   {"CallOrder", "a message before its chat", writing(func(tx storage.Tx) storage.Tx { return chatsBefore{tx} })},
	"blobs of one domain alone":                 {"Blobs", "blobs of all domains", writing(func(tx storage.Tx) storage.Tx { return blobsOfOne{tx} })},
	"blobs compared without case":               {"Blobs", "blobs of all domains", reading(func(r storage.Reader) storage.Reader { return foldedBlobs{r} })},
	"the domain is read once for all":           {"Domains", "a domain changed behind its own fence", writing(func(tx storage.Tx) storage.Tx { return &domainOnce{Tx: tx} })},
	"members of a group that is being deleted":  {"Parents", "members of what is not there", writing(func(tx storage.Tx) storage.Tx { return deadParents{tx} })},
	"a login once for all domains":              {"UserKeys", "a login is unique within its domain only", writing(func(tx storage.Tx) storage.Tx { return oneLogin{tx} })},
	"a conflict undoes the transaction":         {"Conflicts", "what is not in conflict is written", updating(undoneByConflicts)},
	"keeps what was cancelled":                  {"Cancel", "what was cancelled is not kept", updating(keepsCancelled)},
	"keeps the writes of a panic":               {"Rollback", "after a panic", updating(keepsPanicked)},
	"busy, but kept":                            {"RaceCounter", "as many increments as were confirmed", updating(busyButKept())},
	"errors of the function dressed up": {"Rollback", "the function's error comes back as it is", updating(func(ctx context.Context, s storage.Store, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
		if err := s.Update(ctx, fence, f); err != nil {
			return fmt.Errorf("in a transaction: %w", err)
		}
		return nil
	})},
	"keeps the writes of a failed function": {"Rollback", "after an error", updating(func(ctx context.Context, s storage.Store, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
		var failed error
		err := s.Update(ctx, fence, func(ctx context.Context, tx storage.Tx) error {
			if failed = f(ctx, tx); errors.Is(failed, storage.ErrRetry) {
				return failed
			}
			return nil
		})
		if failed != nil {
			return failed
		}
		return err
	})},
	"starves the exclusive fence": {"RaceDefaultGroup", "starved", func(m *mutant) {
		var shared atomic.Int64
		m.update = func(ctx context.Context, s storage.Store, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
			if fence.Mode == storage.Shared {
				shared.Add(1)
			}
			for until := shared.Load() + 3000; fence.Mode == storage.Exclusive && shared.Load() < until && ctx.Err() == nil; {
				runtime.Gosched()
			}
			return s.Update(ctx, fence, f)
		}
	}},
	"the fence does not change": {"Fences", "should have 4 item(s), but has 1", updating(func(ctx context.Context, s storage.Store, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
		if fence.Mode == storage.Exclusive {
			fence.Mode = storage.Shared
		}
		return s.Update(ctx, fence, f)
	})},
	"an unknown domain has a fence": {"Fences", "the fence of a domain that is not there", updating(func(ctx context.Context, s storage.Store, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
		if err := s.Update(ctx, fence, f); !errors.Is(err, storage.ErrNoDomain) {
			return err
		}
		return s.Update(ctx, storage.Fence{}, f)
	})},
	"does not run again": {"Retry", "ErrRetry runs the function again", updating(func(ctx context.Context, s storage.Store, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
		var failed error
		err := s.Update(ctx, fence, func(ctx context.Context, tx storage.Tx) error {
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
	"runs again on what it has written": {"Retry", "run 2 begins anew", updating(func(ctx context.Context, s storage.Store, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
		return s.Update(ctx, fence, func(ctx context.Context, tx storage.Tx) error {
			for range 10 {
				if err := f(ctx, tx); !errors.Is(err, storage.ErrRetry) {
					return err
				}
			}
			return storage.ErrRetry
		})
	})},
	"deaf to cancellation": {"Cancel", "of a context that is cancelled while f runs", updating(func(ctx context.Context, s storage.Store, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
		return s.Update(context.WithoutCancel(ctx), fence, f)
	})},
}

const mutantVar = "CHATADMIN_MUTANT"

// TestMutant runs the suite on the mutant that TestMutants names to a child
// process: there a failure is what is wanted.
func TestMutant(t *testing.T) {
	name := os.Getenv(mutantVar)
	if name == "" {
		t.Skip("run by TestMutants")
	}
	m, ok := mutants[name]
	if name == lockingRight {
		m, ok = wrong{mend: locking(false, false)}, true
	}
	require.True(t, ok)
	storetest.Run(t, func(*testing.T) storetest.Backend {
		right := memstore.New(nil)
		first := &mutant{Store: right}
		again := func() storage.Store {
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

// lockingRight is the store that two mutants are made of, with nothing wrong.
const lockingRight = "rows locked in key order"

// TestLockingRight: a store that locks rows passes the tests of locks if it is
// right.
func TestLockingRight(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestMutant$/^(Deadlock|KeyOrder)$", "-test.v", "-test.timeout", "60s")
	cmd.Env = append(os.Environ(), mutantVar+"="+lockingRight)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestMutant/KeyOrder")
}

// TestMutants proves the suite: each store that is wrong in one way fails the
// test that is meant to find it, and for that reason.
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
			require.Contains(t, strings.Join(strings.Fields(string(out)), " "), m.says, "it failed for another reason")
		})
	}
}
