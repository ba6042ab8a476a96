package integrations

import (
	"context"
	"errors"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// deliverBatch is how many records a worker takes at a time.
const deliverBatch = 100

// Deliver does everything that is due, in all domains: hands what came in to Groups, sends what goes out, ends at providers what was disconnected, tells admins, and forgets what is old. It returns when
// nothing more is due or ctx ends. Call it from a worker of the host every second or so, and after Tell; several processes may call it at once, and share the connections. A
// failure at a provider or of Groups is no error of Deliver: it waits, is tried again, ends among the dead letters after a day, and shows in Status.
func (x *Integrations) Deliver(ctx context.Context) error {
	var errs []error
	for _, f := range []func(context.Context) error{x.incoming, x.outgoing, x.releases, x.notices, x.forgetStates} {
		if err := f(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (x *Integrations) incoming(ctx context.Context) error { return x.drain(ctx, kindIn, x.receive) }
func (x *Integrations) outgoing(ctx context.Context) error { return x.drain(ctx, kindOut, x.send) }

// handle deals with one queued record and returns the changes that end it.
type handle func(ctx context.Context, svc Service, c *Connection, r *chatadmin.Record) ([]chatadmin.Change[chatadmin.Record], error)

// drain works through the due records of a kind until a whole round does nothing.
func (x *Integrations) drain(ctx context.Context, kind string, f handle) error {
	for {
		did := 0
		for p := (chatadmin.Page{Limit: deliverBatch}); ; {
			rs, next, err := x.admin.Store().ListRecords(ctx, chatadmin.RecordQuery{Kind: kind, DueBy: x.admin.Now()}, p)
			if err != nil {
				return err
			}
			for len(rs) > 0 {
				of, domain := ofItem(rs[0]), rs[0].Domain
				var mine, others []chatadmin.Record
				for _, r := range rs {
					if r.Domain == domain && ofItem(r) == of {
						mine = append(mine, r)
					} else {
						others = append(others, r)
					}
				}
				n, err := (&work{x: x, kind: kind, domain: domain, of: of}).run(ctx, mine, f)
				if err != nil {
					return err
				}
				did += n
				rs = others
			}
			if p.After = next; next == "" {
				break
			}
		}
		if did == 0 || ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// work is one worker at one queue of one connection.
type work struct {
	x      *Integrations
	kind   string
	domain chatadmin.ID
	of     Of

	svc   Service
	conn  *Connection
	line  lineData
	items []chatadmin.Record
	until time.Time // of the lease
}

// run takes the line, handles what is due of it, and gives it back. It returns how much was done or put off.
func (k *work) run(ctx context.Context, due []chatadmin.Record, f handle) (int, error) {
	did, err := k.take(ctx, due)
	if err != nil || len(k.items) == 0 {
		return did, err
	}
	var failed error
	for len(k.items) > 0 && failed == nil && ctx.Err() == nil && k.x.admin.Now().Before(k.until.Add(-2*requestTimeout)) {
		r := &k.items[0]
		if on, err := k.reload(ctx); err != nil || !on {
			return did, errors.Join(err, k.giveBack(context.WithoutCancel(ctx), nil))
		}
		var changes []chatadmin.Change[chatadmin.Record]
		one, cancel := context.WithTimeout(ctx, 2*requestTimeout) // so that the lease outlives it
		changes, failed = f(one, k.svc, k.conn, r)
		if cancel(); failed != nil {
			if changes, failed = k.failed(*r, failed); failed != nil {
				break
			}
		}
		if err := k.commit(ctx, changes); err != nil {
			return did, err
		}
		k.items = k.items[1:]
		did++
	}
	return did, errors.Join(k.giveBack(context.WithoutCancel(ctx), failed), ctx.Err())
}

// take leases the line and reads again what is due: another worker may have done it. While the line is paused or the service is off, what is due is put off, all to the same time, so that
// it stays in order and in nobody's way.
func (k *work) take(ctx context.Context, due []chatadmin.Record) (int, error) {
	did := 0
	err := k.x.admin.AsHost(k.domain).Change(ctx, traffic(k.of), func(ctx context.Context, w *chatadmin.Work) (err error) {
		did, k.items, k.svc, k.line, k.until = 0, nil, k.x.byName[k.of.Service], lineData{}, w.Now().Add(leaseLife)
		keys := []chatadmin.Key{serviceKey(k.domain, k.of.Service), k.of.record(k.domain), lineKey(k.domain, k.kind, k.of)}
		for _, r := range due {
			keys = append(keys, r.Key)
		}
		rs, err := w.Records(ctx, keys)
		if err != nil {
			return err
		}
		stored := make(map[chatadmin.Key]chatadmin.Record, len(rs))
		for _, r := range rs {
			stored[r.Key] = r
		}
		conn, d, err := k.x.decodeBoth(rs, k.domain, k.of)
		if err != nil {
			return err
		}
		k.conn = conn
		if r, ok := stored[keys[2]]; ok {
			if k.line, err = decodeLine(r); err != nil {
				return err
			}
		}
		if w.Now().Before(k.line.Leased) {
			return nil // another worker is at it
		}
		var old []chatadmin.Change[chatadmin.Record]
		var items []chatadmin.Record
		for _, was := range due { // in their order
			switch r, ok := stored[was.Key]; {
			case !ok || r.Due.IsZero() || r.Due.After(w.Now()):
			case isDone(r):
				old = append(old, chatadmin.Change[chatadmin.Record]{Row: r, Was: r.Rev, Delete: true})
			default:
				items = append(items, r)
			}
		}
		did = len(old)
		if len(items) == 0 {
			return w.PutRecords(ctx, old)
		}
		until := k.line.Paused
		if k.svc == nil || !d.On || w.Settings.State != chatadmin.DomainActive {
			until = w.Now().Add(time.Minute)
		}
		if w.Now().Before(until) {
			did += len(items)
			return w.PutRecords(ctx, append(old, k.putOff(items, until)...))
		}
		k.items = items
		k.line.Leased, k.line.Paused = k.until, time.Time{}
		changes := append(old, k.line.change(k.domain, k.kind, k.of))
		if err := w.PutRecords(ctx, changes); err != nil {
			return err
		}
		k.line.rev = changes[len(changes)-1].Row.Rev
		return nil
	})
	if errors.Is(err, chatadmin.ErrBusy) || errors.Is(err, chatadmin.ErrNotFound) {
		k.items, err = nil, nil // another worker was faster, or the owner is gone, with the queue
	}
	return did, err
}

// reload reads the connection again, before each message: what an admin disables or changes meanwhile counts at once.
func (k *work) reload(ctx context.Context) (on bool, err error) {
	st := k.x.admin.Store()
	c, d, err := k.x.load(ctx, st, k.domain, k.of)
	if err != nil {
		return false, err
	}
	ds, err := st.Domains(ctx, []chatadmin.ID{k.domain})
	if err != nil || len(ds) == 0 {
		return false, err
	}
	set, err := ds[0].Settings()
	k.conn = c
	return d.On && set.State == chatadmin.DomainActive, err
}

// putOff makes records due later, or gives up those that have waited for a day.
func (k *work) putOff(items []chatadmin.Record, until time.Time) []chatadmin.Change[chatadmin.Record] {
	var changes []chatadmin.Change[chatadmin.Record]
	for _, r := range items {
		if queued(r).Before(k.x.admin.Now().Add(-giveUp)) {
			changes = append(changes, k.x.bury(r, "it has waited for a day: "+orElse(k.line.Problem, "the service is disabled"))...)
			continue
		}
		was := r.Rev
		r.Due = until
		changes = append(changes, chatadmin.Change[chatadmin.Record]{Row: r, Was: was})
	}
	return changes
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// failed decides what a failure means: nil and changes, if it concerns this one message, which is given up; else the failure, which stops the line for a while.
func (k *work) failed(r chatadmin.Record, err error) ([]chatadmin.Change[chatadmin.Record], error) {
	var p *ProviderError
	again := !errors.Is(err, chatadmin.ErrInvalid) && !errors.Is(err, chatadmin.ErrNotFound) && !errors.Is(err, ErrHost)
	if errors.As(err, &p) {
		again = p.Again || p.SignIn || p.Unsure
	}
	if again && (queued(r).After(k.x.admin.Now().Add(-giveUp)) || errors.Is(err, context.Canceled)) {
		return nil, err
	}
	return k.x.bury(r, sentence(err)), nil
}

// sentence is what an admin may read of a failure.
func sentence(err error) string {
	var p *ProviderError
	switch {
	case errors.As(err, &p):
		return p.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "there was no answer in time"
	}
	text := err.Error()
	return text[:min(len(text), 512)]
}

// commit writes what ends a record. A conflict means that the lease was lost and another worker did it.
func (k *work) commit(ctx context.Context, changes []chatadmin.Change[chatadmin.Record]) error {
	err := k.x.admin.AsHost(k.domain).Change(context.WithoutCancel(ctx), traffic(k.of), func(ctx context.Context, w *chatadmin.Work) error {
		for i := range changes {
			var err error
			if changes[i].Row.Rev, err = w.NextRev(changes[i].Was); err != nil {
				return err
			}
		}
		_, err := w.ChangeRecords(ctx, changes)
		return err
	})
	if errors.Is(err, chatadmin.ErrNotFound) {
		return nil
	}
	return err
}

// giveBack ends the lease; after a failure the line pauses, and what is due of it is put off.
func (k *work) giveBack(ctx context.Context, failed error) error {
	now := k.x.admin.Now()
	var changes []chatadmin.Change[chatadmin.Record]
	tell := ""
	k.line.Leased = time.Time{}
	if failed == nil {
		k.line.Paused, k.line.Tries, k.line.Problem, k.line.Told = time.Time{}, 0, "", false
	} else if !errors.Is(failed, context.Canceled) {
		var p *ProviderError
		errors.As(failed, &p)
		k.line.Problem = sentence(failed)
		if p != nil {
			k.line.pause(now, p.After)
			if p.SignIn && !k.line.Told {
				k.line.Told, tell = true, k.line.Problem
			}
		} else {
			k.line.pause(now, 0)
		}
		k.x.admin.Options().Logger.WarnContext(ctx, "integration: waiting", "service", k.of.Service, "queue", k.kind, "until", k.line.Paused, "problem", k.line.Problem)
		changes = k.putOff(k.items, k.line.Paused)
	}
	if tell != "" {
		changes = append(changes, k.x.notice(k.domain, k.of, tell+". Authenticate again in the settings of the integration; until then messages wait, at most a day."))
	}
	return k.commit(ctx, append(changes, k.line.change(k.domain, k.kind, k.of)))
}

// forgetStates deletes OAuth journeys that nobody has ended.
func (x *Integrations) forgetStates(ctx context.Context) error {
	for {
		rs, _, err := x.admin.Store().ListRecords(ctx, chatadmin.RecordQuery{Kind: kindState, DueBy: x.admin.Now()}, chatadmin.Page{Limit: deliverBatch})
		if err != nil || len(rs) == 0 {
			return err
		}
		for _, r := range rs {
			of := Of{Owner: r.Owner}
			if err := (&work{x: x, domain: r.Domain, of: of}).commit(ctx, []chatadmin.Change[chatadmin.Record]{{Row: r, Was: r.Rev, Delete: true}}); err != nil {
				return err
			}
		}
	}
}
