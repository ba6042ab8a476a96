package erase

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// rows carries out one stage after the other until the batch is full.
func (b *batch) rows(ctx context.Context, w *chatadmin.Writer, _ *Run) error {
	if err := b.held(ctx, w, w.Domain.ID, nil); err != nil {
		return err
	}
	for begun := total(b.Removed); b.At.Stage < users; {
		left := b.limit - int(total(b.Removed)-begun)
		if left <= 0 {
			return nil
		}
		do := map[stage]func(context.Context, *chatadmin.Writer, int) (bool, error){chats: b.chats, written: b.written,
			groups: b.groups, memberships: b.memberships, events: b.events,
			devices: b.devices, records: b.records}[b.At.Stage]
		more, err := do(ctx, w, left)
		if err != nil || more {
			return err
		}
		b.next()
	}
	return nil
}

// held refuses to go on where a hold was placed since the deletion began, on
// the users or on groups.
func (b *batch) held(ctx context.Context, reader storage.Reader, domain chatadmin.ID, groups []chatadmin.ID) error {
	held, err := b.d.admin.HeldBack(ctx, reader, domain, b.Users, groups)
	if err == nil && len(held) > 0 {
		err = fmt.Errorf("%s: deletion %s waits: %w", held[0], b.id, chatadmin.ErrHeld)
	}
	return err
}

func (b *batch) chats(ctx context.Context, w *chatadmin.Writer, limit int) (bool, error) {
	return b.data(ctx, w, storage.ContentQuery{Domain: w.Domain.ID, ChatsOf: b.Users}, limit)
}

func (b *batch) written(ctx context.Context, w *chatadmin.Writer, limit int) (bool, error) {
	return b.data(ctx, w, storage.ContentQuery{Domain: w.Domain.ID, Authors: b.Users}, limit)
}

// data deletes a page of what lies inside the store's database.
func (b *batch) data(ctx context.Context, w *chatadmin.Writer, q storage.ContentQuery, limit int) (bool, error) {
	n, next, err := w.DeleteData(ctx, q, chatadmin.Page{After: b.At.After, Limit: limit})
	chatadmin.Counts(b.Removed).Add(n)
	b.At.After = next
	return next != "", err
}

// groups deletes groups of one user after the other, as many together as one
// call takes.
func (b *batch) groups(ctx context.Context, w *chatadmin.Writer, limit int) (bool, error) {
	for ; b.At.N < len(b.Users); b.At.N++ {
		q := chatadmin.GroupQuery{Domain: w.Domain.ID, Creator: b.Users[b.At.N], WithDeleting: true}
		page, _, err := storage.FirstPage(ctx, w.ListGroups, q, chatadmin.MaxBatch)
		if err != nil {
			return false, err
		}
		if len(page) == 0 {
			continue
		}
		n, err := w.DeleteGroups(ctx, page, limit)
		chatadmin.Counts(b.Removed).Add(n.Data)
		b.Removed[Groups] += n.Groups
		b.Removed[Memberships] += n.Memberships
		b.Removed[Records] += n.Records
		return true, err
	}
	return false, nil
}

func (b *batch) memberships(ctx context.Context, w *chatadmin.Writer, limit int) (bool, error) {
	for ; b.At.N < len(b.Users); b.At.N++ {
		n, more, err := w.DeleteMemberships(ctx, storage.MemberQuery{Domain: w.Domain.ID, User: b.Users[b.At.N]}, limit)
		b.Removed[Memberships] += n
		if limit -= int(n); err != nil || more || limit <= 0 {
			return true, err
		}
	}
	return false, nil
}

// eventPage is how many events are looked at together: one of an import holds a
// thousand users.
const eventPage = 100

// onePass is where the cursor counts batches of targets from. Deletions that an
// earlier release began counted single targets from 0: they begin this stage
// again, which changes nothing of what is blank.
const onePass = 1000

