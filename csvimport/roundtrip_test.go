package csvimport_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/csvimport"
)

// nasty are texts that an importer, or a spreadsheet, takes for something else.
var nasty = []string{"NULL", "null", "N/A", "nan", "None", "-", "--", "'NULL", "''-", "“Ann”", "„Ann“", "«Ann»", "'“Ann”", "=1+1", "'=1", "''=1", "+31 6", "-x", "@all", "#1 fan", "#####", "#REF!", "'#REF!",
	`="0612"`, `'="0612"`, "x;=cmd", "x,-y", "x|@z", "“x;=y”", `"quoted"`, `say "hi"`, `"`, `""`, "'", "''", "O'Neil", "3.1E+10", "12.0", "TRUE", "a, b; c | d", "José", "JosÃ©", "Ünï", "sep=;", "_line", "Null", "name"}

// everybody is what the store has of all users.
func (w *world) everybody() []chatadmin.User {
	w.T.Helper()
	var all []chatadmin.User
	for u, err := range w.Host.Users(ctx, chatadmin.UserQuery{}) {
		require.NoError(w.T, err)
		all = append(all, u)
	}
	return all
}

// fillNasty makes users whose fields are random ones of the nasty texts.
func (w *world) fillNasty(r *rand.Rand, preset chatadmin.Preset, n int) {
	pick := func() string { return nasty[r.IntN(len(nasty))] }
	for i := range n {
		login := fmt.Sprintf("user.%d", i)
		if preset == chatadmin.OfficeChat {
			login += "@acme.example"
		}
		u := w.User(login, func(u *chatadmin.NewUser) {
			u.Email = fmt.Sprintf("user.%d@acme.example", i)
			u.DisplayName, u.FirstName, u.Title, u.Phone, u.Department = pick(), "F"+pick(), pick(), pick(), pick()
			u.LastName = "Doe" + pick()
			if preset == chatadmin.OfficeChat {
				u.FirstName, u.LastName = pick(), pick()
			}
			if i%3 == 0 {
				u.Kind = chatadmin.Guest
			}
			u.Manager = w.Boss.ID
		})
		switch i % 5 {
		case 1:
			_, err := w.Host.DeactivateUsers(ctx, u.ID)
			require.NoError(w.T, err)
		case 2:
			w.signIn(u.ID)
		}
	}
}

// Importing an export changes nothing, whatever the users are called, in every
// preset, encoding and with every separator, also where blank cells clear.
func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	encodings := map[string]encoding.Encoding{"": nil, "windows-1252": charmap.Windows1252, "utf-16": unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), "ibm850": charmap.CodePage850}
	for _, preset := range []chatadmin.Preset{chatadmin.OfficeChat, chatadmin.ESChat, chatadmin.Engage} {
		w := newWorld(t, preset)
		w.fillNasty(r, preset, 120)
		state := w.everybody()
		for _, o := range []csvimport.ExportOptions{{}, {Separator: ';'}, {Separator: '\t'}, {Separator: '|'}, {ByteOrderMark: true}, {Excel: true}, {Excel: true, Separator: ','}} {
			text := w.export(csvimport.ImportFormat, &o)
			for name, e := range chatadmintest.InOrder(encodings) {
				file := []byte(text)
				io := &csvimport.ImportOptions{ClearBlanks: o.Excel}
				if e != nil {
					var err error
					file, err = encoding.ReplaceUnsupported(e.NewEncoder()).Bytes([]byte(strings.TrimPrefix(text, "\ufeff")))
					require.NoError(t, err)
					if name == "ibm850" { // it has no typographic quotes
						continue
					}
					if name != "utf-16" {
						io.Encoding = name
					}
				}
				res, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, bytes.NewReader(file), csvimport.UpdateExisting, io)
				require.NoError(t, err)
				require.Equal(t, []int64{121, 121}, []int64{res.Counts.Rows, res.Counts.Unchanged}, "%s %+v %s", preset, o, name)
				require.Equal(t, state, w.everybody())
			}
		}
	}
}

