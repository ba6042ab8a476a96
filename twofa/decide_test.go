package twofa_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/twofa"
)

// Every cell: who × how × with what, in every mode. asked holds the cells in
// which a code is asked for; everything else is not.
func TestWholeMatrix(t *testing.T) {
	clients := []signin.Client{signin.Web, signin.Desktop, signin.Mac, signin.UnknownClient, "", "toaster", signin.IOS, signin.Android}
	methods := []signin.Method{signin.Password, "", "magic", signin.Google, signin.SAML}
	want := map[twofa.Mode]string{
		twofa.Off: `
                  password  (none)  magic  google  saml
			web       off       off     off    off     off
			desktop   off       off     off    off     off
			mac       off       off     off    off     off
			unknown   off       off     off    off     off
			(none)    off       off     off    off     off
			toaster   off       off     off    off     off
			ios       off       off     off    off     off
			android   off       off     off    off     off`,
		twofa.Email: `
                  password  (none)  magic  google     saml
			web       asked     asked   asked  federated  federated
			desktop   asked     asked   asked  federated  federated
			mac       asked     asked   asked  federated  federated
			unknown   asked     asked   asked  federated  federated
			(none)    asked     asked   asked  federated  federated
			toaster   asked     asked   asked  federated  federated
			ios       mobile    mobile  mobile federated  federated
			android   mobile    mobile  mobile federated  federated`,
	}
	want[twofa.Authenticator] = want[twofa.Email]
	cells := 0
	for mode, table := range want {
		rows := cellsOf(table)
		w := newWorld(t, twofa.Policy{})
		if mode != twofa.Off {
			w.mode(twofa.Policy{Mode: mode})
		}
		people := map[string]chatadmin.User{"network": w.User("ann@acme.example"), "guest": w.User("gus@guest.example", guest)}
		for i, client := range clients {
			for j, method := range methods {
				rule := twofa.Rule(rows[i][j])
				require.Equal(t, rule, twofa.Decide(twofa.Policy{Mode: mode}, client, method), "%s, %q by %q", mode, client, method)
				for who, u := range chatadmintest.InOrder(people) { // and what Ask does is what the table says
					cells++
					require.Equal(t, who, u.Kind.String())
					asked, err := w.twofa.Ask(ctx, w.Settings(), u, signin.Attempt{Client: client, Method: method})
					if rule == twofa.RuleAsked && mode == twofa.Email && err != nil {
						require.ErrorIs(t, err, twofa.ErrTooMany) // so many mails in no time
						w.Clock.Advance(days)
						asked, err = w.twofa.Ask(ctx, w.Settings(), u, signin.Attempt{Client: client, Method: method})
					}
					require.NoError(t, err)
					require.Equal(t, rule == twofa.RuleAsked, asked.Challenge != nil, "%s, a %s with %q by %q", mode, who, client, method)
					e, err := w.twofa.Explain(ctx, w.S, u.ID, client, method)
					require.NoError(t, err)
					require.Equal(t, rule, e.Rule)
				}
			}
		}
	}
	require.Equal(t, 3*2*len(clients)*len(methods), cells)
}

func cellsOf(table string) [][]string {
	var rows [][]string
	for _, line := range strings.Split(strings.TrimSpace(table), "\n")[1:] {
		rows = append(rows, strings.Fields(line)[1:])
	}
	return rows
}

// With the mode off nothing is read and nothing written.
func TestOffAsksTheStoreNothing(t *testing.T) {
	w := newWorld(t, twofa.Policy{})
	set := w.Settings()
	counted := &counting{Store: w.Store}
	_, f := w.process(counted, ringOf(t, "k1"), nil)
	for _, c := range []signin.Client{signin.Web, signin.IOS, signin.UnknownClient} {
		asked, err := f.Ask(ctx, set, w.Boss, signin.Attempt{Client: c})
		require.NoError(t, err)
		require.Equal(t, signin.Asked{}, asked)
	}
	require.Empty(t, counted.calls)
}

// A policy that cannot be understood lets nobody in.
func TestBrokenPolicyDenies(t *testing.T) {
	w := newWorld(t, byApp)
	for _, p := range []string{`{"v":1,"mode":"none"}`, `{"v":2,"mode":"email"}`, `[]`, `{"v":1,"mode":"email","validity":-1}`, `{"v":1,"mode":"email","validity":99999999}`} {
		set := *w.Settings()
		set.Policies = map[string]json.RawMessage{"twofa": json.RawMessage(p)}
		_, err := w.twofa.Ask(ctx, &set, w.Boss, signin.Attempt{Client: signin.Web})
		require.Error(t, err, p)
	}
	for _, r := range []twofa.Rule{twofa.RuleOff, twofa.RuleFederated, twofa.RuleMobile, twofa.RuleTrusted, twofa.RuleAsked} {
		require.NotEmpty(t, fmt.Sprint(r))
	}
}
