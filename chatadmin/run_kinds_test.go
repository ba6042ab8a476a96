package chatadmin_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/internal/erasetest"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/twofa"
)

// program is one process of a host that uses every package with runs.
type program struct {
	admin   *chatadmin.Admin
	erase   *erase.Deletions
	retain  *retention.Retention
	imports *csvimport.Imports
	devices *devices.Registry
	second  *twofa.Service
	gate    *signin.Gate
}

// everything is a domain with something in it for every kind of run.
type everything struct {
	*world
	program
	crash  *erasetest.Crashing
	other  *chatadmin.Scope // a second administrator
	people []chatadmin.ID
	group  chatadmin.Group
	file   string
}

// start begins a new process over the store.
func (w *everything) start() program {
	w.T.Helper()
	p := program{admin: chatadmintest.Must(chatadmin.New(w.crash, &chatadmin.Options{Now: w.Clock.Now, Mailer: w.Mail}))}
	ring, err := keyring.New(rand.Reader, keyring.Key{ID: "1", Secret: secret.HideBytes([]byte("thirty-two bytes of a secret key"))})
	require.NoError(w.T, err)
	p.erase, err = erase.New(p.admin, nil)
	require.NoError(w.T, err)
	p.retain, p.imports, p.devices = chatadmintest.Must(retention.New(p.admin, nil)), chatadmintest.Must(csvimport.New(p.admin, nil)), chatadmintest.Must(devices.New(p.admin, nil))
	p.gate = chatadmintest.Must(signin.New(p.admin, nil))
	p.second = chatadmintest.Must(twofa.New(p.admin, &twofa.Options{Keys: ring}))
	return p
}

func newEverything(t *testing.T) *everything {
	t.Helper()
	crash := &erasetest.Crashing{Store: memstore.New(nil)}
	w := &everything{world: newWorldOn(t, crash, chatadmin.OfficeChat), crash: crash}
	w.program = w.start()
	second := w.User("second@acme.example", withRole(chatadmin.RoleAdmin))
	w.S, w.Host, w.other = w.program.admin.As(w.Domain, w.Boss.ID), w.program.admin.AsHost(w.Domain), w.program.admin.As(w.Domain, second.ID)
	w.people = w.users(5)
	g, err := w.Host.CreateGroup(ctx, "Sales") // without an admin of its own
	require.NoError(t, err)
	w.group = g
	w.content(w.group.ID, w.people[0], 40)
	for n, id := range w.people {
		_, err := w.program.devices.Register(ctx, w.Host, id, devices.Registration{Key: fmt.Sprintf("phone-%d", n), Type: devices.IOS})
		require.NoError(t, err)
	}
	w.file = "login\n"
	for n := range 1100 {
		w.file += fmt.Sprintf("new%d@acme.example\n", n)
	}
	return w
}

// count describes the domain: how much there is of everything.
func (w *everything) count() string {
	w.T.Helper()
	users, err := w.Store.CountUsers(ctx, chatadmin.UserQuery{Domain: w.Domain, WithDeleting: true})
	require.NoError(w.T, err)
	members, err := w.Store.CountMemberships(ctx, storage.MemberQuery{Domain: w.Domain})
	require.NoError(w.T, err)
	content, err := w.Store.CountContent(ctx, storage.ContentQuery{Domain: w.Domain, Before: time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)})
	require.NoError(w.T, err)
	gone, err := w.Store.CountUsers(ctx, chatadmin.UserQuery{Domain: w.Domain, Statuses: []chatadmin.Status{chatadmin.Deactivated}})
	require.NoError(w.T, err)
	text := fmt.Sprintf("%d users, %d deactivated, %d memberships, %+v", users, gone, members, content)
	for _, q := range []storage.RecordQuery{{Kind: "invitation", Domain: w.Domain}, {Kind: "device.command", Domain: w.Domain}} {
		n := 0
		for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
			rs, next, err := w.Store.ListRecords(ctx, q, p)
			require.NoError(w.T, err)
			n += len(rs)
			if p.After = next; next == "" {
				break
			}
		}
		text += fmt.Sprintf(", %d of %s", n, q.Kind)
	}
	return text
}

