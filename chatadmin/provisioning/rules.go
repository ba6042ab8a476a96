package provisioning

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Codes of what can be wrong with the fields of this package, beside those of
// chatadmin.
const (
	CodeBadPriority  = "bad_priority"  // not 0 to 5
	CodeBadClient    = "bad_client"    // no kind of client
	CodeBadIMEI      = "bad_imei"      // not 13 or 15 digits
	CodeBadChoice    = "bad_choice"    // neither yes nor no
	CodeNoDepartment = "no_department" // there is no such department
	CodeNoTexts      = "no_texts"      // the company accepts no text messages
	CodeBadPhone     = "bad_phone"     // no possible number, or of another country
)

// Fields of errors.
const (
	fieldDepartment = "department"
	fieldMobile     = "mobile"
	fieldPriority   = "priority"
	fieldClient     = "client_type"
	fieldIMEI       = "imei"
	fieldSendText   = "send_text"
	fieldContacts   = "maximal_contacts"
)

// Fields are the fields of this package on the form of a user: nil leaves a
// field as it is.
type Fields struct {
	Priority *int    // 0 (lowest) to 5 (highest)
	Client   *Client // see Clients
	SendText *bool   // sends activation codes by text message
	// IMEI activates the phone that has it, by 13 or 15 digits; spaces, hyphens,
	// dots and slashes are dropped. "" activates by a code.
	IMEI *string
	// Contacts is false for a user who is kept out of the contacts of their
	// department.
	Contacts *bool
}

// rules decide about users of one domain. They are the only place where the
// rules of the form are, for a form as for a file.
type rules struct {
	set    *chatadmin.Settings
	policy Policy
	names  map[string]Department // departments by folded name
	only   string                // the department, if there is one alone
	many   bool                  // departments
	imeis  map[string]imeiUse    // who has which
	// What earlier rows of a file have taken and given back.
	taken, freed map[string]bool
}

// load reads what the rules need to decide about users with these departments
// and IMEIs.
func load(ctx context.Context, r storage.Reader, domain chatadmin.ID, set *chatadmin.Settings, departments, imeis []string) (*rules, error) {
	x := &rules{set: set, taken: map[string]bool{}, freed: map[string]bool{}}
	return x, x.load(ctx, r, domain, departments, imeis)
}

func (x *rules) load(ctx context.Context, r storage.Reader, domain chatadmin.ID, departments, imeis []string) (err error) {
	if x.policy, err = policyOf(x.set); err != nil {
		return err
	}
	if x.only, x.many, err = countDepartments(ctx, r, domain); err != nil {
		return err
	}
	if x.names, err = departmentsNamed(ctx, r, domain, departments); err != nil {
		return err
	}
	x.imeis, err = imeisInUse(ctx, r, domain, imeis)
	return err
}

// apply gives now what was asked for, and returns everything that is wrong.
// invite says that the user is sent an activation at once.
func (x *rules) apply(was, now *chatadmin.User, f Fields, invite bool) []*chatadmin.FieldError {
	var wrong faults
	before, kept, err := ProfileOf(now)
	a, attrErr := chatadmin.AttributesOf(*now)
	if err = errors.Join(err, attrErr); err != nil {
		wrong.add(fieldPriority, "", "unreadable", "what is stored of this user cannot be read: repair it first")
		return wrong
	}
	p := before
	x.choose(&p, f, &wrong)
	x.department(was, now, &wrong)
	x.imei(was, &before, &p, f.IMEI, &wrong)
	x.text(now, &p, &wrong)
	if invite && was == nil {
		x.reachable(now, &p, &wrong)
	}
	if len(wrong) > 0 || kept && p == before || !kept && p == (Profile{}) && was != nil {
		return wrong
	}
	if err = putProfile(&a, p); err == nil {
		err = chatadmin.SetAttributes(now, a)
	}
	if err != nil {
		wrong.add(fieldPriority, "", "unreadable", "what is stored of this user cannot be written: it is too long")
	}
	return wrong
}

// choose takes the fields that stand for themselves.
func (x *rules) choose(p *Profile, f Fields, wrong *faults) {
	if f.Priority != nil {
		if p.Priority = *f.Priority; p.Priority < LowestPriority || p.Priority > HighestPriority {
			wrong.add(fieldPriority, fmt.Sprint(p.Priority), CodeBadPriority, priorityReason)
		}
	}
	if f.Client != nil {
		c, err := ParseClient(string(*f.Client))
		if err != nil {
			*wrong = append(*wrong, badClient(string(*f.Client)))
		}
		if p.Client = c; c == UnknownClient {
			p.Client = ""
		}
	}
	if f.SendText != nil {
		p.SendText = *f.SendText
	}
	if f.Contacts != nil {
		p.ContactsOff = !*f.Contacts
	}
}

