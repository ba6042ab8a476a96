package support

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Reporting is what a client logs, and what it could choose.
type Reporting struct {
	Platform Platform `json:"platform"`
	Level    Level    `json:"level"`
	Levels   []Level  `json:"levels"` // to choose among; with one, it is fixed
	// Warning says why the level is not advisable; "" if it is.
	Warning string `json:"warning,omitempty"`
}

// Client is one client of a user.
type Client struct {
	User     chatadmin.ID
	Platform Platform
	// ID is how the host tells clients apart, such as the ID of a device or of an
	// installation: 1 to 128 bytes without blanks and control characters.
	ID string
}

const (
	policyName    = "support"
	policyVersion = 1

	mostClients = 50 // with a level of their own, for each user
)

// policy is what a domain has decided.
type policy struct {
	Version int                `json:"v"`
	Levels  map[Platform]Level `json:"levels,omitempty"`
}

func decodePolicy(data json.RawMessage) (p policy, err error) {
	if len(data) == 0 {
		return policy{Version: policyVersion}, nil
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return policy{}, fmt.Errorf("the domain's policy of support cannot be read: %w", chatadmin.ErrInvalid)
	}
	if p.Version != policyVersion {
		return policy{}, fmt.Errorf("the domain's policy of support has the version %d, not %d: %w", p.Version, policyVersion, chatadmin.ErrInvalid)
	}
	return p, nil
}

func (x *Support) checkPolicy(data json.RawMessage) error {
	p, err := decodePolicy(data)
	for platform, level := range p.Levels {
		err = errors.Join(err, x.choose(platform, level))
	}
	return err
}

// choose returns an error of class Invalid if a platform has no such level.
func (x *Support) choose(p Platform, l Level) error {
	if err := p.check(); err != nil {
		return err
	}
	switch c := x.levels[p]; {
	case slices.Contains(c.Levels, l):
		return nil
	case len(c.Levels) == 1:
		return fmt.Errorf("on %s the reporting level is always %q and cannot be changed: %w", p, c.Default, chatadmin.ErrInvalid)
	default:
		return fmt.Errorf("%s has no reporting level %q: choose one of %v: %w", p, chatadmin.Cut(string(l)), c.Levels, chatadmin.ErrInvalid)
	}
}

const noneWarning = "Nothing is logged, so that support cannot see what went wrong. Choose \"errors\" instead."

// reporting is a level with what goes with it. A level that the platform has
// not any more gives its default.
func (x *Support) reporting(p Platform, l Level) Reporting {
	c := x.levels[p]
	if !slices.Contains(c.Levels, l) {
		l = c.Default
	}
	r := Reporting{Platform: p, Level: l, Levels: slices.Clone(c.Levels)}
	if l == None {
		r.Warning = noneWarning
	}
	return r
}

// Levels returns what clients of each platform log in the domain, unless they
// have a level of their own. Everybody who has access may read it.
func (x *Support) Levels(ctx context.Context, s *chatadmin.Scope) ([]Reporting, error) {
	p, err := x.policy(ctx, s)
	if err != nil {
		return nil, err
	}
	var all []Reporting
	for _, platform := range Platforms() {
		all = append(all, x.reporting(platform, p.Levels[platform]))
	}
	return all, nil
}

func (x *Support) policy(ctx context.Context, s *chatadmin.Scope) (policy, error) {
	_, set, err := s.View(ctx, "")
	if err != nil {
		return policy{}, err
	}
	return decodePolicy(set.Policies[policyName])
}

// SetLevel sets what clients of a platform log in the domain, unless they have
// a level of their own. It returns the level with a warning if it is none. It
// needs chatadmin.PermSupport.
func (x *Support) SetLevel(ctx context.Context, s *chatadmin.Scope, p Platform, l Level) (Reporting, error) {
	if err := x.choose(p, l); err != nil {
		return Reporting{}, err
	}
	err := s.SetPolicy(ctx, KindLevel, chatadmin.PermSupport, policyName, func(_ *chatadmin.Writer, data json.RawMessage) (json.RawMessage, []chatadmin.FieldChange, error) {
		is, err := decodePolicy(data)
		if err != nil || is.Levels[p] == l {
			return data, nil, err
		}
		change := chatadmin.FieldChange{Field: "reporting level of " + string(p), Before: string(is.Levels[p]), After: string(l)}
		if is.Levels == nil {
			is.Levels = map[Platform]Level{}
		}
		is.Levels[p] = l
		now, err := json.Marshal(is)
		return now, []chatadmin.FieldChange{change}, err
	})
	if err != nil {
		return Reporting{}, err
	}
	return x.reporting(p, l), nil
}

// clientLevel is the level of one client, which its user owns.
type clientLevel struct {
	Platform Platform `json:"platform"`
	Client   string   `json:"client"`
	Level    Level    `json:"level"`
}

