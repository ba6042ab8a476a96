package chatadmin

import (
	"context"
	"crypto/sha256"
	"fmt"

	"chatadmin.example/sdk/chatadmin/storage"
)

// A group's name is unique in its domain by its folded key, among the groups
// that are not being deleted. The store does not know that: a change that gives
// a group a new key looks for others that have it, and moves a guard, which is
// one of a few records of the domain, chosen by the key. Of two changes that
// give away the same key at the same time one loses the guard, runs again, and
// finds the other's group. Groups of before the rule that share a name keep it.

const (
	groupNameKind = "group name"
	// so many names are given away at the same time, unless two fall on one
	// guard
	groupNameGuards = 64
)

// guardData says nothing: the revision of the record is what counts.
var guardData = []byte(`{"v":1}`)

func groupNameGuard(domain ID, key string) storage.Key {
	sum := sha256.Sum256([]byte(key))
	return storage.Key{Kind: groupNameKind, Domain: domain, ID: fmt.Sprintf("%02d", sum[0]%groupNameGuards)}
}

// claimGroupName refuses the name of a group that another one has, which is
// ErrExists, and otherwise sees to it that nobody else gets it at the same
// time.
func (w *Writer) claimGroupName(ctx context.Context, g *Group) error {
	guard := groupNameGuard(w.scope.domain, g.NameKey)
	rs, err := w.Records(ctx, []storage.Key{guard}) // before looking: what is committed in between moves it
	if err != nil {
		return err
	}
	other, err := groupNamed(ctx, w, w.scope.domain, g.NameKey, g.ID)
	if err != nil {
		return err
	}
	if other != "" {
		return &FieldErrors{[]*FieldError{{Field: "name", Value: Cut(g.Name), Code: CodeTaken, Reason: "another group has this name: choose a different one"}}}
	}
	c := storage.Write[storage.Record]{Row: storage.Record{Key: guard, Data: guardData}}
	if len(rs) > 0 {
		c.Was = rs[0].Rev
	}
	return w.PutRecords(ctx, []storage.Write[storage.Record]{c})
}

// groupNamed finds a group with the key, other than one; "" says that there is
// none. Groups with the same key come first in the list of those that begin
// with it.
func groupNamed(ctx context.Context, r storage.Reader, domain ID, key string, than ID) (ID, error) {
	for p := (Page{Limit: 2}); ; {
		page, next, err := r.ListGroups(ctx, GroupQuery{Domain: domain, Prefix: key}, p)
		if err != nil {
			return "", err
		}
		for _, g := range page {
			if g.NameKey != key {
				return "", nil
			}
			if g.ID != than {
				return g.ID, nil
			}
		}
		if p.After = next; next == "" {
			return "", nil
		}
	}
}
