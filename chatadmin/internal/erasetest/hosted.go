package erasetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/internal/hostrows"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Host is what a host keeps of its own beside a store, and its own way to it.
type Host struct {
	Store chatadmin.Store
	// Sources are those of the rows, "posts", and of the private chats, "talks".
	Sources []storage.Source
	// Put adds a row as the host's own code does, and reports whether it was
	// taken: not if somebody or something that it refers to is going or gone.
	Put func(hostrows.Row) (bool, error)
	// All are the rows of a domain, chats among them.
	All func(domain chatadmin.ID) ([]hostrows.Row, error)
}

// Hosted tries over a host's own rows what must hold of every deletion: no row
// refers to a user or group that is gone, receipts count exactly the rows that
// went, and what is held stays; wherever the process dies.
func Hosted(t *testing.T, open func(*testing.T) Host, seeds, steps int) {
	t.Run("crash at every call", func(t *testing.T) {
		g := newHosted(t, open(t), 0)
		for n := 1; ; n++ {
			require.Less(t, n, 300)
			ann, bob := g.person(), g.person()
			hers, theirs := g.group(ann), g.group(bob)
			talk, other := g.talk(ann, bob), g.talk(bob, g.Boss.ID)
			for _, in := range []chatadmin.ID{hers, theirs, talk, other} {
				g.post(in, bob)
			}
			g.post(hers, ann)
			g.post(theirs, ann)
			g.post(talk, ann)
			crashes := g.crashes
			require.True(t, g.delete(nil, func(again int) int { return []int{n, 0}[min(again, 1)] }, ann))
			if g.crashes == crashes { // it ended before
				require.Greater(t, n, 40)
				break
			}
		}
		g.close()
	})
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("random ", seed), func(t *testing.T) {
			g := newHosted(t, open(t), seed)
			for range steps {
				g.step()
			}
			g.close()
			t.Logf("%d rows went in %d deletions and %d runs of retention, with %d crashes; %d deletions were refused",
				g.went, g.deletions, g.retentions, g.crashes, g.refused)
			require.Positive(t, min(g.went, g.deletions, g.retentions, g.crashes, g.refused))
		})
	}
}

// hosted is a host to which things happen at random.
type hosted struct {
	*chatadmintest.World
	t      *testing.T
	host   Host
	c      *Crashing
	rnd    *rand.Rand
	d      *erase.Deletions
	r      *retention.Retention
	other  chatadmin.ID // a domain to which nothing happens
	others []hostrows.Row

	people, groups []chatadmin.ID // that are there
	gone           []chatadmin.ID
	contents       []string // keys of files that were ever named
	made           int

	went, deletions, retentions, crashes, refused int
}

func newHosted(t *testing.T, host Host, seed uint64) *hosted {
	g := &hosted{t: t, host: host, c: &Crashing{Store: host.Store}, rnd: rand.New(rand.NewPCG(seed, 11))}
	hasty := func(o *chatadmin.Options) {
		now := o.Now()
		o.Now = func() time.Time { now = now.Add(250 * time.Millisecond); return now } // batches become small
		for _, src := range host.Sources {
			o.Sources = append(o.Sources, g.c.Source(src))
		}
	}
	g.World = chatadmintest.NewWorld(t, &chatadmintest.WorldOptions{Store: g.c, Admin: hasty})
	g.d, g.r = chatadmintest.Must(erase.New(g.Admin, nil)), chatadmintest.Must(retention.New(g.Admin, nil))
	require.NoError(t, g.r.SetDays(t.Context(), g.Host, 7))
	other, boss := g.Open("Other", chatadmin.OfficeChat)
	g.other = other
	group, err := g.Admin.AsHost(other).CreateGroup(t.Context(), "Theirs")
	require.NoError(t, err)
	for n := range 3 {
		ok, err := host.Put(hostrows.Row{ID: g.Admin.NewID(), Domain: other, Container: group.ID, Author: boss.ID, At: g.Clock.Now().AddDate(0, 0, -9*n)})
		require.NoError(t, err)
		require.True(t, ok)
	}
	g.others, err = host.All(other)
	require.NoError(t, err)
	require.Len(t, g.others, 3)
	g.people, g.groups = []chatadmin.ID{g.Boss.ID}, []chatadmin.ID{g.group(g.Boss.ID)}
	return g
}

