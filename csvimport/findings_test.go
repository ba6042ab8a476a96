package csvimport_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/csvimport"
)

// What is the same in many rows is said once, with an example: faults first,
// then the warnings by the harm they do.
func TestFindings(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	file := "login,name,mobile,manager,enabled\n" + strings.Join([]string{
		"a@acme.example,N/A,,nobody@acme.example,", "b@acme.example,N/A,,,", "c@acme.example,JosÃ©,#####,,", "d@acme,x,,,", "e@acme,x,,,maybe", "f@acme.example,x,,,FALSE",
		"g\u200b@acme.example,x,,,"}, "\n") + "\n"
	p, err := csvimport.ImportsOf(w.S).Plan(ctx, w.S, strings.NewReader(file), csvimport.UpdateExisting, nil)
	require.NoError(t, err)
	planned, err := p.Findings(ctx, w.S, strings.NewReader(file))
	require.NoError(t, err)
	r, err := csvimport.ImportsOf(w.S).Apply(ctx, w.S, p, strings.NewReader(file), nil)
	require.NoError(t, err)
	done, err := r.Findings(ctx, w.S, strings.NewReader(file))
	require.NoError(t, err)
	require.Equal(t, planned, done)
	var got []string
	for _, f := range done {
		got = append(got, fmt.Sprintf("%s %d, line %d, %s %q", f.Code, f.Count, f.Line, f.Example.Column, f.Example.Value))
		require.NotEmpty(t, f.Example.Message)
	}
	require.Equal(t, []string{`bad_email 2, line 5, login "d@acme"`, `bad_enabled 1, line 6, enabled "maybe"`, `invisible 1, line 8, login "g@acme.example"`, `decoded_twice 1, line 4, name "JosÃ©"`,
		`ruined 1, line 4, mobile "#####"`, `no_manager 1, line 2, manager "nobody@acme.example"`, `null_word 2, line 2, name "N/A"`}, got)
	stop := fmt.Errorf("enough")
	require.ErrorIs(t, p.Outcomes(ctx, w.S, strings.NewReader(file), func(csvimport.Outcome) error { return stop }), stop)
	_, err = (&csvimport.Plan{}).Findings(ctx, w.S, strings.NewReader(file))
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}
