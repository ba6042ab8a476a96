package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/integrations"
)

// unset stands for a credential that the environment lacks: nobody can guess
// it, so nothing is accepted by it.
func unset() string { return "unset-" + rand.Text() }

// signedInAs answers whose browser it is: this program has one person, --as.
func signedInAs(s *chatadmin.Scope) func(*http.Request) (chatadmin.ID, chatadmin.ID, error) {
	return func(*http.Request) (chatadmin.ID, chatadmin.ID, error) {
		if s.Actor() == chatadmin.HostActor {
			return "", "", errors.New("nobody is signed in: start serve with --as LOGIN")
		}
		return s.Domain(), s.Actor(), nil
	}
}

// printed is the host's side of the groups: it writes each message as a line,
// or, for the one object of --json, keeps them. A real host stores them. IDs
// follow from the key, so that a message posted twice has one ID.
type printed struct {
	c    *cli
	keep bool

	mu   sync.Mutex
	kept []printedMessage
}

type printedMessage struct {
	Op     string       `json:"op"`
	Group  string       `json:"group"`
	ID     chatadmin.ID `json:"id"`
	Thread chatadmin.ID `json:"thread,omitempty"`
	As     string       `json:"as,omitempty"`
	Author string       `json:"author,omitempty"`
	Text   string       `json:"text,omitempty"`
	Origin string       `json:"origin,omitempty"`
}

func (p *printed) line(ctx context.Context, domain, group chatadmin.ID, m printedMessage) error {
	gs, err := p.c.admin.Store().Groups(ctx, domain, []chatadmin.ID{group})
	if err != nil {
		return err
	}
	m.Group = string(group)
	if len(gs) > 0 {
		m.Group = gs[0].Name
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.keep {
		p.kept = append(p.kept, m)
		return nil
	}
	if p.c.json {
		return p.c.write(m)
	}
	who := m.As
	if m.Author != "" {
		who = m.Author + " via " + m.As
	}
	_, err = fmt.Fprintf(p.c.out, "[%s] %s %s %s: %s\n", m.Group, m.Op, m.ID, who, m.Text)
	return err
}

// Post implements integrations.Groups.
func (p *printed) Post(ctx context.Context, m integrations.Post) (chatadmin.ID, error) {
	sum := sha256.Sum256([]byte(m.Key))
	id := chatadmin.ID("m" + hex.EncodeToString(sum[:8]))
	return id, p.line(ctx, m.Domain, m.Group, printedMessage{Op: "post", ID: id, Thread: m.Thread, As: m.As,
		Author: m.Author, Text: m.Text, Origin: m.Origin})
}

// Edit implements integrations.Groups.
func (p *printed) Edit(ctx context.Context, domain, group, message chatadmin.ID, text string) error {
	return p.line(ctx, domain, group, printedMessage{Op: "edit", ID: message, Text: text})
}

// Delete implements integrations.Groups.
func (p *printed) Delete(ctx context.Context, domain, group, message chatadmin.ID) error {
	return p.line(ctx, domain, group, printedMessage{Op: "delete", ID: message})
}

// say tells of a message in a group, and delivers it.
func (i *integrationCommand) say(ctx context.Context, args []string) error {
	g, err := i.c.findGroup(ctx, i.s, i.f.group)
	if err != nil {
		return err
	}
	m := integrations.Message{Op: integrations.Posted, Group: g.ID, ID: i.c.admin.NewID(),
		Author: i.f.author, Text: args[0]}
	n, err := i.x.Tell(ctx, i.s.Domain(), m)
	if err != nil {
		return err
	}
	return i.deliver(ctx, "told "+count(n, "service", "services"))
}

func (i *integrationCommand) deliverDue(ctx context.Context, _ []string) error {
	return i.deliver(ctx, "delivered what was due")
}

// deliver does what is due, and says so together with the messages that came
// in.
func (i *integrationCommand) deliver(ctx context.Context, done string) error {
	i.out.kept = []printedMessage{}
	if err := i.x.Deliver(ctx); err != nil {
		return err
	}
	return i.c.tell(map[string]any{"done": done, "messages": i.out.kept}, done)
}

// serve answers webhooks and callbacks, and does what is due, until it is
// interrupted.
func (i *integrationCommand) serve(ctx context.Context, _ []string) error {
	l, err := net.Listen("tcp", i.f.listen)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(i.c.err, "admincli: serving at %s\n", i.f.public)
	srv := &http.Server{Handler: i.x.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	var wg sync.WaitGroup
	wg.Go(func() {
		for tick := time.NewTicker(time.Second); ; {
			if err := i.x.Deliver(ctx); err != nil && ctx.Err() == nil {
				_, _ = fmt.Fprintf(i.c.err, "admincli: %s\n", err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				tick.Stop()
				return
			}
		}
	})
	wg.Go(func() {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = srv.Shutdown(end)
	})
	if err = srv.Serve(l); errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	wg.Wait()
	return err
}

// line reads a line from standard input.
func (c *cli) line() (string, error) {
	lines := bufio.NewScanner(c.in)
	if !lines.Scan() {
		return "", errors.Join(lines.Err(), usage("standard input has no line for this answer"))
	}
	return lines.Text(), nil
}
