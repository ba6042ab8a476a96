package devices

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// WipeResult is what a run of ApplyWipe keeps: what was planned, and what came
// of it so far. Asked and Skipped together are how many of the devices, in
// their order, are done.
type WipeResult struct {
	Devices []PlannedWipe `json:"devices"`
	Asked   int64         `json:"asked"`
	// Skipped devices are gone, have registered anew, or are out of reach since
	// the role of their user has risen above the actor's while the run went on.
	Skipped int64 `json:"skipped"`
}

// WipeRun is a run that wipes many devices.
type WipeRun = chatadmin.RunOf[WipeResult]

type wipeStep = chatadmin.RunStep[WipeResult]

// wipeKind declares the runs of ApplyWipe.
func (r *Registry) wipeKind() chatadmin.RunKind[WipeResult] {
	return chatadmin.RunKind[WipeResult]{
		Name: "wipe",
		Need: chatadmin.PermDevices,
		May: func(ctx context.Context, w *chatadmin.Writer, run *WipeRun) error {
			if run.By == w.Actor.ID {
				return nil
			}
			return mayStandIn(ctx, w, run.By)
		},
		Check: (*WipeResult).check,
		Step:  r.wipeStep,
		// What was asked for stays so: each wipe can be cancelled by itself.
		Cancel: func(context.Context, *chatadmin.Writer, *WipeRun) error { return nil },
		Old:    chatadmin.OldRun[WipeResult]{Job: "wipe devices", Read: readOldWipe},
	}
}

// check refuses what no version of the library writes. Earlier ones wrote
// devices twice.
func (x *WipeResult) check() error {
	n := int64(len(x.Devices))
	if n > MaxPlan || x.Asked < 0 || x.Asked > n || x.Skipped < 0 || x.Skipped > n-x.Asked {
		return errors.New("it has counts that cannot be")
	}
	for _, d := range x.Devices {
		if d.ID == "" || notOpaque(d.ID) || d.Generation < 1 {
			return errors.New("it names what is no device")
		}
	}
	return nil
}

// readOldWipe reads a job of an earlier version.
func readOldWipe(run *WipeRun, job *chatadmin.OldJob, _ []byte) error {
	if len(job.Result) > 0 {
		if err := json.Unmarshal(job.Result, &run.Data); err != nil {
			return err
		}
	}
	run.Data.Devices = nil
	if len(job.Params) > 0 {
		if err := json.Unmarshal(job.Params, &run.Data.Devices); err != nil {
			return err
		}
	}
	if run.Done != run.Data.Asked+run.Data.Skipped {
		return errors.New("it has done another number of devices than it counts")
	}
	return nil
}

// ResumeWipe continues what ApplyWipe began, in the name of the actor who began
// it or has taken it over; see chatadmin.Scope.TakeOverRun. progress may be
// nil. It needs chatadmin.PermDevices.
func (r *Registry) ResumeWipe(ctx context.Context, s *chatadmin.Scope, run chatadmin.ID, progress func(chatadmin.Progress)) (*WipeRun, error) {
	if err := scoped(s); err != nil {
		return nil, err
	}
	return r.wipes.Resume(ctx, s, run, progress)
}

// WipeRun reads a run of ApplyWipe. It needs chatadmin.PermDevices, or to have
// begun it.
func (r *Registry) WipeRun(ctx context.Context, s *chatadmin.Scope, run chatadmin.ID) (*WipeRun, error) {
	if err := scoped(s); err != nil {
		return nil, err
	}
	return r.wipes.Get(ctx, s, run)
}

// WipeRuns lists the runs of ApplyWipe, first the open ones and then those that
// have ended, each the oldest first. A run that cannot be read is yielded with
// a *chatadmin.DamagedError to actors with chatadmin.PermAudit, and the list
// goes on; any other error ends it. It needs chatadmin.PermDevices.
func (r *Registry) WipeRuns(ctx context.Context, s *chatadmin.Scope) iter.Seq2[*WipeRun, error] {
	return func(yield func(*WipeRun, error) bool) {
		err := scoped(s)
		if err == nil {
			_, _, err = s.View(ctx, chatadmin.PermDevices)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		r.wipes.All(ctx, s)(yield)
	}
}

// wipeStep asks for the wipes of the next devices.
func (r *Registry) wipeStep(_ context.Context, _ *chatadmin.Scope, run *WipeRun, _ int) (wipeStep, error) {
	part := run.Data.next()
	op := chatadmin.Op{Kind: KindWipe, Need: chatadmin.PermDevices, Fence: storage.Shared, Targets: idsOf(part)}
	return wipeStep{Op: op, Do: r.wipeBatch}, nil
}

// next are the devices of the next batch.
func (x *WipeResult) next() []PlannedWipe {
	left := x.Devices[x.Asked+x.Skipped:]
	return left[:min(len(left), batch)]
}

func (r *Registry) wipeBatch(ctx context.Context, w *chatadmin.Writer, run *WipeRun) error {
	result := &run.Data
	part := result.next()
	found, err := heldOf(ctx, w, part)
	if err != nil {
		return err
	}
	// one device in a batch twice would change its row against itself, again
	// and again
	seen := map[*entry]bool{nil: true}
	hs := slices.DeleteFunc(found, func(h *entry) bool {
		again := seen[h]
		seen[h] = true
		return again
	})
	risen, err := above(ctx, w, hs)
	if err != nil {
		return err
	}
	hs = slices.DeleteFunc(hs, func(h *entry) bool { return risen[h.user] != nil })
	for _, h := range hs {
		if err := h.ask(w, r.admin.NewID()); err != nil {
			return err
		}
	}
	if err := write(ctx, w, KindWipe, hs); err != nil {
		return err
	}
	result.Asked += int64(len(hs))
	result.Skipped += int64(len(part) - len(hs))
	run.Done = result.Asked + result.Skipped
	if len(result.next()) == 0 { // whatever Total says, nothing is left
		run.State = chatadmin.RunDone
	}
	return nil
}