const priorityReason = "a priority is 0 (lowest) to 5 (highest)"

// department finds the department that is meant, and writes it as it is spelled.
func (x *rules) department(was, now *chatadmin.User, wrong *faults) {
	typed := strings.TrimSpace(now.Department)
	if was != nil && typed == was.Department {
		return
	}
	d, ok := x.names[chatadmin.Fold(typed)]
	switch {
	case typed == "" && !x.many:
		now.Department = x.only
	case typed == "":
		wrong.add(fieldDepartment, "", chatadmin.CodeMissing, "the domain has several departments: choose one")
	case !ok:
		wrong.add(fieldDepartment, typed, CodeNoDepartment, "there is no such department: create it first")
	case d.Closed:
		wrong.add(fieldDepartment, typed, CodeNoDepartment, "this department is being emptied: choose another one")
	default:
		now.Department = d.Name
	}
}

// imei takes the IMEI, and sees to it that nobody else has it.
func (x *rules) imei(was *chatadmin.User, before, p *Profile, given *string, wrong *faults) {
	if given == nil {
		return
	}
	p.IMEI = cleanIMEI(*given)
	if p.IMEI == before.IMEI || p.IMEI == "" {
		return
	}
	if why := imeiFault(p.IMEI, x.policy.LuhnIMEI); why != "" {
		wrong.add(fieldIMEI, *given, CodeBadIMEI, why)
		return
	}
	use, ok := x.imeis[p.IMEI]
	others := ok && !x.freed[p.IMEI] && (was == nil || use.User != was.ID)
	if others || x.taken[p.IMEI] {
		wrong.add(fieldIMEI, p.IMEI, chatadmin.CodeTaken, "another user has the phone with this IMEI")
	}
	if p.Client == RTPGateway {
		wrong.add(fieldIMEI, p.IMEI, CodeBadIMEI, "an RTP gateway is no phone: leave the IMEI blank")
	}
}

// text refuses text messages that could not arrive.
func (x *rules) text(u *chatadmin.User, p *Profile, wrong *faults) {
	if !p.SendText {
		return
	}
	if !x.policy.AcceptTexts {
		wrong.add(fieldSendText, "", CodeNoTexts, "your company is not set to accept text messages: an administrator of the domain can change that")
	}
	switch typed := strings.TrimSpace(u.Phone); {
	case typed == "":
		wrong.add(fieldMobile, "", chatadmin.CodeMissing, "a text message needs a phone number")
	case chatadmin.PhoneE164(typed, x.set.DefaultCountry) == "":
		wrong.add(fieldMobile, typed, CodeBadPhone, "this is no complete phone number, so no text message can be sent")
	case !x.domestic(typed):
		wrong.add(fieldMobile, typed, CodeBadPhone, "text messages are sent within the country of the domain only: send the code by e-mail")
	}
}

// domestic reports whether a phone number is of the domain's country.
func (x *rules) domestic(typed string) bool {
	return chatadmin.PhoneIn(chatadmin.PhoneE164(typed, x.set.DefaultCountry), x.set.DefaultCountry)
}

// reachable refuses a user whom no activation can reach. The host activates an
// RTP gateway by its own means.
func (x *rules) reachable(u *chatadmin.User, p *Profile, wrong *faults) {
	if p.SendText || p.IMEI != "" || p.Client == RTPGateway || strings.TrimSpace(u.Email) != "" || x.set.Login.IsEmail {
		return
	}
	wrong.add("email", "", chatadmin.CodeMissing, "no activation can reach this user: give an e-mail address, a phone number with Send Text, or an IMEI")
}

// claim remembers what a row that is imported has taken and given back.
func (x *rules) claim(was, now *Profile) {
	if was.IMEI == now.IMEI {
		return
	}
	if was.IMEI != "" {
		x.freed[was.IMEI] = true
		delete(x.taken, was.IMEI)
	}
	if now.IMEI != "" {
		x.taken[now.IMEI] = true
		delete(x.freed, now.IMEI)
	}
}

// faults are what is wrong, one of each field.
type faults []*chatadmin.FieldError

func (f *faults) add(field, value, code, reason string) {
	for _, is := range *f {
		if is.Field == field {
			return
		}
	}
	*f = append(*f, &chatadmin.FieldError{Field: field, Value: chatadmin.Cut(value), Code: code, Reason: reason})
}