// kindOfRun is a line of the table: how a run of the kind begins and continues.
type kindOfRun struct {
	name  string
	host  bool // only the host may
	setUp func(*everything)
	// plan makes a plan, and returns what applies it.
	plan func(w *everything, p program, s *chatadmin.Scope) (apply func(context.Context) error)
	// resume continues a run.
	resume func(ctx context.Context, w *everything, p program, s *chatadmin.Scope, id chatadmin.ID) error
	stale  func(*everything) // changes what a plan rests on; nil: there is no plan
}

func byID(ctx context.Context, _ *everything, _ program, s *chatadmin.Scope, id chatadmin.ID) error {
	_, err := s.ResumeRun(ctx, id, nil)
	return err
}

func kindsOfRuns() []kindOfRun {
	must := func(w *everything, err error) { w.T.Helper(); require.NoError(w.T, err) }
	rename := func(w *everything) { must(w, errOf(w.Host.RenameGroup(ctx, w.group.ID, "Another name"))) }
	return []kindOfRun{
		{name: "default group", stale: rename, resume: byID, plan: func(w *everything, _ program, s *chatadmin.Scope) func(context.Context) error {
			p, err := s.PlanDefaultGroup(ctx, w.group.ID)
			must(w, err)
			return func(ctx context.Context) error { return errOf(s.ApplyDefaultGroup(ctx, p, nil)) }
		}},
		{name: "group deletion", stale: rename, resume: byID, plan: func(w *everything, _ program, s *chatadmin.Scope) func(context.Context) error {
			p, err := s.PlanDeleteGroup(ctx, w.group.ID)
			must(w, err)
			return func(ctx context.Context) error { return errOf(s.ApplyDeleteGroup(ctx, p, nil)) }
		}},
		{name: "deletion", resume: byID,
			stale: func(w *everything) {
				title := "Head"
				must(w, errOf(w.Host.EditUser(ctx, w.people[0], chatadmin.UserEdit{Title: &title})))
				must(w, errOf(w.Host.DeactivateUsers(ctx, w.people[0])))
			},
			plan: func(w *everything, x program, s *chatadmin.Scope) func(context.Context) error {
				p, err := x.erase.Plan(ctx, s, w.people[:2], nil)
				must(w, err)
				return func(ctx context.Context) error { return errOf(x.erase.Apply(ctx, s, p, "left", nil)) }
			}},
		{name: "retention", resume: byID,
			setUp: func(w *everything) {
				must(w, w.retain.SetDays(ctx, w.S, 10))
				w.Clock.Advance(20 * 24 * time.Hour)
			},
			stale: func(w *everything) { must(w, w.retain.SetDays(ctx, w.S, 15)) },
			plan: func(w *everything, x program, s *chatadmin.Scope) func(context.Context) error {
				p, err := x.retain.Plan(ctx, s, 0)
				must(w, err)
				return func(ctx context.Context) error { return errOf(x.retain.Apply(ctx, s, p, nil)) }
			}},
		{name: "wipe", resume: byID,
			stale: func(w *everything) {
				must(w, errOf(w.Host.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.DefaultCountry = "NL"; return nil })))
			},
			plan: func(w *everything, x program, s *chatadmin.Scope) func(context.Context) error {
				p, err := x.devices.PlanWipe(ctx, s, devices.Of(w.people...))
				must(w, err)
				return func(ctx context.Context) error { return errOf(x.devices.ApplyWipe(ctx, s, p, nil)) }
			}},
		{name: "deactivation of idle users", resume: byID,
			setUp: func(w *everything) {
				for n := range 3 {
					w.User(fmt.Sprintf("guest%d@acme.example", n), guest)
				}
				w.Clock.Advance(40 * 24 * time.Hour)
			},
			stale: func(w *everything) {
				must(w, errOf(w.Host.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.DefaultCountry = "NL"; return nil })))
			},
			plan: func(w *everything, x program, s *chatadmin.Scope) func(context.Context) error {
				p, err := x.gate.PlanIdle(ctx, s, signin.Idle{For: 30 * 24 * time.Hour, WithUnused: true, Kinds: []chatadmin.Kind{chatadmin.Guest}})
				must(w, err)
				require.Len(w.T, p.Users, 3)
				return func(ctx context.Context) error { return errOf(x.gate.ApplyIdle(ctx, s, p, nil)) }
			}},
		{name: "re-sealing of two-factor secrets", host: true, resume: byID,
			plan: func(_ *everything, x program, s *chatadmin.Scope) func(context.Context) error {
				return func(ctx context.Context) error { return errOf(x.second.Reseal(ctx, s, nil)) }
			}},
		{name: "import",
			stale: func(w *everything) { w.User("new3@acme.example") },
			plan: func(w *everything, x program, s *chatadmin.Scope) func(context.Context) error {
				p, err := x.imports.Plan(ctx, s, strings.NewReader(w.file), csvimport.UpdateExisting, nil)
				must(w, err)
				return func(ctx context.Context) error {
					return errOf(x.imports.Apply(ctx, s, p, strings.NewReader(w.file), nil))
				}
			},
			resume: func(ctx context.Context, w *everything, x program, s *chatadmin.Scope, id chatadmin.ID) error {
				return errOf(x.imports.Resume(ctx, s, id, strings.NewReader(w.file), nil))
			}},
		{name: "invitations of an import", resume: byID,
			setUp: func(w *everything) {
				must(w, errOf(w.imports.Import(ctx, w.Host, strings.NewReader(w.file), csvimport.SkipExisting, nil)))
			},
			plan: func(w *everything, x program, s *chatadmin.Scope) func(context.Context) error {
				var id chatadmin.ID
				for run, err := range s.Runs(ctx, chatadmin.RunQuery{Kind: "import"}) {
					must(w, err)
					id = run.ID
				}
				return func(ctx context.Context) error { return errOf(x.imports.ReleaseImport(ctx, s, id)) }
			}},
	}
}