func (g *hosted) any(ids []chatadmin.ID) chatadmin.ID { return ids[g.rnd.IntN(len(ids))] }

func (g *hosted) person() chatadmin.ID {
	g.made++
	u := g.User(fmt.Sprintf("n%d@acme.example", g.made))
	g.people = append(g.people, u.ID)
	return u.ID
}

func (g *hosted) group(by chatadmin.ID) chatadmin.ID {
	g.made++
	made, err := g.Admin.As(g.Domain, by).CreateGroup(g.t.Context(), fmt.Sprint("G", g.made))
	require.NoError(g.t, err)
	g.groups = append(g.groups, made.ID)
	return made.ID
}

func (g *hosted) put(r hostrows.Row) chatadmin.ID {
	g.t.Helper()
	r.ID, r.Domain = g.Admin.NewID(), g.Domain
	ok, err := g.host.Put(r)
	require.NoError(g.t, err)
	require.True(g.t, ok, "%+v", r)
	return r.ID
}

func (g *hosted) talk(a, b chatadmin.ID) chatadmin.ID {
	g.t.Helper()
	return g.put(hostrows.Row{Author: a, Peer: b})
}

// post adds a row that is up to two weeks old, a third of them files, some of
// which were forwarded.
func (g *hosted) post(in, by chatadmin.ID) {
	g.t.Helper()
	r := hostrows.Row{Container: in, Author: by, At: g.Clock.Now().Add(-time.Duration(g.rnd.IntN(14*24)) * time.Hour)}
	if g.rnd.IntN(3) == 0 {
		r.Blob = fmt.Sprint("blob", len(g.contents))
		for _, there := range g.rows() {
			if there.Blob != "" && g.rnd.IntN(4) == 0 {
				r.Blob = there.Blob
			}
		}
		if !slices.Contains(g.contents, r.Blob) {
			g.contents = append(g.contents, r.Blob)
		}
	}
	g.put(r)
}

// rows are those of the domain, by ID.
func (g *hosted) rows() map[chatadmin.ID]*hostrows.Row {
	g.t.Helper()
	all, err := g.host.All(g.Domain)
	require.NoError(g.t, err)
	rows := make(map[chatadmin.ID]*hostrows.Row, len(all))
	for _, r := range all {
		rows[r.ID] = &r
	}
	return rows
}

// selected are the IDs of those rows that one of the queries selects.
func selected(rows map[chatadmin.ID]*hostrows.Row, qs ...storage.ContentQuery) map[chatadmin.ID]bool {
	ids := map[chatadmin.ID]bool{}
	for id, r := range rows {
		for _, q := range qs {
			if q.Domain = r.Domain; hostrows.Selects(q, r, rows[r.Container]) {
				ids[id] = true
			}
		}
	}
	return ids
}

// counted are the kinds of some of the rows.
func counted(rows map[chatadmin.ID]*hostrows.Row, ids map[chatadmin.ID]bool) [2]int64 {
	var n [2]int64
	for id := range ids {
		if rows[id].Peer != "" {
			n[1]++
		} else {
			n[0]++
		}
	}
	return n
}

func told(n map[string]int64) [2]int64 { return [2]int64{n["host.posts"], n["host.talks"]} }

// held are the subjects of the legal holds that are in force.
func (g *hosted) held() (users, groups []chatadmin.ID) {
	for h, err := range g.Host.Holds(g.t.Context()) {
		require.NoError(g.t, err)
		if h.User != "" {
			users = append(users, h.User)
		} else {
			groups = append(groups, h.Group)
		}
	}
	return users, groups
}

