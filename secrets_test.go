package sdk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/smtpmail"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/mailchimp"
	"chatadmin.example/sdk/integrations/slack"
)

// hush is the secret that must be seen nowhere.
const hush = "hushhushhushhush"

// sample is a value that holds hush, in all the ways in which it can lie in
// another one. The unexported fields matter: fmt calls no methods on them.
type sample struct {
	name string
	wire bool // JSON carries it on purpose
	in   []any
}

func nested[T any](name string, v T) sample {
	type shown struct{ V T }
	type hidden struct{ v T }
	type deep struct {
		p *hidden
		s []hidden
		m map[string]hidden
		i any
		a [1]T
	}
	h := hidden{v}
	return sample{name: name, in: []any{v, &v, []T{v}, []*T{&v}, map[string]T{"k": v}, map[string]any{"k": v}, [1]T{v}, shown{v}, &shown{v}, h, &h, []hidden{h}, map[string]hidden{"k": h},
		deep{&h, []hidden{h}, map[string]hidden{"k": h}, h, [1]T{v}}, &deep{i: &v}, struct{ X any }{v}, struct{ x any }{v}, struct{ x, y any }{h, &h}}}
}

func (s sample) onWire() sample {
	s.wire = true
	return s
}

// samples has every exported type with a secret in it.
func samples(t *testing.T) []sample {
	v, w := secret.Hide(hush), secret.Wire{Value: secret.Hide(hush)}
	tok, err := chatadmin.ParseToken("d.s." + (hush + hush + hush)[:43])
	require.NoError(t, err)
	enrolment := signin.Enrolment{URI: v, Secret: v, QR: v}
	challenge := signin.Challenge{ID: "c", Enrolment: &enrolment}
	hook := integrations.Hook{URL: v, Signing: v}
	return []sample{
		nested("secret.Value", v), nested("secret.Wire", w).onWire(), nested("chatadmin.Token", tok), nested("chatadmin.Push", chatadmin.Push{Token: v}),
		nested("keyring.Key", keyring.Key{ID: "k", Secret: v}), nested("smtpmail.Options", smtpmail.Options{Password: v}),
		nested("signin.Attempt", signin.Attempt{Trust: v}), nested("signin.Asked", signin.Asked{Trust: v, Challenge: &challenge}), nested("signin.Answer", signin.Answer{Trust: v}),
		nested("signin.Decision", signin.Decision{Trust: v, Challenge: &challenge}), nested("signin.Enrolment", enrolment), nested("signin.Challenge", challenge), nested("signin.Try", try(t, v)),
		nested("devices.Registration", devices.Registration{Push: v}), nested("devices.Registered", devices.Registered{Token: tok, WipeToken: tok}),
		nested("devices.RegisterRequest", devices.RegisterRequest{PushToken: w}).onWire(), nested("devices.RegisterReply", devices.RegisterReply{Token: w, WipeToken: w}).onWire(),
		nested("integrations.Step", integrations.Step{State: v, Code: v, Answers: map[string]integrations.Secret{"k": v}}), nested("integrations.Next", integrations.Next{URL: v, Keep: v, Grant: &integrations.Grant{Token: v}}),
		nested("integrations.Grant", integrations.Grant{Token: v}), nested("integrations.Status", integrations.Status{Webhook: v}), nested("integrations.Hook", hook),
		nested("integrations.Connection", integrations.Connection{Token: v, Kept: v, Hooks: map[string]*integrations.Hook{"h": &hook}}),
		nested("slack.Options", &slack.Options{ClientSecret: v, SigningSecret: v}), nested("mailchimp.Options", &mailchimp.Options{ClientSecret: v}),
	}
}

// try is an attempt to sign in that is under way.
func try(t *testing.T, trust secret.Value) *signin.Try {
	admin := chatadmintest.Must(chatadmin.New(memstore.New(nil), nil))
	d, _, err := admin.CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "ann@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	gate, err := signin.New(admin, nil)
	require.NoError(t, err)
	got, err := gate.Begin(t.Context(), d.ID, signin.Attempt{Login: "ann@acme.example", Client: signin.Web, Trust: trust})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, gate.Cancel(context.Background(), got)) })
	return got
}

// tells reports whether a text holds hush in any notation.
func tells(text string) bool {
	bare := strings.NewReplacer("0x", "", "0X", "", "0b", "", "0o", "", "U+00", "", " ", "", ",", "", "'", "", "[", "", "]", "", "\n", "").Replace(text)
	for _, s := range []string{"hush", "HUSH", "aHVzaA", "68757368", "104117115104", "150165163150", "1101000111010111100111101000"} {
		if strings.Contains(bare, s) || strings.Contains(text, s) {
			return true
		}
	}
	return false
}