func (k kindOfRun) newWorld(t *testing.T) *everything {
	t.Helper()
	w := newEverything(t)
	if k.setUp != nil {
		k.setUp(w)
	}
	return w
}

func (k kindOfRun) actor(w *everything, p program) *chatadmin.Scope {
	if k.host {
		return p.admin.AsHost(w.Domain)
	}
	return p.admin.As(w.Domain, w.Boss.ID)
}

// runs are those of the kind, as a list shows them.
func (k kindOfRun) runs(w *everything, p program) []chatadmin.Run {
	w.T.Helper()
	return collect(w.T, func() ([]chatadmin.Run, error) {
		return all(p.admin.AsHost(w.Domain).Runs(ctx, chatadmin.RunQuery{Kind: k.name}))
	})
}

// Every kind of run that there is has a line in the table.
func TestEveryKindOfRunIsTested(t *testing.T) {
	w := newEverything(t)
	var names []string
	for _, k := range kindsOfRuns() {
		names = append(names, k.name)
	}
	require.ElementsMatch(t, w.program.admin.RunKinds(), names)
}

// The process dies at every single call of the store. A new one finds the run
// in the list and resumes it by its ID: in the end everything is as after one
// clean run, and the run says that it is done.
func TestEveryKindOfRunSurvivesCrashes(t *testing.T) {
	for _, k := range kindsOfRuns() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			w := k.newWorld(t)
			require.NoError(t, k.plan(w, w.program, k.actor(w, w.program))(ctx))
			clean := w.count()
			require.Len(t, k.runs(w, w.program), 1)
			for n := 1; ; n++ {
				require.Less(t, n, 200)
				w := k.newWorld(t)
				apply := k.plan(w, w.program, k.actor(w, w.program))
				w.crash.In(n)
				err := apply(ctx)
				crashed := w.crash.Crashed()
				w.crash.In(0)
				if !crashed {
					require.NoError(t, err)
					return
				}
				p := w.start()
				s := k.actor(w, p)
				if len(k.runs(w, p)) == 0 { // it died before the first commit
					require.NoError(t, k.plan(w, p, s)(ctx))
				}
				for _, run := range k.runs(w, p) {
					require.NoError(t, k.resume(ctx, w, p, s, run.ID), "crash at call %d", n)
				}
				_, err = p.admin.SendInvitations(ctx, w.Domain)
				require.NoError(t, err)
				require.Equal(t, clean, w.count(), "crash at call %d", n)
				runs := k.runs(w, p)
				require.Len(t, runs, 1)
				require.Equal(t, chatadmin.RunDone, runs[0].State)
				require.False(t, runs[0].Ended.IsZero())
			}
		})
	}
}

