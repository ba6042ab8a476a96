package chatadmin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// waysToDamage are the ways in which stored JSON is damaged.
var waysToDamage = map[string]func(good []byte) []byte{
	"truncated":  func(good []byte) []byte { return good[:len(good)/2] },
	"cut by one": func(good []byte) []byte { return good[:len(good)-1] },
	"empty":      func([]byte) []byte { return []byte(`{}`) },
	"null":       func([]byte) []byte { return []byte(`null`) },
	"newer":      func(good []byte) []byte { return append([]byte(`{"v":99,`), good[len(`{"v":1,`):]...) },
	"types":      func([]byte) []byte { return []byte(`{"v":"one","user":7,"group":[],"state":{},"keys":7,"what":[]}`) },
	"values": func([]byte) []byte {
		return []byte(`{"v":1,"id":7,"at":7,"state":7,"keys":7,"what":7,"prior":"x","posting":7,"changes":7}`)
	},
	"not JSON":    func([]byte) []byte { return []byte("\x00\x01") },
	"another one": func([]byte) []byte { return []byte(`"text"`) },
}

// damageRecord damages the record of a key.
func (w *world) damageRecord(key storage.Key, damage func([]byte) []byte) {
	w.T.Helper()
	rs, err := w.Store.Records(ctx, []storage.Key{key})
	require.NoError(w.T, err)
	require.Len(w.T, rs, 1, "%v", key)
	rs[0].Data = damage(rs[0].Data)
	w.PutRecord(rs[0])
}

func (w *world) records(kind string) []storage.Record {
	w.T.Helper()
	rs, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Kind: kind, Domain: w.Domain}, chatadmin.Page{Limit: 100})
	require.NoError(w.T, err)
	return rs
}

// damaged lists what cannot be read as kind and ID.
func (w *world) damaged() (ids [][2]string) {
	w.T.Helper()
	for bad, err := range w.S.Damaged(ctx) {
		require.NoError(w.T, err)
		require.ErrorIs(w.T, bad, chatadmin.ErrDamaged)
		require.Equal(w.T, w.Domain, bad.Domain)
		ids = append(ids, [2]string{bad.Kind, bad.ID})
	}
	return ids
}

// harm is a domain in which something of ann's, or of one group, is damaged.
type harm struct {
	*world
	ann, bob    chatadmin.ID
	group, free chatadmin.ID // the group that is concerned, and another one
	kind, id    string       // what Damaged lists
}

