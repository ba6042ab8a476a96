package mailchimp_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/mailchimp"
	"chatadmin.example/sdk/integrations/mailchimp/mailchimptest"
)

const list = "a6b5da1054" // of the fixtures

type world struct {
	*integrationstest.World
	t   *testing.T
	srv *mailchimptest.Server
}

func newWorld(t *testing.T, change ...func(*mailchimptest.Server)) *world {
	t.Helper()
	srv := mailchimptest.NewServer()
	t.Cleanup(srv.Close)
	for _, f := range change {
		f(srv)
	}
	svc, err := mailchimp.New(srv.Options())
	require.NoError(t, err)
	w := &world{integrationstest.New(t, nil, svc), t, srv}
	srv.Now = w.Clock.Now
	st := w.Connect(w.Of("mailchimp"), srv.Authorise)
	require.Equal(t, "Example BV", st.Account)
	require.True(t, st.Webhook.IsZero())
	return w
}

func (w *world) save(settings string) error {
	_, err := w.X.Save(w.t.Context(), w.Ann, w.Of("mailchimp"), json.RawMessage(settings))
	return err
}

func (w *world) texts() []string {
	var texts []string
	for _, m := range w.Groups.Messages(w.Group) {
		require.Equal(w.t, 1, m.Posts)
		texts = append(texts, m.Text)
	}
	return texts
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return b
}

func (w *world) fire(form []byte) {
	w.t.Helper()
	codes, err := w.srv.Fire(w.t.Context(), list, form)
	require.NoError(w.t, err)
	require.Equal(w.t, []int{200}, codes)
}

// Each event becomes a sentence with the person's and the audience's name,
// once, however often Mailchimp repeats it.
func TestEvents(t *testing.T) {
	for file, want := range map[string]string{
		"webhook_subscribe.form":   "Mailchimp API (api@mailchimp.com) subscribed to Newsletter.",
		"webhook_unsubscribe.form": "Mailchimp API (api+unsub@mailchimp.com) unsubscribed from Newsletter.",
		"webhook_profile.form":     "Mailchimp API (api@mailchimp.com) changed their profile in Newsletter.",
		"webhook_upemail.form":     "api+old@mailchimp.com is now api+new@mailchimp.com in Newsletter.",
		"webhook_cleaned.form":     "api+cleaned@mailchimp.com was removed from Newsletter: mails to this address come back.",
		"webhook_campaign.form":    "The campaign “Test Campaign Subject” was sent to Newsletter.",
	} {
		for _, signing := range []bool{false, true} {
			w := newWorld(t, func(s *mailchimptest.Server) { s.Signing = signing })
			require.NoError(t, w.save(`{"audiences":["`+list+`"],"name":"News"}`))
			body := fixture(t, file)
			for range 3 {
				w.fire(body)
				w.Deliver()
				w.Clock.Advance(time.Minute)
			}
			w.Deliver()
			require.Equal(t, []string{want}, w.texts(), file)
			require.Equal(t, "News", w.Groups.Messages(w.Group)[0].Post.As)
		}
	}
}

// A change of address comes with a changed profile, before or after it:
// together they are one message. A later change of the profile is one of its
// own.
func TestAddressAndProfileAreOne(t *testing.T) {
	up := fixture(t, "webhook_upemail.form")
	for _, address := range []string{"api%2Bnew%40mailchimp.com", "api%2Bold%40mailchimp.com", "API%2Bnew%40mailchimp.com"} {
		for _, late := range []string{"22%3A15%3A09", "22%3A15%3A11", "22%3A15%3A07"} {
			for _, first := range []bool{true, false} {
				w := newWorld(t)
				require.NoError(t, w.save(`{"audiences":["`+list+`"]}`))
				profile := bytes.ReplaceAll(fixture(t, "webhook_profile.form"), []byte("data%5Bemail%5D=api%40mailchimp.com"), []byte("data%5Bemail%5D="+address))
				profile = bytes.ReplaceAll(profile, []byte("21%3A31%3A21"), []byte(late))
				if first {
					w.fire(profile)
					w.Deliver()
				}
				w.fire(up)
				w.fire(up)
				w.fire(profile)
				w.Deliver()
				w.Clock.Advance(time.Minute)
				w.Deliver()
				require.Equal(t, []string{"api+old@mailchimp.com is now api+new@mailchimp.com in Newsletter."}, w.texts(), "%s at %s, first %v", address, late, first)
				w.fire(bytes.ReplaceAll(profile, []byte(late), []byte("22%3A16%3A00")))
				w.Clock.Advance(time.Minute)
				w.Deliver()
				require.Len(t, w.texts(), 2)
			}
		}
	}
}

