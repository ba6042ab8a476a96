package fields

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Run is a run that makes the values of a field searchable, or removes them.
type Run = chatadmin.RunOf[Report]

// Report says what a run does, and what it has done so far. Run.Done and Total
// count users.
type Report struct {
	Field  Field `json:"field"`
	Remove bool  `json:"remove,omitempty"` // the field is removed, not declared
	// Values is how many values were made searchable, or were deleted.
	Values int64 `json:"values"`
	// Invalid is how many values the declared field does not take. They stay,
	// and are not searched.
	Invalid int64 `json:"invalid,omitempty"`

	After chatadmin.Cursor `json:"after,omitempty"` // how far the run is
	Gone  bool             `json:"gone,omitempty"`  // all users were gone through
}

// check refuses what no run has.
func (r *Report) check() error {
	if len(r.Field.faults()) > 0 || r.Values < 0 || r.Invalid < 0 {
		return errors.New("it has a field or counts that cannot be")
	}
	return nil
}

// kind declares the runs.
func (f *Fields) kind() chatadmin.RunKind[Report] {
	return chatadmin.RunKind[Report]{
		Name:  "fields",
		Need:  chatadmin.PermDomain,
		Check: (*Report).check,
		Step:  f.step,
		Adopt: true, // an administrator has decided it; what is half done helps nobody
	}
}

// step prepares the next transaction of a run. The declarations change in
// transactions of their own, at the beginning and at the end. If one of them was
// made and the step after it was not, it is asked for once more, and changes
// nothing.
func (f *Fields) step(ctx context.Context, s *chatadmin.Scope, run *Run, rows int) (chatadmin.RunStep[Report], error) {
	kind := KindIndex
	if run.Data.Remove {
		kind = KindRemove
	}
	if err := f.move(ctx, s, &run.Data); err != nil {
		return chatadmin.RunStep[Report]{}, err
	}
	// Exclusive: no user changes between being read and being written about.
	op := chatadmin.Op{Kind: kind, Need: chatadmin.PermDomain, Fence: storage.Exclusive, Targets: []chatadmin.ID{run.ID}}
	rows = min(rows, chatadmin.MaxBatch)
	return chatadmin.RunStep[Report]{Op: op, Do: func(ctx context.Context, w *chatadmin.Writer, run *Run) error {
		if run.Data.Gone {
			run.State = chatadmin.RunDone
			w.Audit(kind, []chatadmin.ID{run.ID}, nil, map[string]string{"field": run.Data.Field.Name, "values": fmt.Sprint(run.Data.Values)})
			return nil
		}
		return batch(ctx, w, run, rows)
	}}, nil
}

// move brings the declarations to where the run is.
func (f *Fields) move(ctx context.Context, s *chatadmin.Scope, r *Report) error {
	return setPolicy(ctx, s, func(p *policy) error {
		d := p.find(r.Field.Name)
		switch {
		case r.Remove && d != nil && r.Gone:
			p.Fields = slices.DeleteFunc(p.Fields, func(o declared) bool { return key(o.Name) == key(r.Field.Name) })
		case r.Remove && d != nil:
			d.Removing = true
		case r.Remove:
		case d != nil && d.Removing:
			return errBeingRemoved(d.Name)
		case d != nil:
			d.Ready = d.Ready || r.Gone
		case r.Gone: // removed meanwhile
		case len(p.Fields) >= f.most:
			return f.tooMany()
		default:
			p.Fields = append(p.Fields, declared{Field: r.Field})
		}
		return nil
	})
}

func errBeingRemoved(name string) error {
	return texts.Explain(fmt.Errorf("the field %q is being removed: declare it when that is over: %w", chatadmin.Cut(name), chatadmin.ErrState),
		"why.field_removing", chatadmin.Cut(name))
}

func (f *Fields) tooMany() error {
	return texts.Explain(fmt.Errorf("a domain declares at most %d fields: remove one first: %w", f.most, chatadmin.ErrLimited), "why.fields_most", f.most)
}

// batch goes through the next users.
func batch(ctx context.Context, w *chatadmin.Writer, run *Run, rows int) error {
	users, next, err := w.ListUsers(ctx, chatadmin.UserQuery{Domain: w.Domain.ID}, chatadmin.Page{After: run.Data.After, Limit: rows})
	if err != nil {
		return err
	}
	p, err := policyOf(&w.Settings)
	if err != nil {
		return err
	}
	d := p.find(run.Data.Field.Name)
	switch {
	case d == nil: // it was removed by another run
	case run.Data.Remove:
		err = remove(ctx, w, run, d, users)
	default:
		err = search(ctx, w, run, d, users)
	}
	if err != nil {
		return err
	}
	run.Data.After, run.Data.Gone = next, next == ""
	run.Done += int64(len(users))
	run.Total = max(run.Total, run.Done)
	return nil
}

