package provisioning_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/provisioning"
	"chatadmin.example/sdk/csvimport"
)

// sample is a user as somebody types them in, in a form or a file.
type sample struct {
	login, first, last, email, phone, department, priority, client, imei, text, contacts string
}

var heads = []string{"login", "first name", "last name", "email", "phone", "Department", "Priority", "Client Type", "IMEI", "Send Text", "Maximal Contacts"}

func (x sample) cells() []string {
	return []string{x.login, x.first, x.last, x.email, x.phone, x.department, x.priority, x.client, x.imei, x.text, x.contacts}
}

// fields are what a form makes of the texts: blanks were not touched.
func (x sample) fields(t *testing.T) (provisioning.Fields, []*chatadmin.FieldError) {
	texts := map[string]string{}
	for name, text := range map[string]string{"priority": x.priority, "client type": x.client, "imei": x.imei, "send text": x.text, "maximal contacts": x.contacts} {
		if text != "" {
			texts[name] = text
		}
	}
	return provisioning.ParseFields(texts)
}

func pick(r *rand.Rand, texts ...string) string { return texts[r.IntN(len(texts))] }

// samples makes users at random, with texts around each boundary.
func samples(r *rand.Rand, n int) (all []sample) {
	for i := range n {
		x := sample{
			login: fmt.Sprintf("%s%d", pick(r, "u.", "user.", "bus-", strings.Repeat("b", 22), strings.Repeat("ü", 20)), i),
			first: pick(r, "J", "Ann", "", "&", "Mary Ann"), last: pick(r, "Li", "Lee", "O'Neil", "", "---", "Smith"),
			email: pick(r, "", "a@metro.example", "nobody", "b@metro.example"), phone: pick(r, "", "06 12345678", "+49 151 12345678", "12", "+31612345678"),
			department: pick(r, "Buses", "TRAMS", "buses", "Ferries", ""), priority: pick(r, "", "-1", "0", "5", "6", "x", "3"),
			client: pick(r, "", "Unknown", "RTP Gateway", "fax", "iPhone", "android"),
			imei:   pick(r, "", "", "", "490154203237518", "490154203237517", "12345678901234", "1234567890123", "1234567890123456", "49-015420-323751-8", fmt.Sprintf("%013d", i)),
			text:   pick(r, "", "TRUE", "no", "maybe"), contacts: pick(r, "", "FALSE", "yes", "5"),
		}
		if r.IntN(3) > 0 { // most are right
			x.first, x.last, x.email, x.department = "Ann", "Smith", "a@metro.example", "Buses"
			x.priority, x.client, x.text, x.contacts = pick(r, "0", "5", ""), pick(r, "", "rtp gateway"), "", pick(r, "", "off")
		}
		all = append(all, x)
	}
	return all
}

// The form and a file come to the same verdicts on the same users, and make the
// same users of them.
func TestFormAndFileAgree(t *testing.T) {
	sorted := func(s []string) []string { slices.Sort(s); return s }
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 4))
		policy := provisioning.Policy{AcceptTexts: r.IntN(2) == 0, LuhnIMEI: r.IntN(2) == 0}
		departments := []string{"Buses", "Trams", "Unused"}[:r.IntN(4)]
		people := samples(r, 60)
		invite := r.IntN(2) == 0
		form, file := newWorld(t), newWorld(t)
		for _, w := range []*world{form, file} {
			w.policy(policy)
			for _, d := range departments {
				w.department(d)
			}
		}

		byForm := map[string][]string{}
		for _, x := range people {
			f, wrong := x.fields(t)
			n := provisioning.NewUser{NewUser: chatadmin.NewUser{Login: x.login, FirstName: x.first, LastName: x.last, Email: x.email, Phone: x.phone, Department: x.department, NoInvitation: !invite}, Fields: f}
			// Faults of the texts are told with the others, as the program behind
			// a form does it.
			n.Parts = []chatadmin.UserPart{func(*chatadmin.Settings, *chatadmin.User, *chatadmin.Attributes) []*chatadmin.FieldError {
				return wrong
			}}
			_, err := form.p.CreateUser(ctx, form.S, n)
			byForm[x.login] = sorted(codes(t, err))
		}

		var b bytes.Buffer
		out := csv.NewWriter(&b)
		require.NoError(t, out.Write(heads))
		for _, x := range people {
			require.NoError(t, out.Write(x.cells()))
		}
		out.Flush()
		fields := map[string]string{"login": "login", "first name": "first_name", "last name": "last_name", "email": "email", "phone": "mobile", "Department": "department",
			"Priority": "priority", "Client Type": "client_type", "IMEI": "imei", "Send Text": "send_text", "Maximal Contacts": "maximal_contacts"}
		byFile := map[string][]string{}
		read := func(o csvimport.Outcome) error {
			var all []string
			for _, n := range o.Notes {
				if !n.Warning {
					all = append(all, fields[n.Column]+" "+n.Code)
				}
			}
			byFile[o.Login] = sorted(all)
			return nil
		}
		plan, err := file.imports.Plan(ctx, file.S, bytes.NewReader(b.Bytes()), csvimport.UpdateExisting, &csvimport.ImportOptions{SendInvitations: invite})
		require.NoError(t, err)
		require.NoError(t, plan.Outcomes(ctx, file.S, bytes.NewReader(b.Bytes()), read))
		require.Equal(t, byForm, byFile, "seed %d, the plan", seed)
		result, err := file.imports.Apply(ctx, file.S, plan, bytes.NewReader(b.Bytes()), nil)
		require.NoError(t, err)
		clear(byFile)
		require.NoError(t, result.Outcomes(ctx, file.S, bytes.NewReader(b.Bytes()), read))
		require.Equal(t, byForm, byFile, "seed %d, the import", seed)
		require.Equal(t, form.everybody(), file.everybody(), "seed %d", seed)

		// What an export writes changes nothing, and makes the same users again.
		var exported bytes.Buffer
		_, err = csvimport.Export(ctx, form.S, &exported, csvimport.ImportFormat, nil)
		require.NoError(t, err)
		again, err := form.imports.Import(ctx, form.S, bytes.NewReader(exported.Bytes()), csvimport.UpdateExisting, nil)
		require.NoError(t, err)
		require.Equal(t, again.Counts.Rows, again.Counts.Unchanged, "seed %d", seed)
	}
}