func TestSecretsPrintNothing(t *testing.T) {
	for _, s := range samples(t) {
		for i, v := range s.in {
			for _, verb := range "vTtbcdoOqxXUeEfFgGspz" {
				for _, flags := range []string{"", "+", "#", "-", " ", "0", "+#", "# ", "20", ".3"} {
					format := "%" + flags + string(verb)
					require.False(t, tells(fmt.Sprintf(format, v)), "%s, form %d, %s", s.name, i, format)
				}
			}
			require.False(t, tells(fmt.Errorf("x: %v", v).Error()), "%s, form %d", s.name, i)
			if b, err := json.Marshal(v); err == nil && !s.wire {
				require.False(t, tells(string(b)), "%s, form %d: JSON %s", s.name, i, b)
			}
			var out bytes.Buffer
			slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v, slog.Group("g", "v", v))
			if !s.wire {
				slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v, slog.Group("g", "v", v))
			}
			require.False(t, tells(out.String()), "%s, form %d: slog %s", s.name, i, out.String())
		}
	}
}

// It is the test that must see what it looks for.
func TestTellsSecrets(t *testing.T) {
	for _, v := range []any{hush, []byte(hush), struct{ x string }{hush}} {
		for _, format := range []string{"%v", "%+v", "%#v", "%q", "%x", "% X", "%#x"} {
			require.True(t, tells(fmt.Sprintf(format, v)), format)
		}
	}
	require.True(t, tells(fmt.Sprintf("%d %o %b", []byte(hush), 1, 2)))
}

// open are fields that look like secrets by their name and are none, or are a
// text that the caller hands on as it is.
var open = map[string]string{
	"storage.Device.Key":        "the device's own id",
	"storage.DeviceQuery.Key":   "the device's own id",
	"storage.Device.Secret":     "a hash",
	"compliance.Effect.Key":     "names a step",
	"devices.Device.Key":        "the device's own id",
	"devices.Registration.Key":  "the device's own id",
	"devices.Session.Key":       "the device's own id",
	"devices.Query.Key":         "the device's own id",
	"integrations.Event.Key":    "names an event",
	"integrations.Outgoing.Key": "names a message",
	"integrations.Post.Key":     "names a message",
}

var (
	looksSecret = regexp.MustCompile(`(?i)(secret|token|password|passphrase|trust|credential|seed|signing|apikey|^key)`)
	isSecret    = regexp.MustCompile(`\b(secret\.(Value|Wire)|Secret|Token)\b`)
)

// Every exported struct with a secret has a sample above, and every field that
// looks like one is one.
func TestSecretsAreHeld(t *testing.T) {
	known, met := map[string]bool{}, map[string]bool{}
	for _, s := range samples(t) {
		known[s.name] = true
	}
	require.NoError(t, filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() && (e.Name() == "examples" || e.Name() == "testdata" || strings.HasPrefix(e.Name(), ".") && path != "." || strings.HasSuffix(e.Name(), "test")) {
			if err == nil {
				err = fs.SkipDir
			}
			return err
		}
		if e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			st, ok := spec.Type.(*ast.StructType)
			if !ok || !spec.Name.IsExported() {
				return true
			}
			for _, field := range st.Fields.List {
				kind := source(field.Type)
				for _, name := range field.Names {
					full := f.Name.Name + "." + spec.Name.Name + "." + name.Name
					switch {
					case isSecret.MatchString(kind):
						assert.True(t, known[f.Name.Name+"."+spec.Name.Name], "%s holds a secret: give it a sample", full)
					case name.IsExported() && looksSecret.MatchString(name.Name) && (kind == "string" || kind == "[]byte"):
						met[full] = true
						assert.NotEmpty(t, open[full], "%s in %s looks like a secret: hold it in a secret.Value, or say why it is none", full, path)
					}
				}
			}
			return true
		})
		return nil
	}))
	for name := range open {
		assert.True(t, met[name], "%s is not there any more", name)
	}
}

// source is a type as it is written.
func source(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return source(e.X) + "." + e.Sel.Name
	case *ast.StarExpr:
		return "*" + source(e.X)
	case *ast.ArrayType:
		return "[]" + source(e.Elt)
	case *ast.MapType:
		return "map[" + source(e.Key) + "]" + source(e.Value)
	}
	return ""
}
