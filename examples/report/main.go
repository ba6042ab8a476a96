// Command report reports a problem: it takes the secrets out of the logs of a
// client, shows what would leave, and sends it to support through a mail
// server.
//
//	go run ./examples/report -smtp localhost:25 -to help@vendor.example client.log
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/smtpmail"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/chatadmin/support"
)

func main() {
	server := flag.String("smtp", "localhost:25", "the mail server, as `host:port`")
	to := flag.String("to", "help@vendor.example", "the `address` of support")
	text := flag.String("text", "", "what went wrong")
	flag.Parse()
	if err := report(context.Background(), os.Stdout, *server, *to, *text, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func report(ctx context.Context, out io.Writer, server, to, text string, logs []string) error {
	mailer, err := smtpmail.New(server, "chat@acme.example", &smtpmail.Options{Security: smtpmail.Plaintext})
	if err != nil {
		return err
	}
	admin, err := chatadmin.New(memstore.New(nil), &chatadmin.Options{Mailer: mailer})
	if err != nil {
		return err
	}
	help, err := support.New(admin, &support.Options{Recipients: map[support.Platform]string{support.Windows: to}})
	if err != nil {
		return err
	}
	domain, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	if err != nil {
		return err
	}
	s := admin.As(domain.ID, boss.ID)

	draft := support.Draft{Platform: support.Windows, Description: text}
	for _, name := range logs {
		draft.Logs = append(draft.Logs, support.FileLog(name))
	}
	b, err := help.Prepare(ctx, s, draft)
	if err != nil {
		return err
	}
	p := b.Preview()
	_, _ = fmt.Fprintf(out, "To: %s\nSubject: %s\n\n%s", p.To, p.Subject, p.Text)
	for _, f := range p.Files {
		_, _ = fmt.Fprintf(out, "\n%s:\n%s", f.Name, f.Sample)
	}
	r, err := help.Send(ctx, s, b) // queues it
	if err != nil {
		return err
	}
	if _, err := admin.Work(ctx); err != nil { // in a worker of the host
		return err
	}
	if r, err = help.Report(ctx, s, r.ID); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "\nreport %s: %s\n", r.ID, r.State)
	return nil
}
