package erase

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"chatadmin.example/sdk/chatadmin"
)

// rows carries out one stage after the other until the batch is full.
func (r *run) rows(ctx context.Context, w *chatadmin.Work, job *chatadmin.Job) error {
	if err := r.held(ctx, w, w.Domain.ID, job.ID, nil); err != nil {
		return err
	}
	for begun := total(r.gone); r.at.Stage < users; {
		left := r.limit - int(total(r.gone)-begun)
		if left <= 0 {
			return nil
		}
		do := map[stage]func(context.Context, *chatadmin.Work, int) (bool, error){chats: r.chats, written: r.written, groups: r.groups, memberships: r.memberships, events: r.events,
			devices: r.devices, records: r.records}[r.at.Stage]
		more, err := do(ctx, w, left)
		if err != nil || more {
			return err
		}
		r.next()
	}
	return nil
}

// held refuses to go on where a hold was placed since the deletion began, on the users or on groups.
func (r *run) held(ctx context.Context, reader chatadmin.Reader, domain, deletion chatadmin.ID, groups []chatadmin.ID) error {
	held, err := chatadmin.HeldBack(ctx, reader, domain, r.task.Users, groups)
	if err == nil && len(held) > 0 {
		err = fmt.Errorf("%s: deletion %s waits: %w", held[0], deletion, chatadmin.ErrHeld)
	}
	return err
}

func (r *run) chats(ctx context.Context, w *chatadmin.Work, limit int) (bool, error) {
	return r.content(ctx, w, chatadmin.ContentQuery{Domain: w.Domain.ID, ChatsOf: r.task.Users}, limit)
}

func (r *run) written(ctx context.Context, w *chatadmin.Work, limit int) (bool, error) {
	return r.content(ctx, w, chatadmin.ContentQuery{Domain: w.Domain.ID, Authors: r.task.Users}, limit)
}

func (r *run) content(ctx context.Context, w *chatadmin.Work, q chatadmin.ContentQuery, limit int) (bool, error) {
	n, next, err := w.DeleteContent(ctx, q, chatadmin.Page{Limit: limit})
	addContent(r.gone, n)
	return next != "", err
}

// groups deletes groups of one user after the other, as many together as one call takes.
func (r *run) groups(ctx context.Context, w *chatadmin.Work, limit int) (bool, error) {
	for ; r.at.N < len(r.task.Users); r.at.N++ {
		q := chatadmin.GroupQuery{Domain: w.Domain.ID, Creator: r.task.Users[r.at.N], WithDeleting: true}
		page, _, err := chatadmin.FirstPage(ctx, w.ListGroups, q, chatadmin.MaxBatch)
		if err != nil {
			return false, err
		}
		if len(page) == 0 {
			continue
		}
		n, err := w.DeleteGroups(ctx, page, limit)
		addContent(r.gone, n.Content)
		r.gone[Groups] += n.Groups
		r.gone[Memberships] += n.Memberships
		r.gone[Records] += n.Records
		return true, err
	}
	return false, nil
}

func (r *run) memberships(ctx context.Context, w *chatadmin.Work, limit int) (bool, error) {
	for ; r.at.N < len(r.task.Users); r.at.N++ {
		n, more, err := w.DeleteMemberships(ctx, chatadmin.MemberQuery{Domain: w.Domain.ID, User: r.task.Users[r.at.N]}, limit)
		r.gone[Memberships] += n
		if limit -= int(n); err != nil || more || limit <= 0 {
			return true, err
		}
	}
	return false, nil
}

// eventPage is how many events are looked at together: one of an import holds a thousand users.
const eventPage = 100

// onePass is where the cursor counts batches of targets from. Deletions that an
// earlier release began counted single targets from 0: they begin this stage
// again, which changes nothing of what is blank.
const onePass = 1000

// events blanks what the audit log says about the users and their devices. The
// store finds the events of all of them in one pass, or of MaxBatch at a time.
func (r *run) events(ctx context.Context, w *chatadmin.Work, limit int) (bool, error) {
	own, err := owned(ctx, w, w.Domain.ID, r.task.Users, nil)
	if err != nil {
		return false, err
	}
	targets := slices.Concat(r.task.Users, own.deviceIDs)
	about := make(map[chatadmin.ID]bool, len(targets))
	for _, id := range targets {
		about[id] = true
	}
	if r.at.N < onePass {
		r.to(events, onePass)
	}
	batches := slices.Collect(slices.Chunk(targets, chatadmin.MaxBatch))
	for ; r.at.N-onePass < len(batches); r.to(events, r.at.N+1) {
		for {
			q := chatadmin.EventQuery{Domain: w.Domain.ID, Targets: batches[r.at.N-onePass]}
			page, next, err := w.ListEvents(ctx, q, chatadmin.Page{After: r.at.After, Limit: eventPage})
			if err != nil {
				return false, err
			}
			if _, err := w.BlankEvents(ctx, page, about); err != nil {
				return false, err
			}
			if r.at.After = next; next == "" {
				break
			}
			if limit -= eventPage; limit <= 0 {
				return true, nil
			}
		}
	}
	return false, nil
}

