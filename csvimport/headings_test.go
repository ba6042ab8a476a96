package csvimport

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

// The headings of templates and exports, and of five languages, each with what
// it means where login and e-mail are one column, and where they are two.
func TestMeanings(t *testing.T) {
	for heading, want := range map[string][2]column{
		"email/login": {colLogin, columns}, "E-Mail / Login": {colLogin, columns}, "Email": {colLogin, colEmail}, "e_mail": {colLogin, colEmail}, "E-mail Address": {colLogin, colEmail},
		"Email Address [Required]": {colLogin, colEmail}, "mail": {colLogin, colEmail}, "E-Mail-Adresse": {colLogin, colEmail}, "Adresse e-mail": {colLogin, colEmail}, "Courriel": {colLogin, colEmail},
		"Correo electrónico": {colLogin, colEmail}, "E-mailadres": {colLogin, colEmail}, "login": {colLogin, colLogin}, "Username": {colLogin, colLogin}, "login_id": {colLogin, colLogin},
		"User name [userPrincipalName] Required": {colLogin, colLogin}, "Benutzername": {colLogin, colLogin}, "Nom d'utilisateur": {colLogin, colLogin}, "Nombre de usuario": {colLogin, colLogin},
		"Gebruikersnaam": {colLogin, colLogin}, "user_id": {colLogin, colLogin},
		"First Name [Required]": {colFirstName, colFirstName}, "given_name": {colFirstName, colFirstName}, "Vorname": {colFirstName, colFirstName}, "Prénom": {colFirstName, colFirstName}, "Nombre de pila": {colFirstName, colFirstName},
		"Voornaam *": {colFirstName, colFirstName}, "Surname": {colLastName, colLastName}, "Nachname (Pflichtfeld)": {colLastName, colLastName}, "Nom de famille": {colLastName, colLastName}, "Apellidos": {colLastName, colLastName},
		"Achternaam": {colLastName, colLastName}, "Name [displayName] Required": {colName, colName}, "full name": {colName, colName}, "Nom complet": {colName, colName}, "Nombre completo": {colName, colName}, "Volledige naam": {colName, colName},
		"Job Title": {colTitle, colTitle}, "Position": {colTitle, colTitle}, "Berufsbezeichnung": {colTitle, colTitle}, "Intitulé du poste": {colTitle, colTitle}, "Puesto": {colTitle, colTitle}, "Functie": {colTitle, colTitle},
		"Mobile\nphone": {colMobile, colMobile}, "Mobile phone [mobile]": {colMobile, colMobile}, "Handy": {colMobile, colMobile}, "Téléphone portable": {colMobile, colMobile}, "Teléfono móvil": {colMobile, colMobile}, "Mobiel nummer": {colMobile, colMobile},
		"Manager": {colManager, colManager}, "Reports To": {colManager, colManager}, "Vorgesetzter": {colManager, colManager}, "Vorgesetzte/r": {columns, columns}, "Supérieur hiérarchique": {colManager, colManager}, "Jefe": {colManager, colManager}, "Leidinggevende": {colManager, colManager},
		"Enabled": {colEnabled, colEnabled}, "accountEnabled": {colEnabled, colEnabled}, "is_active": {colEnabled, colEnabled}, "Aktiv": {colEnabled, colEnabled}, "Actif": {colEnabled, colEnabled}, "Activo": {colEnabled, colEnabled}, "Actief": {colEnabled, colEnabled},
		"New Status [UPLOAD ONLY]": {colEnabled, colEnabled}, "Block sign in (Yes/No) [accountEnabled] Required": {colEnabled, colEnabled}, "suspended": {colEnabled, colEnabled},
		"Department": {colDepartment, colDepartment}, "Abteilung": {colDepartment, colDepartment}, "Département": {colDepartment, colDepartment}, "Afdeling": {colDepartment, colDepartment}, "Departamento": {colDepartment, colDepartment},
		"Role": {colRole, colRole}, "userType": {colKind, colKind}, "\ufeff\"name\"": {colName, colName}, "Na\u00adme\u200b": {colName, colName}, "“name”": {colName, colName},
		"Home Phone": {columns, columns}, "Manager's Name": {columns, columns}, "E-mail 2 Address": {columns, columns}, "": {columns, columns}, "[]": {columns, columns}, "***": {columns, columns},
	} {
		for i, oneLogin := range []bool{true, false} {
			m, ok := mean(heading, oneLogin)
			if want[i] == columns {
				require.False(t, ok, "%q %v", heading, oneLogin)
				continue
			}
			require.True(t, ok, "%q %v", heading, oneLogin)
			require.Equal(t, want[i], m.col, "%q %v", heading, oneLogin)
		}
	}
	for _, heading := range []string{"Block sign in (Yes/No) [accountEnabled] Required", "suspended", "Is Blocked", "gesperrt", "Désactivé"} {
		m, ok := mean(heading, true)
		require.True(t, ok && m.inverted, heading)
	}
}