// damageCases damage each kind of data that the package keeps. refused are the
// calls that are refused then, with the error; all others go on.
var damageCases = map[string]struct {
	damage  func(h *harm, damage func([]byte) []byte)
	refused map[string]error
}{
	"hold": {
		damage: func(h *harm, damage func([]byte) []byte) {
			hold, err := h.S.AddHold(ctx, chatadmin.Hold{Group: h.group, Reason: "lawsuit"})
			require.NoError(h.T, err)
			h.kind, h.id = "hold", string(hold.ID)
			h.damageRecord(storage.Key{Kind: "hold", Domain: h.Domain, ID: h.id}, damage)
		},
		refused: map[string]error{"delete its group": chatadmin.ErrHeld, "list holds": chatadmin.ErrHeld},
	},
	"hold of earlier versions, which nobody owns": {
		damage: func(h *harm, damage func([]byte) []byte) {
			h.kind, h.id = "hold", "h"
			h.put("hold", h.Domain, "h", string(damage([]byte(`{"v":1,"id":"h","group":"`+string(h.group)+`","reason":"lawsuit"}`))), time.Time{})
		},
		refused: map[string]error{"delete its group": chatadmin.ErrHeld, "delete another group": chatadmin.ErrHeld, "list holds": chatadmin.ErrHeld},
	},
	"invitation": {
		damage: func(h *harm, damage func([]byte) []byte) {
			h.kind, h.id = "invitation", string(h.ann)
			h.damageRecord(storage.Key{Kind: "invitation", Domain: h.Domain, ID: h.id}, damage)
		},
		refused: map[string]error{"read her invitation": chatadmin.ErrDamaged, "list invitations": chatadmin.ErrDamaged},
	},
	"resend": {
		damage: func(h *harm, damage func([]byte) []byte) {
			require.NoError(h.T, h.S.ResendInvitation(ctx, h.ann))
			h.Clock.Advance(time.Hour)
			h.kind, h.id = "resend", string(h.ann)
			h.damageRecord(storage.Key{Kind: "resend", Domain: h.Domain, ID: h.id}, damage)
		},
	},
	"notice": {
		damage: func(h *harm, damage func([]byte) []byte) {
			h.PutUser(h.ann, func(u *chatadmin.User) { u.Status = chatadmin.Active })
			require.NoError(h.T, h.Admin.PasswordChanged(ctx, h.Domain, h.ann))
			h.PutUser(h.ann, func(u *chatadmin.User) { u.Status = chatadmin.Pending })
			rs := h.records("notice")
			require.Len(h.T, rs, 1)
			h.kind, h.id = "notice", rs[0].ID
			h.damageRecord(rs[0].Key, damage)
		},
	},
	"file contents": {
		damage: func(h *harm, damage func([]byte) []byte) {
			h.kind, h.id = "blobs", "b"
			h.put("blobs", h.Domain, "b", string(damage([]byte(`{"v":1,"keys":["a","b"]}`))), h.Clock.Now())
		},
		refused: map[string]error{"release file contents": chatadmin.ErrDamaged, "work": chatadmin.ErrDamaged},
	},
	"groups created": {
		damage: func(h *harm, damage func([]byte) []byte) {
			require.NoError(h.T, second(h.Admin.As(h.Domain, h.ann).CreateGroup(ctx, "Hers")))
			h.kind, h.id = "groups-created", string(h.ann)
			h.damageRecord(storage.Key{Kind: h.kind, Domain: h.Domain, ID: h.id}, damage)
		},
	},
	"undelivered event": {
		damage: func(h *harm, damage func([]byte) []byte) {
			for n := range 16 {
				if rs := h.records(fmt.Sprintf("outbox/%02d", n)); len(rs) > 0 {
					h.kind, h.id = "outbox event", rs[0].ID
					h.damageRecord(rs[0].Key, damage)
				}
			}
			require.NoError(h.T, h.Admin.DeliverEvents(ctx, func(context.Context, chatadmin.OutboxEvent) error { return nil }))
		},
	},
	"attributes": {
		damage: func(h *harm, damage func([]byte) []byte) {
			h.kind, h.id = "user", string(h.ann)
			h.PutUser(h.ann, func(u *chatadmin.User) { u.Attrs = damage([]byte(`{"v":1,"avatar":"a.png","preferences":{}}`)) })
		},
		refused: map[string]error{"set her avatar": chatadmin.ErrDamaged, "activate her": chatadmin.ErrDamaged},
	},
	"settings of a group": {
		damage: func(h *harm, damage func([]byte) []byte) {
			h.kind, h.id = "group", string(h.group)
			require.NoError(h.T, h.Store.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
				gs, err := tx.Groups(ctx, h.Domain, []chatadmin.ID{h.group})
				if err != nil {
					return err
				}
				c := storage.Write[chatadmin.Group]{Row: gs[0], Was: gs[0].Rev}
				c.Row.Rev++
				c.Row.Data = damage([]byte(`{"v":1,"posting":"everybody"}`))
				_, err = tx.ChangeGroups(ctx, []storage.Write[chatadmin.Group]{c})
				return err
			}))
		},
	},
	"audit event": {
		damage: func(h *harm, damage func([]byte) []byte) {
			about := collect(h.T, func() ([]chatadmin.AuditEvent, error) {
				return all(h.Host.Events(ctx, chatadmin.EventQuery{Target: h.ann, Kind: chatadmin.KindUserCreate}))
			})
			h.kind, h.id = "event", string(about[0].ID)
			require.NoError(h.T, h.Store.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
				c := storage.Write[chatadmin.Event]{Row: about[0].Event, Was: about[0].Rev}
				c.Row.Rev++
				c.Row.Data = damage(c.Row.Data)
				_, err := tx.ChangeEvents(ctx, []storage.Write[chatadmin.Event]{c})
				return err
			}))
		},
		refused: map[string]error{"list events": chatadmin.ErrDamaged},
	},
	"run": {
		damage: func(h *harm, damage func([]byte) []byte) {
			p, err := h.S.PlanDeleteGroup(ctx, h.scratch())
			require.NoError(h.T, err)
			run, err := h.S.ApplyDeleteGroup(ctx, p, nil)
			require.NoError(h.T, err)
			h.kind, h.id = "run", string(run.ID)
			h.damageRecord(storage.Key{Kind: "run.ended", Domain: h.Domain, ID: h.id}, damage)
		},
		refused: map[string]error{"list runs": chatadmin.ErrDamaged},
	},
}