func (g *hosted) step() {
	ctx := g.t.Context()
	switch g.rnd.IntN(12) {
	case 0:
		g.person()
	case 1:
		g.group(g.any(g.people))
	case 2:
		if a, b := g.any(g.people), g.any(g.people); a != b {
			g.talk(a, b)
		}
	case 3, 4, 5:
		places := slices.Clone(g.groups)
		for id, r := range g.rows() {
			if r.Peer != "" {
				places = append(places, id)
			}
		}
		slices.Sort(places)
		for range 5 {
			g.post(g.any(places), g.any(g.people))
		}
	case 6:
		h := chatadmin.Hold{User: g.any(g.people), Reason: "case"}
		if g.rnd.IntN(2) == 0 {
			h = chatadmin.Hold{Group: g.any(g.groups), Reason: "case"}
		}
		_, err := g.Host.AddHold(ctx, h)
		require.NoError(g.t, err)
		g.release(false)
	case 7:
		g.retain()
	case 8:
		g.deleteGroup(g.any(g.groups))
	default:
		ids := []chatadmin.ID{g.any(g.people), g.any(g.people)}
		slices.Sort(ids)
		choice := &erase.Choice{}
		if heir := g.any(g.people); g.rnd.IntN(2) == 0 && !slices.Contains(ids, heir) {
			choice.TransferAll = heir
		}
		first := g.rnd.IntN(60)
		g.delete(choice, func(int) int { first = first / 2 * 2; return []int{first, 15 + g.rnd.IntN(30), 0}[g.rnd.IntN(3)] }, slices.Compact(ids)...)
	}
	g.invariants()
}

// release releases some of the holds, or all of them.
func (g *hosted) release(all bool) {
	for h, err := range g.Host.Holds(g.t.Context()) {
		require.NoError(g.t, err)
		if all || g.rnd.IntN(4) > 0 {
			_, err := g.Host.ReleaseHold(g.t.Context(), h.ID)
			require.NoError(g.t, err)
		}
	}
}

// delete deletes users, while the process dies at call number crash(0), then at
// crash(1) of the next process, and so on, 0 being never. It reports whether
// they were deleted: with a hold in the way nothing goes at all.
func (g *hosted) delete(choice *erase.Choice, crash func(again int) int, ids ...chatadmin.ID) bool {
	g.t.Helper()
	ctx := g.t.Context()
	p, err := g.d.Plan(ctx, g.Host, ids, choice)
	require.NoError(g.t, err)
	before := g.rows()
	users, groups := g.held()
	if len(p.Blockers) > 0 {
		_, err := g.d.Apply(ctx, g.Host, p, "left", nil)
		var blocked *erase.BlockedError
		require.ErrorAs(g.t, err, &blocked)
		require.Equal(g.t, before, g.rows())
		g.refused++
		return false
	}
	g.c.In(crash(0))
	r := g.finish(p, crash)
	var vanished []chatadmin.ID
	for _, group := range p.Groups {
		vanished = append(vanished, group.ID)
	}
	of := []storage.ContentQuery{{Authors: ids}, {ChatsOf: ids}}
	if len(vanished) > 0 {
		of = append(of, storage.ContentQuery{Containers: vanished})
	}
	g.vanished(before, selected(before, of...), users, groups, told(r.Data.Removed), told(p.Counts))
	g.people = slices.DeleteFunc(g.people, func(id chatadmin.ID) bool { return slices.Contains(ids, id) })
	g.groups = slices.DeleteFunc(g.groups, func(id chatadmin.ID) bool { return slices.Contains(vanished, id) })
	g.gone = append(g.gone, ids...)
	g.deletions++
	return true
}

// finish applies a plan and, as long as the process dies, resumes it.
func (g *hosted) finish(p *erase.Plan, crash func(again int) int) *erase.Run {
	g.t.Helper()
	ctx := g.t.Context()
	r, err := g.d.Apply(ctx, g.Host, p, "left", nil)
	for n := 1; err != nil; n++ {
		require.ErrorIs(g.t, err, ErrCrash)
		require.Less(g.t, n, 100)
		g.crashes++
		g.c.In(0)
		for run, err := range g.d.Runs(ctx, g.Host) {
			require.NoError(g.t, err)
			if run.State == chatadmin.RunRunning {
				r = run
			}
		}
		g.c.In(crash(n))
		if r == nil {
			r, err = g.d.Apply(ctx, g.Host, p, "left", nil)
		} else {
			r, err = g.d.Resume(ctx, g.Host, r.ID, nil)
		}
	}
	g.c.In(0)
	return r
}

// vanished checks that what went is what was to go, was counted, and was not
// held.
func (g *hosted) vanished(before map[chatadmin.ID]*hostrows.Row, due map[chatadmin.ID]bool, heldUsers, heldGroups []chatadmin.ID, counts ...[2]int64) {
	g.t.Helper()
	after := g.rows()
	gone := map[chatadmin.ID]bool{}
	for id := range before {
		if after[id] == nil {
			gone[id] = true
		}
	}
	require.Equal(g.t, due, gone)
	for _, n := range counts {
		require.Equal(g.t, counted(before, gone), n)
	}
	free := selected(before, storage.ContentQuery{All: true, ExceptUsers: heldUsers, ExceptContainers: heldGroups})
	for id := range gone {
		require.True(g.t, free[id], "%+v is under a legal hold", before[id])
	}
	g.went += len(gone)
}

