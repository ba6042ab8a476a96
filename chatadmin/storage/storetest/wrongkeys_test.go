package storetest_test

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"chatadmin.example/sdk/chatadmin/storage"
)

// folds are what collations leave out when they compare text.
var folds = map[string]func(string) string{
	"case":    strings.ToLower,
	"accents": func(s string) string { return strings.Map(letters, norm.NFD.String(s)) },
	"blanks":  func(s string) string { return strings.TrimRight(s, " ") },
}

func letters(r rune) rune {
	if unicode.Is(unicode.Mn, r) {
		return -1
	}
	return r
}

// folding is a Reader that leaves something out when it compares one column.
type folding struct {
	storage.Reader
	column string
	fold   func(string) string
}

func (r folding) equal(a, b string) bool { return r.fold(a) == r.fold(b) }

func (r folding) ListGroups(ctx context.Context, q storage.GroupQuery, p storage.Page) ([]storage.Group, storage.Cursor, error) {
	if r.column != "names of groups" {
		return r.Reader.ListGroups(ctx, q, p)
	}
	prefix := r.fold(q.Prefix)
	q.Prefix = ""
	gs, _, err := r.Reader.ListGroups(ctx, q, storage.Page{Limit: storage.MaxBatch})
	gs = slices.DeleteFunc(gs, func(g storage.Group) bool { return !strings.HasPrefix(r.fold(g.NameKey), prefix) })
	slices.SortFunc(gs, func(a, b storage.Group) int {
		return cmp.Or(cmp.Compare(r.fold(a.NameKey), r.fold(b.NameKey)), cmp.Compare(a.ID, b.ID))
	})
	return gs, "", err
}

func (r folding) Records(ctx context.Context, keys []storage.Key) (found []storage.Record, err error) {
	if r.column != "IDs of records" {
		return r.Reader.Records(ctx, keys)
	}
	for _, k := range keys {
		rs, _, err := r.Reader.ListRecords(ctx, storage.RecordQuery{Kind: k.Kind, Domain: k.Domain}, storage.Page{Limit: storage.MaxBatch})
		if err != nil {
			return nil, err
		}
		found = append(found, slices.DeleteFunc(rs, func(is storage.Record) bool { return !r.equal(is.ID, k.ID) })...)
	}
	return found, nil
}

func (r folding) ListRecords(ctx context.Context, q storage.RecordQuery, p storage.Page) ([]storage.Record, storage.Cursor, error) {
	if r.column != "kinds of records" {
		return r.Reader.ListRecords(ctx, q, p)
	}
	kind := q.Kind
	q.Kind = ""
	rs, next, err := r.Reader.ListRecords(ctx, q, p)
	return slices.DeleteFunc(rs, func(is storage.Record) bool { return !r.equal(is.Kind, kind) }), next, err
}

func (r folding) ListEvents(ctx context.Context, q storage.EventQuery, p storage.Page) ([]storage.Event, storage.Cursor, error) {
	if r.column != "kinds of events" {
		return r.Reader.ListEvents(ctx, q, p)
	}
	kind := q.Kind
	q.Kind = ""
	es, next, err := r.Reader.ListEvents(ctx, q, p)
	return slices.DeleteFunc(es, func(e storage.Event) bool { return !r.equal(e.Kind, kind) }), next, err
}

func (r folding) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	is := q
	switch r.column {
	case "roles":
		q.Role = ""
	case "departments":
		q.Department = ""
	}
	us, next, err := r.Reader.ListUsers(ctx, q, p)
	return slices.DeleteFunc(us, func(u storage.User) bool {
		return is.Role != q.Role && !r.equal(u.Role, is.Role) || is.Department != q.Department && !r.equal(u.Department, is.Department)
	}), next, err
}

// rewritten is a Tx that changes each row of one table before it is written.
type rewritten struct {
	storage.Tx
	domain func(*storage.Domain)
	user   func(*storage.User)
	group  func(*storage.Group)
	device func(*storage.Device)
	record func(*storage.Record)
	event  func(*storage.Event)
	file   func(*storage.Content)
}

