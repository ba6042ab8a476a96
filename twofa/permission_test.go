package twofa_test

import (
	"context"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/twofa"
)

// notForActors are the methods that only the host's own code can call: they
// take no scope.
var notForActors = []string{"Ask", "Open", "Answer", "Resend", "Challenge", "SendNotices", "TwoFactorEnabled"}

// calls are the lines of the matrix, about a user who has an authenticator and
// a remembered client.
func calls(f **twofa.Service, ann *chatadmin.User, job *chatadmin.ID) map[string]chatadmintest.Call {
	return map[string]chatadmintest.Call{
		"Plan": {Need: chatadmin.PermTwoFactor, NoTarget: true, Do: func(ctx context.Context, s *chatadmin.Scope) error {
			_, err := (*f).Plan(ctx, s, byMail)
			return err
		}},
		"Apply": {Need: chatadmin.PermTwoFactor, NoTarget: true, Do: func(ctx context.Context, s *chatadmin.Scope) error {
			p, err := (*f).Plan(ctx, s.Admin().AsHost(s.Domain()), byMail)
			if err != nil {
				return err
			}
			p.Actor = s.Actor()
			return (*f).Apply(ctx, s, p)
		}},
		"Policy": {NoTarget: true, Do: func(ctx context.Context, s *chatadmin.Scope) error {
			_, err := (*f).Policy(ctx, s)
			return err
		}},
		"Reset": {Need: chatadmin.PermTwoFactor, Do: func(ctx context.Context, s *chatadmin.Scope) error { return (*f).Reset(ctx, s, ann.ID) }},
		"Explain": {Need: chatadmin.PermTwoFactor, Do: func(ctx context.Context, s *chatadmin.Scope) error {
			_, err := (*f).Explain(ctx, s, ann.ID, signin.Web, signin.Password)
			return err
		}},
		"Trusted": {Need: chatadmin.PermTwoFactor, Do: func(ctx context.Context, s *chatadmin.Scope) error {
			_, err := (*f).Trusted(ctx, s, ann.ID)
			return err
		}},
		"RevokeTrusted":    {Need: chatadmin.PermTwoFactor, Do: func(ctx context.Context, s *chatadmin.Scope) error { return (*f).RevokeTrusted(ctx, s, ann.ID) }},
		"RevokeAllTrusted": {Need: chatadmin.PermTwoFactor, Do: func(ctx context.Context, s *chatadmin.Scope) error { return (*f).RevokeAllTrusted(ctx, s, ann.ID) }},
		"RecoveryCodes": {Need: chatadmin.PermTwoFactor, Do: func(ctx context.Context, s *chatadmin.Scope) error {
			_, err := (*f).RecoveryCodes(ctx, s, ann.ID)
			return err
		}},
		"Reseal": {HostOnly: true, NoTarget: true, Do: func(ctx context.Context, s *chatadmin.Scope) error {
			_, err := (*f).Reseal(ctx, s, nil)
			return err
		}},
		"ResumeReseal": {HostOnly: true, Do: func(ctx context.Context, s *chatadmin.Scope) error {
			_, err := (*f).ResumeReseal(ctx, s, *job, nil)
			return err
		}},
	}
}

func TestPermissions(t *testing.T) {
	var f *twofa.Service
	var ann chatadmin.User
	var job chatadmin.ID
	open := func(t *testing.T) (*chatadmin.Admin, chatadmin.ID) {
		w := newWorldOn(t, memstore.New(nil), twofa.Policy{Mode: twofa.Authenticator, Validity: days, Recovery: true}, nil, nil)
		f, ann = w.twofa, w.User("ann@acme.example")
		secret := w.enrol(ann)
		w.right(w.challenged(ann).ID, w.code(secret), true)
		w.Clock.Advance(30 * time.Second)
		j, err := f.Reseal(ctx, w.Host, nil)
		require.NoError(t, err)
		job = j.ID
		return w.Admin, w.Domain
	}
	matrix := calls(&f, &ann, &job)
	service := reflect.TypeFor[*twofa.Service]()
	for i := range service.NumMethod() {
		name := service.Method(i).Name
		_, listed := matrix[name]
		require.True(t, listed != slices.Contains(notForActors, name), "Service.%s has no line in the matrix", name)
	}
	for name, c := range matrix {
		c.Open = open
		t.Run(name, func(t *testing.T) { chatadmintest.Authorise(t, c) })
	}
}

// The table in the package documentation says what the matrix proves.
func TestDocumentedPermissions(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	documented := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^//\t(twofactor\b[^\n]*?|everybody|host)   +([A-Z][A-Za-z, ]+)$`).FindAllStringSubmatch(string(text), -1) {
		for _, call := range strings.Split(m[2], ", ") {
			documented[call] = strings.TrimPrefix(strings.TrimSuffix(strings.Fields(m[1])[0], ","), "everybody")
		}
	}
	want := map[string]string{}
	for name, c := range calls(nil, nil, nil) {
		want[name] = string(c.Need)
		if c.HostOnly {
			want[name] = "host"
		}
	}
	for _, name := range notForActors {
		want[name] = "host"
	}
	require.Equal(t, want, documented)
}

func attempt(trust string) signin.Attempt {
	return signin.Attempt{Client: signin.Web, Trust: secret.Hide(trust)}
}
