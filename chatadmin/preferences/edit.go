package preferences

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// own are the keys that people set for themselves.
var own = []string{"language", "availability"}

// Edit changes the values of a user and returns them. f may be called several
// times. Everybody sets their own language and availability; all else needs
// chatadmin.PermUsersEdit. All that is wrong comes at once, as
// *chatadmin.FieldErrors.
func (p *Preferences) Edit(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID, f func(*Values)) (Values, error) {
	if f == nil {
		return Values{}, fmt.Errorf("nothing was given: give a function that changes the preferences: %w", chatadmin.ErrInvalid)
	}
	op := chatadmin.Op{Kind: KindEdit, Need: chatadmin.PermUsersEdit, Fence: storage.Shared, Targets: []chatadmin.ID{user}}
	if user == s.Actor() {
		op.Need = ""
	}
	var edited Values
	err := s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		u, err := reader(ctx, w, user)
		if err != nil {
			return err
		}
		if err := w.MayActOn(&u); err != nil { // also if nothing would change
			return err
		}
		was, err := decode(&u)
		if err != nil {
			return err
		}
		now := was.clone()
		f(&now)
		if wrong := p.check(&w.Settings, &was, &now); len(wrong) > 0 {
			return &chatadmin.FieldErrors{Fields: wrong}
		}
		for _, c := range diff(&was, &now) {
			if op.Need == "" && !slices.Contains(own, c.Field) && !w.Role.May(chatadmin.PermUsersEdit) {
				return fmt.Errorf("people set their own %s; %q is set by an administrator: %w", strings.Join(own, " and "), chatadmin.Cut(c.Field), chatadmin.ErrForbidden)
			}
		}
		edited = now
		return write(ctx, w, KindEdit, &u, now)
	})
	if err != nil {
		return Values{}, err
	}
	return edited, nil
}

// reader reads a user. One who is being deleted is there for nobody.
func reader(ctx context.Context, w *chatadmin.Writer, user chatadmin.ID) (chatadmin.User, error) {
	us, err := w.Users(ctx, w.Domain.ID, []chatadmin.ID{user})
	if err != nil {
		return chatadmin.User{}, err
	}
	if len(us) == 0 || us[0].Deleting {
		return chatadmin.User{}, fmt.Errorf("user %q: %w", chatadmin.Cut(string(user)), chatadmin.ErrNotFound)
	}
	return us[0], nil
}

// write keeps values of a user.
func write(ctx context.Context, w *chatadmin.Writer, kind string, u *chatadmin.User, v Values) error {
	x, err := chatadmin.AttributesWrite(*u, 0, func(a *chatadmin.Attributes) error { return put(a, v) })
	if err != nil {
		return err
	}
	return w.WriteUsers(ctx, kind, []chatadmin.UserWrite{x})
}

// Part adds preferences to the form of a user: give it to chatadmin.NewUser or
// UserEdit as one of Parts. f changes the values as Edit does, and all that is
// wrong comes together with what is wrong in the rest of the form.
func (p *Preferences) Part(f func(*Values)) chatadmin.UserPart {
	return func(set *chatadmin.Settings, u *chatadmin.User, a *chatadmin.Attributes) []*chatadmin.FieldError {
		was, err := read(u, a.Preferences[name])
		if err == nil {
			was.Language, was.Avatar = a.Language, a.Avatar
			now := was.clone()
			f(&now)
			if wrong := p.check(set, &was, &now); len(wrong) > 0 {
				return wrong
			}
			err = put(a, now)
		}
		if err != nil {
			return []*chatadmin.FieldError{{Field: name, Code: chatadmin.Code(err), Reason: err.Error()}}
		}
		return nil
	}
}

// diffStored is what audit events say of a change, without language and avatar,
// which have fields of their own there.
func diffStored(was, now json.RawMessage) []chatadmin.FieldChange {
	before, _ := read(&chatadmin.User{}, was) // what cannot be read has nothing to compare
	after, _ := read(&chatadmin.User{}, now)
	return diff(&before, &after)
}

// damaged are users whose preferences cannot be read. Repair forgets them, so
// that the domain's defaults are in force.
func (p *Preferences) damaged() chatadmin.DamageSource {
	broken := func(u *chatadmin.User) *chatadmin.DamagedError {
		a, err := chatadmin.AttributesOf(*u)
		if err != nil {
			return nil // the attributes as a whole are listed by the library
		}
		var bad *chatadmin.DamagedError
		_, err = read(u, a.Preferences[name])
		errors.As(err, &bad)
		return bad
	}
	return chatadmin.DamageSource{
		Kind: name,
		Need: chatadmin.PermUsersEdit,
		Each: func(ctx context.Context, r storage.Reader, domain chatadmin.ID) iter.Seq2[*chatadmin.DamagedError, error] {
			return func(yield func(*chatadmin.DamagedError, error) bool) {
				for page := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
					us, next, err := r.ListUsers(ctx, chatadmin.UserQuery{Domain: domain}, page)
					if err != nil {
						yield(nil, err)
						return
					}
					for i := range us {
						if bad := broken(&us[i]); bad != nil && !yield(bad, nil) {
							return
						}
					}
					if page.After = next; next == "" {
						return
					}
				}
			}
		},
		Repair: func(ctx context.Context, w *chatadmin.Writer, id string) (bool, error) {
			u, err := reader(ctx, w, chatadmin.ID(id))
			if err != nil || broken(&u) == nil {
				return false, err
			}
			a, err := chatadmin.AttributesOf(u)
			if err != nil {
				return false, err
			}
			return true, write(ctx, w, KindEdit, &u, Values{Language: a.Language, Avatar: a.Avatar})
		},
	}
}
