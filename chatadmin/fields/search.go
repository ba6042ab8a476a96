package fields

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"iter"
	"slices"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// For each value of a user there is a record of the kind that indexKind gives,
// with the ID of the user, who owns it. It holds nothing: what the user has is
// looked at when the record is found.

// indexKind is the kind of the records of all users who have a value.
func indexKind(field *Field, value string) string {
	sum := sha256.Sum256([]byte(key(field.Name) + "\x00" + chatadmin.Fold(value)))
	return "field." + base64.RawURLEncoding.EncodeToString(sum[:24])
}

// indexed is the kind of the record for what a user has in a field; "" if there
// is nothing to search.
func (d *declared) indexed(values map[string]string) string {
	value, code, _ := d.check(values[d.Name])
	if value == "" || code != "" {
		return ""
	}
	return indexKind(&d.Field, value)
}

// index keeps the records in step with the users. It runs in each transaction
// that changes users.
func index(ctx context.Context, w *chatadmin.Writer, changes []chatadmin.UserChange) error {
	if len(w.Settings.Policies[name]) == 0 {
		return nil
	}
	p, err := policyOf(&w.Settings)
	if err != nil { // nothing is declared until it is repaired
		return nil
	}
	moves := newMoves(w.Domain.ID)
	for i := range changes {
		c := &changes[i]
		if string(c.Was.Attrs) != string(c.Now.Attrs) {
			moves.add(&p, &c.Was, &c.Now)
		}
	}
	return moves.write(ctx, w)
}

// moves are records to be written and deleted.
type moves struct {
	domain chatadmin.ID
	want   map[storage.Key]bool // whether the record shall be there
}

func newMoves(domain chatadmin.ID) *moves { return &moves{domain, map[storage.Key]bool{}} }

// add notes what follows from a change of a user.
func (m *moves) add(p *policy, was, now *chatadmin.User) {
	before, _ := chatadmin.AttributesOf(*was) // what cannot be read has no values
	after, _ := chatadmin.AttributesOf(*now)
	for i := range p.Fields {
		d := &p.Fields[i]
		b, a := d.indexed(before.Fields), d.indexed(after.Fields)
		if b == a {
			continue
		}
		if b != "" {
			m.want[storage.Key{Kind: b, Domain: m.domain, ID: string(now.ID)}] = false
		}
		if a != "" {
			m.want[storage.Key{Kind: a, Domain: m.domain, ID: string(now.ID)}] = true
		}
	}
}

// write writes the records that are missing, and deletes those that are too
// many.
func (m *moves) write(ctx context.Context, w *chatadmin.Writer) error {
	keys := make([]storage.Key, 0, len(m.want))
	for k := range m.want {
		keys = append(keys, k)
	}
	for batch := range slices.Chunk(keys, chatadmin.MaxBatch) {
		there, err := w.Records(ctx, batch)
		if err != nil {
			return err
		}
		revs := make(map[storage.Key]storage.Rev, len(there))
		for _, r := range there {
			revs[r.Key] = r.Rev
		}
		var writes []storage.Write[storage.Record]
		for _, k := range batch {
			switch rev, has := revs[k]; {
			case m.want[k] && !has:
				writes = append(writes, storage.Write[storage.Record]{Row: storage.Record{Key: k, Owner: chatadmin.ID(k.ID), Data: []byte(`{"v":1}`)}})
			case !m.want[k] && has:
				writes = append(writes, storage.Write[storage.Record]{Row: storage.Record{Key: k}, Was: rev, Delete: true})
			}
		}
		if err := w.PutRecords(ctx, writes); err != nil {
			return err
		}
	}
	return nil
}

// FindPage returns a page of the users who have a value in a field, by ID. A
// page may have fewer users than asked for although more follow: only the cursor
// "" is the end. It needs chatadmin.PermUsersRead. It returns
// chatadmin.ErrNotFound for a field that the domain lacks, chatadmin.ErrState
// while its values are being made searchable, and *chatadmin.FieldError for a
// value that the field does not take.
func (f *Fields) FindPage(ctx context.Context, s *chatadmin.Scope, field, value string, page chatadmin.Page) ([]chatadmin.User, chatadmin.Cursor, error) {
	_, set, err := s.View(ctx, chatadmin.PermUsersRead)
	if err != nil {
		return nil, "", err
	}
	p, err := policyOf(&set)
	if err != nil {
		return nil, "", err
	}
	d := p.find(field)
	switch {
	case d == nil || d.Removing:
		return nil, "", fmt.Errorf("field %q: %w", chatadmin.Cut(field), chatadmin.ErrNotFound)
	case !d.Ready:
		return nil, "", texts.Explain(fmt.Errorf("the values of the field %q are being made searchable: try again in a minute: %w", d.Name, chatadmin.ErrState),
			"why.field_indexing", d.Name)
	}
	want, err := d.Check(value)
	if err != nil {
		return nil, "", err
	}
	if want == "" {
		return nil, "", fmt.Errorf("nothing was given: give the value to look for: %w", chatadmin.ErrInvalid)
	}
	store, kind := f.admin.Store(), indexKind(&d.Field, want)
	records, next, err := store.ListRecords(ctx, storage.RecordQuery{Kind: kind, Domain: s.Domain()}, page)
	if err != nil || len(records) == 0 {
		return nil, next, err
	}
	ids := make([]chatadmin.ID, len(records))
	for i, r := range records {
		ids[i] = chatadmin.ID(r.ID)
	}
	users, err := store.Users(ctx, s.Domain(), ids)
	if err != nil {
		return nil, "", err
	}
	users = slices.DeleteFunc(users, func(u chatadmin.User) bool {
		a, _ := chatadmin.AttributesOf(u)
		return u.Deleting || d.indexed(a.Fields) != kind
	})
	slices.SortFunc(users, func(a, b chatadmin.User) int { return slices.Index(ids, a.ID) - slices.Index(ids, b.ID) })
	return users, next, nil
}

// Find yields the users who have a value in a field: see FindPage.
func (f *Fields) Find(ctx context.Context, s *chatadmin.Scope, field, value string) iter.Seq2[chatadmin.User, error] {
	return func(yield func(chatadmin.User, error) bool) {
		for page := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
			users, next, err := f.FindPage(ctx, s, field, value, page)
			if err != nil {
				yield(chatadmin.User{}, err)
				return
			}
			for _, u := range users {
				if !yield(u, nil) {
					return
				}
			}
			if page.After = next; next == "" {
				return
			}
		}
	}
}
