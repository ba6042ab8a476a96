package csvimport

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/csvimport/internal/formula"
)

// meanings lists under which headings a column is found, the most specific
// first: of several columns with one meaning the one whose heading stands first
// wins. The headings are as headingKey makes them. They are the library's own,
// those of the templates and exports of Slack, Google Workspace, Microsoft
// Entra, Okta, Mattermost, Zammad, Moodle, Canvas, Snipe-IT and Outlook, and
// those of people who write English, German, French, Spanish or Dutch.
var meanings = [columns]string{
	colName: `name fullname realname completename displayname
		vollstandigername anzeigename nomcomplet nomaffiche nombrecompleto nombreparamostrar volledigenaam weergavenaam naam`,
	colFirstName: `firstname givenname forename firstnames vorname vornamen rufname prenom prenoms nombredepila primernombre nombres voornaam voornamen roepnaam`,
	colLastName:  `lastname surname familyname sn nachname familienname zuname nomdefamille nomfamille apellidos apellido achternaam familienaam`,
	colLogin: `login username loginname loginid userlogin userprincipalname upn samaccountname accountname
		benutzername anmeldename benutzerkennung nomdutilisateur nomutilisateur identifiant nombredeusuario nombreusuario usuario gebruikersnaam inlognaam aanmeldnaam
		userid uid sisid`,
	colEmail: `emailaddress email primaryemail primaryemailaddress workemail businessemail mail mailaddress smtpaddress primarysmtpaddress
		emailadresse mailadresse emailadres mailadres adresseemail adressemail adresseelectronique courriel correoelectronico correo direcciondecorreo direcciondecorreoelectronico`,
	colTitle: `jobtitle employeetitle jobposition position berufsbezeichnung stellenbezeichnung funktion intituleduposte fonction poste puestodetrabajo puesto cargo
		functietitel functienaam functie title titel titre titulo`,
	colMobile: `mobile mobilephone mobilenumber mobilephonenumber mobiletelephonenumber cellphone cellphonenumber cell mobiltelefon mobilnummer mobiltelefonnummer handy handynummer mobil
		telephoneportable telephonemobile portable mobileprofessionnel telefonomovil movil celular telefonocelular mobieletelefoon mobieltelefoonnummer mobielnummer mobiel gsm
		phone phonenumber telephone telephonenumber telefon telefonnummer telefono numerodetelefono telefoon telefoonnummer numerodetelephone`,
	colManager: `managerlogin manageremail manageruserprincipalname manager reportsto supervisor linemanager
		vorgesetzter vorgesetzte vorgesetzterr fuhrungskraft responsable superieur superieurhierarchique jefe leidinggevende`,
	colEnabled: `enabled accountenabled loginenabled signinenabled isenabled active isactive activated useractive accountactive
		aktiv aktiviert actif active activee activo activa activado habilitado actief geactiveerd ingeschakeld
		blocksignin suspended issuspended blocked isblocked disabled isdisabled accountdisabled deactivated inactive isinactive gesperrt deaktiviert bloque desactive suspendu bloqueado desactivado geblokkeerd uitgeschakeld
		newstatus accountstatus userstatus status statut estado konto kontostatus`,
	colRole:       `role userrole rolle rol`,
	colDepartment: `department departmentname dept abteilung departement service departamento afdeling`,
	colKind:       `kind usertype accounttype kindofuser benutzertyp typedutilisateur tipodeusuario gebruikerstype`,
	colGroups:     `groups group groupnames gruppen gruppe groupes groupe grupos grupo groepen groep`,
	colLanguage:   `language preferredlanguage lang locale userlocale sprache bevorzugtesprache langue languepreferee idioma idiomapreferido taal voorkeurstaal`,
	colNewLogin:   `newlogin newusername newloginname newuserprincipalname neuerbenutzername neueranmeldename nouvelidentifiant nouveaunomdutilisateur nuevousuario nuevonombredeusuario nieuwegebruikersnaam`,
	colNewEmail:   `newemail newemailaddress newprimaryemail newmail neueemailadresse nouvelleadresseemail nouveaucourriel nuevocorreo nuevocorreoelectronico nieuwemailadres nieuweemailadres`,
}

// inverted are those of Enabled that mean the opposite.
const inverted = ` blocksignin suspended issuspended blocked isblocked disabled isdisabled accountdisabled deactivated inactive isinactive
 gesperrt deaktiviert bloque desactive suspendu bloqueado desactivado geblokkeerd uitgeschakeld `

// secret are headings of columns whose cells are neither read nor shown.
var secret = []string{"password", "passwort", "passwd", "kennwort", "motdepasse", "contrasena", "wachtwoord"}

// statusWords are words of a heading that may say whether somebody has access.
// A column with one of them that is not known is refused: ignoring it could
// invite people who were sent away.
var statusWords = []string{"enabled", "disabled", "active", "inactive", "activated", "deactivated", "suspended", "blocked", "status", "aktiv", "inaktiv", "actif", "inactif", "activo", "inactivo", "actief", "inactief", "gesperrt",
	"locked", "access", "zugang", "zugriff", "blockiert", "freigeschaltet", "freigegeben", "verrouille", "acces", "acceso", "toegang", "geblokkeerd", "can", "allowed"}