func rewrite[T any](ctx context.Context, c []storage.Write[T], f func(*T), write func(context.Context, []storage.Write[T]) ([]storage.Conflict, error)) ([]storage.Conflict, error) {
	c = slices.Clone(c)
	for i := range c {
		if f != nil {
			f(&c[i].Row)
		}
	}
	return write(ctx, c)
}

func (x rewritten) ChangeDomains(ctx context.Context, c []storage.Write[storage.Domain]) ([]storage.Conflict, error) {
	return rewrite(ctx, c, x.domain, x.Tx.ChangeDomains)
}

func (x rewritten) ChangeUsers(ctx context.Context, c []storage.Write[storage.User]) ([]storage.Conflict, error) {
	return rewrite(ctx, c, x.user, x.Tx.ChangeUsers)
}

func (x rewritten) ChangeGroups(ctx context.Context, c []storage.Write[storage.Group]) ([]storage.Conflict, error) {
	return rewrite(ctx, c, x.group, x.Tx.ChangeGroups)
}

func (x rewritten) ChangeDevices(ctx context.Context, c []storage.Write[storage.Device]) ([]storage.Conflict, error) {
	return rewrite(ctx, c, x.device, x.Tx.ChangeDevices)
}

func (x rewritten) ChangeRecords(ctx context.Context, c []storage.Write[storage.Record]) ([]storage.Conflict, error) {
	return rewrite(ctx, c, x.record, x.Tx.ChangeRecords)
}

func (x rewritten) ChangeEvents(ctx context.Context, c []storage.Write[storage.Event]) ([]storage.Conflict, error) {
	return rewrite(ctx, c, x.event, x.Tx.ChangeEvents)
}

func (x rewritten) InsertContent(ctx context.Context, c []storage.Content) ([]storage.Conflict, error) {
	c = slices.Clone(c)
	for i := range c {
		if x.file != nil {
			x.file(&c[i])
		}
	}
	return x.Tx.InsertContent(ctx, c)
}

func lower[S ~string](s *S) { *s = S(strings.ToLower(string(*s))) }

func cut[S ~string | ~[]byte](s *S, most int) { *s = (*s)[:min(len(*s), most)] }

// foldedIDs are stores whose keys leave out case, by table.
var foldedIDs = map[string]rewritten{
	"domains": {domain: func(d *storage.Domain) { lower(&d.ID) }},
	"users":   {user: func(u *storage.User) { lower(&u.ID) }},
	"groups":  {group: func(g *storage.Group) { lower(&g.ID) }},
	"devices": {device: func(d *storage.Device) { lower(&d.ID) }},
	"records": {record: func(r *storage.Record) { lower(&r.ID) }},
	"events":  {event: func(e *storage.Event) { lower(&e.ID) }},
	"content": {file: func(c *storage.Content) { lower(&c.ID) }},
}

// cuts are stores with a column that is too short, and cuts text without an
// error: what is cut, and what the suite says.
var cuts = map[string]struct {
	says string
	cut  rewritten
}{
	"names of domains":   {"the name of a domain", rewritten{domain: func(d *storage.Domain) { cut(&d.Name, 249) }}},
	"data of domains":    {"the data of a domain", rewritten{domain: func(d *storage.Domain) { cut(&d.Data, 1<<16-1) }}},
	"logins":             {"every column of a user", rewritten{user: func(u *storage.User) { cut(&u.Login, 253) }}},
	"keys of logins":     {"every column of a user", rewritten{user: func(u *storage.User) { cut(&u.LoginKey, 761) }}},
	"names of users":     {"every column of a user", rewritten{user: func(u *storage.User) { cut(&u.LastName, 128) }}},
	"departments":        {"every column of a user", rewritten{user: func(u *storage.User) { cut(&u.Department, 249) }}},
	"phone numbers":      {"every column of a user", rewritten{user: func(u *storage.User) { cut(&u.Phone, 63) }}},
	"roles":              {"every column of a user", rewritten{user: func(u *storage.User) { cut(&u.Role, 64) }}},
	"attributes":         {"every column of a user", rewritten{user: func(u *storage.User) { cut(&u.Attrs, 1<<16-1) }}},
	"names of groups":    {"every column of a group", rewritten{group: func(g *storage.Group) { cut(&g.Name, 249) }}},
	"keys of groups":     {"every column of a group", rewritten{group: func(g *storage.Group) { cut(&g.NameKey, 255) }}},
	"keys of devices":    {"every column of a device", rewritten{device: func(d *storage.Device) { cut(&d.Key, 64) }}},
	"secrets of devices": {"every column of a device", rewritten{device: func(d *storage.Device) { cut(&d.Secret, 63) }}},
	"kinds of records":   {"every column of a record", rewritten{record: func(r *storage.Record) { cut(&r.Kind, 63) }}},
	"IDs of records":     {"every column of a record", rewritten{record: func(r *storage.Record) { cut(&r.ID, 199) }}},
	"data of records":    {"every column of a record", rewritten{record: func(r *storage.Record) { cut(&r.Data, 1<<16-1) }}},
	"kinds of events":    {"every column of an event", rewritten{event: func(e *storage.Event) { cut(&e.Kind, 32) }}},
	"data of events":     {"every column of an event", rewritten{event: func(e *storage.Event) { cut(&e.Data, 1<<20) }}},
	"blobs":              {"the blob of a file", rewritten{file: func(c *storage.Content) { cut(&c.Blob, 255) }}},
}

