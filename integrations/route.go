package integrations

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Router is implemented by a service whose provider sends the events of all
// connections to one address, which is Options.PublicURL + "/events/" and the
// name of the service.
type Router interface {
	Service

	// Routes are the keys by which requests find a connection whose settings
	// are saved, such as a workspace and a channel. Each has at most 200 bytes.
	Routes(c *Connection) ([]string, error)

	// Route decides about a request before any connection is known. It checks
	// the signature: an error that wraps ErrRefused is answered with 401.
	// Accept then gets the request once for each connection that has one of the
	// keys, and checks what it is asked again.
	Route(r *Request) (Routed, error)
}

// Routed is where a request goes.
type Routed struct {
	Keys []string
	Type string // content type of the answer; the status is 200
	Body string
}

// routeKind is the kind of the records by which a key finds its connections: it
// can be listed in all domains. They hold nothing, and go with their owners.
func routeKind(service, key string) string {
	h := sha256.Sum256([]byte(service + "/" + key))
	return "integration.route." + hex.EncodeToString(h[:16])
}

// reroute makes the changes by which the routes of a connection are those of
// its settings; a draft has none. The connection is written in the same
// transaction.
func reroute(ctx context.Context, w *chatadmin.Writer, svc Service, c *Connection) ([]storage.Write[storage.Record], error) {
	want, err := routesOf(svc, c)
	if err != nil {
		return nil, err
	}
	key := func(route string) storage.Key {
		return storage.Key{Kind: routeKind(c.service, route), Domain: c.Domain, ID: c.of().key()}
	}
	var keys []storage.Key
	for _, route := range append(slices.Clone(c.data.Routes), want...) {
		if k := key(route); !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	if c.data.Routes = want; len(keys) == 0 {
		return nil, nil
	}
	rs, err := w.Records(ctx, keys)
	if err != nil {
		return nil, err
	}
	there := map[storage.Key]storage.Record{}
	for _, r := range rs {
		there[r.Key] = r
	}
	var changes []storage.Write[storage.Record]
	for _, k := range keys {
		r, ok := there[k]
		switch wanted := slices.ContainsFunc(want, func(route string) bool { return key(route) == k }); {
		case wanted && !ok:
			changes = append(changes, storage.Write[storage.Record]{Row: storage.Record{Key: k, Owner: c.Owner, Data: turnRow}})
		case !wanted && ok:
			changes = append(changes, storage.Write[storage.Record]{Row: r, Was: r.Rev, Delete: true})
		}
	}
	return changes, nil
}

// routesOf are the routes that a connection has to have.
func routesOf(svc Service, c *Connection) ([]string, error) {
	r, ok := svc.(Router)
	if !ok || c.data.State != saved {
		return nil, nil
	}
	return r.Routes(c)
}

// destination is a connection that a request is for.
type destination struct {
	domain chatadmin.ID
	of     Of
}

// routed finds the connections with one of the keys, in all domains.
func (x *Integrations) routed(ctx context.Context, service string, keys []string) ([]destination, error) {
	var to []destination
	for _, key := range keys {
		q := storage.RecordQuery{Kind: routeKind(service, key)}
		for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
			rs, next, err := x.admin.Store().ListRecords(ctx, q, p)
			if err != nil {
				return nil, err
			}
			for _, r := range rs {
				d := destination{r.Domain, ofItem(r)}
				if d.of.Service == service && !slices.Contains(to, d) {
					to = append(to, d)
				}
			}
			if p.After = next; next == "" {
				break
			}
		}
	}
	return to, nil
}

// events hands a request at the address of a service to each connection that it
// is for. What one of them cannot keep is an error, so that the provider tries
// again; the others know it then.
func (x *Integrations) events(ctx context.Context, service string, r *Request) (Accepted, error) {
	svc, ok := x.byName[service].(Router)
	if !ok || r.Method != http.MethodPost {
		return Accepted{}, errNoHook
	}
	to, err := svc.Route(r)
	if err != nil {
		return Accepted{}, err
	}
	answer := Accepted{Type: to.Type, Body: to.Body}
	found, err := x.routed(ctx, service, to.Keys)
	if err != nil {
		return answer, err
	}
	var failed problems
	r.Hook = svc.Info().Hook
	for _, d := range found {
		_, err := x.acceptFor(ctx, d.domain, d.of, r, func(c *Connection) bool { return c.Saved })
		if err != nil && !errors.Is(err, errNoHook) && !errors.Is(err, ErrRefused) {
			failed.add(err)
		}
	}
	return answer, failed.join()
}