// otherWords are words of headings that are about something else, whatever
// status they name.
var otherWords = []string{"2fa", "tfa", "mfa", "2sv", "sso", "factor", "billing", "marital", "license", "licence", "subscription", "newsletter", "verified", "verification", "last", "date", "time", "since", "group", "device", "sync", "dirsync", "mailbox", "archive", "presence",
	"level", "code", "card", "key", "point", "right", "rights"}

// ranks tells of each heading what it means, and how specific it is: less is
// more.
var ranks = func() map[string]meaning {
	all := map[string]meaning{}
	for c := range columns {
		for rank, key := range strings.Fields(meanings[c]) {
			if _, ok := all[key]; !ok {
				all[key] = meaning{c, rank + 1, strings.Contains(inverted, " "+key+" ")}
			}
		}
	}
	return all
}()

// meaning is what a heading stands for.
type meaning struct {
	col      column
	rank     int
	inverted bool
}

// inBrackets takes "[…]" out of a heading, and returns what stands within the
// last.
func inBrackets(heading string) (rest, inside string) {
	for {
		from := strings.IndexByte(heading, '[')
		if from < 0 {
			return heading, inside
		}
		to := strings.IndexByte(heading[from:], ']')
		if to < 0 {
			return heading, inside
		}
		inside = heading[from+1 : from+to]
		heading = heading[:from] + " " + heading[from+to+1:]
	}
}

// notes that templates add to their headings.
var templateWords = map[string]bool{"required": true, "optional": true, "mandatory": true, "pflichtfeld": true, "erforderlich": true, "obligatoire": true, "facultatif": true,
	"obligatorio": true, "opcional": true, "verplicht": true, "optionnel": true, "optioneel": true}

// headingKey is what two headings have in common that mean the same: their
// letters and digits, folded and without accents, and a slash. Stars, brackets,
// invisible characters, quotes and the words that templates add are taken away.
func headingKey(heading string) string {
	words := headingWords(heading)
	if len(words) > 1 {
		kept := words[:0]
		for _, w := range words {
			if !templateWords[w] {
				kept = append(kept, w)
			}
		}
		words = kept
	}
	return strings.Join(words, "")
}

// headingWords splits a heading into its words.
func headingWords(heading string) []string {
	heading, _ = inBrackets(formula.Unguard(heading))
	if from := strings.IndexByte(heading, '('); from > 0 {
		heading = heading[:from]
	}
	var b strings.Builder
	for _, r := range norm.NFD.String(splitCase(heading)) {
		switch {
		case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r) || r == '\'' || r == '’':
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '/':
			b.WriteRune(r)
		default:
			b.WriteByte(' ')
		}
	}
	return strings.Fields(strings.ReplaceAll(chatadmin.Fold(b.String()), " / ", "/"))
}

// splitCase puts a space before each capital behind a small letter:
// accountEnabled are two words.
func splitCase(s string) string {
	var b strings.Builder
	last := ' '
	for _, r := range s {
		if unicode.IsUpper(r) && unicode.IsLower(last) {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		last = r
	}
	return b.String()
}

// mean finds what a heading means under the login rules of a domain.
func mean(heading string, oneLogin bool) (m meaning, ok bool) {
	if m, ok = meanKey(headingKey(heading), oneLogin); ok && m.inverted {
		return m, true // "Block sign in [accountEnabled]" means what it says
	}
	if _, inside := inBrackets(heading); inside != "" {
		if m, ok = meanKey(headingKey(inside), oneLogin); ok {
			return m, true
		}
	}
	return meanKey(headingKey(heading), oneLogin)
}

func meanKey(key string, oneLogin bool) (m meaning, ok bool) {
	if oneLogin && (key == emailLogin || key == "login/email") {
		return meaning{col: colLogin}, true
	}
	if m, ok = ranks[key]; !ok {
		return m, false
	}
	if oneLogin && (m.col == colLogin || m.col == colNewLogin) { // an address before a name
		m.rank += 1000
	}
	m.col = oneColumn(m.col, oneLogin)
	return m, true
}

// looksLikeStatus reports whether an unknown heading may say who has access.
func looksLikeStatus(heading string) bool {
	_, inside := inBrackets(heading)
	has := func(list []string) bool {
		for _, w := range append(headingWords(heading), headingWords(inside)...) {
			for _, l := range list {
				if w == l {
					return true
				}
			}
		}
		return false
	}
	return has(statusWords) && !has(otherWords)
}

// isSecret reports whether the cells below a heading are not to be shown.
func isSecret(heading string) bool {
	key := headingKey(heading)
	for _, s := range secret {
		if strings.Contains(key, s) {
			return true
		}
	}
	return false
}
