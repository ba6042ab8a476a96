package provisioning

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Channel is how an activation code is sent.
type Channel string

const (
	ByText  Channel = "text"
	ByEmail Channel = "email"
)

// ActivationState is how far an activation code has come.
type ActivationState string

const (
	ActivationQueued  ActivationState = "queued"  // SendActivations will send it
	ActivationSending ActivationState = "sending" // handed over; stays so if the process died just then
	ActivationSent    ActivationState = "sent"
	ActivationFailed  ActivationState = "failed" // refused for good, or too often
	ActivationUsed    ActivationState = "used"
	activationEnded   ActivationState = "ended" // dead, but it remembers its release
)

// CodeState is what is kept of the activation code of a user.
type CodeState struct {
	State   ActivationState `json:"state"`
	Channel Channel         `json:"channel,omitempty"`
	Expires time.Time       `json:"expires,omitzero"`
	Release string          `json:"release,omitempty"` // why it was queued
	Hash    []byte          `json:"hash,omitempty"`    // of the code
	Tries   int             `json:"tries,omitempty"`
	Series  string          `json:"series,omitempty"` // makes the IDs of mails
}

// activationRecords are kept under the ID of the user, who owns them. One that
// cannot be read activates nobody, and is replaced by the next.
var activationRecords = chatadmin.RecordKind[CodeState]{
	Name: "activation",
	Need: chatadmin.PermUsersEdit,
	Check: func(a *CodeState) error {
		switch a.State {
		case ActivationQueued, ActivationSending, ActivationSent, ActivationFailed, ActivationUsed, activationEnded:
			return nil
		}
		return errors.New("it has no known state")
	},
}

const (
	// The letters of codes have no I, L, O and U, which are read as others
	// (Crockford's base 32).
	codeLetters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	codeLength  = 12 // 60 bits: nobody guesses one, not even from its hash
	codePart    = 4  // letters between hyphens
	maxTries    = 8
)

// newCode makes a code such as "7K2M-Q9XZ-4HTA".
func (p *Provisioning) newCode() (string, error) {
	b := make([]byte, codeLength)
	if _, err := io.ReadFull(p.admin.Options().Rand, b); err != nil {
		return "", fmt.Errorf("randomness: %w", err)
	}
	var code strings.Builder
	for i, c := range b {
		if i > 0 && i%codePart == 0 {
			code.WriteByte('-')
		}
		code.WriteByte(codeLetters[c%32])
	}
	return code.String(), nil
}

// hashCode is what is stored of a code as people type it: case, spaces and
// hyphens do not matter, and letters that look alike are the same.
func hashCode(user chatadmin.ID, typed string) []byte {
	clean := strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '\t', '\n', '\r', '\u00a0', '\u2010', '\u2011', '\u2013':
			return -1
		case 'O':
			return '0'
		case 'I', 'L':
			return '1'
		}
		return r
	}, strings.ToUpper(typed))
	sum := sha256.Sum256([]byte("activation\x00" + string(user) + "\x00" + clean))
	return sum[:]
}

// invite queues codes for those of some pending users who have a profile, and
// returns the others, whom the library invites by a mailed link.
func (p *Provisioning) invite(ctx context.Context, w *chatadmin.Writer, users []chatadmin.User, releaseID string) (rest []chatadmin.User, queued int, err error) {
	if w.Settings.Preset != chatadmin.ESChat {
		return users, 0, nil
	}
	policy, err := policyOf(&w.Settings)
	if err != nil {
		return nil, 0, err
	}
	rules := &rules{set: &w.Settings, policy: policy}
	var ids []string
	channels := map[string]Channel{}
	for _, u := range users {
		is, kept, err := ProfileOf(&u)
		if err != nil || !kept || u.Status != chatadmin.Pending || !u.HasAccess() {
			rest = append(rest, u)
			continue
		}
		if c := rules.channel(&u, &is); c != "" {
			ids = append(ids, string(u.ID))
			channels[string(u.ID)] = c
		}
	}
	found, err := activationRecords.GetMany(ctx, w, w.Domain.ID, ids...)
	if err != nil {
		return nil, 0, err
	}
	var put []*chatadmin.Entry[CodeState]
	for _, id := range ids {
		e, ok := found[id]
		if !ok {
			e = activationRecords.New(w.Domain.ID, id, chatadmin.ID(id), CodeState{})
		}
		if releaseID != "" && e.Value.Release == releaseID {
			continue
		}
		e.Value = CodeState{State: ActivationQueued, Channel: channels[id], Release: first0(releaseID, e.Value.Release), Series: string(p.admin.NewID())}
		e.Due = w.Now()
		put = append(put, &e)
	}
	return rest, len(put), activationRecords.Put(ctx, w, put...)
}

