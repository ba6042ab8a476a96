package compliance_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/compliance"
)

// The way of an agreement, state by state, with an old domain and without. The
// last state of each has no step.
var ways = map[bool][]struct {
	state compliance.State
	step  compliance.Step
}{
	true: {{compliance.Requested, compliance.Provision}, {compliance.Provisioned, compliance.Invite}, {compliance.StaffInvited, compliance.Suspend},
		{compliance.OldSuspended, compliance.Bill}, {compliance.BillingOnFile, compliance.Send}, {compliance.Sent, compliance.Sign},
		{compliance.Signed, compliance.Countersign}, {compliance.Countersigned, compliance.Deliver}, {compliance.Delivered, compliance.Settle},
		{compliance.FundsSettled, compliance.Close}, {compliance.OldClosing, compliance.Finish}, {compliance.OldClosed, ""}},
	false: {{compliance.Requested, compliance.Provision}, {compliance.Provisioned, compliance.Invite}, {compliance.StaffInvited, compliance.Bill},
		{compliance.BillingOnFile, compliance.Send}, {compliance.Sent, compliance.Sign}, {compliance.Signed, compliance.Countersign},
		{compliance.Countersigned, compliance.Deliver}, {compliance.Delivered, ""}},
}

// All pairs of a state and a step: the next step leads on, the one that was made
// last changes nothing, and every other one is refused and changes nothing.
func TestStates(t *testing.T) {
	require.Len(t, compliance.States(), 13)
	for old, way := range ways {
		way = append(slices.Clone(way), ways[old][0])
		way[len(way)-1].state, way[len(way)-1].step = compliance.Cancelled, ""
		for at, from := range way {
			t.Run(map[bool]string{true: "old domain/", false: "no domain/"}[old]+string(from.state), func(t *testing.T) {
				w := newWorld(t)
				before := w.in(from.state, old)
				require.Equal(t, from.step, before.Next)
				require.Equal(t, from.step == "", before.Ended())
				cancellable := slices.Index(compliance.States(), from.state) < slices.Index(compliance.States(), compliance.Signed)
				last := compliance.Step("")
				if at > 0 && from.state != compliance.Cancelled {
					last = way[at-1].step
				}
				for _, step := range append(compliance.Steps(), "fly") {
					if step == from.step || step == compliance.Cancel && cancellable {
						continue // they lead on, and are made below
					}
					w.effects.did = nil
					after, err := w.x.Advance(ctx, w.operator, before.ID, step, input(step))
					repeated := step == last || step == compliance.Cancel && from.state == compliance.Cancelled
					switch {
					case step == "fly":
						require.ErrorIs(t, err, chatadmin.ErrInvalid)
					case repeated:
						require.NoError(t, err, step)
						require.Equal(t, before, after, step)
					default:
						var wrong *compliance.StepError
						require.True(t, errors.As(err, &wrong), "%s: %v", step, err)
						require.Equal(t, compliance.StepError{Agreement: before.ID, State: from.state, Step: step, Next: from.step}, *wrong)
						require.ErrorIs(t, err, chatadmin.ErrState)
						require.Equal(t, "agreement_step", chatadmin.Code(err))
					}
					if step != compliance.Close || !repeated { // whether the closing was cancelled is looked at each time
						require.Empty(t, w.effects.did, "%s: nothing is done outside", step)
					}
					require.Equal(t, before, w.agreement(before.ID), step)
				}
				if cancellable {
					a := w.advance(before.ID, compliance.Cancel)
					require.Equal(t, compliance.Cancelled, a.State)
					require.Equal(t, chatadmin.DomainActive, w.settings(w.Domain).State, "the old domain is in use")
				}
			})
		}
		for at, from := range ways[old][:len(ways[old])-1] {
			w := newWorld(t)
			a := w.in(from.state, old)
			if from.step == compliance.Finish { // the worker makes it
				a = w.finish(a)
			} else {
				a = w.advance(a.ID, from.step)
			}
			require.Equal(t, ways[old][at+1].state, a.State)
			require.Equal(t, from.step, a.Steps[len(a.Steps)-1].Step)
			require.Len(t, a.Steps, at+1)
		}
	}
}
