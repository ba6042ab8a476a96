package retention_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/internal/erasetest"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// game is a world in which things happen at random, and what must be in it
// after that.
type game struct {
	*world
	c       *erasetest.Crashing
	rnd     *rand.Rand
	rows    []row
	holds   map[chatadmin.ID]chatadmin.ID // the subject of each
	days    int
	crashes int
	gone    retention.Counts
}

type row struct {
	in, by chatadmin.ID
	at     time.Time
	file   bool
}

// TestProperties carries out random operations, and checks after each run that
// exactly what is too old and not held has gone, and that reports say so.
func TestProperties(t *testing.T) {
	var gone, kept retention.Counts
	crashes := 0
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			c := &erasetest.Crashing{Store: memory()}
			g := &game{world: newWorld(t, c), c: c, rnd: rand.New(rand.NewPCG(seed, 11)), holds: map[chatadmin.ID]chatadmin.ID{}}
			for range 250 {
				g.step()
			}
			left := g.all()
			gone.Messages, gone.Files, kept.Messages, kept.Files, crashes = gone.Messages+g.gone.Messages, gone.Files+g.gone.Files, kept.Messages+left.Messages, kept.Files+left.Files, crashes+g.crashes
		})
	}
	for what, n := range map[string]int64{"messages": gone.Messages, "files": gone.Files, "messages kept": kept.Messages, "files kept": kept.Files, "crashes": int64(crashes)} {
		require.Greater(t, n, int64(100), what)
	}
}

func (g *game) step() {
	users := []chatadmin.ID{g.ann, g.bob, g.cat}
	u := users[g.rnd.IntN(3)]
	switch g.rnd.IntN(8) {
	case 0, 1, 2:
		places := []place{{g.sales, u}, {g.news, u}, {g.annBob, users[g.rnd.IntN(2)]}, {g.bobCat, users[1+g.rnd.IntN(2)]}}
		at := places[g.rnd.IntN(4)]
		age := time.Duration(g.rnd.IntN(200)) * day
		messages, files := g.rnd.IntN(30), g.rnd.IntN(10)
		g.wrote(at.in, at.by, age, messages, files)
		for i := range messages + files {
			g.rows = append(g.rows, row{at.in, at.by, g.Clock.Now().Add(-age), i >= messages})
		}
	case 3:
		g.Clock.Advance(time.Duration(g.rnd.IntN(20*24)) * time.Hour)
	case 4:
		g.days = []int{0, 30, 60, 90, 120}[g.rnd.IntN(5)]
		g.world.days(g.days)
	case 5:
		if subject := []chatadmin.ID{u, g.sales, g.news}[g.rnd.IntN(3)]; subject == u {
			g.holds[g.hold(u, "")] = u
		} else {
			g.holds[g.hold("", subject)] = subject
		}
	case 6:
		for id := range g.holds {
			if g.rnd.IntN(2) == 0 {
				g.release(id)
				delete(g.holds, id)
			}
		}
	default:
		g.run()
	}
}

// held says what a hold covers, by its definition.
func (g *game) held(r row) bool {
	for _, subject := range g.holds {
		if subject == r.by || subject == r.in || r.in == g.annBob && (subject == g.ann || subject == g.bob) || r.in == g.bobCat && (subject == g.bob || subject == g.cat) {
			return true
		}
	}
	return false
}

func (g *game) run() {
	if g.days == 0 {
		_, err := g.r.Plan(ctx, g.S, 0)
		require.ErrorIs(g.T, err, chatadmin.ErrInvalid)
		require.Empty(g.T, g.runDue())
		return
	}
	p := g.plan(g.S)
	var want retention.Counts
	var stay []row
	for _, r := range g.rows {
		switch {
		case !r.at.Before(g.Clock.Now().AddDate(0, 0, -g.days)) || g.held(r):
			stay = append(stay, r)
		case r.file:
			want.Files++
		default:
			want.Messages++
		}
	}
	require.Equal(g.T, want, p.Counts)
	if g.rnd.IntN(2) == 0 {
		g.c.In(1 + g.rnd.IntN(12))
	}
	rep := g.finish(g.S, p, func(int) {
		g.crashes++
		g.c.In(4 + g.rnd.IntN(12))
	})
	g.c.In(0)
	require.Equal(g.T, want, rep.Data.Removed)
	g.rows = stay
	g.gone.Messages, g.gone.Files = g.gone.Messages+want.Messages, g.gone.Files+want.Files
	there := map[place]retention.Counts{}
	for _, r := range stay {
		n := there[place{r.in, r.by}]
		if r.file {
			n.Files++
		} else {
			n.Messages++
		}
		there[place{r.in, r.by}] = n
	}
	require.Equal(g.T, there, g.everything())
}

