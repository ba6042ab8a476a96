// Package floor decides who may speak in a push-to-talk conversation. One
// participant speaks at a time: they hold the floor.
//
//	var f floor.Floor[string]
//	f.Join("bus.57", 1)
//	f.Join("john.smith", 1)
//	f.Ask("bus.57", 1)     // Granted
//	f.Ask("john.smith", 1) // Busy: an equal priority does not interrupt
//	f.Ask("dispatch", 5)   // Interrupts, and bus.57 has stopped
//
// # The rule
//
// A free floor goes to the first who asks. A floor that is held goes to another
// one only if their priority is strictly above that of every active participant,
// listeners included, not only above that of the speaker. The one who asks does
// not count against themselves.
//
//	asks                                         floor free   floor held
//	the speaker                                  -            Speaking
//	above every other active participant         Granted      Interrupts
//	equal to one of them, or below               Granted      Busy
//
// A turn ends if the speaker releases the floor, leaves, is interrupted, or has
// spoken for too long. The package has no clock: the host measures the time and
// calls Stop.
package floor

import "fmt"

// Decision answers somebody who asks for the floor.
type Decision uint8

const (
	Busy       Decision = iota // somebody speaks and is not interrupted
	Granted                    // the floor was free
	Interrupts                 // the speaker was interrupted
	Speaking                   // they had the floor already
)

var decisions = [...]string{"busy", "granted", "interrupts", "speaking"}

// String is "busy", "granted", "interrupts" or "speaking".
func (d Decision) String() string {
	if int(d) < len(decisions) {
		return decisions[d]
	}
	return fmt.Sprintf("decision %d", uint8(d))
}

// May reports whether the user who asked may speak now.
func (d Decision) May() bool { return d != Busy }

// Party is an active participant.
type Party[K comparable] struct {
	Key      K
	Priority int // higher is more important
}

// Floor is that of one conversation. The zero value is a conversation without
// participants. It is for one goroutine at a time.
type Floor[K comparable] struct {
	parties []Party[K]
	speaker K
	held    bool
}

// Join makes somebody an active participant, or gives them another priority. It
// interrupts nobody.
func (f *Floor[K]) Join(key K, priority int) {
	for i := range f.parties {
		if f.parties[i].Key == key {
			f.parties[i].Priority = priority
			return
		}
	}
	f.parties = append(f.parties, Party[K]{key, priority})
}

// Leave ends somebody's participation. It reports whether a turn ended by it.
func (f *Floor[K]) Leave(key K) (ended bool) {
	for i := range f.parties {
		if f.parties[i].Key == key {
			f.parties = append(f.parties[:i], f.parties[i+1:]...)
			break
		}
	}
	return f.Release(key)
}

// Ask asks for the floor. A user who gets it is an active participant from then
// on. A user who is refused stays what they were: a participant or none. An
// interrupted speaker stays a participant.
func (f *Floor[K]) Ask(key K, priority int) Decision {
	d := Decide(f.parties, f.speaker, f.held, Party[K]{key, priority})
	if d == Granted || d == Interrupts {
		f.Join(key, priority)
		f.speaker, f.held = key, true
	}
	return d
}

// Release ends the turn of the speaker. It reports whether it was theirs to end:
// a late release of one who was interrupted ends nothing.
func (f *Floor[K]) Release(key K) (ended bool) {
	if !f.held || f.speaker != key {
		return false
	}
	f.Stop()
	return true
}

// Stop ends the turn of the speaker, for example after too long a turn.
func (f *Floor[K]) Stop() {
	var nobody K
	f.speaker, f.held = nobody, false
}

// Speaker returns who holds the floor.
func (f *Floor[K]) Speaker() (key K, held bool) { return f.speaker, f.held }

// Decide is the rule alone: what asks gets, among the active participants, if
// speaker holds the floor. It changes nothing and allocates nothing.
func Decide[K comparable](active []Party[K], speaker K, held bool, asks Party[K]) Decision {
	switch {
	case !held:
		return Granted
	case speaker == asks.Key:
		return Speaking
	}
	for i := range active {
		if p := &active[i]; p.Key != asks.Key && asks.Priority <= p.Priority {
			return Busy
		}
	}
	return Interrupts
}