// events blanks what the audit log says about the users and their devices. The
// store finds the events of all of them in one pass, or of MaxBatch at a time.
func (b *batch) events(ctx context.Context, w *chatadmin.Writer, limit int) (bool, error) {
	own, err := owned(ctx, w, w.Domain.ID, b.Users, nil)
	if err != nil {
		return false, err
	}
	targets := slices.Concat(b.Users, own.deviceIDs)
	about := make(map[chatadmin.ID]bool, len(targets))
	for _, id := range targets {
		about[id] = true
	}
	if b.At.N < onePass {
		b.to(events, onePass)
	}
	batches := slices.Collect(slices.Chunk(targets, chatadmin.MaxBatch))
	for ; b.At.N-onePass < len(batches); b.to(events, b.At.N+1) {
		for {
			q := chatadmin.EventQuery{Domain: w.Domain.ID, Targets: batches[b.At.N-onePass]}
			page, next, err := w.ListEvents(ctx, q, chatadmin.Page{After: b.At.After, Limit: eventPage})
			if err != nil {
				return false, err
			}
			if _, err := w.BlankEvents(ctx, page, about); err != nil {
				return false, err
			}
			if b.At.After = next; next == "" {
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
func (b *batch) devices(ctx context.Context, w *chatadmin.Writer, limit int) (bool, error) {
	for ; b.At.N < len(b.Users); b.At.N++ {
		q := storage.DeviceQuery{Domain: w.Domain.ID, Users: b.Users[b.At.N : b.At.N+1]}
		page, next, err := storage.FirstPage(ctx, w.ListDevices, q, chatadmin.MaxBatch)
		if err != nil {
			return false, err
		}
		if len(page) == 0 {
			continue
		}
		ids, rows := make([]chatadmin.ID, len(page)), make([]storage.Write[storage.Device], len(page))
		for i, dev := range page {
			ids[i], rows[i] = dev.ID, storage.Write[storage.Device]{Row: dev, Was: dev.Rev, Delete: true}
		}
		n, more, err := w.DeleteRecords(ctx, storage.RecordQuery{Domain: w.Domain.ID, Owners: ids}, limit)
		if b.Removed[Records] += n; err != nil || more {
			return more, err
		}
		if err := kept(w.ChangeDevices(ctx, rows)); err != nil {
			return false, err
		}
		b.Removed[Devices] += int64(len(page))
		if limit -= int(n) + len(page); next != "" || limit <= 0 {
			return true, nil
		}
	}
	return false, nil
}

func (b *batch) records(ctx context.Context, w *chatadmin.Writer, limit int) (bool, error) {
	n, more, err := w.DeleteRecords(ctx, storage.RecordQuery{Domain: w.Domain.ID, Owners: b.Users}, limit)
	b.Removed[Records] += n
	return more, err
}

// scan looks once more whether anything is left that belongs to the users, and
// names its kinds.
func (b *batch) scan(ctx context.Context, domain chatadmin.ID) (left []string, err error) {
	st, ids := b.d.admin.Store(), b.Users
	count := func(kind string, n int64, failed error) {
		if err = first(err, failed); n > 0 && !slices.Contains(left, kind) {
			left = append(left, kind)
		}
	}
	for _, q := range []storage.ContentQuery{{ChatsOf: ids}, {Authors: ids}} {
		q.Domain = domain
		inside, insideErr := b.d.admin.CountData(ctx, st, q)
		outside, outsideErr := b.d.admin.CountOutside(ctx, q)
		count("", 0, errors.Join(insideErr, outsideErr))
		for _, kind := range b.d.admin.DataKinds() {
			count(kind, inside[kind]+outside[kind], nil)
		}
	}
	own, ownErr := owned(ctx, st, domain, ids, nil)
	count(Devices, own.devices, ownErr)
	count(Records, own.records, nil)
	for _, id := range ids {
		n, err := st.CountMemberships(ctx, storage.MemberQuery{Domain: domain, User: id})
		count(Memberships, n, err)
		theirs := chatadmin.GroupQuery{Domain: domain, Creator: id, WithDeleting: true}
		page, _, err := storage.FirstPage(ctx, st.ListGroups, theirs, 1)
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
	return left, err
}

func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// users deletes the users themselves, and completes the receipt.
func (b *batch) users(ctx context.Context, w *chatadmin.Writer, run *Run) error {
	if err := b.held(ctx, w, w.Domain.ID, nil); err != nil {
		return err
	}
	found, err := w.Users(ctx, w.Domain.ID, b.Users)
	if err != nil {
		return err
	}
	rows := make([]storage.Write[chatadmin.User], len(found))
	for i, u := range found {
		if !u.Deleting {
			return fmt.Errorf("user %s is not being deleted any more: %w", u.ID, chatadmin.ErrTransition)
		}
		rows[i] = storage.Write[chatadmin.User]{Row: u, Was: u.Rev, Delete: true}
	}
	if err := kept(w.ChangeUsers(ctx, rows)); err != nil {
		return err
	}
	b.Removed[Users] += int64(len(found))
	note := maps.Clone(w.Note)
	for kind, n := range b.Removed {
		note[kind] = fmt.Sprint(n)
	}
	w.Audit(KindDeleted, b.Users, nil, note)
	run.State, b.At = chatadmin.RunDone, place{}
	return nil
}