// A word that is one part of the name beside another one, and all of it alone.
func TestPartsOfNames(t *testing.T) {
	for heads, want := range map[string]map[column]string{
		"Nom,Prénom,Courriel":          {colLastName: "Nom", colFirstName: "Prénom"},
		"Nom,Courriel":                 {colName: "Nom"},
		"Nombre,Apellidos,Correo":      {colFirstName: "Nombre", colLastName: "Apellidos"},
		"Nombre,Correo":                {colName: "Nombre"},
		"Name,Vorname,E-Mail":          {colLastName: "Name", colFirstName: "Vorname"},
		"Name,Vorname,Nachname,E-Mail": {colName: "Name", colFirstName: "Vorname", colLastName: "Nachname"},
		"Naam,E-mailadres":             {colName: "Naam"},
		"Name,First Name,Email":        {colName: "Name", colFirstName: "First Name"},
	} {
		h, err := readHeader(strings.Split(heads, ","), chatadmin.LoginPolicy{IsEmail: true}, settings{})
		require.NoError(t, err, heads)
		got := map[column]string{}
		for _, c := range []column{colName, colFirstName, colLastName} {
			if h.has(c) {
				got[c] = h.title(c)
			}
		}
		require.Equal(t, want, got, heads)
		require.Empty(t, h.warnings(), heads)
	}
}

// What a missing column says: the headings of the file, and the nearest guess.
func TestHeadersThatCannotBe(t *testing.T) {
	for heads, want := range map[string][]string{
		"name,title,emial":            {"missing_column", `"name", "title", "emial"`, `is "emial" meant?`},
		"name,title":                  {"missing_column", `"email/login" is missing`, `"name", "title"`},
		"ann@acme.example,Ann":        {"no_header", "begins with data"},
		"ann@acme.example,Manager":    {"no_header", "begins with data"},
		"foo,bar":                     {"no_header", `"foo", "bar"`},
		"email,Name,name *":           {"double_column", `"Name" and "name *"`},
		"email,Badge enabled":         {"status_column", `"Badge enabled"`},
		"email,Locked":                {"status_column", `"Locked"`},
		"email,Account locked":        {"status_column", `"Account locked"`},
		"email,Can login":             {"status_column", `"Can login"`},
		"email,Zugang":                {"status_column", `"Zugang"`},
		"email,Accès":                 {"status_column", `"Accès"`},
		"email,Blockiert":             {"status_column", `"Blockiert"`},
		"email,aktiver Status heute":  {"status_column", `"aktiver Status heute"`},
		strings.Repeat("column,", 99): {"no_header", "and 84 more"},
	} {
		_, err := readHeader(strings.Split(heads, ","), chatadmin.LoginPolicy{IsEmail: true}, settings{})
		var fe *FileError
		require.True(t, errors.As(err, &fe), heads)
		require.Equal(t, want[0], fe.Code, heads)
		for _, part := range want[1:] {
			require.Contains(t, fe.Reason, part)
		}
		require.Less(t, len(fe.Reason), 500)
	}
	for _, harmless := range []string{"has-2fa", "TFA enabled", "billing-active", "Marital status", "Last active", "Interactive", "License status", "Last access", "Access level", "May", "Newsletter active"} {
		_, err := readHeader([]string{"email", harmless}, chatadmin.LoginPolicy{IsEmail: true}, settings{})
		require.NoError(t, err, harmless)
	}
}

