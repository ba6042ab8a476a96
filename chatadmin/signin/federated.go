package signin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// linked is the link between an account of a provider and a user. It is kept
// twice, under the account and under the user, so that an account has one user
// and a user one account of each provider. The user owns both records.
type linked struct {
	Version int          `json:"v"`
	User    chatadmin.ID `json:"user"`
	Account string       `json:"account"` // a hash: nobody needs the provider's own ID again
	Since   time.Time    `json:"since"`
}

const (
	linkKind    = "federated"
	maxProvider = 1024 // bytes of Attempt.Issuer and Attempt.Subject
)

var errOtherAccount = errors.New("the user is linked to another account of the provider")

func (a *Attempt) federated() bool { return a.Method != Password }

func (a *Attempt) checkProvider() error {
	switch {
	case len(a.Issuer) > maxProvider || len(a.Subject) > maxProvider:
		return fmt.Errorf("the issuer and the subject of a sign-in have at most %d bytes: %w", maxProvider, chatadmin.ErrInvalid)
	case !a.federated() && a.Issuer+a.Subject != "":
		return fmt.Errorf("a sign-in by password has neither issuer nor subject: %w", chatadmin.ErrInvalid)
	case a.Method == SAML && a.Subject != "" && a.Issuer == "":
		return fmt.Errorf("a SAML sign-in with a subject needs its issuer: another provider may give the same subject to somebody else: %w", chatadmin.ErrInvalid)
	}
	return nil
}

// digest is a hash of texts that cannot run into each other.
func digest(texts ...string) string {
	h := sha256.New()
	for _, t := range texts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(t), t)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (a *Attempt) account() string { return digest(string(a.Method), a.Issuer, a.Subject) }

func accountKey(domain chatadmin.ID, account string) chatadmin.Key {
	return chatadmin.Key{Kind: linkKind, Domain: domain, ID: "account." + account}
}

func userLinkKey(domain, user chatadmin.ID, a *Attempt) chatadmin.Key {
	return chatadmin.Key{Kind: linkKind, Domain: domain, ID: "user." + digest(string(user), string(a.Method), a.Issuer)}
}

// findFederated finds the user of an assertion: by the provider's own ID where
// that is linked, else by an address that is the same but for ASCII case. The
// store finds logins by a key in which many spellings are one; of an assertion
// they are different people.
func (g *Gate) findFederated(ctx context.Context, t *Try, key string) ([]chatadmin.User, error) {
	a, store := &t.attempt, g.admin.Store()
	t.unlinked, t.other = false, false
	if a.Subject != "" {
		l, _, err := readLink(ctx, store, accountKey(t.domain, a.account()))
		if err != nil {
			return nil, err
		}
		if l.User != "" {
			return store.Users(ctx, t.domain, []chatadmin.ID{l.User})
		}
	}
	us, err := store.UsersByLogin(ctx, t.domain, []string{key})
	if err != nil || len(us) == 0 || !chatadmin.EqualASCII(us[0].Login, a.Login) {
		return nil, err
	}
	if a.Subject != "" {
		l, _, err := readLink(ctx, store, userLinkKey(t.domain, us[0].ID, a))
		if err != nil {
			return nil, err
		}
		t.unlinked, t.other = l.User == "", l.User != ""
	}
	return us, nil
}

func readLink(ctx context.Context, r chatadmin.Reader, key chatadmin.Key) (linked, chatadmin.Rev, error) {
	rs, err := r.Records(ctx, []chatadmin.Key{key})
	if err != nil || len(rs) == 0 {
		return linked{}, 0, err
	}
	var l linked
	if err := json.Unmarshal(rs[0].Data, &l); err != nil || l.User == "" || l.Version != 1 {
		return linked{}, 0, fmt.Errorf("the link of user %s to an account of a provider cannot be read; take it off by Unlink: %w", rs[0].Owner, errors.Join(err, errOtherAccount))
	}
	return l, rs[0].Rev, nil
}

// link links the account of an assertion to its user, in the transaction that
// lets the user in.
func (t *Try) link(ctx context.Context, w *chatadmin.Work) error {
	l := linked{1, t.user.ID, t.attempt.account(), w.Now()}
	keys := []chatadmin.Key{accountKey(t.domain, l.Account), userLinkKey(t.domain, t.user.ID, &t.attempt)}
	data, err := json.Marshal(l)
	if err != nil {
		return err
	}
	var changes []chatadmin.Change[chatadmin.Record]
	for _, k := range keys {
		was, _, err := readLink(ctx, w, k)
		switch {
		case err != nil:
			return err
		case was.User == "":
			changes = append(changes, chatadmin.Change[chatadmin.Record]{Row: chatadmin.Record{Key: k, Owner: t.user.ID, Data: data}})
		case was.User != l.User || was.Account != l.Account:
			return errOtherAccount
		}
	}
	if len(changes) == 0 { // another attempt was faster
		return nil
	}
	if err := w.PutRecords(ctx, changes); err != nil {
		return err
	}
	w.Record(KindUserLink, []chatadmin.ID{t.user.ID}, nil, map[string]string{"method": string(t.attempt.Method)})
	return nil
}

// Unlink takes the accounts of Google and SAML providers off at most MaxBatch
// users. The next assertion about the address of a user links that account. It
// needs chatadmin.PermUsersAccess.
func (g *Gate) Unlink(ctx context.Context, s *chatadmin.Scope, users ...chatadmin.ID) error {
	if err := named(s); err != nil {
		return err
	}
	op := chatadmin.Op{Kind: KindUserUnlink, Need: chatadmin.PermUsersAccess, Targets: users}
	return s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Work) error {
		found, err := usersOf(ctx, w, s, users)
		if err != nil {
			return err
		}
		owners := make([]chatadmin.ID, len(found))
		for i := range found {
			if err := w.MayActOn(&found[i]); err != nil {
				return err
			}
			owners[i] = found[i].ID
		}
		var changes []chatadmin.Change[chatadmin.Record]
		q := chatadmin.RecordQuery{Kind: linkKind, Domain: s.Domain(), Owners: owners}
		for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
			rs, next, err := w.ListRecords(ctx, q, p)
			if err != nil {
				return err
			}
			for _, r := range rs {
				changes = append(changes, chatadmin.Change[chatadmin.Record]{Row: r, Was: r.Rev, Delete: true})
			}
			if p.After = next; next == "" {
				break
			}
		}
		if len(changes) == 0 {
			return nil
		}
		if err := w.PutRecords(ctx, changes); err != nil {
			return err
		}
		w.Record(KindUserUnlink, owners, nil, nil)
		return nil
	})
}