// retain deletes what is older than a week.
func (g *hosted) retain() {
	ctx := g.t.Context()
	before := g.rows()
	users, groups := g.held()
	p, err := g.r.Plan(ctx, g.Host, 0)
	require.NoError(g.t, err)
	g.c.In(g.rnd.IntN(20))
	run, err := g.r.Apply(ctx, g.Host, p, nil)
	for err != nil {
		require.ErrorIs(g.t, err, ErrCrash)
		g.crashes++
		g.c.In(0)
		for began, err := range g.r.Runs(ctx, g.Host) {
			require.NoError(g.t, err)
			if began.State == chatadmin.RunRunning {
				run = began
			}
		}
		if run == nil {
			run, err = g.r.Apply(ctx, g.Host, p, nil)
		} else {
			run, err = g.r.Resume(ctx, g.Host, run.ID, nil)
		}
	}
	g.c.In(0)
	due := selected(before, storage.ContentQuery{Before: p.Before, ExceptUsers: users, ExceptContainers: groups})
	g.vanished(before, due, users, groups, told(run.Data.Removed.Sources), told(p.Counts.Sources))
	g.retentions++
}

// deleteGroup deletes a group, unless a legal hold is in the way.
func (g *hosted) deleteGroup(id chatadmin.ID) {
	ctx := g.t.Context()
	before := g.rows()
	users, groups := g.held()
	p, err := g.Host.PlanDeleteGroup(ctx, id)
	if err == nil && len(g.groups) > 1 {
		_, err = g.Host.ApplyDeleteGroup(ctx, p, nil)
	}
	due := map[chatadmin.ID]bool{}
	switch {
	case errors.Is(err, chatadmin.ErrHeld):
		g.refused++
	case len(g.groups) > 1:
		require.NoError(g.t, err)
		due = selected(before, storage.ContentQuery{Containers: []chatadmin.ID{id}})
		g.groups = slices.DeleteFunc(g.groups, func(other chatadmin.ID) bool { return other == id })
	}
	g.vanished(before, due, users, groups)
}

// invariants: no row refers to a user or group that is gone, contents of files
// are there exactly as long as a row names them, and nothing happens to another
// domain.
func (g *hosted) invariants() {
	g.t.Helper()
	if len(g.people) > 0 {
		NoTrace(g.t, g.host.Store, g.Domain, g.gone...)
	}
	rows := g.rows()
	named := map[string]bool{}
	for _, r := range rows {
		named[r.Blob] = true
		require.Contains(g.t, g.people, r.Author)
		if r.Peer != "" {
			require.Contains(g.t, g.people, r.Peer)
		} else if rows[r.Container] == nil {
			require.Contains(g.t, g.groups, r.Container)
		}
	}
	_, err := g.Admin.ReleaseBlobs(g.t.Context(), g.Domain)
	require.NoError(g.t, err)
	deleted := g.Blobs.Deleted()
	for _, key := range g.contents {
		require.Equal(g.t, !named[key], slices.Contains(deleted, key), key)
	}
	others, err := g.host.All(g.other)
	require.NoError(g.t, err)
	require.ElementsMatch(g.t, g.others, others)
}

// close closes the domain: every row goes, and each is counted.
func (g *hosted) close() {
	g.t.Helper()
	ctx := g.t.Context()
	g.release(true)
	before := g.rows()
	c, err := closing.New(g.Admin, nil)
	require.NoError(g.t, err)
	p, err := c.Plan(ctx, g.Host, closing.AtOnce)
	require.NoError(g.t, err)
	run, err := c.Apply(ctx, g.Host, p, "over", nil)
	require.NoError(g.t, err)
	receipt, err := c.Receipt(ctx, run.ID)
	require.NoError(g.t, err)
	g.vanished(before, selected(before, storage.ContentQuery{All: true}), nil, nil, told(receipt.Removed), told(p.Counts))
	g.people, g.groups = nil, nil
	g.invariants()
}
