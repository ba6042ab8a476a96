package csvimport

import (
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// access is what the cell of Enabled asks for.
type access uint8

const (
	asIs    access = iota // blank: nothing
	enable                // TRUE
	disable               // FALSE
)

// access reads a cell of the column. ok is false where it says neither.
func (h *header) access(cell string) (a access, ok bool) {
	switch cell { // what nearly every file has
	case "":
		return asIs, true
	case "TRUE", "true", "True":
		a, ok = enable, true
	case "FALSE", "false", "False":
		a, ok = disable, true
	default:
		key := chatadmin.Fold(cell)
		if a, ok = enabledWords[key]; !ok && h.status {
			a, ok = statusOf[key]
		}
	}
	if h.inverted {
		a = [...]access{asIs, disable, enable}[a]
	}
	return a, ok
}

// asks is what a cell asks for an existing user. An overview says of those who
// are pending or denied that they are inactive: that is how they are.
func (h *header) asks(cell string, is *chatadmin.User) access {
	a, _ := h.access(cell)
	if h.overview && a == disable && is != nil && (is.Status == chatadmin.Pending || is.Denied) {
		return asIs
	}
	return a
}

// botStatus is what Slack calls the account of a program.
const botStatus = "bot"

// statusOf are what a column named status says of people who have access: in
// Slack their role.
var statusOf = map[string]access{"admin": enable, "member": enable, "owner": enable, "primary owner": enable, "guest": enable,
	"multi-channel guest": enable, "single-channel guest": enable, "workspace admin": enable, "workspace owner": enable}

// enabledWords are the spellings of the two, folded: what spreadsheets write in
// their languages, what people write, and the states of other systems.
var enabledWords = func() map[string]access {
	words := map[string]access{}
	for _, list := range []struct {
		is    access
		words string
	}{
		// Excel's logical constants in its languages.
		{enable, "true wahr vrai verdadero verdadeiro vero waar истина prawda pravda sant sand tosi igaz doğru adevărat αληθεσ 真 참 true() wahr() vrai()"},
		{disable, "false falsch faux falso onwaar ложь fałsz nepravda falskt falsk usann epätosi hamis yanliş fals ψευδεσ 偽 假 거짓 false() falsch() faux()"},
		// What people write, in the languages of the library and a few more.
		{enable, "1 1.0 yes y on ✓ ✔ ☑ ja j oui o si sí s sim da tak evet да"},
		{disable, "0 0.0 no n off ✗ ✘ ☐ nein nee non não nie hayir нет"},
		// States of accounts elsewhere.
		{enable, "active activated enabled enable unlocked aktiv aktiviert actief actif active activo activa activado habilitado actif(ve) ingeschakeld ativo attivo"},
		{disable, "inactive deactivated disabled disable suspended blocked archived deleted inaktiv deaktiviert inactief inactif inactive inactivo inactiva desactivado deshabilitado désactivé uitgeschakeld gesperrt bloqueado geblokkeerd suspendu suspendido locked_out deprovisioned inativo"},
	} {
		for _, w := range strings.Fields(list.words) {
			words[chatadmin.Fold(w)] = list.is
		}
	}
	return words
}()
