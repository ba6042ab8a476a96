package chatadmin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin/class"
	"chatadmin.example/sdk/chatadmin/texts"
)

// FieldErrors are all that is wrong with what was given, each with its field.
// It wraps ErrInvalid, and ErrExists where something is taken.
type FieldErrors struct{ Fields []*FieldError }

func (e *FieldErrors) Error() string {
	texts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		texts[i] = f.Error()
	}
	return strings.Join(texts, "; ")
}

// ErrorCode is that of a single field. For several it is "exists" where
// something is taken, and "invalid" otherwise.
func (e *FieldErrors) ErrorCode() string {
	if len(e.Fields) == 1 {
		return e.Fields[0].Code
	}
	return class.Of(e).ErrorCode()
}

// Unwrap gives the single errors to errors.Is and errors.As.
func (e *FieldErrors) Unwrap() []error {
	var errs []error
	for _, f := range e.Fields {
		errs = append(errs, f)
		if f.Code == CodeTaken {
			errs = append(errs, ErrExists)
		}
	}
	return errs
}

// wrongFields is the error of some fields, nil where none is wrong.
func wrongFields(wrong []*FieldError) error {
	if len(wrong) == 0 {
		return nil
	}
	return &FieldErrors{wrong}
}

func prepared(p PreparedUser, wrong []*FieldError) (PreparedUser, error) {
	return p, wrongFields(wrong)
}

// UserPart fills in the part of a user's form that belongs to a package, such as
// their preferences. It changes the attributes of the user, and returns all that
// is wrong with what was given. u is the user as they will be, with the fields
// trimmed and PhoneE164 computed; it is only looked at. Like every function
// given to a store, a part may be called several times.
type UserPart func(set *Settings, u *User, a *Attributes) []*FieldError

// fillIn checks a user against the domain's rules, and lets the parts of the
// form change their attributes. All that is wrong comes at once.
func (s *Settings) fillIn(u *User, parts []UserPart) (PreparedUser, []*FieldError, error) {
	wrong := s.prepare(u)
	if len(parts) > 0 {
		a, err := AttributesOf(*u)
		if err != nil {
			return PreparedUser{}, nil, err
		}
		prior := a.Prior
		for _, part := range parts {
			if part != nil {
				wrong = append(wrong, part(s, u, &a)...)
			}
		}
		a.Prior = prior
		if err := SetAttributes(u, a); err != nil {
			return PreparedUser{}, nil, err
		}
	}
	if len(wrong) > 0 {
		return PreparedUser{}, wrong, nil
	}
	return PreparedUser{*u}, nil, nil
}

// writeForm writes one user as given by somebody who fills in a form, and
// returns them as written. All that is wrong with the fields comes at once:
// what the domain's rules and the parts of the form say of them, a login that
// is taken or cannot change, and the manager. faults are those that a package
// has found.
func (w *Writer) writeForm(ctx context.Context, kind string, was, given User, parts []UserPart, faults ...*FieldError) (User, error) {
	now := given
	p, wrong, err := w.Settings.fillIn(&now, parts)
	for _, f := range faults {
		if !slices.ContainsFunc(wrong, func(is *FieldError) bool { return is.Field == f.Field }) {
			wrong = append(wrong, f)
		}
	}
	if err == nil {
		err = wrongFields(wrong)
	}
	writes := []UserWrite{{was, p}}
	if err == nil {
		err = w.WriteUsers(ctx, kind, writes)
	}
	if err != nil {
		return User{}, w.allFaults(ctx, &was, &given, err)
	}
	if !writes[0].Changes() {
		return was, nil
	}
	return writes[0].Now.user, nil
}

// allFaults adds to what is wrong with some fields what is wrong with others
// that the refused attempt did not come to. Other errors stay as they are.
func (w *Writer) allFaults(ctx context.Context, was, given *User, err error) error {
	var wrong []*FieldError
	var many *FieldErrors
	var one *FieldError
	switch {
	case errors.As(err, &many):
		wrong = slices.Clone(many.Fields)
	case errors.As(err, &one):
		wrong = []*FieldError{one}
	default:
		return err
	}
	for _, check := range []func(context.Context, *User, *User) (*FieldError, error){w.loginFault, w.managerFault} {
		fault, lookErr := check(ctx, was, given)
		if lookErr != nil {
			return lookErr
		}
		if fault != nil && !slices.ContainsFunc(wrong, func(f *FieldError) bool { return f.Field == fault.Field }) {
			wrong = append(wrong, fault)
		}
	}
	if many == nil && len(wrong) == 1 {
		return err // it may say more than its field
	}
	return &FieldErrors{wrong}
}

// loginFault says whether a login cannot be changed, or is somebody else's.
func (w *Writer) loginFault(ctx context.Context, was, given *User) (*FieldError, error) {
	login := strings.TrimSpace(given.Login)
	if login == "" && w.Settings.Login.IsEmail {
		login = strings.TrimSpace(given.Email)
	}
	if was.ID != "" && w.Settings.Login.Immutable && login != was.Login {
		return immutableLogin(login), nil
	}
	key := Fold(login)
	if key == "" || key == was.LoginKey {
		return nil, nil
	}
	others, err := w.UsersByLogin(ctx, w.scope.domain, []string{key})
	if err != nil || !slices.ContainsFunc(others, func(u User) bool { return u.ID != given.ID }) {
		return nil, err
	}
	return takenLogin(login), nil
}

func immutableLogin(login string) *FieldError {
	return &FieldError{Field: "login", Value: Cut(login), Code: CodeImmutable, Reason: "in this domain a login cannot be changed"}
}

func takenLogin(login string) *FieldError {
	return &FieldError{Field: "login", Value: Cut(login), Code: CodeTaken, Reason: "another user has this login"}
}

// managerFault says whether a new manager is nobody, or stands below the user.
// It only looks: checkManagers is what keeps circles out.
func (w *Writer) managerFault(ctx context.Context, was, given *User) (*FieldError, error) {
	if given.Manager == "" || given.Manager == was.Manager {
		return nil, nil
	}
	bad := func(why string) (*FieldError, error) {
		return &FieldError{Field: "manager", Value: Cut(given.Login), Code: CodeBadManager, Reason: why}, nil
	}
	at := given.Manager
	for step := 0; at != ""; step++ {
		if at == given.ID {
			return bad("this would make a circle of managers")
		}
		if step == maxManagers {
			return bad("the chain of managers is too long")
		}
		us, err := w.Users(ctx, w.scope.domain, []ID{at})
		if err != nil {
			return nil, err
		}
		if len(us) == 0 || us[0].Deleting {
			if step == 0 {
				return bad(noSuchManager)
			}
			return nil, nil
		}
		if at = us[0].Manager; was.ID == "" {
			return nil, nil // nobody reports to who is being created
		}
	}
	return nil, nil
}

const noSuchManager = "there is no such user"

// faults gathers what is wrong with a form.
type faults []*FieldError

func (f *faults) tell(field, value, code string, why texts.Message) {
	*f = append(*f, detailed(field, value, code, why))
}

func (f *faults) add(field, value, code, format string, args ...any) {
	*f = append(*f, &FieldError{Field: field, Value: Cut(value), Code: code, Reason: fmt.Sprintf(format, args...)})
}
