package signin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// linked is the link between an account of a provider and a user. It is kept
// twice, under the account and under the user, so that an account has one user
// and a user one account of each provider. The user owns both records.
type linked struct {
	User    chatadmin.ID `json:"user"`
	Account string       `json:"account"` // a hash: nobody needs the provider's own ID again
	Since   time.Time    `json:"since"`
}

// links are the records of linked accounts. One that cannot be read keeps the
// account out, until Unlink or until it is repaired.
var links = chatadmin.RecordKind[linked]{Name: "federated", Need: chatadmin.PermUsersAccess, Check: func(l *linked) error {
	if l.User == "" || l.Account == "" {
		return errors.New("it links nobody")
	}
	return nil
}}

const maxProvider = 1024 // bytes of Attempt.Issuer and Attempt.Subject

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

// accountID and userLinkID are the IDs of the two records of a link.
func accountID(account string) string { return "account." + account }

func userLinkID(user chatadmin.ID, a *Attempt) string {
	return "user." + digest(string(user), string(a.Method), a.Issuer)
}

// findFederated finds the user of an assertion: by the provider's own ID where
// that is linked, else by an address that is the same but for ASCII case. The
// store finds logins by a key in which many spellings are one; of an assertion
// they are different people.
func (g *Gate) findFederated(ctx context.Context, t *Try, key string) ([]chatadmin.User, error) {
	a, store := &t.attempt, g.admin.Store()
	t.unlinked, t.other = false, false
	if a.Subject != "" {
		e, err := g.readLink(ctx, store, t.domain, accountID(a.account()))
		switch {
		case err != nil:
			return nil, err
		case e.Damaged != nil && e.Owner != "":
			t.other = true
			return store.Users(ctx, t.domain, []chatadmin.ID{e.Owner})
		case e.Value.User != "":
			return store.Users(ctx, t.domain, []chatadmin.ID{e.Value.User})
		}
	}
	us, err := store.UsersByLogin(ctx, t.domain, []string{key})
	if err != nil || len(us) == 0 || !chatadmin.EqualASCII(us[0].Login, a.Login) {
		return nil, err
	}
	if a.Subject != "" {
		e, err := g.readLink(ctx, store, t.domain, userLinkID(us[0].ID, a))
		if err != nil {
			return nil, err
		}
		// linked since the account was looked for: the same attempt, twice at once
		same := e.Stored() && e.Damaged == nil && e.Value.Account == a.account()
		t.other = e.Stored() && !same
		t.unlinked = !t.other
	}
	return us, nil
}

// readLink reads a link; there may be none. One that cannot be read is logged.
func (g *Gate) readLink(ctx context.Context, r storage.Reader, domain chatadmin.ID, id string) (chatadmin.Entry[linked], error) {
	e, err := links.Get(ctx, r, domain, id)
	switch {
	case e.Damaged != nil:
		g.admin.Options().Logger.WarnContext(ctx, "the link of a user to an account of a provider cannot be read and keeps the account out: take it off by Unlink",
			"domain", domain, "user", e.Owner, "error", e.Damaged)
	case err != nil && !errors.Is(err, chatadmin.ErrNotFound):
		return e, err
	}
	return e, nil
}

// link links the account of an assertion to its user, in the transaction that
// lets the user in.
func (g *Gate) link(ctx context.Context, w *chatadmin.Writer, t *Try) error {
	l := linked{t.user.ID, t.attempt.account(), w.Now()}
	var put []*chatadmin.Entry[linked]
	for _, id := range []string{accountID(l.Account), userLinkID(t.user.ID, &t.attempt)} {
		e, err := g.readLink(ctx, w, t.domain, id)
		switch {
		case err != nil:
			return err
		case !e.Stored():
			e = links.New(t.domain, id, t.user.ID, l)
			put = append(put, &e)
		case e.Value.User != l.User || e.Value.Account != l.Account: // or it cannot be read
			return errOtherAccount
		}
	}
	if len(put) == 0 { // another attempt was faster
		return nil
	}
	if err := links.Put(ctx, w, put...); err != nil {
		return err
	}
	w.Audit(KindUserLink, []chatadmin.ID{t.user.ID}, nil, map[string]string{"method": string(t.attempt.Method)})
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
	return s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
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
		var gone []*chatadmin.Entry[linked]
		for e, err := range links.Each(ctx, w, storage.RecordQuery{Domain: s.Domain(), Owners: owners}) {
			if err != nil && e.Damaged == nil {
				return err
			}
			gone = append(gone, &e)
		}
		if len(gone) == 0 {
			return nil
		}
		if err := links.Delete(ctx, w, gone...); err != nil {
			return err
		}
		w.Audit(KindUserUnlink, owners, nil, nil)
		return nil
	})
}
