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

// readEnabled reads a cell of Enabled. ok is false where it says neither.
func readEnabled(cell string) (a access, ok bool) {
	switch cell { // what nearly every file has
	case "":
		return asIs, true
	case "TRUE", "true", "True":
		return enable, true
	case "FALSE", "false", "False":
		return disable, true
	}
	a, ok = enabledWords[chatadmin.Fold(cell)]
	return a, ok
}

// wants is readEnabled without what cannot be read.
func wants(cell string) access {
	a, _ := readEnabled(cell)
	return a
}

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
