package provisioning_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/provisioning"
)

// Each rule of the form, at its boundaries.
func TestFormRules(t *testing.T) {
	const good15 = "490154203237518" // its check digit is right
	w := newWorld(t)
	w.policy(provisioning.Policy{AcceptTexts: true})
	w.department("Buses")
	type user = *provisioning.NewUser
	for name, c := range map[string]struct {
		change func(user)
		want   []string
	}{
		"login of 2":               {func(n user) { n.Login = "ab" }, []string{"login bad_login"}},
		"login of 3":               {func(n user) { n.Login = "abc" }, nil},
		"login of 24":              {func(n user) { n.Login = strings.Repeat("b", 24) }, nil},
		"login of 25":              {func(n user) { n.Login = strings.Repeat("b", 25) }, []string{"login bad_login"}},
		"login of 24 umlauts":      {func(n user) { n.Login = strings.Repeat("ü", 24) }, nil},
		"login with a dot":         {func(n user) { n.Login = "Bus.57" }, nil},
		"login with a dash":        {func(n user) { n.Login = "Bus-57" }, []string{"login bad_login"}},
		"login with a space":       {func(n user) { n.Login = "Bus 57" }, []string{"login bad_login"}},
		"first name of 1":          {func(n user) { n.FirstName = "J" }, nil},
		"no first name":            {func(n user) { n.FirstName = "" }, []string{"first_name missing"}},
		"first name of a sign":     {func(n user) { n.FirstName = "-" }, []string{"first_name bad_name"}},
		"last name of 2":           {func(n user) { n.LastName = "Li" }, []string{"last_name bad_name"}},
		"last name of 3":           {func(n user) { n.LastName = "Lee" }, nil},
		"last name O'Neil":         {func(n user) { n.LastName = "O'Neil" }, nil},
		"last name of signs":       {func(n user) { n.LastName = "---" }, []string{"last_name bad_name"}},
		"last name of digits":      {func(n user) { n.LastName = "057" }, nil},
		"priority -1":              {func(n user) { n.Priority = to(-1) }, []string{"priority bad_priority"}},
		"priority 0":               {func(n user) { n.Priority = to(0) }, nil},
		"priority 5":               {func(n user) { n.Priority = to(5) }, nil},
		"priority 6":               {func(n user) { n.Priority = to(6) }, []string{"priority bad_priority"}},
		"unknown client":           {func(n user) { n.Client = to(provisioning.UnknownClient) }, nil},
		"client as people write":   {func(n user) { n.Client = to(provisioning.Client("RTP-Gateway")) }, nil},
		"no client":                {func(n user) { n.Client = to(provisioning.Client("fax")) }, []string{"client_type bad_client"}},
		"IMEI of 12":               {func(n user) { n.IMEI = to("123456789012") }, []string{"imei bad_imei"}},
		"IMEI of 13":               {func(n user) { n.IMEI = to("1234567890123") }, nil},
		"IMEI of 14":               {func(n user) { n.IMEI = to("12345678901234") }, []string{"imei bad_imei"}},
		"IMEI of 15":               {func(n user) { n.IMEI = to("123456789012345") }, nil},
		"IMEI of 16":               {func(n user) { n.IMEI = to("1234567890123456") }, []string{"imei bad_imei"}},
		"IMEI as printed":          {func(n user) { n.IMEI = to(" 49-015420-323751-8 ") }, nil},
		"IMEI with a letter":       {func(n user) { n.IMEI = to("12345678901234X") }, []string{"imei bad_imei"}},
		"IMEI of Arabic digits":    {func(n user) { n.IMEI = to(strings.Repeat("٣", 15)) }, []string{"imei bad_imei"}},
		"IMEI, nothing else":       {func(n user) { n.IMEI, n.Email = to(good15), "" }, nil},
		"IMEI of a gateway":        {func(n user) { n.IMEI, n.Client = to(good15), to(provisioning.RTPGateway) }, []string{"imei bad_imei"}},
		"e-mail alone":             {func(n user) {}, nil},
		"neither e-mail nor phone": {func(n user) { n.Email = "" }, []string{"email missing"}},
		"phone without send text":  {func(n user) { n.Email, n.Phone = "", "06 12345678" }, []string{"email missing"}},
		"phone and send text":      {func(n user) { n.Email, n.Phone, n.SendText = "", "06 12345678", to(true) }, nil},
		"send text, no phone":      {func(n user) { n.SendText = to(true) }, []string{"mobile missing"}},
		"send text, no number":     {func(n user) { n.SendText, n.Phone = to(true), "ext. 57" }, []string{"mobile bad_phone"}},
		"send text, too short":     {func(n user) { n.SendText, n.Phone = to(true), "06 1" }, []string{"mobile bad_phone"}},
		"send text, whole number":  {func(n user) { n.SendText, n.Phone = to(true), "+31 6 12345678" }, nil},
		"send text, abroad":        {func(n user) { n.SendText, n.Phone = to(true), "+49 151 12345678" }, []string{"mobile bad_phone"}},
		"a gateway needs no code":  {func(n user) { n.Email, n.Client = "", to(provisioning.RTPGateway) }, nil},
		"not invited":              {func(n user) { n.Email, n.NoInvitation = "", true }, nil},
		"unknown department":       {func(n user) { n.Department = "Trams" }, []string{"department no_department"}},
		"department, folded":       {func(n user) { n.Department = " BUSES " }, nil},
		"all at once": {func(n user) {
			n.Login, n.FirstName, n.LastName, n.Email, n.Department = "a b", "", "Li", "", "Trams"
			n.Priority, n.Client, n.IMEI, n.SendText = to(9), to(provisioning.Client("fax")), to("1"), to(true)
		}, []string{"client_type bad_client", "department no_department", "first_name missing", "imei bad_imei", "last_name bad_name", "login bad_login", "mobile missing", "priority bad_priority"}},
	} {
		t.Run(name, func(t *testing.T) {
			u, err := w.p.CreateUser(ctx, w.S, form("john", c.change))
			got := codes(t, err)
			require.ElementsMatch(t, c.want, got)
			if err == nil {
				require.Equal(t, "Buses", u.Department, "the only one is chosen, as it is spelled")
				require.NoError(t, erased(w, u.ID))
			}
		})
	}
}

