package provisioning

import (
	"context"
	"errors"
	"strconv"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Moved is what a run that renames or empties a department has to do.
type Moved struct {
	Department chatadmin.ID `json:"department"`
	// From is the name that the members have, To the one that they get; "" is
	// none.
	From string `json:"from"`
	To   string `json:"to"`
	// Into is the department that the members get, unless it is renamed or none.
	Into chatadmin.ID `json:"into,omitempty"`
	// Renames says that the department itself has the new name.
	Renames bool `json:"renames,omitempty"`
}

func (m *Moved) check() error {
	if m.Department == "" || m.From == "" || m.From == m.To || len(m.From) > maxName || len(m.To) > maxName {
		return errors.New("it does not say which names are exchanged")
	}
	return nil
}

// Run renames or empties a department.
type Run = chatadmin.RunOf[Moved]

type step = chatadmin.RunStep[Moved]

// moves declares the runs. A worker finishes them even if the user who began
// them has lost the right: a department must not have two names for ever.
func (p *Provisioning) moves() chatadmin.RunKind[Moved] {
	return chatadmin.RunKind[Moved]{
		Name:  "department",
		Need:  chatadmin.PermUsersEdit,
		Check: (*Moved).check,
		Adopt: true,
		Step: func(_ context.Context, _ *chatadmin.Scope, run *Run, rows int) (step, error) {
			op := chatadmin.Op{Kind: KindDepartmentMove, Need: chatadmin.PermUsersEdit, Fence: storage.Shared,
				Targets: []chatadmin.ID{run.Data.Department}}
			return step{Op: op, Do: func(ctx context.Context, w *chatadmin.Writer, run *Run) error {
				return moveBatch(ctx, w, run, min(rows, chatadmin.MaxBatch))
			}}, nil
		},
	}
}

// moveBatch moves the next members. Those who were moved are no members of the
// old name any more, so that each batch begins at the start.
func moveBatch(ctx context.Context, w *chatadmin.Writer, run *Run, rows int) error {
	m := &run.Data
	us, _, err := w.ListUsers(ctx, chatadmin.UserQuery{Domain: w.Domain.ID, Department: m.From}, chatadmin.Page{Limit: rows})
	if err != nil {
		return err
	}
	if len(us) > 0 {
		run.Done += int64(len(us))
		return w.SetDepartment(ctx, KindDepartmentMove, us, m.To)
	}
	run.State = chatadmin.RunDone
	gone := ""
	if m.Renames {
		gone = m.From
	}
	if err := release(ctx, w, m.Department, run.ID, gone); err != nil {
		return err
	}
	if err := release(ctx, w, m.Into, run.ID, ""); err != nil {
		return err
	}
	w.Audit(KindDepartmentDone, []chatadmin.ID{m.Department}, nil, map[string]string{"users": strconv.FormatInt(run.Done, 10)})
	return nil
}

// release ends what a run has done to a department, which loses the name gone.
func release(ctx context.Context, w *chatadmin.Writer, id, run chatadmin.ID, gone string) error {
	e, err := getDepartment(ctx, w, w.Domain.ID, id)
	switch {
	case errors.Is(err, chatadmin.ErrNotFound), err == nil && e.Value.Run != run:
		return nil
	case err != nil:
		return err
	}
	e.Value.Run, e.Value.Former, e.Value.Closed = "", "", false
	return putDepartment(ctx, w, &e, gone)
}

// RenameDepartment gives a department another name, and its members too, in
// bounded batches. Meanwhile it has both names: contacts stay complete, and
// either name can be typed. It returns ErrDepartmentBusy while another renaming
// or emptying is under way. An interrupted run is continued by
// chatadmin.Scope.ResumeRun, or by chatadmin.Admin.Work. It needs
// chatadmin.PermUsersEdit. progress may be nil.
func (p *Provisioning) RenameDepartment(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID, name string, progress func(chatadmin.Progress)) (*Run, error) {
	name, err := cleanName(name)
	if err != nil {
		return nil, err
	}
	// Nobody writes users by the old name meanwhile.
	op := chatadmin.Op{Kind: KindDepartmentRename, Need: chatadmin.PermUsersEdit, Fence: storage.Exclusive, Targets: []chatadmin.ID{id}}
	return p.runs.Apply(ctx, s, op, progress, func(ctx context.Context, w *chatadmin.Writer, run *Run) error {
		e, err := getDepartment(ctx, w, w.Domain.ID, id)
		if err != nil {
			return err
		}
		d := &e.Value
		was := d.Name
		run.Data = Moved{Department: id, From: was, To: name, Renames: true}
		switch {
		case d.Run != "":
			return busy(d)
		case was == name: // it has the name already
			return ErrSameName
		}
		d.Name, d.Former, d.Run = name, was, run.ID
		if run.Total, err = w.CountUsers(ctx, chatadmin.UserQuery{Domain: w.Domain.ID, Department: was}); err != nil {
			return err
		}
		if err := putDepartment(ctx, w, &e, ""); err != nil {
			return err
		}
		w.Audit(KindDepartmentRename, []chatadmin.ID{id}, map[chatadmin.ID][]chatadmin.FieldChange{id: {{Field: "name", Before: was, After: name}}}, nil)
		return nil
	})
}

// EmptyPlan says how many members of a department would move, and where to.
type EmptyPlan struct {
	chatadmin.PlanHeader
	Department Department `json:"department"`
	// To is the department that the members get; zero is none.
	To    Department `json:"to,omitzero"`
	Users int64      `json:"users"`
}

// PlanEmpty plans to move all members of a department to another one, or, with
// to "", out of every department. It changes nothing. It needs
// chatadmin.PermUsersEdit.
func (p *Provisioning) PlanEmpty(ctx context.Context, s *chatadmin.Scope, id, to chatadmin.ID) (*EmptyPlan, error) {
	if _, _, err := s.View(ctx, chatadmin.PermUsersEdit); err != nil {
		return nil, err
	}
	plan := &EmptyPlan{}
	return plan, p.planEmpty(ctx, p.admin.Store(), s, id, to, plan)
}

func (p *Provisioning) planEmpty(ctx context.Context, r storage.Reader, s *chatadmin.Scope, id, to chatadmin.ID, plan *EmptyPlan) error {
	from, err := getDepartment(ctx, r, s.Domain(), id)
	if err != nil {
		return err
	}
	if from.Value.Run != "" {
		return busy(&from.Value)
	}
	*plan = EmptyPlan{Department: from.Value}
	if to != "" {
		e, err := getDepartment(ctx, r, s.Domain(), to)
		switch {
		case err != nil:
			return err
		case to == id:
			return ErrSameName
		case e.Value.Run != "":
			return busy(&e.Value)
		}
		plan.To = e.Value
	}
	plan.Users, err = r.CountUsers(ctx, chatadmin.UserQuery{Domain: s.Domain(), Department: plan.Department.Name})
	plan.PlanHeader = s.PlanHeader(KindDepartmentEmpty, plan.Department.Name+"\x00"+plan.To.Name)
	return err
}

// ApplyEmpty moves the members of a department as a plan says, in bounded
// batches. Until the last has left, the department takes no new ones. It returns
// chatadmin.ErrPlanStale if one of the departments has changed. An interrupted
// run is continued by chatadmin.Scope.ResumeRun, or by chatadmin.Admin.Work. It
// needs chatadmin.PermUsersEdit. progress may be nil.
func (p *Provisioning) ApplyEmpty(ctx context.Context, s *chatadmin.Scope, plan *EmptyPlan, progress func(chatadmin.Progress)) (*Run, error) {
	if plan == nil {
		return nil, chatadmin.ErrInvalid.New("missing", "no plan was given")
	}
	if err := plan.Check(s, KindDepartmentEmpty); err != nil {
		return nil, err
	}
	id := plan.Department.ID
	op := chatadmin.Op{Kind: KindDepartmentEmpty, Need: chatadmin.PermUsersEdit, Fence: storage.Exclusive, Targets: []chatadmin.ID{id}}
	return p.runs.Apply(ctx, s, op, progress, func(ctx context.Context, w *chatadmin.Writer, run *Run) error {
		var now EmptyPlan
		if err := p.planEmpty(ctx, w, s, id, plan.To.ID, &now); err != nil {
			return err
		}
		if err := plan.Stale(now.Basis, "the departments"); err != nil {
			return err
		}
		run.Total, run.Data = now.Users, Moved{Department: id, From: now.Department.Name, To: now.To.Name, Into: now.To.ID}
		for _, id := range []chatadmin.ID{id, now.To.ID} {
			if id == "" {
				continue
			}
			e, err := getDepartment(ctx, w, w.Domain.ID, id)
			if err != nil {
				return err
			}
			e.Value.Run, e.Value.Closed = run.ID, id == now.Department.ID
			if err := putDepartment(ctx, w, &e, ""); err != nil {
				return err
			}
		}
		w.Audit(KindDepartmentEmpty, []chatadmin.ID{id}, nil, map[string]string{"to": now.To.Name, "users": strconv.FormatInt(now.Users, 10)})
		return nil
	})
}
