// Command radio shows a push-to-talk host: two simulated radios are activated,
// one by a code in a text message and one by its IMEI, find each other in their
// contacts, and talk. The one with the higher priority interrupts.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/floor"
	"chatadmin.example/sdk/chatadmin/provisioning"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/devices"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "radio:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	h, err := newHost(ctx, out)
	if err != nil {
		return err
	}
	// 1. The administrator creates two users in one department.
	yes, bus, chief, imei := true, 1, 5, "490154203237518"
	if err := h.create(ctx, chatadmin.NewUser{Login: "Bus.57", FirstName: "John", LastName: "Smith", Phone: "06 12345678"},
		provisioning.Fields{Priority: &bus, SendText: &yes}); err != nil {
		return err
	}
	if err := h.create(ctx, chatadmin.NewUser{Login: "Dispatch", FirstName: "Ann", LastName: "Jones"},
		provisioning.Fields{Priority: &chief, IMEI: &imei}); err != nil {
		return err
	}
	if _, err := h.admin.Work(ctx); err != nil { // sends the text message
		return err
	}

	// 2. Both radios sign in.
	john, err := h.signInByCode(ctx, "radio-57", "bus.57", h.received)
	if err != nil {
		return err
	}
	ann, err := h.signInByIMEI(ctx, "radio-1", imei)
	if err != nil {
		return err
	}

	// 3. They have each other as contacts, and talk.
	if err := h.contacts(ctx, john); err != nil {
		return err
	}
	talk := &conversation{out: out}
	talk.join(john)
	talk.join(ann)
	talk.press(john)
	talk.press(ann)
	talk.press(john)
	talk.release(ann)
	talk.press(john)
	return nil
}

// host is a chat product that embeds the library.
type host struct {
	out      io.Writer
	admin    *chatadmin.Admin
	registry *devices.Registry
	radios   *provisioning.Provisioning
	domain   chatadmin.ID
	boss     *chatadmin.Scope
	received string // the text on the phone of John
}

// SendSMS stands for a gateway to the phone network.
func (h *host) SendSMS(_ context.Context, m chatadmin.SMS) error {
	_, _ = fmt.Fprintf(h.out, "phone %s: a text message has come\n", m.To)
	h.received = m.Text
	return nil
}

func newHost(ctx context.Context, out io.Writer) (*host, error) {
	h := &host{out: out}
	var err error
	if h.admin, err = chatadmin.New(memstore.New(nil), nil); err != nil {
		return nil, err
	}
	if h.registry, err = devices.New(h.admin, nil); err != nil {
		return nil, err
	}
	if h.radios, err = provisioning.New(h.admin, &provisioning.Options{SMS: h}); err != nil {
		return nil, err
	}
	d, boss, err := h.admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Metro", Preset: chatadmin.ESChat,
		Admin:    chatadmin.NewUser{Login: "Boss", FirstName: "The", LastName: "Boss"},
		Settings: func(s *chatadmin.Settings) { s.DefaultCountry = "NL" }})
	if err != nil {
		return nil, err
	}
	h.domain, h.boss = d.ID, h.admin.As(d.ID, boss.ID)
	if err := h.radios.SetPolicy(ctx, h.boss, provisioning.Policy{AcceptTexts: true}); err != nil {
		return nil, err
	}
	_, err = h.radios.CreateDepartment(ctx, h.boss, "Buses")
	return h, err
}

func (h *host) create(ctx context.Context, n chatadmin.NewUser, f provisioning.Fields) error {
	u, err := h.radios.CreateUser(ctx, h.boss, provisioning.NewUser{NewUser: n, Fields: f})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(h.out, "admin: %s is in %s\n", u.Login, u.Department)
	return err
}

// radio is a device with the user who has signed in on it.
type radio struct {
	user    chatadmin.User
	profile provisioning.Profile
}

// signInByCode is what the host's handler does with a login and a code that were
// typed in.
func (h *host) signInByCode(ctx context.Context, device, login, text string) (radio, error) {
	code := regexp.MustCompile(`\w{4}-\w{4}-\w{4}`).FindString(text)
	u, proof, err := h.radios.ByCode(ctx, h.domain, login, code)
	if err != nil {
		return radio{}, err
	}
	return h.register(ctx, device, u, proof)
}

func (h *host) signInByIMEI(ctx context.Context, device, imei string) (radio, error) {
	u, proof, err := h.radios.ByIMEI(ctx, h.domain, imei)
	if err != nil {
		return radio{}, err
	}
	return h.register(ctx, device, u, proof)
}

func (h *host) register(ctx context.Context, device string, u chatadmin.User, proof chatadmin.DeviceFunc) (radio, error) {
	_, err := h.registry.Register(ctx, h.admin.AsHost(h.domain), u.ID,
		devices.Registration{Key: device, Type: devices.Android, Proof: proof})
	if err != nil {
		return radio{}, err
	}
	p, err := h.radios.Profile(ctx, h.boss, u.ID)
	if err != nil {
		return radio{}, err
	}
	_, err = fmt.Fprintf(h.out, "%s: signed in as %s, trusted %v\n", device, u.Login, p.Trusted)
	return radio{u, p}, err
}

func (h *host) contacts(ctx context.Context, r radio) error {
	s := h.admin.As(h.domain, r.user.ID) // users read their own
	for c, err := range h.radios.Contacts(ctx, s, r.user.ID) {
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(h.out, "%s: has %s as a contact\n", r.user.Login, c.Name)
	}
	return nil
}

// conversation is a channel of the host.
type conversation struct {
	out   io.Writer
	floor floor.Floor[string]
}

func (c *conversation) join(r radio) { c.floor.Join(r.user.Login, r.profile.Priority) }

// press is the push to talk.
func (c *conversation) press(r radio) {
	_, _ = fmt.Fprintf(c.out, "%s: %s\n", r.user.Login, c.floor.Ask(r.user.Login, r.profile.Priority))
}

func (c *conversation) release(r radio) {
	c.floor.Release(r.user.Login)
	_, _ = fmt.Fprintf(c.out, "%s: over\n", r.user.Login)
}