// erased takes a user out of the way, with their IMEI.
func erased(w *world, id chatadmin.ID) error {
	login, imei := "gone."+strings.ReplaceAll(string(id)[24:], "-", ""), ""
	_, err := w.p.EditUser(ctx, w.S, id, provisioning.UserEdit{UserEdit: chatadmin.UserEdit{Login: &login}, Fields: provisioning.Fields{IMEI: &imei}})
	return err
}

// What the policies of the domain change.
func TestPolicies(t *testing.T) {
	w := newWorld(t)
	text := func(n *provisioning.NewUser) { n.SendText, n.Phone = to(true), "06 12345678" }
	_, err := w.p.CreateUser(ctx, w.S, form("ann", text))
	require.Equal(t, []string{"send_text no_texts"}, codes(t, err))
	wrong := func(n *provisioning.NewUser) { n.IMEI = to("490154203237517") }
	w.user("bob", wrong)
	w.policy(provisioning.Policy{AcceptTexts: true, LuhnIMEI: true})
	w.user("ann", text)
	_, err = w.p.CreateUser(ctx, w.S, form("cid", wrong))
	require.Equal(t, []string{"imei bad_imei"}, codes(t, err))
	w.user("dora", func(n *provisioning.NewUser) { n.IMEI = to("490154203237518") })
	w.user("emil", func(n *provisioning.NewUser) { n.IMEI = to("4901542032375") }) // has no check digit

	_, err = w.S.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.DefaultCountry = ""; return nil })
	require.NoError(t, err)
	_, err = w.p.CreateUser(ctx, w.S, form("fay", func(n *provisioning.NewUser) { n.SendText, n.Phone = to(true), "+31612345678" }))
	require.Equal(t, []string{"mobile bad_phone"}, codes(t, err), "nothing is domestic without a country")

	events := 0
	for e, err := range w.S.Events(ctx, chatadmin.EventQuery{Kind: provisioning.KindPolicy}) {
		require.NoError(t, err)
		require.Len(t, e.Changes[w.Domain], 2)
		events++
	}
	w.policy(provisioning.Policy{AcceptTexts: true, LuhnIMEI: true})
	require.Equal(t, 1, events, "twice is once")
	is, err := w.p.Policy(ctx, w.S)
	require.NoError(t, err)
	require.True(t, is.AcceptTexts && is.LuhnIMEI)
}

// Letters are those of ASCII where the domain says so.
func TestASCIILogins(t *testing.T) {
	w := newWorld(t)
	d, boss, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Plain", Preset: chatadmin.ESChat,
		Settings: func(set *chatadmin.Settings) { set.Login.ASCII = true },
		Admin:    chatadmin.NewUser{Login: "boss", FirstName: "The", LastName: "Boss", NoInvitation: true}})
	require.NoError(t, err)
	s := w.Admin.As(d.ID, boss.ID)
	for name, want := range chatadmintest.InOrder(map[string][]string{"Müller": {"login bad_login"}, "Muller": nil, "ab٣": {"login bad_login"}}) {
		_, err := w.p.CreateUser(ctx, s, form(name))
		require.Equal(t, want, codes(t, err), name)
	}
	w.user("Müller")
}