// send posts a form to an address and returns the status.
func (w *world) send(address string, form []byte, header ...string) int {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, address, bytes.NewReader(form))
	require.NoError(w.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	_, _ = io.Copy(io.Discard, res.Body)
	require.NoError(w.t, res.Body.Close())
	return res.StatusCode
}

func TestSignature(t *testing.T) {
	w := newWorld(t, func(s *mailchimptest.Server) { s.Signing = true })
	require.NoError(t, w.save(`{"audiences":["`+list+`"]}`))
	address := w.srv.Webhooks(list)[0].URL
	body := fixture(t, "webhook_subscribe.form")
	require.Equal(t, 401, w.send(address, body), "a signature is required once there is a secret")
	for _, sig := range []string{"", "t=1,v1=", "t=-1,v1=aa", "t=99999999999999999999,v1=aa", "v1=aa", "t=1772355600,v1=" + mailchimp.Sign("other", "1772355600", body), strings.Repeat("t=1,", 10000)} {
		require.Equal(t, 401, w.send(address, body, "X-Mailchimp-Signature", sig), sig)
	}
	require.Equal(t, 200, w.send(address, nil), "the look at the address is answered")
	res, err := http.Get(address)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, 200, res.StatusCode)

	var v struct{ Signing_secret, Timestamp, Raw_body, Header string }
	require.NoError(t, json.Unmarshal(fixture(t, "signature_vector.json"), &v))
	require.Equal(t, v.Header, "X-Mailchimp-Signature: t="+v.Timestamp+",v1="+mailchimp.Sign(v.Signing_secret, v.Timestamp, []byte(v.Raw_body)))
}

// Another audience's event at this address, an unknown type and half a form do
// nothing.
func TestIgnored(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.save(`{"audiences":["`+list+`"]}`))
	address := w.srv.Webhooks(list)[0].URL
	body := string(fixture(t, "webhook_subscribe.form"))
	for _, b := range []string{strings.ReplaceAll(body, list, "b7c6eb2165"), strings.Replace(body, "type=subscribe", "type=party", 1), strings.Replace(body, "fired_at=2009", "fired_at=x", 1), "type=subscribe", "a=b"} {
		require.Equal(t, 200, w.send(address, []byte(b)), b)
	}
	require.Equal(t, 401, w.send(address, []byte("%zz")))
	w.Deliver()
	require.Empty(t, w.texts())
}

func TestOptionsAreNeeded(t *testing.T) {
	for _, o := range []*mailchimp.Options{nil, {}, {ClientID: "1"}, {ClientSecret: integrations.Hide("s")}, {ClientID: "1", ClientSecret: integrations.Hide("s"), API: "nonsense"}} {
		_, err := mailchimp.New(o)
		require.Error(t, err)
	}
}

// FuzzAccept gives every body to an address, and to Receive what was accepted
// of it.
func FuzzAccept(f *testing.F) {
	for _, name := range []string{"subscribe", "unsubscribe", "profile", "upemail", "cleaned", "campaign"} {
		f.Add(fixture(f, "webhook_"+name+".form"), "")
	}
	f.Add([]byte("type=campaign&fired_at=2009-03-26 21:31:21&data[id]=1&data[list_id]=a6b5da1054&data[subject]=%00%0d%0a"), "t=1,v1=2")
	svc, err := mailchimp.New(&mailchimp.Options{ClientID: "1", ClientSecret: integrations.Hide("s")})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body []byte, sig string) {
		c := &integrations.Connection{Saved: true, Settings: []byte(`{"audiences":[{"id":"a6b5da1054","name":"Newsletter"}],"name":"x"}`), Hooks: map[string]*integrations.Hook{list: {}}}
		r := &integrations.Request{Method: "POST", Header: http.Header{"X-Mailchimp-Signature": {sig}}, Body: body, Hook: list, Now: time.Unix(1788000000, 0)}
		acc, err := svc.Accept(c, r)
		if err != nil {
			require.ErrorIs(t, err, integrations.ErrRefused)
			return
		}
		for _, e := range acc.Events {
			for _, k := range append(e.Cover, e.Key) {
				require.NotEmpty(t, k)
				require.LessOrEqual(t, len(k), 100)
			}
			effects, err := svc.Receive(t.Context(), c, e.Data)
			require.NoError(t, err)
			require.Len(t, effects, 1)
			require.False(t, strings.ContainsAny(effects[0].Text, "\r\n\x00"))
			require.Less(t, len(effects[0].Text), 1200)
		}
		c.Hooks[list].Signing = integrations.Hide("secret")
		if _, err := svc.Accept(c, r); len(body) > 0 {
			require.ErrorIs(t, err, integrations.ErrRefused)
		}
	})
}
