package integrations

// Former is implemented by a service that says what people set, so that forms
// can be drawn for it without knowing the service.
type Former interface {
	Service

	// Form returns what people set. It never changes. The Integrations set
	// Form.Info.
	Form() Form
}

// Form is what people set of a service.
type Form struct {
	Info Info
	// Domain are the settings of Integrations.EnableService.
	Domain []Setting
	// Own are the settings of Integrations.Save.
	Own []Setting
	// Steps are the answers that Connect asks for, call by call.
	Steps []Questions
}

// Questions are the answers to one call of Integrations.Connect.
type Questions struct {
	Button string // what the call does, such as "Request code"
	Ask    []Setting
}

// Setting is one field of a form. Its value is a JSON string, for Several an
// array of them, and for a Switch a boolean. Services may keep a choice as an
// object with its "id".
type Setting struct {
	Name  string
	Label string // in English
	Kind  SettingKind
	// Max is how many bytes a Line has at most; 0 is no limit.
	Max      int
	Required bool
	// Choices are those of One and Several; nil are those of
	// Integrations.Choices.
	Choices []Choice
}

// SettingKind says what the values of a Setting are.
type SettingKind string

// The kinds of settings.
const (
	Line    SettingKind = "line"    // a text on one line
	Hidden  SettingKind = "hidden"  // a secret, which is never shown again
	Switch  SettingKind = "switch"  // on or off
	One     SettingKind = "one"     // of the choices
	Several SettingKind = "several" // of the choices, at least one if Required
)

// Form returns what people set of a service. It holds nothing of a domain. A
// service that is no Former has no settings. It returns chatadmin.ErrNotFound
// if there is no such service.
func (x *Integrations) Form(service string) (Form, error) {
	svc, err := x.service(service)
	if err != nil {
		return Form{}, err
	}
	var form Form
	if f, ok := svc.(Former); ok {
		form = f.Form()
	}
	form.Info = svc.Info()
	return form, nil
}
