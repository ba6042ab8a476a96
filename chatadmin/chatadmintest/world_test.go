package chatadmintest_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/devices"
)

// registryWorld is how a test of a package embeds the World.
type registryWorld struct {
	*chatadmintest.World
	registry *devices.Registry
}

func TestWorld(t *testing.T) {
	w := registryWorld{}
	w.World = chatadmintest.NewWorld(t, &chatadmintest.WorldOptions{Preset: chatadmin.Engage,
		Extend: func(a *chatadmin.Admin) { w.registry = chatadmintest.Must(devices.New(a, nil)) }})
	ann := w.User("ann", func(n *chatadmin.NewUser) { n.Email, n.FirstName, n.LastName = "ann@acme.example", "Ann", "Ash" })
	sales := w.Group("Sales")
	_, err := w.S.AddMembers(t.Context(), sales.ID, ann.ID)
	require.NoError(t, err)
	require.Contains(t, w.Members(sales.ID), ann.ID)
	_, err = w.registry.Register(t.Context(), w.As(ann), ann.ID, devices.Registration{Key: "phone", Type: devices.IOS})
	require.NoError(t, err)
	w.PutUser(ann.ID, func(u *chatadmin.User) { u.Title = "Clerk" })
	require.Equal(t, "Clerk", w.Row(ann.ID).Title)
	require.Equal(t, chatadmin.DomainActive, w.Settings().State)
	require.Empty(t, w.Damaged())
	w.PutRecord(storage.Record{Key: storage.Key{Kind: "hold", Domain: w.Domain, ID: "h"}, Data: []byte("{")})
	require.Equal(t, []string{"hold h"}, w.Damaged())
	require.Len(t, w.Events(devices.KindRegister), 1)
	other, _ := w.Open("Other", chatadmin.OfficeChat)
	require.NotEqual(t, w.Domain, other)
	_, err = w.Admin.AsHost(other).User(t.Context(), ann.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
}

// A program that starts again finds everything in its store, with the packages
// over the new Admin and options of this start.
func TestWorldRestart(t *testing.T) {
	var admins []*chatadmin.Admin
	w := chatadmintest.NewWorld(t, &chatadmintest.WorldOptions{
		Extend: func(a *chatadmin.Admin) { admins = append(admins, a) },
		Domain: func(n *chatadmin.NewDomain) { n.Admin.FirstName = "Bea" },
	})
	require.Equal(t, "Bea", w.Boss.FirstName)
	ann := w.User("ann@acme.example", func(n *chatadmin.NewUser) { n.NoInvitation = false })
	w.Restart(func(o *chatadmin.Options) { o.Outbox = true })
	require.Len(t, admins, 2)
	require.NotSame(t, admins[0], admins[1])
	require.Same(t, admins[1], w.Admin)
	require.True(t, w.Admin.Options().Outbox)
	found, err := w.S.User(t.Context(), ann.ID)
	require.NoError(t, err)
	require.Equal(t, ann.Login, found.Login)
	require.Equal(t, 1, w.Work()["invitations"])
	require.Len(t, w.Mail.To(ann.Login), 1)
	require.Len(t, w.EventsOf(ann.ID, chatadmin.KindUserCreate), 1)
	require.Empty(t, w.EventsOf(w.Boss.ID, chatadmin.KindUserEdit))
}

// Whatever order a map has, its cases come by their names, and may be left.
func TestInOrder(t *testing.T) {
	table := map[string]int{"c": 3, "a": 1, "d": 4, "b": 2}
	var names []string
	for name, n := range chatadmintest.InOrder(table) {
		if n == 4 {
			break
		}
		names = append(names, name)
	}
	require.Equal(t, []string{"a", "b", "c"}, names)
}

// A domain with an administrator, a clock and a mailbox is one line.
func ExampleNewWorld() {
	w := chatadmintest.NewWorld(&testing.T{}, nil) // in a test: its own t
	ann := w.User("ann@acme.example")
	fmt.Println(ann.Login, ann.Status, w.Clock.Now().Format("2006-01-02"))
	// Output: ann@acme.example pending 2026-03-01
}
