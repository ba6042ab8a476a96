// Command portal serves the Admin Portal on localhost, over SQLite or
// PostgreSQL, with a company in it, and prints a link that signs in.
//
//	go run ./examples/portal
//	go run ./examples/portal --dir portal-data       # keeps its data
//	go run ./examples/portal --product eschat        # departments and radios
//	go run ./examples/portal --product engage        # preferences
//	go run ./examples/portal --db postgres://localhost/chat
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
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listen := flag.String("listen", "localhost:8080", "where to listen")
	dir := flag.String("dir", "", "where the database, mails and uploaded files are kept; default a new folder that is removed at the end")
	product := flag.String("product", "officechat", "the rules of the company: officechat, eschat or engage")
	database := flag.String("db", "", "postgres://… for PostgreSQL; default SQLite in --dir")
	flag.Parse()
	if err := serve(ctx, *listen, *dir, *database, chatadmin.Preset(*product)); err != nil {
		log.Fatal(err)
	}
}

func serve(ctx context.Context, listen, dir, database string, product chatadmin.Preset) error {
	if dir == "" {
		temp, err := os.MkdirTemp("", "portal-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(temp) }()
		dir = temp
	}
	at, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	h, err := open(ctx, dir, cmp.Or(database, "file:"+filepath.Join(dir, "chat.db")), "http://"+at.Addr().String(), product)
	if err != nil {
		return err
	}
	fmt.Printf("mails are in %s\nopen %s\n", filepath.Join(dir, "mail"), h.link())
	return errors.Join(h.run(ctx, at), h.close())
}

// run serves until ctx ends, and does the periodic work beside it.
func (h *host) run(ctx context.Context, at net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	web := &http.Server{Handler: h.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Minute,
		WriteTimeout: 10 * time.Minute, IdleTimeout: time.Minute}
	var working sync.WaitGroup
	working.Go(func() { h.work(ctx) })
	served := make(chan error, 1)
	go func() { served <- web.Serve(at) }()
	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = web.Shutdown(grace)
	}
	stop()
	working.Wait()
	return err
}

// work calls Admin.Work every ten seconds, and at once when the portal has
// something to do.
func (h *host) work(ctx context.Context) {
	for {
		if _, err := h.admin.Work(ctx); err != nil && ctx.Err() == nil {
			log.Print(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-h.woken:
		case <-time.After(10 * time.Second):
		}
	}
}

// wake has the worker look for something to do.
func (h *host) wake() {
	select {
	case h.woken <- struct{}{}:
	default: // it is woken already
	}
}