func first0(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// channel is how a user's code is sent, or "" if it is not.
func (x *rules) channel(u *chatadmin.User, p *Profile) Channel {
	switch {
	case p.Activation() == Manual || p.Client == RTPGateway:
		return ""
	case p.SendText && x.policy.AcceptTexts && x.domestic(u.Phone):
		return ByText
	case u.Email != "":
		return ByEmail
	}
	return ""
}

// ended kills the codes of users whose links end.
func (p *Provisioning) ended(ctx context.Context, w *chatadmin.Writer, endings []chatadmin.Ending) error {
	var ids []chatadmin.ID
	for _, e := range endings {
		if e.User != "" && e.Links == chatadmin.Ends {
			ids = append(ids, e.User)
		}
	}
	_, err := p.endCodes(ctx, w, ids, func(*CodeState) bool { return true })
	return err
}

// revoke kills the codes of users whose invitations are revoked.
func (p *Provisioning) revoke(ctx context.Context, w *chatadmin.Writer, users []chatadmin.User) ([]chatadmin.ID, error) {
	ids := make([]chatadmin.ID, len(users))
	for i := range users {
		ids[i] = users[i].ID
	}
	return p.endCodes(ctx, w, ids, func(*CodeState) bool { return true })
}

// endTexts kills the codes that were sent to the phones that users had before.
func (p *Provisioning) endTexts(ctx context.Context, w *chatadmin.Writer, users []chatadmin.ID) error {
	_, err := p.endCodes(ctx, w, users, func(c *CodeState) bool { return c.Channel == ByText && c.State != ActivationQueued })
	return err
}

// endCodes kills codes that were not used, and returns whose. What remembers a
// release stays, so that it does not send twice.
func (p *Provisioning) endCodes(ctx context.Context, w *chatadmin.Writer, users []chatadmin.ID, which func(*CodeState) bool) (ended []chatadmin.ID, err error) {
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = string(u)
	}
	found, err := activationRecords.GetMany(ctx, w, w.Domain.ID, ids...)
	if err != nil {
		return nil, err
	}
	var put []*chatadmin.Entry[CodeState]
	for _, e := range found {
		if e.Damaged == nil && (e.Value.State == ActivationUsed || e.Value.State == activationEnded || !which(&e.Value)) {
			continue
		}
		e.Value, e.Due = CodeState{State: activationEnded, Release: e.Value.Release}, time.Time{}
		put, ended = append(put, &e), append(ended, chatadmin.ID(e.ID))
	}
	return ended, activationRecords.Put(ctx, w, put...)
}

// ResendActivation sends a pending user a new activation code; the old one is
// dead at once. For a user who is activated by IMEI it lets a new phone with
// that IMEI be activated instead. It needs chatadmin.PermUsersEdit. How often,
// and when it is refused, is as with chatadmin.Scope.ResendInvitation, which it
// is in domains of other presets.
func (p *Provisioning) ResendActivation(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID) error {
	_, set, err := s.View(ctx, chatadmin.PermUsersEdit)
	if err != nil {
		return err
	}
	if served(&set) == nil {
		u, err := oneUser(ctx, p.admin.Store(), s.Domain(), user)
		if err != nil {
			return err
		}
		if is, _, err := ProfileOf(&u); err == nil && is.Activation() == Manual {
			return p.resetIMEI(ctx, s, user)
		}
	}
	return s.ResendInvitation(ctx, user)
}

// resetIMEI forgets which phone was activated by a user's IMEI.
func (p *Provisioning) resetIMEI(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID) error {
	op := chatadmin.Op{Kind: KindIMEIReset, Need: chatadmin.PermUsersEdit, Fence: storage.Shared, Targets: []chatadmin.ID{user}}
	return s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		u, err := oneUser(ctx, w, w.Domain.ID, user)
		if err != nil {
			return err
		}
		if err := w.MayActOn(&u); err != nil {
			return err
		}
		is, _, err := ProfileOf(&u)
		if err != nil {
			return err
		}
		e, err := imeiRecords.Get(ctx, w, w.Domain.ID, is.IMEI)
		if err != nil {
			return err
		}
		if e.Value.Device == "" {
			return nil
		}
		e.Value.Device = ""
		w.Audit(KindIMEIReset, []chatadmin.ID{user}, nil, nil)
		return imeiRecords.Put(ctx, w, &e)
	})
}

// Activation reads how far the activation code of a user has come. Without one
// it is the zero CodeState. The hash is left out. It needs
// chatadmin.PermUsersRead.
func (p *Provisioning) Activation(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID) (CodeState, error) {
	if _, _, err := s.View(ctx, chatadmin.PermUsersRead); err != nil {
		return CodeState{}, err
	}
	if _, err := oneUser(ctx, p.admin.Store(), s.Domain(), user); err != nil {
		return CodeState{}, err
	}
	e, err := activationRecords.Get(ctx, p.admin.Store(), s.Domain(), string(user))
	switch {
	case errors.Is(err, chatadmin.ErrNotFound), err == nil && e.Value.State == activationEnded:
		return CodeState{}, nil
	case err != nil:
		return CodeState{}, err
	}
	e.Value.Hash = nil
	return e.Value, nil
}

