package provisioning

import (
	"context"
	"strconv"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// The columns of CSV files, in the order of cells.
const (
	colPriority = iota
	colClient
	colIMEI
	colSendText
	colContacts
)

var allColumns = []chatadmin.Column{
	colPriority: {Name: "priority", Aliases: []string{"user priority", "Priorität", "priorité", "prioridad", "prioriteit"}},
	colClient:   {Name: "client type", Aliases: []string{"client", "device type", "Clienttyp", "Gerätetyp", "type de client", "tipo de cliente", "clienttype"}},
	colIMEI:     {Name: "imei", Aliases: []string{"imei number", "device imei", "activate via imei", "IMEI-Nummer", "numéro IMEI", "número IMEI", "IMEI-nummer"}},
	colSendText: {Name: "send text", Aliases: []string{"send sms", "SMS senden", "envoyer SMS", "enviar SMS", "SMS versturen"}},
	colContacts: {Name: "maximal contacts", Aliases: []string{"maximal contact", "max contacts", "maximum contacts", "maximale Kontakte", "contacts maximaux", "contactos máximos", "maximale contacten"}},
}

func columnsOf(set *chatadmin.Settings) []chatadmin.Column {
	if set.Preset != chatadmin.ESChat {
		return nil
	}
	return allColumns
}

// cells are the values of a user.
func cells(_ *chatadmin.Settings, u *chatadmin.User) []string {
	p, _, err := ProfileOf(u)
	if err != nil {
		return make([]string, len(allColumns)) // what cannot be read is exported as blank
	}
	return []string{strconv.Itoa(p.Priority), string(p.ClientType()), p.IMEI, upper(p.SendText), upper(!p.ContactsOff)}
}

func upper(b bool) string {
	if b {
		return "TRUE"
	}
	return "FALSE"
}

// yesWords and noWords are how people write a choice.
var (
	yesWords = []string{"true", "yes", "y", "1", "on", "x", "ja", "oui", "si", "sí", "wahr", "vrai", "verdadero", "waar"}
	noWords  = []string{"false", "no", "n", "0", "off", "nein", "non", "nee", "falsch", "faux", "falso", "onwaar"}
)

// ParseFields reads the fields of this package as people type them, each under
// its column: "priority", "client type", "imei", "send text" and "maximal
// contacts". A text that is not given is not in the map; "" clears the field.
// Everything that is wrong is returned at once.
func ParseFields(texts map[string]string) (f Fields, wrong []*chatadmin.FieldError) {
	given := make([]*string, len(allColumns))
	for i, c := range allColumns {
		if text, ok := texts[c.Name]; ok {
			given[i] = &text
		}
	}
	return parse(given)
}

// parse reads cells.
func parse(given []*string) (f Fields, wrong faults) {
	if c := given[colPriority]; c != nil {
		n, err := 0, error(nil)
		if text := strings.TrimSpace(*c); text != "" {
			n, err = strconv.Atoi(text)
		}
		if f.Priority = &n; err != nil || len(*c) > 10 {
			f.Priority = nil
			wrong.add(fieldPriority, *c, CodeBadPriority, priorityReason)
		}
	}
	if c := given[colClient]; c != nil {
		kind := Client(*c)
		f.Client = &kind // the rules parse it
	}
	f.IMEI = given[colIMEI]
	f.SendText = choice(given[colSendText], false, fieldSendText, &wrong)
	f.Contacts = choice(given[colContacts], true, fieldContacts, &wrong)
	return f, wrong
}

// choice reads yes or no; a blank is what holds unless something was chosen.
func choice(c *string, blank bool, field string, wrong *faults) *bool {
	if c == nil {
		return nil
	}
	is := blank
	switch key := chatadmin.Fold(*c); {
	case key == "":
	case oneOf(yesWords, key):
		is = true
	case oneOf(noWords, key):
		is = false
	default:
		wrong.add(field, *c, CodeBadChoice, "write TRUE or FALSE, or leave it blank")
		return nil
	}
	return &is
}

func oneOf(words []string, key string) bool {
	for _, w := range words {
		if w == key {
			return true
		}
	}
	return false
}

// columnReader applies the rules to the rows of a file.
type columnReader struct {
	scope *chatadmin.Scope
	rules *rules
	was   Profile // of the last row
	now   Profile
}

func newColumnReader(s *chatadmin.Scope, set *chatadmin.Settings) chatadmin.ColumnReader {
	return &columnReader{scope: s, rules: &rules{set: set, taken: map[string]bool{}, freed: map[string]bool{}}}
}

// Look implements chatadmin.ColumnReader.
func (c *columnReader) Look(ctx context.Context, r storage.Reader, rows []chatadmin.ColumnRow) error {
	var departments, imeis []string
	seen := map[string]bool{}
	for i := range rows {
		if d := rows[i].Department; d != "" && !seen[d] {
			seen[d] = true
			departments = append(departments, d)
		}
		if len(rows[i].Cells) > 0 && rows[i].Cells[colIMEI] != nil {
			if imei := cleanIMEI(*rows[i].Cells[colIMEI]); imeiFault(imei, false) == "" {
				imeis = append(imeis, imei)
			}
		}
	}
	return c.rules.load(ctx, r, c.scope.Domain(), departments, imeis)
}

// Set implements chatadmin.ColumnReader.
func (c *columnReader) Set(row *chatadmin.ColumnRow, now *chatadmin.User) []*chatadmin.FieldError {
	c.was, c.now = Profile{}, Profile{}
	f, wrong := parse(row.Cells)
	c.was, _, _ = ProfileOf(now)
	for _, fault := range c.rules.apply(row.Was, now, f, row.Invite) {
		wrong.add(fault.Field, fault.Value, fault.Code, fault.Reason)
	}
	c.now, _, _ = ProfileOf(now)
	return wrong
}

// Accept implements chatadmin.ColumnReader.
func (c *columnReader) Accept() { c.rules.claim(&c.was, &c.now) }
