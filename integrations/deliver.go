package integrations

import (
	"context"
	"errors"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Deliver does everything that is due, in all domains: it hands what came in to
// Groups, sends what goes out, ends at providers what was disconnected, tells
// admins, and forgets what is old. Admin.Work does the same; call Deliver
// beside it, every second or so and after Tell, for messages to go out at once.
// Several processes may call it at the same time, and share the connections. It
// returns when nothing more is due or ctx ends.
//
// A failure at a provider or of Groups is no error of Deliver: the message
// waits, is tried again, becomes a dead letter after a day, and shows in
// Status. What fails otherwise, such as what Options.Before vetoes, is returned
// and left for the next call; nothing else waits for it.
func (x *Integrations) Deliver(ctx context.Context) error {
	_, err := x.deliver(ctx, 0)
	return err
}

// workFor is how long a call of Admin.Work goes on with queues that are
// refilled all the time. The next call continues.
const workFor = time.Minute

// worker is what Admin.Work calls. It looks for what is due in all domains at
// once, by one indexed read for each kind of record.
func (x *Integrations) worker() chatadmin.Worker {
	return chatadmin.Worker{Name: "integrations", Do: func(ctx context.Context, _ chatadmin.ID) (int, error) {
		return x.deliver(ctx, workFor)
	}}
}

// deliver does what is due, for as long as is given; 0 is without end. It
// returns how much was done.
func (x *Integrations) deliver(ctx context.Context, most time.Duration) (n int, err error) {
	end := time.Time{}
	if most > 0 {
		end = x.admin.Now().Add(most)
	}
	errs := []error{x.rectify(ctx)}
	for _, f := range []func(context.Context) (int, error){
		func(ctx context.Context) (int, error) { return x.drain(ctx, kindIn, end, x.receive) },
		func(ctx context.Context) (int, error) { return x.drain(ctx, kindOut, end, x.send) },
		func(ctx context.Context) (int, error) { return x.each(ctx, kindRelease, leaseLife, x.runRelease) },
		func(ctx context.Context) (int, error) { return x.each(ctx, kindNotice, leaseLife, x.tellAdmins) },
		func(ctx context.Context) (int, error) { return x.each(ctx, kindCheck, checkLease, x.check) },
		x.forget,
	} {
		did, err := f(ctx)
		n, errs = n+did, append(errs, err)
	}
	return n, errors.Join(errs...)
}

// handle deals with one queued record and returns the changes that end it,
// first the one without which nothing is to be kept.
type handle func(ctx context.Context, svc Service, c *Connection, r *storage.Record) ([]storage.Write[storage.Record], error)

// drain works at the lines in which a record of a kind is due, until a whole
// round does nothing, or until an end that is not zero. A line that fails is
// left alone in this call.
func (x *Integrations) drain(ctx context.Context, kind string, end time.Time, f handle) (total int, err error) {
	var failed problems
	bad := map[storage.Key]bool{}
	for {
		did := 0
		err := x.pages(ctx, kind, func(rs []storage.Record) error {
			old, lines := byLine(kind, rs)
			if err := x.drop(ctx, old); err != nil {
				return err
			}
			for _, due := range lines {
				of := ofItem(due[0])
				key := queueKey(due[0].Domain, kind, of)
				if bad[key] {
					continue
				}
				n, err := (&queueWork{x: x, kind: kind, domain: key.Domain, of: of}).run(ctx, due, f)
				if err != nil {
					bad[key] = true
					failed.add(err)
				}
				did += n
			}
			return nil
		})
		total += did
		if err != nil || did == 0 || !end.IsZero() && !x.admin.Now().Before(end) {
			return total, errors.Join(append(failed, err)...)
		}
	}
}

// byLine sorts what is due by its line, in the order of the first record of
// each, and puts what is only remembered apart.
func byLine(kind string, rs []storage.Record) (old []storage.Record, lines [][]storage.Record) {
	at := map[storage.Key]int{}
	for _, r := range rs {
		if isDone(r) {
			old = append(old, r)
			continue
		}
		key := queueKey(r.Domain, kind, ofItem(r))
		i, ok := at[key]
		if !ok {
			i, at[key] = len(lines), len(lines)
			lines = append(lines, nil)
		}
		lines[i] = append(lines[i], r)
	}
	return old, lines
}
