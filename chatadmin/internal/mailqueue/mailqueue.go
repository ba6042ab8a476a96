// Package mailqueue sends the mails that records of a package describe: it
// claims a record, sends its mail, and writes down what became of it.
package mailqueue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

const (
	lease    = 5 * time.Minute // one worker sends a mail meanwhile
	maxTries = 8
	// longestWait is longer than any mail is put off. What is due later was
	// written by a clock that was wrong.
	longestWait = 24 * time.Hour
)

var farFuture = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// Queue sends the mails of one kind of record. A mail is due when its record
// is.
type Queue[T any] struct {
	Admin *chatadmin.Admin
	Kind  *chatadmin.RecordKind[T]
	// Tries is where a record counts how often its mail was tried.
	Tries func(*T) *int
	// Mail makes the mail that is due. An error of class NotFound gives it up.
	Mail func(ctx context.Context, e *chatadmin.Entry[T]) (chatadmin.Mail, error)
	// Settle writes into a record, which is not due any more, that its mail has
	// left, or with an error why it was given up.
	Settle func(ctx context.Context, w *chatadmin.Writer, e *chatadmin.Entry[T], failure error) error
}

func due(at, now time.Time) bool {
	return !at.IsZero() && (!at.After(now) || at.After(now.Add(longestWait)))
}

// Deliver sends the mails of a domain that are due, and returns how many it
// sent. A process that dies after the mail server has taken a mail, and before
// that was written down, leaves it due: it is sent once more after five
// minutes, under the same Message-ID. If the answer of the mail server is lost,
// the mail counts as sent. What the mail server refuses for now is tried again,
// up to 8 times within about four hours.
func (q *Queue[T]) Deliver(ctx context.Context, domain chatadmin.ID) (sent int, err error) {
	tried := map[string]bool{} // one that cannot be claimed keeps no other from being sent
	for {
		ids, err := q.due(ctx, domain, tried)
		if err != nil || len(ids) == 0 {
			return sent, err
		}
		for _, id := range ids {
			tried[id] = true
			ok, err := q.deliver(ctx, domain, id)
			if ok {
				sent++
			}
			if err = errors.Join(err, ctx.Err()); err != nil {
				return sent, err
			}
		}
	}
}

// due are some records with a mail that is due, other than those tried.
func (q *Queue[T]) due(ctx context.Context, domain chatadmin.ID, tried map[string]bool) (ids []string, err error) {
	now := q.Admin.Now()
	for _, by := range []time.Time{now, farFuture} {
		for e, err := range q.Kind.Each(ctx, q.Admin.Store(), storage.RecordQuery{Domain: domain, DueBy: by}) {
			if err != nil && e.Damaged == nil {
				return nil, err
			}
			if e.Damaged == nil && due(e.Due, now) && !tried[e.ID] {
				ids = append(ids, e.ID)
			}
			if len(ids) == 20 {
				return ids, nil
			}
		}
		if len(ids) > 0 {
			return ids, nil
		}
	}
	return nil, nil
}

// deliver sends one mail that is due, unless another worker does.
func (q *Queue[T]) deliver(ctx context.Context, domain chatadmin.ID, id string) (sent bool, err error) {
	var claimed *chatadmin.Entry[T]
	err = q.Admin.Bookkeep(ctx, domain, func(ctx context.Context, w *chatadmin.Writer) error {
		claimed = nil
		e, err := q.Kind.Get(ctx, w, domain, id)
		if err != nil || !due(e.Due, w.Now()) {
			return err
		}
		*q.Tries(&e.Value)++
		e.Due = w.Now().Add(lease)
		n, err := q.Kind.TryPut(ctx, w, &e)
		if n == 1 {
			claimed = &e
		}
		return err
	})
	switch {
	case errors.Is(err, chatadmin.ErrNotFound), errors.Is(err, chatadmin.ErrDamaged), errors.Is(err, chatadmin.ErrCommitUnknown):
		return false, nil // it is gone, or is due again after the lease
	case err != nil || claimed == nil:
		return false, err
	}
	mail, failure := q.Mail(ctx, claimed)
	switch {
	case failure == nil:
		failure = q.Admin.SendMail(ctx, mail)
	case errors.Is(failure, chatadmin.ErrNotFound):
		failure = fmt.Errorf("%w: %w", chatadmin.ErrMailRefused, failure)
	}
	if failure != nil {
		q.Admin.Options().Logger.WarnContext(ctx, "mail not sent", "kind", q.Kind.Name, "domain", domain, "id", id, "try", *q.Tries(&claimed.Value), "error", failure)
	}
	if errors.Is(failure, chatadmin.ErrMailUnknown) {
		failure = nil
	}
	if err := q.settle(context.WithoutCancel(ctx), domain, claimed, failure); err != nil && !errors.Is(err, chatadmin.ErrCommitUnknown) {
		return false, err
	}
	return failure == nil, nil
}

// settle writes down what became of a mail. A worker that was slower than its
// lease changes nothing.
func (q *Queue[T]) settle(ctx context.Context, domain chatadmin.ID, claimed *chatadmin.Entry[T], failure error) error {
	err := q.Admin.Bookkeep(ctx, domain, func(ctx context.Context, w *chatadmin.Writer) error {
		e, err := q.Kind.Get(ctx, w, domain, claimed.ID)
		if err != nil || !e.Due.Equal(claimed.Due) {
			return err
		}
		tries := *q.Tries(&e.Value)
		over := failure == nil || errors.Is(failure, chatadmin.ErrMailRefused) || errors.Is(failure, chatadmin.ErrInvalid) || tries >= maxTries
		if e.Due = w.Now().Add(time.Minute << tries); over {
			e.Due = time.Time{}
			err = q.Settle(ctx, w, &e, failure)
		}
		if err != nil {
			return err
		}
		return q.Kind.Put(ctx, w, &e)
	})
	if errors.Is(err, chatadmin.ErrNotFound) { // it was deleted meanwhile, or its owner was
		return nil
	}
	return err
}