var clientLevels = chatadmin.RecordKind[clientLevel]{Name: "reporting-level", Need: chatadmin.PermSupport, Check: func(c *clientLevel) error {
	return errors.Join(c.Platform.check(), Client{Platform: c.Platform, ID: c.Client}.check())
}}

func (c Client) check() error {
	bad := func(r rune) bool { return r == utf8.RuneError || unicode.IsSpace(r) || !unicode.IsPrint(r) }
	if c.ID == "" || len(c.ID) > 128 || indexFunc(c.ID, bad) {
		return fmt.Errorf("the client %q has no usable ID: give 1 to 128 bytes without blanks and control characters: %w", chatadmin.Cut(c.ID), chatadmin.ErrInvalid)
	}
	return c.Platform.check()
}

func indexFunc(s string, f func(rune) bool) bool { return slices.ContainsFunc([]rune(s), f) }

// record is the ID of the client's record.
func (c Client) record() string {
	sum := sha256.Sum256([]byte(string(c.User) + "\x00" + string(c.Platform) + "\x00" + c.ID))
	return hex.EncodeToString(sum[:16])
}

// Level returns what a client logs: its own level, else that of the domain,
// else the default of its platform. A level that cannot be read counts as none
// of its own. Users ask for their own clients; for those of others it needs
// chatadmin.PermSupport.
func (x *Support) Level(ctx context.Context, s *chatadmin.Scope, c Client) (Reporting, error) {
	if err := c.check(); err != nil {
		return Reporting{}, err
	}
	if _, _, err := s.View(ctx, x.need(s, c.User)); err != nil {
		return Reporting{}, err
	}
	p, err := x.policy(ctx, s)
	if err != nil {
		return Reporting{}, err
	}
	e, err := clientLevels.Get(ctx, x.admin.Store(), s.Domain(), c.record())
	switch {
	case err == nil:
		return x.reporting(c.Platform, e.Value.Level), nil
	case errors.Is(err, chatadmin.ErrNotFound), e.Damaged != nil:
		return x.reporting(c.Platform, p.Levels[c.Platform]), nil
	}
	return Reporting{}, err
}

// need is the permission for what concerns a user: none for oneself.
func (x *Support) need(s *chatadmin.Scope, user chatadmin.ID) chatadmin.Permission {
	if user != "" && user == s.Actor() {
		return ""
	}
	return chatadmin.PermSupport
}

// SetClientLevel sets what one client logs. It returns the level with a warning
// if it is none. Users choose for their own clients; for those of others it
// needs chatadmin.PermSupport. It returns chatadmin.ErrThrottled if the user
// has 50 clients with a level of their own.
func (x *Support) SetClientLevel(ctx context.Context, s *chatadmin.Scope, c Client, l Level) (Reporting, error) {
	if err := errors.Join(c.check(), x.choose(c.Platform, l)); err != nil {
		return Reporting{}, err
	}
	op := chatadmin.Op{Kind: KindClientLevel, Need: x.need(s, c.User), Fence: storage.Shared, Targets: []chatadmin.ID{c.User}}
	err := s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		if err := x.mayFor(ctx, w, c.User); err != nil {
			return err
		}
		e, err := clientLevels.Get(ctx, w, s.Domain(), c.record())
		switch {
		case e.Stored() && e.Damaged == nil && e.Value.Level == l:
			return nil
		case errors.Is(err, chatadmin.ErrNotFound):
			own, _, _, err := clientLevels.List(ctx, w, storage.RecordQuery{Domain: s.Domain(), Owner: c.User}, chatadmin.Page{Limit: mostClients})
			if err != nil {
				return err
			}
			if len(own) >= mostClients {
				return fmt.Errorf("%d clients of the user have a reporting level of their own: use one of those: %w", mostClients, chatadmin.ErrThrottled)
			}
		case err != nil && e.Damaged == nil:
			return err
		}
		change := chatadmin.FieldChange{Field: "reporting level on " + string(c.Platform), Before: string(e.Value.Level), After: string(l)}
		e.Owner, e.Value = c.User, clientLevel{c.Platform, c.ID, l}
		if err := clientLevels.Put(ctx, w, &e); err != nil {
			return err
		}
		w.Audit(KindClientLevel, []chatadmin.ID{c.User}, map[chatadmin.ID][]chatadmin.FieldChange{c.User: {change}}, nil)
		return nil
	})
	if err != nil {
		return Reporting{}, err
	}
	return x.reporting(c.Platform, l), nil
}

// mayFor refuses what concerns a user whom the domain has not, or on whom the
// actor may not act.
func (x *Support) mayFor(ctx context.Context, w *chatadmin.Writer, user chatadmin.ID) error {
	us, err := w.Users(ctx, w.Domain.ID, []chatadmin.ID{user})
	if err != nil {
		return err
	}
	if len(us) == 0 || us[0].Deleting {
		return fmt.Errorf("user %q: %w", chatadmin.Cut(string(user)), chatadmin.ErrNotFound)
	}
	return w.MayActOn(&us[0])
}
