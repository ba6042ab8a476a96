package password

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Options of Passwords; nil means defaults.
type Options struct {
	Params    Params // default DefaultParams
	MinLength int    // in characters; default and least 8
	// how many hashes are computed at a time; default GOMAXPROCS
	Concurrent int
	// Queue is how many hashes may wait for that; default 32 for each of
	// Concurrent. Beyond them the answer is ErrBusy at once, whoever asks, so
	// that a flood of guesses does not keep everybody waiting until their time
	// is over.
	Queue int
	// Check may refuse a new password, such as one that is on a list of leaked
	// ones. Its error is returned to whoever sets the password; it must not
	// hold the password.
	Check func(ctx context.Context, u chatadmin.User, password string) error
}

// Passwords keeps and verifies passwords. It is safe for many goroutines.
type Passwords struct {
	admin *chatadmin.Admin
	o     Options
	slots chan struct{}
	line  chan struct{} // those who wait, and those whose hash is computed
	dummy hashed        // what is hashed against where there is nothing
}

// MaxLength is the most bytes of a password.
const MaxLength = 1024

// KindSet is the kind of the audit event of setting a password.
const KindSet = chatadmin.KindUserPassword

var (
	// ErrTooShort is a new password of fewer characters than Options.MinLength.
	ErrTooShort = chatadmin.ErrInvalid.New("password_short", "the password is too short")
	// ErrTooLong is a new password of more than MaxLength bytes.
	ErrTooLong = chatadmin.ErrInvalid.New("password_long", fmt.Sprintf("the password is too long: at most %d bytes", MaxLength))
	// ErrBusy is returned if Options.Queue hashes wait already. It is
	// chatadmin.ErrBusy, which package signin never counts as a failure.
	ErrBusy = fmt.Errorf("too many passwords are being checked at the moment, try again in a few seconds: %w", chatadmin.ErrBusy)
	// ErrText is a new password that is not valid UTF-8.
	ErrText = chatadmin.ErrInvalid.New("password_text", "the password is not valid text")
)

type stored struct {
	Hash string `json:"hash"`
}

// records are the hashes, under the ID of the user who owns them. One that
// cannot be read lets nobody in, until a new password is set.
var records = chatadmin.RecordKind[stored]{Name: "password", Need: chatadmin.PermUsersAccess, Check: func(s *stored) error {
	_, err := parse(s.Hash)
	return err
}}

// New returns the passwords in the store of an Admin. o may be nil.
func New(admin *chatadmin.Admin, o *Options) (*Passwords, error) {
	if admin == nil {
		return nil, fmt.Errorf("passwords need an Admin: %w", chatadmin.ErrInvalid)
	}
	p := &Passwords{admin: admin}
	if o != nil {
		p.o = *o
	}
	if p.o.Params == (Params{}) {
		p.o.Params = DefaultParams
	}
	if !p.o.Params.allowed() {
		return nil, fmt.Errorf("the costs of new passwords are %s: take 8 KiB for each thread to 1 GiB, 1 to 64 passes and 1 to 64 threads: %w", p.o.Params, chatadmin.ErrInvalid)
	}
	if p.o.MinLength = max(p.o.MinLength, 8); p.o.MinLength > MaxLength/4 {
		return nil, fmt.Errorf("a password of at least %d characters: %w", p.o.MinLength, chatadmin.ErrInvalid)
	}
	if p.o.Concurrent <= 0 {
		p.o.Concurrent = runtime.GOMAXPROCS(0)
	}
	if p.o.Queue <= 0 {
		p.o.Queue = 32 * p.o.Concurrent
	}
	p.slots = make(chan struct{}, p.o.Concurrent)
	p.line = make(chan struct{}, p.o.Concurrent+p.o.Queue)
	p.dummy = hashed{p.o.Params, make([]byte, saltSize), make([]byte, keySize)}
	admin.Extend(chatadmin.Extension{Records: []chatadmin.Damageable{&records}})
	return p, nil
}

// Verify reports whether a password is that of a user. For the zero User, and
// for who has none, it is false after the same work. An error means that it is
// not known, such as ErrBusy.
func (p *Passwords) Verify(ctx context.Context, u chatadmin.User, password string) (bool, error) {
	h, rec, err := p.of(ctx, u)
	if err != nil && rec.Damaged == nil {
		return false, err
	}
	text, wrong := normal(password)
	if wrong != nil || rec.Damaged != nil {
		// no password that was ever set, and not worth hashing megabytes
		h, text = p.dummy, nil
	}
	right := false
	if err := p.work(ctx, func() { right = h.matches(text) }); err != nil {
		return false, err
	}
	if rec.Damaged != nil {
		return false, fmt.Errorf("%w: %w", ErrHash, err)
	}
	if !right { // nothing matches the dummy, whose key is no hash
		return false, nil
	}
	if h.below(p.o.Params) {
		if err := p.renew(ctx, rec, text); err != nil {
			p.admin.Options().Logger.WarnContext(ctx, "password not hashed anew", "user", u.ID, "error", err)
		}
	}
	return true, nil
}