// alike is what the page for hosts says once of many mutants.
var alike = map[string]string{}

func init() {
	add := func(name string, m wrong, page ...string) {
		mutants[name] = m
		if len(page) > 0 {
			alike[name] = page[0]
		}
	}
	over := func(r rewritten) func(*mutant) {
		return writing(func(tx storage.Tx) storage.Tx {
			r.Tx = tx
			return r
		})
	}
	for what, fold := range folds {
		for column, says := range map[string]string{"names of groups": "groups", "kinds of records": `the kind of a record "`, "IDs of records": `the ID of a record "`,
			"kinds of events": `the kind of an event "`, "roles": `the role "`, "departments": `the department "`} {
			add(column+" compared without "+what, wrong{"Keys", says, reading(func(r storage.Reader) storage.Reader { return folding{r, column, fold} })},
				"kinds, names of groups, IDs of records, roles or departments compared without case, accents or blanks at the end")
		}
	}
	for table, r := range foldedIDs {
		add("IDs of "+table+" compared without case", wrong{"IDs", "Should be empty, but was [{0 2", over(r)}, "IDs compared without case")
	}
	for what, c := range cuts {
		add(what+" cut without an error", wrong{"Lengths", c.says, over(c.cut)}, "text or data cut without an error")
	}
	var mu sync.Mutex
	seen := map[storage.ID][]storage.Rev{}
	add("the fences of a domain are counted", wrong{"FencesAnew", "a fence that the domain had before it was made anew",
		reading(func(r storage.Reader) storage.Reader { return countedFences{r, &mu, seen} })})
	add("an error that is swallowed, committed", wrong{"Swallowed", "an error of ChangeUsers that the function has swallowed",
		writing(func(tx storage.Tx) storage.Tx { return forgiving{tx} })})
	add("a deadlock is an error", wrong{"Deadlock", "a transaction that has met another one", locking(false, true)})
	add("rows locked in the order given", wrong{"KeyOrder", "a row is locked by a call that waits for a row before it", locking(true, false)})
}

// countedFences counts the fences of a domain from 1, as a column does that an
// Exclusive adds one to.
type countedFences struct {
	storage.Reader
	mu   *sync.Mutex
	seen map[storage.ID][]storage.Rev
}

func (r countedFences) Domains(ctx context.Context, ids []storage.ID) ([]storage.Domain, error) {
	ds, err := r.Reader.Domains(ctx, ids)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if !slices.ContainsFunc(ds, func(d storage.Domain) bool { return d.ID == id }) {
			delete(r.seen, id)
		}
	}
	for i := range ds {
		seen := r.seen[ds[i].ID]
		at := slices.Index(seen, ds[i].Fence)
		if at < 0 {
			at = len(seen)
			r.seen[ds[i].ID] = append(seen, ds[i].Fence)
		}
		ds[i].Fence = storage.Rev(at + 1)
	}
	return ds, err
}