// search makes the values of users searchable.
func search(ctx context.Context, w *chatadmin.Writer, run *Run, d *declared, users []chatadmin.User) error {
	m := newMoves(w.Domain.ID)
	for i := range users {
		a, _ := chatadmin.AttributesOf(users[i]) // what cannot be read has no values
		kind := d.indexed(a.Fields)
		switch {
		case kind != "":
			run.Data.Values++
			m.want[storage.Key{Kind: kind, Domain: w.Domain.ID, ID: string(users[i].ID)}] = true
		case a.Fields[d.Name] != "":
			run.Data.Invalid++
		}
	}
	return m.write(ctx, w)
}

// remove takes the values of a field from users.
func remove(ctx context.Context, w *chatadmin.Writer, run *Run, d *declared, users []chatadmin.User) error {
	var writes []chatadmin.UserWrite
	for i := range users {
		a, err := chatadmin.AttributesOf(users[i])
		if err != nil || a.Fields[d.Name] == "" {
			continue // those that cannot be read are repaired by themselves
		}
		x, err := chatadmin.AttributesWrite(users[i], 0, func(a *chatadmin.Attributes) error {
			delete(a.Fields, d.Name)
			return nil
		})
		if err != nil {
			return err
		}
		writes = append(writes, x)
	}
	run.Data.Values += int64(len(writes))
	return w.WriteUsers(ctx, KindRemove, writes)
}

// Declare declares a field, or changes the choices or the spelling of one that
// is there. Its run makes the values searchable that users have under the name
// already; there is none, nil, if nothing of that kind is left to do. progress
// may be nil.
//
// It needs chatadmin.PermDomain. All that is wrong with the field comes at once,
// as *chatadmin.FieldErrors. It returns chatadmin.ErrExists if there is a field
// of the name with another kind, chatadmin.ErrState while it is being removed,
// and chatadmin.ErrLimited for too many fields.
func (f *Fields) Declare(ctx context.Context, s *chatadmin.Scope, field Field, progress func(chatadmin.Progress)) (*Run, error) {
	_, set, err := s.View(ctx, chatadmin.PermDomain)
	if err != nil {
		return nil, err
	}
	if wrong := field.faults(); len(wrong) > 0 {
		return nil, &chatadmin.FieldErrors{Fields: wrong}
	}
	p, err := policyOf(&set)
	if err != nil {
		return nil, err
	}
	d := p.find(field.Name)
	switch {
	case d != nil && d.Removing:
		return nil, errBeingRemoved(d.Name)
	case d != nil && (d.Kind != field.Kind || d.Name != field.Name):
		return nil, texts.Explain(fmt.Errorf("the domain has the field %q of the kind %s already: remove it first, or choose another name: %w", d.Name, d.Kind, chatadmin.ErrExists),
			"why.field_there", d.Name, string(d.Kind))
	case d != nil && !d.same(&field):
		if err := f.choose(ctx, s, field); err != nil {
			return nil, err
		}
	case d == nil && len(p.Fields) >= f.most:
		return nil, f.tooMany()
	}
	if d != nil && d.Ready {
		return nil, nil
	}
	return f.begin(ctx, s, KindIndex, progress, func(_ context.Context, _ *chatadmin.Writer, run *Run) error {
		run.Data = Report{Field: field}
		return nil
	})
}

// choose changes the choices of a field.
func (f *Fields) choose(ctx context.Context, s *chatadmin.Scope, field Field) error {
	return setPolicy(ctx, s, func(p *policy) error {
		if d := p.find(field.Name); d != nil && d.Kind == field.Kind {
			d.Choices = field.Choices
			return nil
		}
		return chatadmin.ErrPlanStale // it was removed meanwhile
	})
}

// begin begins a run and carries it to its end.
func (f *Fields) begin(ctx context.Context, s *chatadmin.Scope, kind string, progress func(chatadmin.Progress),
	first func(context.Context, *chatadmin.Writer, *Run) error) (*Run, error) {
	op := chatadmin.Op{Kind: kind, Need: chatadmin.PermDomain, Fence: storage.Shared, Targets: []chatadmin.ID{s.Domain()}}
	return f.runs.Apply(ctx, s, op, progress, func(ctx context.Context, w *chatadmin.Writer, run *Run) error {
		if err := first(ctx, w, run); err != nil {
			return err
		}
		n, err := w.CountUsers(ctx, chatadmin.UserQuery{Domain: w.Domain.ID})
		run.Total = n
		return err
	})
}

// Resume continues a run to its end. One that has ended is returned as it is. It
// needs chatadmin.PermDomain, and continues only in the name of the run's actor:
// chatadmin.Scope.TakeOverRun gives it to another. progress may be nil.
func (f *Fields) Resume(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID, progress func(chatadmin.Progress)) (*Run, error) {
	return f.runs.Resume(ctx, s, id, progress)
}

// Run reads a run. It needs chatadmin.PermDomain.
func (f *Fields) Run(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) (*Run, error) {
	return f.runs.Get(ctx, s, id)
}
