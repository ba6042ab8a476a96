package provisioning

import (
	"context"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
)

// The errors of this package. Those of chatadmin come as well.
var (
	// ErrNotServed is returned in domains of another preset than
	// chatadmin.ESChat.
	ErrNotServed = chatadmin.ErrState.New("not_served", "this domain has no radios: it was not created with the ESChat preset")
	// ErrNotEmpty is returned for a department that has members.
	ErrNotEmpty = chatadmin.ErrState.New("department_not_empty", "the department has members: move them to another one first")
	// ErrDepartmentBusy is returned while a department is renamed or emptied.
	ErrDepartmentBusy = chatadmin.ErrState.New("department_busy", "the department is being renamed or emptied: wait, or resume that run")
	// ErrSameName is returned for a change that would move members to where
	// they are.
	ErrSameName = chatadmin.ErrState.New("same_name", "the department has this name already")
	// ErrCode is returned for a code or an IMEI that activates nobody, whatever
	// the reason.
	ErrCode = chatadmin.ErrNotFound.New("activation", "this does not activate anybody: look at the login and the code, or ask your administrator for a new one")
	// ErrGateway is returned if a phone registers for an RTP gateway.
	ErrGateway = chatadmin.ErrForbidden.New("gateway", "this user is an RTP gateway, which no phone can register for")
)

// Kinds of audit events.
const (
	KindPolicy           = "provisioning.policy"
	KindTrust            = "user.trust" // the first device of a user has registered
	KindActivated        = "user.activated"
	KindIMEIReset        = "user.imei.reset" // a new phone may be activated by the same IMEI
	KindDepartmentCreate = "department.create"
	KindDepartmentRename = "department.rename"
	KindDepartmentEmpty  = "department.empty"
	KindDepartmentMove   = "department.move" // of a batch of members
	KindDepartmentDone   = "department.done" // renamed, or empty
	KindDepartmentDelete = "department.delete"
	KindDepartmentAdmin  = "department.admin"
)

// Options configure a Provisioning. The zero value of each field is a working
// default.
type Options struct {
	// SMS sends activation codes by text message. Without it they wait.
	SMS chatadmin.SMSSender
	// CodeLife is how long an activation code works; default 7 days.
	CodeLife time.Duration
	// Message writes what a code is sent with; default DefaultMessage.
	Message func(Activating) (subject, text string)
}

// Provisioning provisions the users of push-to-talk domains. It is safe for many
// goroutines and starts none.
type Provisioning struct {
	admin *chatadmin.Admin
	o     Options
	runs  *chatadmin.Runs[Moved]
}

// New returns the provisioning of an Admin. From then on domains of the ESChat
// preset follow its rules, whatever creates or changes their users, devices that
// register make their users trusted, and CSV files have its columns. Call it
// while setting up. o may be nil.
func New(admin *chatadmin.Admin, o *Options) (*Provisioning, error) {
	if admin == nil {
		return nil, chatadmin.ErrInvalid.New("missing", "provisioning needs an Admin")
	}
	p := &Provisioning{admin: admin}
	if o != nil {
		p.o = *o
	}
	if p.o.CodeLife <= 0 {
		p.o.CodeLife = 7 * 24 * time.Hour
	}
	if p.o.Message == nil {
		p.o.Message = DefaultMessage
	}
	p.runs = chatadmin.NewRuns(admin, p.moves())
	admin.Extend(chatadmin.Extension{
		OnUserChange: p.usersChanged,
		OnInvite:     p.invite,
		OnRevoke:     p.revoke,
		OnDevice:     p.deviceRegistered,
		OnEnd:        p.ended,
		Records:      []chatadmin.Damageable{&departmentRecords, &nameRecords, repairableIMEIs(), &activationRecords},
		Workers:      []chatadmin.Worker{{Name: "activations", Due: admin.DueDomains(activationRecords.Name), Do: p.SendActivations}},
		Policy:       chatadmin.Policy{Name: policyName, Check: checkPolicy},
		Preference:   chatadmin.Preference{Name: profileName, Diff: diffProfile},
		Columns:      chatadmin.Columns{Of: columnsOf, Reader: newColumnReader, Cells: cells},
	})
	return p, nil
}