// A hundred goroutines, some over another handle of the store, place holds
// while a run is under way, stop it, and resume it: whatever a hold covered
// when AddHold had returned is still there.
func TestHoldRace(t *testing.T) {
	m := memstore.New(nil)
	w := newWorld(t, m, hasty)
	var users [90]chatadmin.ID
	for i := range users {
		users[i] = w.user(fmt.Sprintf("u%02d", i), "")
	}
	for batch := range 20 {
		// old, older, oldest: each batch of the run finds something of
		// everybody
		for i, id := range users {
			in := w.sales
			if i%3 == 0 {
				in = w.news
			}
			w.wrote(in, id, time.Duration(100+batch)*day, 8, 2)
		}
	}
	w.days(90)
	rep := w.interrupted(w.S, 0)
	other := chatadmintest.Must(retention.New(chatadmintest.Must(chatadmin.New(m.Handle(nil), &chatadmin.Options{Now: w.Admin.Options().Now})), nil))
	var covered [100]retention.Counts
	count := func(id chatadmin.ID) (retention.Counts, error) {
		n, err := m.CountContent(ctx, storage.ContentQuery{Domain: w.Domain, Authors: []chatadmin.ID{id}})
		return retention.Counts{Messages: n.Messages, Files: n.Files}, err
	}
	for n, err := range chatadmintest.AtOnce(100, func(n int) (err error) {
		switch {
		case n < len(users):
			if _, err = w.S.AddHold(ctx, chatadmin.Hold{User: users[n], Reason: "lawsuit"}); err == nil {
				covered[n], err = count(users[n])
			}
			return err
		case n%2 == 0:
			_, err = w.r.Resume(ctx, w.S, rep.ID, nil)
		default:
			_, err = other.RunDue(ctx, w.Domain)
			if errors.Is(err, chatadmin.ErrPlanStale) { // too many holds, too fast
				err = nil
			}
		}
		return err
	}) {
		require.NoError(t, err, "%d", n)
	}
	rep, err := w.r.Run(ctx, w.S, rep.ID)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, rep.State)
	whole, part, none := 0, 0, 0
	left := retention.Counts{}
	for n, id := range users {
		now, err := count(id)
		require.NoError(t, err)
		require.Equal(t, covered[n], now, "of user %d something went that was held", n)
		left.Messages, left.Files = left.Messages+now.Messages, left.Files+now.Files
		switch now.Messages {
		case 160:
			whole++
		case 0:
			none++
		default:
			part++
		}
	}
	t.Logf("of %d users %d kept all, %d some, %d nothing", len(users), whole, part, none)
	require.Equal(t, left, w.all())
	sum := retention.Counts{}
	for _, rep := range w.reports() {
		sum.Messages, sum.Files = sum.Messages+rep.Data.Removed.Messages, sum.Files+rep.Data.Removed.Files
	}
	require.Equal(t, retention.Counts{Messages: 90 * 160, Files: 90 * 40}, retention.Counts{Messages: sum.Messages + left.Messages, Files: sum.Files + left.Files}, "each row is counted once")
}

// Many workers at once: each row is counted in one report.
func TestManyWorkers(t *testing.T) {
	m := memstore.New(nil)
	w := newWorld(t, m)
	w.wrote(w.sales, w.ann, 100*day, 8000, 1000)
	w.days(90)
	left := w.interrupted(w.second, 0)
	_, err := w.S.AssignRole(ctx, chatadmin.RoleMember, w.second.Actor())
	require.NoError(t, err)
	w.Clock.Advance(day)
	other := chatadmintest.Must(retention.New(chatadmintest.Must(chatadmin.New(m.Handle(nil), &chatadmin.Options{Now: w.Clock.Now})), nil))
	for n, err := range chatadmintest.AtOnce(100, func(n int) error {
		_, err := []*retention.Retention{w.r, other}[n%2].RunDue(context.Background(), w.Domain)
		return err
	}) {
		require.NoError(t, err, "%d", n)
	}
	sum := retention.Counts{}
	for _, rep := range w.reports() {
		require.Equal(t, chatadmin.RunDone, rep.State)
		sum.Messages, sum.Files = sum.Messages+rep.Data.Removed.Messages, sum.Files+rep.Data.Removed.Files
	}
	require.Equal(t, retention.Counts{Messages: 8000, Files: 1000}, sum)
	require.Zero(t, w.all())
	require.Len(t, w.EventsOf(left.ID, chatadmin.KindRunTakeOver), 1)
}