// devices deletes devices with their records.
func (r *run) devices(ctx context.Context, w *chatadmin.Work, limit int) (bool, error) {
	for ; r.at.N < len(r.task.Users); r.at.N++ {
		page, next, err := chatadmin.FirstPage(ctx, w.ListDevices, chatadmin.DeviceQuery{Domain: w.Domain.ID, Users: r.task.Users[r.at.N : r.at.N+1]}, chatadmin.MaxBatch)
		if err != nil {
			return false, err
		}
		if len(page) == 0 {
			continue
		}
		ids, rows := make([]chatadmin.ID, len(page)), make([]chatadmin.Change[chatadmin.Device], len(page))
		for i, dev := range page {
			ids[i], rows[i] = dev.ID, chatadmin.Change[chatadmin.Device]{Row: dev, Was: dev.Rev, Delete: true}
		}
		n, more, err := w.DeleteRecords(ctx, chatadmin.RecordQuery{Domain: w.Domain.ID, Owners: ids}, limit)
		if r.gone[Records] += n; err != nil || more {
			return more, err
		}
		if err := kept(w.ChangeDevices(ctx, rows)); err != nil {
			return false, err
		}
		r.gone[Devices] += int64(len(page))
		if limit -= int(n) + len(page); next != "" || limit <= 0 {
			return true, nil
		}
	}
	return false, nil
}

func (r *run) records(ctx context.Context, w *chatadmin.Work, limit int) (bool, error) {
	n, more, err := w.DeleteRecords(ctx, chatadmin.RecordQuery{Domain: w.Domain.ID, Owners: r.task.Users}, limit)
	r.gone[Records] += n
	return more, err
}

// scan looks once more whether anything is left that belongs to the users, and names its kinds.
func (r *run) scan(ctx context.Context, domain chatadmin.ID) (left []string, err error) {
	st, ids := r.d.admin.Store(), r.task.Users
	count := func(kind string, n int64, failed error) {
		if err = first(err, failed); n > 0 && !slices.Contains(left, kind) {
			left = append(left, kind)
		}
	}
	for _, q := range []chatadmin.ContentQuery{{ChatsOf: ids}, {Authors: ids}} {
		q.Domain = domain
		n, err := st.CountContent(ctx, q)
		count(Chats, n.Chats, err)
		count(Messages, n.Messages, nil)
		count(Files, n.Files, nil)
	}
	own, ownErr := owned(ctx, st, domain, ids, nil)
	count(Devices, own.devices, ownErr)
	count(Records, own.records, nil)
	for _, id := range ids {
		n, err := st.CountMemberships(ctx, chatadmin.MemberQuery{Domain: domain, User: id})
		count(Memberships, n, err)
		page, _, err := chatadmin.FirstPage(ctx, st.ListGroups, chatadmin.GroupQuery{Domain: domain, Creator: id, WithDeleting: true}, 1)
		count(Groups, int64(len(page)), err)
		n, err = st.CountUsers(ctx, chatadmin.UserQuery{Domain: domain, Manager: id, WithDeleting: true})
		if n > 0 && err == nil { // those who go with them do not count
			v := survey{r: st, domain: chatadmin.Domain{ID: domain}}
			if v.users, err = st.Users(ctx, domain, ids); err == nil {
				n, err = v.reports(ctx, id)
			}
		}
		count(Reports, n, err)
	}
	for _, k := range r.d.hosts {
		n, err := k.count(ctx, domain, ids)
		count(HostKind(k.name), n, err)
	}
	return left, err
}

func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// users deletes the users themselves, and completes the receipt.
func (r *run) users(ctx context.Context, w *chatadmin.Work, job *chatadmin.Job) error {
	if err := r.held(ctx, w, w.Domain.ID, job.ID, nil); err != nil {
		return err
	}
	found, err := w.Users(ctx, w.Domain.ID, r.task.Users)
	if err != nil {
		return err
	}
	rows := make([]chatadmin.Change[chatadmin.User], len(found))
	for i, u := range found {
		if !u.Deleting {
			return fmt.Errorf("user %s is not being deleted any more: %w", u.ID, chatadmin.ErrTransition)
		}
		rows[i] = chatadmin.Change[chatadmin.User]{Row: u, Was: u.Rev, Delete: true}
	}
	if err := kept(w.ChangeUsers(ctx, rows)); err != nil {
		return err
	}
	r.gone[Users] += int64(len(found))
	e, err := readEntry(ctx, w, w.Domain.ID, job.ID)
	if err != nil {
		return err
	}
	e.State, e.Ended, e.Removed = Done, w.Now(), maps.Clone(r.gone)
	if err := e.put(ctx, w); err != nil {
		return err
	}
	note := maps.Clone(w.Note)
	for kind, n := range r.gone {
		note[kind] = fmt.Sprint(n)
	}
	w.Record(KindDeleted, r.task.Users, nil, note)
	job.State = chatadmin.JobDone
	return nil
}