// So does importing an overview: it says of those who are pending or denied
// that they are inactive.
func TestOverviewIsImported(t *testing.T) {
	for _, preset := range []chatadmin.Preset{chatadmin.OfficeChat, chatadmin.ESChat, chatadmin.Engage} {
		w := newWorld(t, preset)
		w.fillNasty(rand.New(rand.NewPCG(8, 8)), preset, 60)
		var active chatadmin.User
		for _, u := range w.everybody() {
			if u.Status == chatadmin.Active {
				active = u
			}
		}
		_, err := w.Host.DenyAccess(ctx, active.ID)
		require.NoError(t, err)
		state := w.everybody()
		text := w.export(csvimport.Overview, nil)
		res, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(text), csvimport.UpdateExisting, nil)
		require.NoError(t, err)
		require.EqualValues(t, 61, res.Counts.Unchanged, "%+v", res.Counts)
		require.Equal(t, state, w.everybody())

		// What was changed in it is taken.
		_, err = w.Host.GrantAccess(ctx, active.ID)
		require.NoError(t, err)
		text = w.export(csvimport.Overview, nil)
		var lines []string
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, active.Login+",") {
				line = strings.Replace(line, ",active,", ",inactive,", 1)
			}
			lines = append(lines, line)
		}
		res, err = csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(strings.Join(lines, "")), csvimport.UpdateExisting, nil)
		require.NoError(t, err)
		require.EqualValues(t, 1, res.Counts.Deactivated)
		require.Equal(t, chatadmin.Deactivated, w.row(active.ID).Status)
	}
}

// The separator and the mark are as chosen.
func TestExportOptions(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	for _, c := range []struct {
		o    csvimport.ExportOptions
		head string
	}{
		{csvimport.ExportOptions{}, "name,firstname,"}, {csvimport.ExportOptions{Separator: ';'}, "name;firstname;"}, {csvimport.ExportOptions{Separator: '\t'}, "name\tfirstname\t"},
		{csvimport.ExportOptions{Separator: '|'}, "name|firstname|"}, {csvimport.ExportOptions{ByteOrderMark: true}, "\ufeffname,"}, {csvimport.ExportOptions{Excel: true}, "\ufeffname;"},
		{csvimport.ExportOptions{Excel: true, Separator: ','}, "\ufeffname,"},
	} {
		text := w.export(csvimport.ImportFormat, &c.o)
		require.True(t, strings.HasPrefix(text, c.head), "%q", text)
		require.Equal(t, c.o.Excel, strings.Contains(text, "\r\n"))
	}
	_, err := csvimport.Export(ctx, w.S, &bytes.Buffer{}, csvimport.ImportFormat, &csvimport.ExportOptions{Separator: 'x'})
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}

// Whatever the file: what the plan has marked as damaged overwrites nothing.
func TestDamagedTextOverwritesNothing(t *testing.T) {
	damaged := []string{"JosÃ© MÃ¼ller", "ZoÃ«", "â‚¬", "3.1E+10", "#####", "#REF!", "#NAME?", "12.0", "NULL", "N/A"}
	for _, clearing := range []bool{false, true} {
		for _, cell := range damaged {
			w := newWorld(t, chatadmin.OfficeChat)
			w.User("ann@acme.example", func(n *chatadmin.NewUser) {
				n.DisplayName, n.FirstName, n.LastName, n.Title, n.Phone, n.Department = "José", "Zoë", "Müller", "€", "+31612345678", "IT"
			})
			before := w.is("ann@acme.example")
			file := "login,name,firstname,lastname,title,mobile,department\nann@acme.example" + strings.Repeat(","+cell, 6) + "\n"
			p, err := csvimport.ImportsOf(w.S).Plan(ctx, w.S, strings.NewReader(file), csvimport.UpdateExisting, &csvimport.ImportOptions{ClearBlanks: clearing})
			require.NoError(t, err)
			marked := map[string]bool{}
			require.NoError(t, p.Outcomes(ctx, w.S, strings.NewReader(file), func(o csvimport.Outcome) error {
				for _, n := range o.Notes {
					if n.Code == csvimport.CodeDamaged || n.Code == csvimport.CodeRuined {
						marked[n.Column] = true
					}
				}
				return nil
			}))
			_, err = csvimport.ImportsOf(w.S).Apply(ctx, w.S, p, strings.NewReader(file), nil)
			require.NoError(t, err)
			after := w.is("ann@acme.example")
			for column, values := range map[string][2]string{"name": {before.DisplayName, after.DisplayName}, "firstname": {before.FirstName, after.FirstName}, "lastname": {before.LastName, after.LastName},
				"title": {before.Title, after.Title}, "mobile": {before.Phone, after.Phone}, "department": {before.Department, after.Department}} {
				if marked[column] {
					require.Equal(t, values[0], values[1], "%s: %q", column, cell)
				}
			}
			if !strings.HasPrefix(cell, "N") && cell != "12.0" && !strings.Contains(cell, "E+") {
				require.Len(t, marked, 6, cell)
				require.Equal(t, before, after)
			}
		}
	}
}