// Verifier is Verify of what was typed, for signin.Gate.SignIn.
func (p *Passwords) Verifier(password string) func(context.Context, chatadmin.User) (bool, error) {
	return func(ctx context.Context, u chatadmin.User) (bool, error) { return p.Verify(ctx, u, password) }
}

// of reads what is stored for a user; without any, it is the dummy and no
// record.
func (p *Passwords) of(ctx context.Context, u chatadmin.User) (hashed, chatadmin.Entry[stored], error) {
	id := string(u.ID)
	if id == "" {
		id = "nobody." // no user's ID has a dot
	}
	e, err := records.Get(ctx, p.admin.Store(), u.Domain, id)
	if errors.Is(err, chatadmin.ErrNotFound) {
		return p.dummy, e, nil
	}
	if err != nil {
		return p.dummy, e, err
	}
	h, err := parse(e.Value.Hash)
	return h, e, err
}

// work waits until one of the hashes that may be computed at a time is this
// one. It is ErrBusy if too many wait.
func (p *Passwords) work(ctx context.Context, f func()) error {
	select {
	case p.line <- struct{}{}:
		defer func() { <-p.line }()
	default:
		return ErrBusy
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
		if err := ctx.Err(); err != nil {
			return err
		}
		f()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// normal is a password as it is hashed.
func normal(password string) ([]byte, error) {
	switch {
	case len(password) > MaxLength:
		return nil, texts.Explain(ErrTooLong, "why.password_bytes", MaxLength)
	case !utf8.ValidString(password):
		return nil, ErrText
	}
	return norm.NFC.Bytes([]byte(password)), nil
}

// check says what is wrong with a new password.
func (p *Passwords) check(ctx context.Context, u chatadmin.User, password string) ([]byte, error) {
	text, err := normal(password)
	if err != nil {
		return nil, err
	}
	if n := utf8.RuneCount(text); n < p.o.MinLength {
		return nil, texts.Explain(fmt.Errorf("at least %d characters are needed: %w", p.o.MinLength, ErrTooShort), "why.password_characters", p.o.MinLength)
	}
	if p.o.Check != nil {
		if err := p.o.Check(ctx, u, password); err != nil {
			return nil, err
		}
	}
	return text, nil
}

// Set sets the password of a user, whoever asks: the host has made sure that it
// is the user, such as by an activation link. A password that does not do is
// ErrTooShort, ErrTooLong, ErrText or what Options.Check says; a user who does
// not exist is chatadmin.ErrNotFound. What the old password has obtained ends
// in the same transaction: see chatadmin.CausePassword. The user is told by
// mail.
func (p *Passwords) Set(ctx context.Context, u chatadmin.User, password string) error {
	if u.ID == "" {
		return fmt.Errorf("the password of nobody: %w", chatadmin.ErrNotFound)
	}
	text, err := p.check(ctx, u, password)
	if err != nil {
		return err
	}
	hash, err := p.hash(ctx, text)
	if err != nil {
		return err
	}
	op := chatadmin.Op{Kind: KindSet, Fence: storage.Shared, Targets: []chatadmin.ID{u.ID}}
	return p.admin.AsHost(u.Domain).Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		e, err := records.Get(ctx, w, u.Domain, string(u.ID))
		if err != nil && e.Damaged == nil && !errors.Is(err, chatadmin.ErrNotFound) {
			return err
		}
		e.Owner, e.Value = u.ID, hash
		if err := records.Put(ctx, w, &e); err != nil {
			return err
		}
		if err := w.End(ctx, chatadmin.CausePassword, time.Time{}, u.ID); err != nil {
			return err
		}
		w.Audit(KindSet, []chatadmin.ID{u.ID}, nil, nil)
		return nil
	})
}

// Setter is Set of what was typed, for chatadmin's AcceptInvitation.
func (p *Passwords) Setter(password string) func(context.Context, chatadmin.User) error {
	return func(ctx context.Context, u chatadmin.User) error { return p.Set(ctx, u, password) }
}

// hash makes what is stored.
func (p *Passwords) hash(ctx context.Context, text []byte) (stored, error) {
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(p.admin.Options().Rand, salt); err != nil {
		return stored{}, fmt.Errorf("randomness: %w", err)
	}
	var h hashed
	if err := p.work(ctx, func() { h = p.o.Params.hash(text, salt) }); err != nil {
		return stored{}, err
	}
	return stored{h.encode()}, nil
}

// renew hashes a right password with the present costs. A password that was set
// meanwhile stays.
func (p *Passwords) renew(ctx context.Context, e chatadmin.Entry[stored], text []byte) error {
	hash, err := p.hash(ctx, text)
	if err != nil {
		return err
	}
	err = p.admin.Bookkeep(ctx, e.Domain, func(ctx context.Context, w *chatadmin.Writer) error {
		next := e
		next.Value = hash
		_, err := records.TryPut(ctx, w, &next)
		return err
	})
	if errors.Is(err, chatadmin.ErrCommitUnknown) {
		err = nil // the next sign-in sees
	}
	return err
}