// everybody describes all users, without what is different in every world.
func (w *world) everybody() (all []string) {
	w.T.Helper()
	for _, u := range list(w.T, w.S.Users(ctx, chatadmin.UserQuery{})) {
		p, kept, err := provisioning.ProfileOf(&u)
		require.NoError(w.T, err)
		all = append(all, fmt.Sprintf("%s %s %s %s %s %q %v %+v", u.Login, u.FirstName, u.LastName, u.Email, u.PhoneE164, u.Department, kept, p))
	}
	return all
}

// A file changes what it says, clears on request, exchanges phones in the order
// of its lines, and sends the activations by the rules.
func TestFileUpdates(t *testing.T) {
	w := newWorld(t)
	w.policy(provisioning.Policy{AcceptTexts: true})
	w.department("Buses")
	run := func(file string, o *csvimport.ImportOptions) (lines []string) {
		t.Helper()
		r, err := w.imports.Import(ctx, w.S, strings.NewReader(file), csvimport.UpdateExisting, o)
		require.NoError(t, err)
		require.NoError(t, r.Outcomes(ctx, w.S, io.ReadSeeker(strings.NewReader(file)), func(o csvimport.Outcome) error {
			line := string(o.Status)
			for _, n := range o.Notes {
				line += " " + n.Code
			}
			lines = append(lines, line)
			return nil
		}))
		return lines
	}
	require.Equal(t, []string{"created", "created", "created"}, run("login,first name,last name,email,phone,send text,imei,priority\n"+
		"ann,Ann,Smith,ann@metro.example,0612345678,yes,,1\nbob,Bob,Smith,,,,1234567890123,2\ncid,Cid,Smith,cid@metro.example,,,,\n", &csvimport.ImportOptions{SendInvitations: true}))
	w.Work()
	require.Len(t, w.phones.Messages(), 1)
	require.Len(t, w.Mail.To("cid@metro.example"), 1)
	require.Empty(t, w.Mail.To("ann@metro.example"), "she has a text message")

	bob := func() provisioning.Profile {
		u, err := w.S.UserByLogin(ctx, "bob")
		require.NoError(t, err)
		return w.profile(u.ID)
	}
	require.Equal(t, []string{"unchanged"}, run("login,priority,imei\nbob,,\n", nil))
	require.Equal(t, []string{"failed taken", "updated", "failed bad_imei"}, run("login,imei\nann,1234567890123\nbob,1111111111111\ncid,12\n", nil))
	require.Equal(t, []string{"updated", "updated"}, run("login,imei\nbob,2222222222222\nann,1111111111111\n", nil), "bob has given his phone away")
	require.Equal(t, []string{"updated", "unchanged"}, run("login,imei,priority\nbob,,\ncid,,\n", &csvimport.ImportOptions{ClearBlanks: true}))
	require.Equal(t, provisioning.Profile{Version: 1}, bob())
	require.Equal(t, []string{"failed bad_priority bad_choice"}, run("login,priority,send text\nbob,high,perhaps\n", nil))
	require.Equal(t, []string{"failed no_department"}, run("login,department\nbob,Trams\n", nil))

	// Without invitations nobody need be reached yet.
	require.Equal(t, []string{"created"}, run("login,first name,last name\ndora,Dora,Smith\n", nil))
	require.Equal(t, []string{"failed missing"}, run("login,first name,last name\nemil,Emil,Smith\n", &csvimport.ImportOptions{SendInvitations: true}))
}