func (h *harm) scratch() chatadmin.ID { return h.Group("Scratch").ID }

// listed walks through a list and returns the last error and how many entries
// were good.
func listed[T any](seq func(func(T, error) bool)) (good int, err error) {
	for _, e := range seq {
		if e != nil {
			err = errors.Join(err, e)
		} else {
			good++
		}
	}
	return good, err
}

type damageCall struct {
	name string
	call func() error
}

// damageCalls are the calls that meet what is damaged, in an order in which
// each of them can be made.
func (h *harm) damageCalls() (calls []damageCall) {
	list := func(good int, err error, least int) error {
		if good < least {
			return fmt.Errorf("the list ended after %d entries, of at least %d: %w", good, least, err)
		}
		return err
	}
	title, avatar, mail := "Head", "b.png", "other@acme.example"
	add := func(name string, call func() error) { calls = append(calls, damageCall{name, call}) }
	user := func(name string, f func(ids ...chatadmin.ID) error) {
		add(name+" her", func() error { return f(h.ann) })
		add(name+" him", func() error { return f(h.bob) })
	}
	add("list events", func() error {
		good, err := listed(h.S.Events(ctx, chatadmin.EventQuery{}))
		return list(good, err, 5)
	})
	add("list holds", func() error {
		good, err := listed(h.S.Holds(ctx))
		return list(good, err, 1)
	})
	add("list runs", func() error {
		good, err := listed(h.S.Runs(ctx, chatadmin.RunQuery{}))
		return list(good, err, 1)
	})
	add("list users", func() error {
		good, err := listed(h.S.Users(ctx, chatadmin.UserQuery{}))
		return list(good, err, 3)
	})
	add("list groups", func() error {
		good, err := listed(h.S.Groups(ctx, chatadmin.GroupQuery{}))
		return list(good, err, 4)
	})
	add("list invitations", func() error {
		good, err := listed(h.S.Invitations(ctx, chatadmin.InvitationQuery{}))
		return list(good, err, 2)
	})
	add("invite again", func() error {
		h.Clock.Advance(30 * 24 * time.Hour)
		return second(h.S.InviteUsers(ctx, h.ann, h.bob))
	})
	add("read her invitation", func() error { return second(h.S.Invitation(ctx, h.ann)) })
	add("read his invitation", func() error { return second(h.S.Invitation(ctx, h.bob)) })
	add("send invitations", func() error { return second(h.Admin.SendInvitations(ctx, h.Domain)) })
	add("send notices", func() error { return second(h.Admin.SendNotices(ctx, h.Domain)) })
	add("release file contents", func() error { return second(h.Admin.ReleaseBlobs(ctx, h.Domain)) })
	add("deliver events", func() error {
		return h.Admin.DeliverEvents(ctx, func(context.Context, chatadmin.OutboxEvent) error { return nil })
	})
	add("work", func() error {
		h.Clock.Advance(25 * time.Hour)
		return second(h.Admin.Work(ctx))
	})
	add("set posting", func() error { return second(h.S.SetPosting(ctx, h.free, chatadmin.AdminsPost)) })
	add("create a group as her", func() error { return second(h.Admin.As(h.Domain, h.ann).CreateGroup(ctx, "Hers, too")) })
	add("rename the group", func() error { return second(h.S.RenameGroup(ctx, h.group, "Renamed")) })
	add("set her avatar", func() error { return second(h.S.EditUser(ctx, h.ann, chatadmin.UserEdit{Avatar: &avatar})) })
	user("edit", func(ids ...chatadmin.ID) error {
		return second(h.S.EditUser(ctx, ids[0], chatadmin.UserEdit{Title: &title}))
	})
	user("assign a role to", func(ids ...chatadmin.ID) error { return second(h.S.AssignRole(ctx, chatadmin.RoleMember, ids...)) })
	user("deny", func(ids ...chatadmin.ID) error { return second(h.S.DenyAccess(ctx, ids...)) })
	user("grant", func(ids ...chatadmin.ID) error { return second(h.S.GrantAccess(ctx, ids...)) })
	user("resend to", func(ids ...chatadmin.ID) error { return h.S.ResendInvitation(ctx, ids[0]) })
	user("sign out", func(ids ...chatadmin.ID) error { return h.S.SignOutUsers(ctx, ids...) })
	user("revoke the invitation of", func(ids ...chatadmin.ID) error { return second(h.S.RevokeInvitations(ctx, ids...)) })
	add("change her address", func() error { return second(h.S.EditUser(ctx, h.ann, chatadmin.UserEdit{Email: &mail})) })
	add("set her password", func() error { return h.Admin.PasswordChanged(ctx, h.Domain, h.ann) })
	user("deactivate", func(ids ...chatadmin.ID) error { return second(h.S.DeactivateUsers(ctx, ids...)) })
	user("activate", func(ids ...chatadmin.ID) error { return second(h.S.ActivateUsers(ctx, ids...)) })
	user("hold", func(ids ...chatadmin.ID) error {
		hold, err := h.S.AddHold(ctx, chatadmin.Hold{User: ids[0], Reason: "lawsuit"})
		if err == nil {
			_, err = h.S.ReleaseHold(ctx, hold.ID)
		}
		return err
	})
	user("begin to delete", func(ids ...chatadmin.ID) error { return h.beginDeletion(ids[0]) })
	add("blank her events", func() error {
		return h.Host.Change(ctx, chatadmin.Op{Kind: "test.blank"}, func(ctx context.Context, w *chatadmin.Writer) error {
			es, _, err := w.ListEvents(ctx, chatadmin.EventQuery{Domain: h.Domain, Target: h.ann}, chatadmin.Page{Limit: 100})
			if err != nil {
				return err
			}
			_, err = w.BlankEvents(ctx, es, map[chatadmin.ID]bool{h.ann: true})
			return errors.Join(err, errRollBack)
		})
	})
	add("delete another group", func() error { return second(h.S.PlanDeleteGroup(ctx, h.free)) })
	add("delete its group", func() error { return second(h.S.PlanDeleteGroup(ctx, h.group)) })
	return calls
}