// An administrator, and a host, can say which heading is which.
func TestColumnsThatAreNamed(t *testing.T) {
	heads := []string{"Kennung", "Wer", "Mobil", "Badge enabled", "Email"}
	for name, c := range map[string]struct {
		columns, aliases map[string]string
		want             map[column]string
		inverted         bool
		code             string
	}{
		"by the administrator":     {columns: map[string]string{"Kennung": "email/login", "Wer": "name", "Badge enabled": "-"}, want: map[column]string{colLogin: "Kennung", colName: "Wer", colMobile: "Mobil"}},
		"by the host":              {aliases: map[string]string{"wer": "name", "badge  ENABLED": "enabled", "not there": "title"}, want: map[column]string{colLogin: "Email", colName: "Wer", colEnabled: "Badge enabled", colMobile: "Mobil"}},
		"the administrator counts": {columns: map[string]string{"Badge enabled": "blocked"}, aliases: map[string]string{"Badge enabled": "title"}, want: map[column]string{colLogin: "Email", colEnabled: "Badge enabled", colMobile: "Mobil"}, inverted: true},
		"not there":                {columns: map[string]string{"Telefax": "mobile"}, code: "bad_mapping"},
		"no field":                 {columns: map[string]string{"Wer": "nickname"}, code: "bad_mapping"},
		"two of one":               {columns: map[string]string{"Wer": "name", "Mobil": "name"}, code: "double_column"},
	} {
		h, err := readHeader(heads, chatadmin.LoginPolicy{IsEmail: true}, settings{Columns: c.columns, Aliases: c.aliases})
		if c.code != "" {
			var fe *FileError
			require.True(t, errors.As(err, &fe), name)
			require.Equal(t, c.code, fe.Code, name)
			continue
		}
		require.NoError(t, err, name)
		got := map[column]string{}
		for col := range columns {
			if h.has(col) {
				got[col] = h.title(col)
			}
		}
		require.Equal(t, c.want, got, name)
		require.Equal(t, c.inverted, h.inverted, name)
	}
	// What a plan names is checked as well.
	for _, s := range []settings{{Mode: SkipExisting, Columns: map[string]string{"a": "b"}}, {Mode: SkipExisting, Encoding: "nonsense"}, {Mode: SkipExisting, Aliases: map[string]string{"\xff": "name"}}} {
		require.ErrorIs(t, s.check(), chatadmin.ErrInvalid)
	}
}

// The two in the spellings that spreadsheets and people have, and where the
// column means the opposite or is a status.
func TestSpellingsOfEnabled(t *testing.T) {
	plain, blocked, status := &header{}, &header{inverted: true}, &header{status: true}
	for want, cells := range map[access][]string{
		enable:  {"TRUE", "True", "true", "1", "yes", "Y", "on", "WAHR", "VRAI", "VERDADERO", "ИСТИНА", "WAAR", "VERO", "ja", "oui", "Sí", "Active", "enabled", "aktiv", "ACTIF", "Ativo"},
		disable: {"FALSE", "False", "0", "no", "N", "off", "FALSCH", "FAUX", "FALSO", "ЛОЖЬ", "ONWAAR", "nein", "non", "nee", "inactive", "Deactivated", "suspended", "disabled", "inaktiv", "DEPROVISIONED"},
		asIs:    {""},
	} {
		for _, cell := range cells {
			got, ok := plain.access(cell)
			require.True(t, ok, cell)
			require.Equal(t, want, got, cell)
			other, ok := blocked.access(cell)
			require.True(t, ok, cell)
			require.Equal(t, map[access]access{enable: disable, disable: enable, asIs: asIs}[want], other, cell)
		}
	}
	for _, cell := range []string{"maybe", "2", "TRUE.", "Bot", "x", "-1", "pending"} {
		for _, h := range []*header{plain, blocked, status} {
			_, ok := h.access(cell)
			require.False(t, ok, cell)
		}
	}
	for _, cell := range []string{"Admin", "Primary Owner", "Member", "Multi-Channel Guest"} {
		got, ok := status.access(cell)
		require.True(t, ok && got == enable, cell)
		_, ok = plain.access(cell)
		require.False(t, ok, cell)
	}
}
