package preferences_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/preferences"
)

// Both events with every option, address, number and access.
func TestChannels(t *testing.T) {
	switches := []preferences.Switch{"", preferences.Off, preferences.On}
	for _, e := range []preferences.Event{0, preferences.Assigned, preferences.Unpublished, 7} {
		for _, assigned := range switches {
			for _, unpublished := range switches {
				for n := range 64 {
					bit := func(i int) bool { return n>>i&1 == 1 }
					u := chatadmin.User{ID: "ann", Status: chatadmin.Active, Denied: bit(2), Deleting: bit(3)}
					if bit(0) {
						u.Email = "ann@acme.example"
					}
					if bit(1) {
						u.PhoneE164 = "+31612345678"
					}
					if bit(4) {
						u.Status = chatadmin.Deactivated
					}
					u.Phone = map[bool]string{true: "what was typed"}[bit(5)] // does not count

					var want preferences.Channels
					in := !u.Denied && !u.Deleting && u.Status == chatadmin.Active
					if in && e == preferences.Assigned && assigned == preferences.On {
						want = preferences.Bell
						if u.Email != "" {
							want |= preferences.Email
						}
						if u.PhoneE164 != "" {
							want |= preferences.SMS
						}
					}
					if in && e == preferences.Unpublished && unpublished == preferences.On && u.Email != "" {
						want = preferences.Email
					}
					v := preferences.Values{NotifyAssigned: assigned, NotifyUnpublished: unpublished}
					require.Equal(t, want, v.Channels(e, &u), "%d %q %q %d", e, assigned, unpublished, n)
				}
			}
		}
	}
	require.Equal(t, "bell, email, sms", (preferences.Bell | preferences.Email | preferences.SMS).String())
	require.Empty(t, preferences.Channels(0).String())
}

func TestChannelsAllocatesNothing(t *testing.T) {
	v := preferences.Values{NotifyAssigned: preferences.On, NotifyUnpublished: preferences.On}
	u := chatadmin.User{ID: "ann", Status: chatadmin.Active, Email: "ann@acme.example", PhoneE164: "+31612345678"}
	var c preferences.Channels
	require.Zero(t, testing.AllocsPerRun(1000, func() { c |= v.Channels(preferences.Assigned, &u) | v.Channels(preferences.Unpublished, &u) }))
	require.NotZero(t, c)
}

func BenchmarkChannels(b *testing.B) {
	v := preferences.Values{NotifyAssigned: preferences.On}
	u := chatadmin.User{ID: "ann", Status: chatadmin.Active, Email: "ann@acme.example"}
	b.ReportAllocs()
	for b.Loop() {
		v.Channels(preferences.Assigned, &u)
	}
}