// begun is a run of the kind that has begun and was interrupted at once.
func (k kindOfRun) begun(w *everything) chatadmin.Run {
	w.T.Helper()
	apply := k.plan(w, w.program, k.actor(w, w.program))
	for n := 1; n < 200; n++ {
		w.crash.In(n)
		err := apply(ctx)
		w.crash.In(0)
		if runs := k.runs(w, w.program); len(runs) > 0 && runs[0].Open() {
			return runs[0]
		}
		require.True(w.T, errors.Is(err, erasetest.ErrCrash), "%v", err)
	}
	w.T.Fatal("it does not begin")
	return chatadmin.Run{}
}

// Another administrator may not continue a run, takes it over, and brings it to
// its end; whoever began it may not continue it then.
func TestEveryKindOfRunIsTakenOver(t *testing.T) {
	for _, k := range kindsOfRuns() {
		if k.host {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			clean := k.newWorld(t)
			require.NoError(t, k.plan(clean, clean.program, clean.S)(ctx))
			w := k.newWorld(t)
			run := k.begun(w)
			require.ErrorIs(t, k.resume(ctx, w, w.program, w.other, run.ID), chatadmin.ErrForbidden)
			member := w.program.admin.As(w.Domain, w.people[4])
			require.Empty(t, collect(t, func() ([]chatadmin.Run, error) { return all(member.Runs(ctx, chatadmin.RunQuery{})) }))
			_, err := member.TakeOverRun(ctx, run.ID)
			require.ErrorIs(t, err, chatadmin.ErrForbidden)
			taken, err := w.other.TakeOverRun(ctx, run.ID)
			require.NoError(t, err)
			require.Equal(t, w.other.Actor(), taken.By)
			require.ErrorIs(t, k.resume(ctx, w, w.program, w.S, run.ID), chatadmin.ErrForbidden)
			require.NoError(t, k.resume(ctx, w, w.program, w.other, run.ID))
			_, err = w.program.admin.SendInvitations(ctx, w.Domain)
			require.NoError(t, err)
			require.Equal(t, clean.count(), w.count())
		})
	}
}

// Whoever began a run is demoted: it stops, stays in the list, and says why a
// worker could not continue it, or a worker continues it in the name of the
// host.
func TestEveryKindOfRunOfTheDemoted(t *testing.T) {
	for _, k := range kindsOfRuns() {
		if k.host {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			w := k.newWorld(t)
			run := k.begun(w)
			_, err := w.Host.AssignRole(ctx, chatadmin.RoleMember, w.Boss.ID)
			require.NoError(t, err)
			require.ErrorIs(t, k.resume(ctx, w, w.program, w.S, run.ID), chatadmin.ErrForbidden)
			w.Clock.Advance(11 * time.Minute)
			_, _ = w.program.admin.Work(ctx) // may report what it could not continue
			now, _, err := w.Host.Run(ctx, run.ID)
			require.NoError(t, err)
			if now.Open() {
				require.Equal(t, w.Boss.ID, now.By)
				_, err = w.other.TakeOverRun(ctx, run.ID)
				require.NoError(t, err)
				require.NoError(t, k.resume(ctx, w, w.program, w.other, run.ID))
				return
			}
			require.Equal(t, []any{chatadmin.HostActor, chatadmin.RunDone}, []any{now.By, now.State})
		})
	}
}

// What a plan rests on changes: it is refused, and no run begins.
func TestEveryKindOfPlanGoesStale(t *testing.T) {
	for _, k := range kindsOfRuns() {
		if k.stale == nil {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			w := k.newWorld(t)
			apply := k.plan(w, w.program, w.S)
			k.stale(w)
			before := w.count()
			require.ErrorIs(t, apply(ctx), chatadmin.ErrPlanStale)
			require.Empty(t, k.runs(w, w.program))
			require.Equal(t, before, w.count())
		})
	}
}