// ByCode finds the user that a code activates. The proof goes into
// devices.Registration: registering uses the code up, in one transaction. It
// returns ErrCode for everything else. It is for the host, which has asked a
// person for login and code.
func (p *Provisioning) ByCode(ctx context.Context, domain chatadmin.ID, login, code string) (chatadmin.User, chatadmin.DeviceFunc, error) {
	us, err := p.admin.Store().UsersByLogin(ctx, domain, []string{chatadmin.Fold(login)})
	if err != nil {
		return chatadmin.User{}, nil, err
	}
	if len(us) == 0 || us[0].Deleting {
		return chatadmin.User{}, nil, ErrCode
	}
	u := us[0]
	if _, err := p.code(ctx, p.admin.Store(), domain, u.ID, code, p.admin.Now()); err != nil {
		return chatadmin.User{}, nil, err
	}
	return u, func(ctx context.Context, w *chatadmin.Writer, r chatadmin.DeviceRegistration) error {
		if r.User.ID != u.ID {
			return ErrCode
		}
		e, err := p.code(ctx, w, w.Domain.ID, u.ID, code, w.Now())
		if err != nil {
			return err
		}
		e.Value.State, e.Value.Hash, e.Due = ActivationUsed, nil, time.Time{}
		if err := activationRecords.Put(ctx, w, &e); err != nil {
			return err
		}
		w.Audit(KindActivated, []chatadmin.ID{u.ID, r.Device}, nil, map[string]string{"by": string(e.Value.Channel)})
		return nil
	}, nil
}

// code reads the activation of a user, if a code is that of it.
func (p *Provisioning) code(ctx context.Context, r storage.Reader, domain, user chatadmin.ID, typed string, now time.Time) (chatadmin.Entry[CodeState], error) {
	e, err := activationRecords.Get(ctx, r, domain, string(user))
	switch {
	case errors.Is(err, chatadmin.ErrNotFound), e.Damaged != nil:
		return e, ErrCode
	case err != nil:
		return e, err
	}
	live := e.Value.State == ActivationSent || e.Value.State == ActivationSending || e.Value.State == ActivationFailed || e.Value.State == ActivationQueued
	if !live || len(e.Value.Hash) == 0 || !now.Before(e.Value.Expires) || subtle.ConstantTimeCompare(e.Value.Hash, hashCode(user, typed)) != 1 {
		return e, ErrCode
	}
	return e, nil
}

// ByIMEI finds the user whom the phone with an IMEI activates. The proof goes
// into devices.Registration: the first device that registers with it is
// activated, and no other one after it. Anything else is ErrCode. An IMEI is no
// secret: it is printed on the box, so activate by it in a hurry. Only the host
// can call it.
func (p *Provisioning) ByIMEI(ctx context.Context, domain chatadmin.ID, imei string) (chatadmin.User, chatadmin.DeviceFunc, error) {
	imei = cleanIMEI(imei)
	if imeiFault(imei, false) != "" {
		return chatadmin.User{}, nil, ErrCode
	}
	e, err := imeiRecords.Get(ctx, p.admin.Store(), domain, imei)
	if errors.Is(err, chatadmin.ErrNotFound) || e.Damaged != nil {
		return chatadmin.User{}, nil, ErrCode
	}
	if err != nil {
		return chatadmin.User{}, nil, err
	}
	u, err := oneUser(ctx, p.admin.Store(), domain, e.Value.User)
	if errors.Is(err, chatadmin.ErrNotFound) {
		err = ErrCode
	}
	if err != nil {
		return chatadmin.User{}, nil, err
	}
	return u, func(ctx context.Context, w *chatadmin.Writer, r chatadmin.DeviceRegistration) error {
		e, err := imeiRecords.Get(ctx, w, w.Domain.ID, imei)
		switch {
		case errors.Is(err, chatadmin.ErrNotFound), e.Damaged != nil:
			return ErrCode
		case err != nil:
			return err
		case e.Value.User != u.ID || r.User.ID != u.ID || e.Value.Device != "" && e.Value.Device != r.Name:
			return ErrCode
		case e.Value.Device == r.Name:
			return nil // the same phone once more
		}
		e.Value.Device = r.Name
		if err := imeiRecords.Put(ctx, w, &e); err != nil {
			return err
		}
		w.Audit(KindActivated, []chatadmin.ID{u.ID, r.Device}, nil, map[string]string{"by": "imei"})
		return nil
	}, nil
}