// served refuses domains of other presets.
func served(set *chatadmin.Settings) error {
	if set.Preset != chatadmin.ESChat {
		return ErrNotServed
	}
	return nil
}

// usersChanged keeps what must hold after every change of users: departments
// exist, and a phone has one user.
func (p *Provisioning) usersChanged(ctx context.Context, w *chatadmin.Writer, changes []chatadmin.UserChange) error {
	if w.Settings.Preset != chatadmin.ESChat {
		return nil
	}
	var names []string
	var moves []imeiMove
	var unsent []chatadmin.ID
	for i := range changes {
		was, now := &changes[i].Was, &changes[i].Now
		if now.Department != was.Department && now.Department != "" {
			names = append(names, now.Department)
		}
		if string(was.Attrs) != string(now.Attrs) {
			before, _, _ := ProfileOf(was)
			after, _, err := ProfileOf(now)
			if err == nil && before.IMEI != after.IMEI {
				moves = append(moves, imeiMove{now, before.IMEI, after.IMEI})
			}
		}
		if was.ID != "" && was.PhoneE164 != now.PhoneE164 {
			unsent = append(unsent, now.ID)
		}
	}
	if err := p.departmentsExist(ctx, w, changes, names); err != nil {
		return err
	}
	if err := moveIMEIs(ctx, w, moves); err != nil {
		return err
	}
	return p.endTexts(ctx, w, unsent)
}

// departmentsExist refuses departments that do not exist as they are spelled,
// and new users without one where there are several.
func (p *Provisioning) departmentsExist(ctx context.Context, w *chatadmin.Writer, changes []chatadmin.UserChange, names []string) error {
	found, err := departmentsNamed(ctx, w, w.Domain.ID, names)
	if err != nil {
		return err
	}
	counted, several := false, false
	for i := range changes {
		was, now := &changes[i].Was, &changes[i].Now
		fault := &chatadmin.FieldError{Field: fieldDepartment, Value: chatadmin.Cut(now.Department), Code: CodeNoDepartment}
		d := found[chatadmin.Fold(now.Department)]
		switch {
		case now.Department == was.Department && now.Department != "":
			continue
		case now.Department != "" && d.ID == "":
			fault.Reason = "there is no such department: create it first"
		case now.Department != "" && d.Name != now.Department:
			fault.Detail = texts.NewMessage("why.department_spelled", d.Name)
			fault.Reason = fault.Detail.Text
		case now.Department != "":
			continue
		case was.ID != "":
			continue
		default:
			if !counted {
				if _, several, err = countDepartments(ctx, w, w.Domain.ID); err != nil {
					return err
				}
				counted = true
			}
			if !several {
				continue
			}
			fault.Code, fault.Reason = chatadmin.CodeMissing, "the domain has several departments: choose one"
		}
		return &chatadmin.FieldErrors{Fields: []*chatadmin.FieldError{fault}}
	}
	return nil
}

// deviceRegistered makes a user trusted whose device is let in, and takes what
// is not known yet of their client from it.
func (p *Provisioning) deviceRegistered(ctx context.Context, w *chatadmin.Writer, r chatadmin.DeviceRegistration) error {
	if w.Settings.Preset != chatadmin.ESChat {
		return nil
	}
	is, _, err := ProfileOf(&r.User)
	if err != nil { // the device is let in all the same
		p.admin.Options().Logger.WarnContext(ctx, "a user's profile cannot be read: the user does not become trusted", "domain", w.Domain.ID, "user", r.User.ID, "error", err)
		return nil
	}
	if is.Client == RTPGateway && (r.Type == string(IOS) || r.Type == string(Android)) {
		return fmt.Errorf("user %q: %w", chatadmin.Cut(r.User.Login), ErrGateway)
	}
	e := chatadmin.StatusEvent(0)
	if r.User.Status == chatadmin.Pending {
		e = chatadmin.SignedIn
	}
	if is.Trusted && e == 0 {
		return nil
	}
	if is.Trusted = true; is.Client == "" {
		is.Client = Client(r.Type)
	}
	x, err := chatadmin.AttributesWrite(r.User, e, func(a *chatadmin.Attributes) error { return putProfile(a, is) })
	if err != nil {
		return err
	}
	return w.WriteUsers(ctx, KindTrust, []chatadmin.UserWrite{x})
}
