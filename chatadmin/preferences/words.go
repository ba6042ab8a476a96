package preferences

// Words are the texts of forwarded mails in one language.
type Words struct {
	Subject string // %[1]s is the author, %[2]s the platform
	Intro   string // %s is the name of the user who forwards
	NoReply string // that nobody reads answers
}

var words = map[string]Words{
	"en": {"Forwarded: message of %[1]s (%[2]s)", "%s has forwarded a message to you.", "Please do not reply to this e-mail: nobody reads the answers."},
	"fr": {"Transféré : message de %[1]s (%[2]s)", "%s vous a transféré un message.", "Merci de ne pas répondre à cet e-mail : les réponses ne sont lues par personne."},
	"de": {"Weitergeleitet: Nachricht von %[1]s (%[2]s)", "%s hat Ihnen eine Nachricht weitergeleitet.", "Bitte antworten Sie nicht auf diese E-Mail: Antworten liest niemand."},
	"es": {"Reenviado: mensaje de %[1]s (%[2]s)", "%s le ha reenviado un mensaje.", "No responda a este correo: nadie lee las respuestas."},
	"nl": {"Doorgestuurd: bericht van %[1]s (%[2]s)", "%s heeft een bericht aan u doorgestuurd.", "Beantwoord deze e-mail niet: niemand leest de antwoorden."},
}

// words are the texts for a user with these values.
func (p *Preferences) words(v *Values) Words {
	base, _ := p.Speaks(v).Base()
	for _, from := range []map[string]Words{p.o.Words, words} {
		if w, ok := from[base.String()]; ok {
			return w
		}
	}
	return words["en"]
}