// What is not given stays, a blank clears, and the same again changes nothing.
func TestEdit(t *testing.T) {
	w := newWorld(t)
	w.department("Buses")
	w.department("Trams")
	_, err := w.p.CreateUser(ctx, w.S, form("ann"))
	require.Equal(t, []string{"department missing"}, codes(t, err), "there are several")
	u := w.user("ann", in("buses"), func(n *provisioning.NewUser) { n.Priority, n.IMEI, n.Contacts = to(3), to("1234567890123"), to(false) })
	require.Equal(t, provisioning.Profile{Version: 1, Priority: 3, IMEI: "1234567890123", ContactsOff: true}, w.profile(u.ID))
	require.Equal(t, provisioning.Manual, w.profile(u.ID).Activation())

	edit := func(e provisioning.UserEdit) chatadmin.User {
		t.Helper()
		u, err := w.p.EditUser(ctx, w.S, u.ID, e)
		require.NoError(t, err)
		return u
	}
	title := "Driver"
	u = edit(provisioning.UserEdit{UserEdit: chatadmin.UserEdit{Title: &title}})
	require.Equal(t, 3, w.profile(u.ID).Priority)
	rev := u.Rev
	u = edit(provisioning.UserEdit{Fields: provisioning.Fields{Priority: to(3), IMEI: to("123456 7890123")}})
	require.Equal(t, rev, u.Rev, "twice is once")
	u = edit(provisioning.UserEdit{UserEdit: chatadmin.UserEdit{Department: to("TRAMS")}, Fields: provisioning.Fields{IMEI: to(""), Client: to(provisioning.RTPGateway)}})
	require.Equal(t, "Trams", u.Department)
	require.Equal(t, provisioning.Profile{Version: 1, Priority: 3, Client: provisioning.RTPGateway, ContactsOff: true}, w.profile(u.ID))
	w.user("bob", in("Buses"), func(n *provisioning.NewUser) { n.IMEI = to("1234567890123") }) // it is free again

	for e, err := range w.S.Events(ctx, chatadmin.EventQuery{Kind: chatadmin.KindUserEdit, Target: u.ID}) {
		require.NoError(t, err)
		require.ElementsMatch(t, []chatadmin.FieldChange{{Field: "department", Before: "Buses", After: "Trams"}, {Field: "imei", Before: "1234567890123", After: ""},
			{Field: "client_type", Before: "unknown", After: "rtp gateway"}}, e.Changes[u.ID])
		break
	}
	_, err = w.p.EditUser(ctx, w.S, u.ID, provisioning.UserEdit{UserEdit: chatadmin.UserEdit{Department: to("")}})
	require.Equal(t, []string{"department missing"}, codes(t, err))
	_, err = w.p.EditUser(ctx, w.S, u.ID, provisioning.UserEdit{Fields: provisioning.Fields{IMEI: to("1234567890123")}})
	require.ErrorIs(t, err, chatadmin.ErrExists)
	require.Equal(t, []string{"imei bad_imei"}, codes(t, func() error {
		_, err := w.p.EditUser(ctx, w.S, u.ID, provisioning.UserEdit{Fields: provisioning.Fields{IMEI: to("490154203237518")}})
		return err
	}()), "a gateway has none")
}

// The rules hold by other ways in, too: departments exist, and are chosen.
func TestOtherWays(t *testing.T) {
	w := newWorld(t)
	create := func(department string) error {
		_, err := w.S.CreateUser(ctx, chatadmin.NewUser{Login: "ann." + w.Clock.Now().Format("150405"), FirstName: "Ann", LastName: "Smith", Department: department, NoInvitation: true})
		w.Clock.Advance(1e9)
		return err
	}
	require.NoError(t, create(""))
	require.Equal(t, []string{"department no_department"}, codes(t, create("Buses")))
	w.department("Buses")
	require.NoError(t, create("Buses"))
	require.NoError(t, create(""), "there is one alone, which the form would choose")
	require.Equal(t, []string{"department no_department"}, codes(t, create("buses")), "it is spelled in another way")
	w.department("Trams")
	require.Equal(t, []string{"department missing"}, codes(t, create("")))

	// Domains of other presets are as they were.
	_, boss := w.Open("Office", chatadmin.OfficeChat)
	s := w.As(boss)
	u, err := s.CreateUser(ctx, chatadmin.NewUser{Login: "ann@office.example", Department: "Anything", NoInvitation: true})
	require.NoError(t, err)
	_, err = w.p.CreateUser(ctx, s, provisioning.NewUser{NewUser: chatadmin.NewUser{Login: "bob@office.example"}, Fields: provisioning.Fields{SendText: to(false)}})
	require.ErrorIs(t, err, provisioning.ErrNotServed)
	plain, err := w.p.CreateUser(ctx, s, provisioning.NewUser{NewUser: chatadmin.NewUser{Login: "bob@office.example"}})
	require.NoError(t, err)
	require.Empty(t, plain.Attrs)
	_, err = w.p.EditUser(ctx, s, u.ID, provisioning.UserEdit{Fields: provisioning.Fields{Priority: to(1)}})
	require.ErrorIs(t, err, provisioning.ErrNotServed)
	_, err = w.p.CreateDepartment(ctx, s, "Sales")
	require.ErrorIs(t, err, provisioning.ErrNotServed)
	_, err = w.p.Profile(ctx, s, u.ID)
	require.ErrorIs(t, err, provisioning.ErrNotServed)
}
