package chatadmintest_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
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
	require.Len(t, w.Events(devices.KindRegister), 1)
	other, _ := w.Open("Other", chatadmin.OfficeChat)
	require.NotEqual(t, w.Domain, other)
	_, err = w.Admin.AsHost(other).User(t.Context(), ann.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
}

// A domain with an administrator, a clock and a mailbox is one line.
func ExampleNewWorld() {
	w := chatadmintest.NewWorld(&testing.T{}, nil) // in a test: its own t
	ann := w.User("ann@acme.example")
	fmt.Println(ann.Login, ann.Status, w.Clock.Now().Format("2006-01-02"))
	// Output: ann@acme.example pending 2026-03-01
}
