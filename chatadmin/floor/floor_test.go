package floor_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/floor"
)

const lowest, highest = 0, 5

// Every combination of the priorities of the speaker, of a listener and of who
// asks, inside the conversation and from outside.
func TestWholeTable(t *testing.T) {
	for speaker := lowest; speaker <= highest; speaker++ {
		for listener := lowest; listener <= highest; listener++ {
			for asks := lowest; asks <= highest; asks++ {
				for _, inside := range []bool{true, false} {
					name := fmt.Sprintf("%d speaks, %d listens, %d asks, inside %v", speaker, listener, asks, inside)
					var f floor.Floor[string]
					f.Join("speaker", speaker)
					f.Join("listener", listener)
					if inside {
						f.Join("asks", asks)
					}
					require.Equal(t, floor.Granted, f.Ask("speaker", speaker), name)
					want, holder := floor.Busy, "speaker"
					if asks > speaker && asks > listener {
						want, holder = floor.Interrupts, "asks"
					}
					require.Equal(t, want, f.Ask("asks", asks), name)
					is, held := f.Speaker()
					require.True(t, held, name)
					require.Equal(t, holder, is, name)

					// The listener, who has a priority of their own, asks next.
					top := max(speaker, asks)
					if !inside && want == floor.Busy {
						top = speaker
					}
					want = floor.Busy
					if listener > top {
						want = floor.Interrupts
					}
					require.Equal(t, want, f.Ask("listener", listener), name)
				}
			}
		}
	}
}

// What begins and ends a turn.
func TestTurns(t *testing.T) {
	var f floor.Floor[string]
	speaks := func(want string) {
		t.Helper()
		is, held := f.Speaker()
		require.Equal(t, want, is)
		require.Equal(t, want != "", held)
	}
	speaks("")
	require.False(t, f.Release("ann"), "nobody speaks")
	require.Equal(t, floor.Granted, f.Ask("ann", 0), "the first who asks joins")
	require.Equal(t, floor.Speaking, f.Ask("ann", 0))
	require.Equal(t, floor.Busy, f.Ask("bob", 0))
	require.False(t, f.Release("bob"))
	speaks("ann")
	require.True(t, f.Release("ann"))
	speaks("")

	require.Equal(t, floor.Granted, f.Ask("bob", 0))
	require.Equal(t, floor.Interrupts, f.Ask("chief", 5), "nobody active is above 0")
	require.False(t, f.Release("bob"), "the turn was over before")
	speaks("chief")
	require.True(t, f.Leave("chief"))
	speaks("")
	require.Equal(t, floor.Granted, f.Ask("ann", 1))
	require.Equal(t, floor.Busy, f.Ask("chief", 1), "an equal one does not interrupt")
	f.Stop()
	speaks("")
	require.False(t, f.Leave("nobody"))

	f.Join("ann", 4) // promoted while she listens
	require.Equal(t, floor.Granted, f.Ask("bob", 3))
	require.Equal(t, floor.Busy, f.Ask("chief", 4))
	require.Equal(t, floor.Interrupts, f.Ask("ann", 4), "one's own priority does not stand in the way")
	require.False(t, f.Leave("bob"))
}

func TestWords(t *testing.T) {
	for d, want := range map[floor.Decision]string{floor.Busy: "busy", floor.Granted: "granted", floor.Interrupts: "interrupts", floor.Speaking: "speaking", 9: "decision 9"} {
		require.Equal(t, want, d.String())
		require.Equal(t, want != "busy", d.May())
	}
}

// Deciding allocates nothing, nor does a turn among participants.
func TestNoAllocation(t *testing.T) {
	var f floor.Floor[string]
	for i := range 100 {
		f.Join(fmt.Sprint("radio ", i), i%3)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		f.Ask("radio 1", 1)
		f.Ask("radio 2", 2)
		f.Release("radio 1")
	}))
}

func ExampleFloor() {
	var f floor.Floor[string]
	fmt.Println(f.Ask("bus.57", 1))
	fmt.Println(f.Ask("bus.58", 1))
	fmt.Println(f.Ask("dispatch", 5))
	fmt.Println(f.Release("bus.57"))
	// Output:
	// granted
	// busy
	// interrupts
	// false
}

// The rule over a hundred participants, against a bare walk over them.
func BenchmarkDecide(b *testing.B) {
	active := make([]floor.Party[int], 100)
	for i := range active {
		active[i] = floor.Party[int]{Key: i, Priority: i % 3}
	}
	b.ReportAllocs()
	for b.Loop() {
		if floor.Decide(active, 0, true, floor.Party[int]{Key: 200, Priority: 5}) != floor.Interrupts {
			b.Fatal("it does not interrupt")
		}
	}
}
