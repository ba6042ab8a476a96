// Command signin is a login page over the library: people come in by the link
// that they were mailed, set a password, sign in, and are signed out when an
// administrator ends their access.
//
//	go run ./examples/signin
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/password"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	listen := flag.String("listen", "localhost:8080", "where to listen")
	public := flag.String("public-url", "", "how browsers reach the site, such as https://chat.example.com behind a proxy that ends TLS")
	flag.Parse()
	at, err := net.Listen("tcp", *listen)
	if err == nil {
		err = run(ctx, at, *public, printer{})
	}
	if err != nil {
		log.Fatal(err)
	}
}

// run serves the page until ctx ends. public is how browsers reach it.
func run(ctx context.Context, at net.Listener, public string, mailer chatadmin.Mailer) error {
	s, err := newSite(cmp.Or(public, "http://"+at.Addr().String()), mailer, nil)
	if err != nil {
		return err
	}
	if err := s.found(ctx); err != nil {
		return err
	}
	server := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	go s.work(ctx)
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(at); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// site is one company's chat, or as much of it as has to do with coming in.
type site struct {
	admin     *chatadmin.Admin
	gate      *signin.Gate
	passwords *password.Passwords
	sessions  *sessions
	domain    chatadmin.ID
	secure    bool // cookies are sent over TLS alone
}

// newSite wires the library. base is how browsers reach the site: links in
// mails begin with it, and if it is https, cookies are Secure, even if a proxy
// in front of this program ends TLS.
func newSite(base string, mailer chatadmin.Mailer, o *password.Options) (*site, error) {
	s := &site{sessions: &sessions{}, secure: strings.HasPrefix(base, "https://")}
	var err error
	if s.admin, err = chatadmin.New(memstore.New(nil), &chatadmin.Options{Mailer: mailer, LinkBase: base}); err != nil {
		return nil, err
	}
	if s.gate, err = signin.New(s.admin, &signin.Options{Sessions: s.sessions}); err != nil {
		return nil, err
	}
	s.passwords, err = password.New(s.admin, o)
	return s, err
}

// found makes the company with its first administrator, who is mailed a link.
func (s *site) found(ctx context.Context) error {
	d, _, err := s.admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	if err != nil {
		return err
	}
	s.domain = d.ID
	_, err = s.admin.SendInvitations(ctx, d.ID)
	return err
}

// work does now and then what is not done in requests.
func (s *site) work(ctx context.Context) {
	for tick := time.NewTicker(time.Second); ; {
		if _, err := s.gate.EndSessions(ctx); err != nil && ctx.Err() == nil {
			log.Print(err)
		}
		if _, err := s.admin.SendInvitations(ctx, s.domain); err != nil && ctx.Err() == nil {
			log.Print(err)
		}
		if _, err := s.admin.SendNotices(ctx, s.domain); err != nil && ctx.Err() == nil {
			log.Print(err)
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
	}
}

// printer shows mails instead of sending them.
type printer struct{}

func (printer) Send(_ context.Context, m chatadmin.Mail) error {
	_, err := fmt.Printf("To: %s\nSubject: %s\n\n%s\n", m.To, m.Subject, m.Text)
	return err
}
