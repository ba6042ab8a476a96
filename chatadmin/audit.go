package chatadmin

import (
	"context"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"chatadmin.example/sdk/chatadmin/storage"
)

// Kinds of audit events. A prefix such as "user." selects all of its kind when
// listing.
const (
	KindDomainCreate   = "domain.create"
	KindDomainEdit     = "domain.edit"
	KindDomainRename   = "domain.rename"
	KindDomainSuspend  = "domain.suspend" // nobody but the host gets in
	KindDomainResume   = "domain.resume"  // everybody gets in again
	KindRoleSet        = "role.set"
	KindRoleDelete     = "role.delete"
	KindUserCreate     = "user.create"
	KindUserEdit       = "user.edit"
	KindUserActivate   = "user.activate"
	KindUserDeactivate = "user.deactivate"
	KindUserDeny       = "user.deny"
	KindUserGrant      = "user.grant"
	KindUserRole       = "user.role"
	KindUserInvite     = "user.invite"
	KindUserResend     = "user.resend"   // a new activation link was asked for
	KindUserSignOut    = "user.signout"  // sessions were ended, without taking the access away
	KindUserRevoke     = "user.revoke"   // an invitation was taken back
	KindUserAccept     = "user.accept"   // the user has set their first password by the link
	KindUserPassword   = "user.password" // a password was set or reset
	KindGroupCreate    = "group.create"
	KindGroupEdit      = "group.edit"
	KindGroupArchive   = "group.archive"
	KindGroupUnarchive = "group.unarchive"
	KindGroupDefault   = "group.default"
	KindGroupUndefault = "group.undefault"
	KindGroupDelete    = "group.delete"
	KindGroupDeleted   = "group.delete.done" // with what went, by kind
	KindMemberAdd      = "group.member.add"
	KindMemberRemove   = "group.member.remove"
	KindMemberLeave    = "group.member.leave"
	KindMemberAdmin    = "group.member.admin"
	KindHoldAdd        = "hold.add"
	KindHoldRelease    = "hold.release"
	KindRunTakeOver    = "run.takeover"
	KindRunCancel      = "run.cancel"
	KindRepair         = "record.repair"
	KindPrune          = "audit.prune" // of what was deleted for its age
	// by the host: file contents that could not be deleted are given up
	KindBlobsForget = "blobs.forget"
)

// FieldChange is one field before and after. Secrets never appear.
type FieldChange struct{ Field, Before, After string }

// AuditEvent is an Event with its changes decoded.
type AuditEvent struct {
	Event
	Changes map[ID][]FieldChange // by target; empty after the target was erased
	Note    map[string]string    // about the change as a whole, such as a reason
}

type eventData struct {
	Version int                         `json:"v"`
	Changes map[ID]map[string][2]string `json:"changes,omitempty"`
	Note    map[string]string           `json:"note,omitempty"`
}

// Audit adds an event to the transaction; it is written when f has returned.
// Call it after the changes that it tells of.
func (w *Writer) Audit(kind string, targets []ID, changes map[ID][]FieldChange, note map[string]string) {
	w.record(kind, targets, len(changes), func(i int) []FieldChange { return changes[targets[i]] }, note)
}

// record asks for the changes of one target after the other; there are about so
// many targets with changes.
func (w *Writer) record(kind string, targets []ID, about int, changes func(target int) []FieldChange, note map[string]string) {
	if note == nil {
		note = w.Note
	}
	w.events = append(w.events, Event{ID: w.ids(len(w.events)), Domain: w.scope.domain, Actor: w.scope.actor, Rev: w.rev, Kind: kind, At: w.now,
		Targets: targets, Data: encodeEvent(targets, about, changes, note)})
}

// encodeEvent writes eventData by hand: a batch of an import holds a thousand
// users, and reflection would cost more than the rest of storing them.
func encodeEvent(targets []ID, about int, changes func(target int) []FieldChange, note map[string]string) []byte {
	b := append(make([]byte, 0, 64+min(about, 16)*400), `{"v":1`...)
	sep := `,"changes":{`
	for i, id := range targets {
		if i == 16 { // they tell how long the others will be
			b = slices.Grow(b, len(b)*(len(targets)-i)/i*17/16)
		}
		fields := changes(i)
		if len(fields) == 0 {
			continue
		}
		b = append(b, sep...)
		b = appendJSON(b, string(id))
		sep = "{"
		b = append(b, ':')
		for _, c := range fields {
			b = appendJSON(append(b, sep...), c.Field)
			b = appendJSON(append(b, `:[`...), c.Before)
			b = appendJSON(append(b, ','), c.After)
			b = append(b, ']')
			sep = ","
		}
		b = append(b, '}')
	}
	if sep == "," {
		b = append(b, '}')
	}
	if len(note) > 0 {
		text, _ := json.Marshal(note) // a map of strings cannot fail
		b = append(append(b, `,"note":`...), text...)
	}
	return append(b, '}')
}

func appendJSON(b []byte, s string) []byte {
	plain, ascii := true, true
	for i := 0; plain && i < len(s); i++ {
		c := s[i]
		plain, ascii = c >= ' ' && c != '"' && c != '\\', ascii && c < utf8.RuneSelf
	}
	if !plain || !ascii && !utf8.ValidString(s) {
		text, _ := json.Marshal(s)
		return append(b, text...)
	}
	return append(append(append(b, '"'), s...), '"')
}