var errRollBack = errors.New("rolled back")

// beginDeletion writes what the deletion of a user begins with, and takes it
// back.
func (h *harm) beginDeletion(id chatadmin.ID) error {
	for _, e := range []chatadmin.StatusEvent{chatadmin.BeginDeletion, chatadmin.CancelDeletion} {
		op := chatadmin.Op{Kind: "test.delete", Fence: storage.Exclusive}
		err := h.Host.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
			us, err := w.Users(ctx, h.Domain, []chatadmin.ID{id})
			if err != nil {
				return err
			}
			write, err := chatadmin.TransitionWrite(us[0], e)
			if err != nil {
				return err
			}
			return w.WriteUsers(ctx, op.Kind, []chatadmin.UserWrite{write})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func newHarm(t *testing.T) *harm {
	w := newWorldOn(t, memstore.New(nil), chatadmin.OfficeChat, func(o *chatadmin.Options) { o.Outbox = true })
	h := &harm{world: w, group: w.Group("Concerned").ID, free: w.Group("Free").ID}
	h.ann, h.bob = w.newcomer("ann@acme.example"), w.newcomer("bob@acme.example")
	held, err := h.S.AddHold(ctx, chatadmin.Hold{User: w.User("held@acme.example").ID, Reason: "another lawsuit"})
	require.NoError(t, err)
	require.NotEmpty(t, held.ID)
	p, err := h.S.PlanDeleteGroup(ctx, h.scratch())
	require.NoError(t, err)
	_, err = h.S.ApplyDeleteGroup(ctx, p, nil)
	require.NoError(t, err)
	return h
}

// What cannot be read affects what it belongs to alone: what protects stays in
// force, lists go on behind it, and it is listed and repaired.
func TestDamaged(t *testing.T) {
	for kind, c := range damageCases {
		for name, damage := range waysToDamage {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				h := newHarm(t)
				c.damage(h, damage)
				h.mustRepair(t)
				for i := range h.damageCalls() {
					// Each call meets the damage anew: an earlier one may have
					// put a good record in its place.
					h := newHarm(t)
					c.damage(h, damage)
					call := h.damageCalls()[i]
					if h.needsAccessLost(call.name) {
						require.NoError(t, second(h.S.DeactivateUsers(ctx, h.ann, h.bob)), call.name)
					}
					err := call.call()
					if errors.Is(err, errRollBack) {
						err = nil
					}
					if want := c.refused[call.name]; want != nil {
						require.ErrorIs(t, err, want, call.name)
						continue
					}
					require.NoError(t, err, call.name)
				}
			})
		}
	}
}

