// Command device shows the life of a phone: a host serves the device side over
// HTTP, and a simulated phone registers, works, goes offline, is wiped when it
// comes back, and registers again.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/devices"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "device:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	h, err := newHost(ctx)
	if err != nil {
		return err
	}
	url, stop, err := h.serve()
	if err != nil {
		return err
	}
	defer stop()
	client, err := devices.NewClient(url+"/devices", nil)
	if err != nil {
		return err
	}
	p := &phone{client: client, url: url, out: out}

	// 1. Ann signs in on her phone, and works.
	if err := p.register(ctx); err != nil {
		return err
	}
	if err := p.work(ctx, "Hello!"); err != nil {
		return err
	}

	// 2. The phone is offline when Ann loses it. An administrator asks for the wipe: it waits.
	_, _ = fmt.Fprintln(out, "\nThe phone is lost, and offline.")
	page, _, err := h.registry.DevicesPage(ctx, h.boss, devices.Query{Search: "ann"}, chatadmin.Page{Limit: 10})
	if err != nil || len(page) != 1 {
		return fmt.Errorf("found %d devices: %w", len(page), err)
	}
	lost, err := h.registry.Wipe(ctx, h.boss, page[0].ID)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "admin: %s of %s is %s, its wipe is %s\n\n", lost.Key, page[0].Login, lost.Status, lost.Wipe)

	// 3. It comes back: its request is refused, so it asks what there is to do.
	if err := p.work(ctx, "Anybody there?"); err != nil {
		return err
	}

	// 4. Ann has it again and signs in: a new generation, with nothing of the old one on it.
	if err := p.register(ctx); err != nil {
		return err
	}
	if err := p.work(ctx, "I am back."); err != nil {
		return err
	}
	history, err := h.registry.History(ctx, h.boss, lost.ID)
	if err != nil {
		return err
	}
	for _, c := range history {
		_, _ = fmt.Fprintf(out, "\nadmin: the wipe of generation %d was %s\n", c.Generation, c.State)
	}
	return nil
}

// phone is a native client. What it keeps survives a restart of it: its
// credentials, and the network's content.
type phone struct {
	client  *devices.Client
	url     string
	out     io.Writer
	token   string
	wipe    string
	content []string
}

func (p *phone) say(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, "phone: "+format+"\n", args...)
}

// register signs in as Ann. A real client would send the session that it has
// got a moment ago.
func (p *phone) register(ctx context.Context) error {
	sign := func(r *http.Request) { r.Header.Set("X-Example-Login", "ann@acme.example") }
	got, err := p.client.Register(ctx, sign, devices.RegisterRequest{DeviceID: "A1B2", Type: "ios", Name: "Ann's phone", Version: "1.0"})
	if err != nil {
		return err
	}
	p.token, p.wipe = got.Token.Reveal(), got.WipeToken.Reveal()
	p.say("registered as generation %d, %s", got.Generation, got.Status)
	if got.Token.IsZero() {
		return p.checkIn(ctx)
	}
	return nil
}

// work posts a message and, where that is refused, asks why.
func (p *phone) work(ctx context.Context, text string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/api/messages", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusUnauthorized {
		p.say("%q was refused", text)
		return p.checkIn(ctx)
	}
	p.content = append(p.content, text)
	p.say("%q was sent; %d messages on the phone", text, len(p.content))
	return nil
}

// checkIn carries out what there is to do, and only then answers: if it crashed
// in between, it would do so again.
func (p *phone) checkIn(ctx context.Context) error {
	commands, err := p.client.CheckIn(ctx, p.wipe)
	if errors.Is(err, devices.ErrRefused) {
		return nil // nothing is left to be done for this registration
	}
	if err != nil {
		return err
	}
	for _, c := range commands {
		p.content, p.token = nil, ""
		answer, err := p.client.Acknowledge(ctx, p.wipe, c.ID, nil)
		if err != nil {
			return err
		}
		p.say("wiped itself: %d messages left, %s", len(p.content), answer.State)
	}
	return nil
}

// host is a chat server with one domain.
type host struct {
	admin    *chatadmin.Admin
	registry *devices.Registry
	boss     *chatadmin.Scope
}

func newHost(ctx context.Context) (*host, error) {
	admin, err := chatadmin.New(memstore.New(nil), nil)
	if err != nil {
		return nil, err
	}
	h := &host{admin: admin}
	if h.registry, err = devices.New(h.admin, nil); err != nil {
		return nil, err
	}
	domain, boss, err := h.admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	if err != nil {
		return nil, err
	}
	h.boss = h.admin.As(domain.ID, boss.ID)
	_, err = h.boss.CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example"})
	return h, err
}

// serve mounts the device side, and an API that only registered devices may
// use.
func (h *host) serve() (url string, stop func(), err error) {
	mux := http.NewServeMux()
	mux.Handle("/devices/", http.StripPrefix("/devices", h.registry.Handler(h.who, nil)))
	mux.HandleFunc("POST /api/messages", func(w http.ResponseWriter, r *http.Request) {
		if _, err := h.registry.Authorize(r.Context(), devices.Bearer(r)); err != nil {
			http.Error(w, "not let in", http.StatusUnauthorized)
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	return "http://" + listener.Addr().String(), func() { _ = server.Close() }, nil
}

// who says whose request it is. A real host looks at its own session; this one
// believes the header.
func (h *host) who(r *http.Request) (domain, user chatadmin.ID, err error) {
	u, err := h.admin.AsHost(h.boss.Domain()).UserByLogin(r.Context(), r.Header.Get("X-Example-Login"))
	if err != nil {
		return "", "", fmt.Errorf("nobody has signed in: %w", chatadmin.ErrForbidden)
	}
	return u.Domain, u.ID, nil
}