func decodeEvent(e Event) (AuditEvent, error) {
	d, err := readData[eventData]("event", e.Domain, e.ID, e.Data)
	if err != nil {
		return AuditEvent{Event: e}, err
	}
	a := AuditEvent{Event: e, Changes: map[ID][]FieldChange{}, Note: d.Note}
	for id, fields := range d.Changes {
		for _, f := range slices.Sorted(maps.Keys(fields)) {
			a.Changes[id] = append(a.Changes[id], FieldChange{f, fields[f][0], fields[f][1]})
		}
	}
	return a, nil
}

// emptyEvent is the data of an event that tells nothing of its targets.
var emptyEvent = []byte(`{"v":1}`)

// BlankEvents takes out of at most MaxBatch events what they say about some
// targets, and returns how many it changed: which events there were, by whom
// and about whom, stays.
func (w *Writer) BlankEvents(ctx context.Context, events []Event, about map[ID]bool) (int, error) {
	var changes []storage.Write[Event]
	damaged := 0
	for _, e := range events {
		if !slices.ContainsFunc(e.Targets, func(id ID) bool { return about[id] }) {
			continue
		}
		d, err := readData[eventData]("event", e.Domain, e.ID, e.Data)
		if err != nil { // nobody knows what it says about them: all of it goes
			blanked, err := w.blankDamaged(ctx, e)
			if err != nil {
				return 0, err
			}
			if blanked {
				damaged++
			}
			continue
		}
		before := len(d.Changes)
		maps.DeleteFunc(d.Changes, func(id ID, _ map[string][2]string) bool { return about[id] })
		if len(d.Changes) == before {
			continue
		}
		was := e.Rev
		if e.Data, err = json.Marshal(d); err != nil {
			return 0, err
		}
		if e.Rev, err = w.NextRev(was); err != nil {
			return 0, err
		}
		changes = append(changes, storage.Write[Event]{Row: e, Was: was})
	}
	if len(changes) == 0 {
		return damaged, nil
	}
	return damaged + len(changes), noConflict(w.ChangeEvents(ctx, changes))
}

// Events lists the audit log, newest first. q.Domain is set by the scope. It
// needs PermAudit. An event whose data cannot be read is yielded without its
// changes and with a *DamagedError, and the list goes on; any other error ends
// it.
func (s *Scope) Events(ctx context.Context, q EventQuery) iter.Seq2[AuditEvent, error] {
	q.Domain = s.domain
	return func(yield func(AuditEvent, error) bool) {
		for e, err := range each(ctx, s, s.holds(PermAudit), q, storage.Reader.ListEvents) {
			var a AuditEvent
			if err == nil {
				a, err = decodeEvent(e)
			}
			if !yield(a, err) {
				return
			}
		}
	}
}

// EventsPage returns one page of Events, at most p.Limit (see CheckPage), and
// the cursor of the next one; "" is the end. A page may be short although more
// follow. An event whose data cannot be read comes without its changes.
func (s *Scope) EventsPage(ctx context.Context, q EventQuery, p Page) ([]AuditEvent, Cursor, error) {
	q.Domain = s.domain
	l := listing[Event]{s.holds(PermAudit), func(ctx context.Context, p Page) ([]Event, Cursor, error) {
		return s.admin.store.ListEvents(ctx, q, p)
	}}
	events, next, err := l.one(ctx, p)
	page := make([]AuditEvent, len(events))
	for i, e := range events {
		page[i], _ = decodeEvent(e) // what is damaged has no changes
	}
	return page, next, err
}

// records lists records of the scope's domain; q.Domain is set by the scope. It
// needs what the caller says, anew for each page.
func records(ctx context.Context, s *Scope, need Permission, q storage.RecordQuery) iter.Seq2[storage.Record, error] {
	q.Domain = s.domain
	return each(ctx, s, s.holds(need), q, storage.Reader.ListRecords)
}

// entries lists records of a kind in the scope's domain, and authorises the
// actor anew for each page. An entry that cannot be read comes with its
// *DamagedError, and the list goes on; any other error ends it.
func entries[T any](ctx context.Context, s *Scope, need Permission, k *RecordKind[T], q storage.RecordQuery) iter.Seq2[Entry[T], error] {
	q.Kind = k.Name
	return func(yield func(Entry[T], error) bool) {
		for rec, err := range records(ctx, s, need, q) {
			if err != nil {
				yield(Entry[T]{}, err)
				return
			}
			if !yield(k.entry(rec)) {
				return
			}
		}
	}
}

// each walks a list of the store.
func each[T, Q any](ctx context.Context, s *Scope, may func(context.Context) error, q Q, list func(storage.Reader, context.Context, Q, Page) ([]T, Cursor, error)) iter.Seq2[T, error] {
	return listing[T]{may, func(ctx context.Context, p Page) ([]T, Cursor, error) { return list(s.admin.store, ctx, q, p) }}.all(ctx)
}

func change(field, before, after string) []FieldChange {
	if before == after {
		return nil
	}
	return []FieldChange{{field, before, after}}
}

func yes(b bool) string { return strconv.FormatBool(b) }
