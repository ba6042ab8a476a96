package twofa_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/twofa"
)

// forms are the ways in which people type and copy six digits.
var forms = map[string]func(code string) string{
	"plain":          func(c string) string { return c },
	"as apps show":   func(c string) string { return c[:3] + " " + c[3:] },
	"hyphen":         func(c string) string { return c[:3] + "-" + c[3:] },
	"no-break space": func(c string) string { return c[:3] + "\u00a0" + c[3:] },
	"thin space":     func(c string) string { return c[:3] + "\u2009" + c[3:] },
	"dash":           func(c string) string { return c[:3] + "\u2013" + c[3:] },
	"pairs":          func(c string) string { return c[:2] + " " + c[2:4] + " " + c[4:] },
	"trailing blank": func(c string) string { return c + " " },
	"line feed":      func(c string) string { return c + "\n" },
	"CR LF":          func(c string) string { return c + "\r\n" },
	"around":         func(c string) string { return "\t  " + c[:3] + " " + c[3:] + " \n" },
}

// noCodes are answers that cannot be a code, whatever the right one is.
func noCodes(code string) map[string]string {
	arabic := strings.NewReplacer("0", "٠", "1", "١", "2", "٢", "3", "٣", "4", "٤", "5", "٥", "6", "٦", "7", "٧", "8", "٨", "9", "٩")
	return map[string]string{
		"empty": "", "blank": "  ", "short": code[:5], "padded before": "0" + code, "padded behind": code + "0", "Arabic digits": arabic.Replace(code), "full width": "１２３４５６",
		"NUL": code + "\x00", "a plus": "+" + code, "a hyphen before": "-" + code, "a hyphen behind": code + "-", "two lines": code[:3] + "\n" + code[3:],
		"a point": code[:3] + "." + code[3:], "letters": "abcdef", "too many blanks": strings.Repeat(" ", 60) + code, "a megabyte": strings.Repeat("1", 1<<20), "no UTF-8": code[:5] + "\xff",
	}
}

// Codes are taken as people type them, from the app, at the enrolment and by
// mail.
func TestCodesAsTyped(t *testing.T) {
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, byApp)
			ann := w.User("ann@acme.example")
			c := w.challenged(ann)
			w.right(c.ID, form(w.code(c.Enrolment.Secret.Reveal())))
			w.Clock.Advance(30e9)
			w.right(w.challenged(ann).ID, form(w.code(c.Enrolment.Secret.Reveal())))
			w.mode(byMail)
			w.right(w.challenged(ann).ID, form(w.mailed(ann)))
		})
	}
}

// Recovery codes too.
func TestRecoveryCodesAsTyped(t *testing.T) {
	w := newWorld(t, twofa.Policy{Mode: twofa.Authenticator, Recovery: true})
	ann := w.User("ann@acme.example")
	w.enrol(ann)
	codes, err := w.twofa.RecoveryCodes(ctx, w.S, ann.ID)
	require.NoError(t, err)
	for i, form := range []func(string) string{
		func(c string) string { return c + "\n" },
		func(c string) string { return " " + strings.ToLower(c) + "\r\n" },
		func(c string) string { return strings.ReplaceAll(c, "-", "\u2013") },
		func(c string) string { return strings.ReplaceAll(c, "-", "\u00a0") },
	} {
		w.right(w.challenged(ann).ID, form(codes[i]))
	}
	for _, bad := range []string{strings.Replace(codes[9], codes[9][:1], "ſ", 1), codes[9] + "-", codes[9][:10]} {
		a, err := w.answer(w.challenged(ann).ID, bad)
		require.NoError(t, err)
		require.True(t, a.Malformed, "%q", bad)
	}
}

// What cannot be a code is no guess: it is not counted against the user, and
// the right code still works.
func TestNoCodeIsNoGuess(t *testing.T) {
	for _, p := range []twofa.Policy{byApp, byMail} {
		w := newWorld(t, p)
		ann := w.User("ann@acme.example")
		secret := ""
		if p == byApp {
			secret = w.enrol(ann)
		}
		for name, bad := range noCodes("123456") {
			w.Clock.Advance(20 * 60e9)
			c := w.challenged(ann)
			a, err := w.answer(c.ID, bad)
			require.NoError(t, err)
			require.Equal(t, signin.Answer{Malformed: true}, a, name)
			require.NotContains(t, string(w.record(ann).Data), `"wrong"`, name)
			if p == byApp {
				w.right(c.ID, w.code(secret))
			} else {
				w.right(c.ID, w.mailed(ann))
			}
		}
	}
}

// A recovery code where none can count is no guess either.
func TestRecoveryCodeInTheWrongPlace(t *testing.T) {
	for name, p := range map[string]twofa.Policy{"by mail": byMail, "none in this domain": byApp, "at the enrolment": {Mode: twofa.Authenticator, Recovery: true}} {
		w := newWorld(t, p)
		ann := w.User("ann@acme.example")
		if name == "none in this domain" {
			w.enrol(ann)
		}
		a, err := w.answer(w.challenged(ann).ID, "ABCD-EFGH-JKLM-NPQR")
		require.NoError(t, err)
		require.Equal(t, signin.Answer{Malformed: true}, a, name)
	}
}

// A challenge takes ten such answers, of a hundred at once too, and the user
// goes on with the next one.
func TestNoCodesAreBounded(t *testing.T) {
	w := newWorld(t, byApp)
	ann := w.User("ann@acme.example")
	secret := w.enrol(ann)
	c := w.challenged(ann)
	for n := range 10 {
		a, err := w.answer(c.ID, "12345")
		require.NoError(t, err)
		require.Equal(t, signin.Answer{Malformed: true, Dead: n == 9}, a)
	}
	_, err := w.answer(c.ID, w.code(secret))
	require.ErrorIs(t, err, chatadmin.ErrNotFound)

	c = w.challenged(ann)
	looked := make(chan bool, 100)
	race(func(int) {
		a, err := w.answer(c.ID, "12345")
		looked <- err == nil && a.Malformed
	})
	close(looked)
	n := 0
	for is := range looked {
		if is {
			n++
		}
	}
	require.LessOrEqual(t, n, 10)
	w.right(w.challenged(ann).ID, w.code(secret))
}

// A right code that was opened before is looked at, whatever else was typed
// meanwhile.
func TestNoCodeLeavesTheChallenge(t *testing.T) {
	w := newWorld(t, byApp)
	ann := w.User("ann@acme.example")
	secret := w.enrol(ann)
	c := w.challenged(ann)
	o, err := w.twofa.Open(ctx, w.Domain, c.ID)
	require.NoError(t, err)
	_, err = w.answer(c.ID, "12345")
	require.NoError(t, err)
	a, err := w.twofa.Answer(ctx, o, w.code(secret), false)
	require.NoError(t, err)
	require.True(t, a.Right)
}