func (h *harm) needsAccessLost(call string) bool {
	return call == "activate her" || call == "activate him"
}

// mustRepair finds what is damaged, and repairs it.
func (h *harm) mustRepair(t *testing.T) {
	t.Helper()
	require.Equal(t, [][2]string{{h.kind, h.id}}, h.damaged())
	require.ErrorIs(t, h.As(h.User("nobody@acme.example")).Repair(ctx, h.kind, h.id), chatadmin.ErrForbidden)
	require.NoError(t, h.S.Repair(ctx, h.kind, h.id))
	require.Empty(t, h.damaged())
	require.NotEmpty(t, h.Events(chatadmin.KindRepair))
	if h.kind != "hold" && h.kind != "outbox event" {
		return
	}
	require.ErrorIs(t, h.S.Repair(ctx, h.kind, h.id), chatadmin.ErrNotFound)
}

// Policies that their packages cannot use are listed and repaired as well.
func TestDamagedPolicies(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	w.Admin.Extend(chatadmin.Extension{Policy: chatadmin.Policy{Name: "test", Check: func(raw json.RawMessage) error {
		if string(raw) != `{"v":1}` {
			return errors.New("unknown")
		}
		return nil
	}}})
	set := func(policy string) {
		require.NoError(t, w.Store.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
			ds, err := tx.Domains(ctx, []chatadmin.ID{w.Domain})
			if err != nil {
				return err
			}
			set, err := chatadmin.SettingsOf(ds[0])
			if err != nil {
				return err
			}
			set.Policies = map[string]json.RawMessage{"test": json.RawMessage(policy), "of another program": json.RawMessage(`7`)}
			c := storage.Write[chatadmin.Domain]{Row: ds[0], Was: ds[0].Rev}
			c.Row.Rev++
			if c.Row.Data, err = json.Marshal(set); err != nil {
				return err
			}
			_, err = tx.ChangeDomains(ctx, []storage.Write[chatadmin.Domain]{c})
			return err
		}))
	}
	for _, bad := range []string{`{}`, `null`, `{"v":2}`, `"x"`, `[]`} {
		set(bad)
		require.Equal(t, [][2]string{{"policy", "test"}}, w.damaged(), bad)
		require.NoError(t, w.S.Repair(ctx, "policy", "test"))
		require.Empty(t, w.damaged())
	}
	set(`{"v":1}`)
	require.Empty(t, w.damaged())
	require.NoError(t, w.S.Repair(ctx, "policy", "test"))
	_, settings, err := w.S.View(ctx, "")
	require.NoError(t, err)
	require.Contains(t, settings.Policies, "test", "one that can be read stays")
}

// Settings of a domain that cannot be read stop that domain alone.
func TestDamagedSettingsStopOneDomain(t *testing.T) {
	for name, damage := range waysToDamage {
		w := newWorld(t, chatadmin.OfficeChat)
		other, boss := w.Open("Other", chatadmin.OfficeChat)
		require.NoError(t, w.Store.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
			ds, err := tx.Domains(ctx, []chatadmin.ID{w.Domain})
			if err != nil {
				return err
			}
			c := storage.Write[chatadmin.Domain]{Row: ds[0], Was: ds[0].Rev}
			c.Row.Rev++
			c.Row.Data = damage(c.Row.Data)
			_, err = tx.ChangeDomains(ctx, []storage.Write[chatadmin.Domain]{c})
			return err
		}))
		require.ErrorIs(t, second(w.S.CreateGroup(ctx, "G")), chatadmin.ErrDamaged, name)
		require.ErrorIs(t, second(w.Host.CreateGroup(ctx, "G")), chatadmin.ErrDamaged, name)
		require.NoError(t, second(w.Admin.As(other, boss.ID).CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example"})), name)
		did, err := w.Admin.Work(ctx)
		require.NoError(t, err, name)
		require.Equal(t, 1, did["invitations"], name)
	}
}
