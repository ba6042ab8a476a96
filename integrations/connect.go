package integrations

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

const (
	stateLife    = 10 * time.Minute
	statePurpose = "integration oauth"
)

// stateData is an OAuth journey under way. Its key is the hash of the state, whose domain and owner stand in it openly.
type stateData struct {
	Version int          `json:"v"`
	Service string       `json:"service"`
	Owner   chatadmin.ID `json:"owner"`
	Actor   chatadmin.ID `json:"actor"`
}

func stateKey(t chatadmin.Token, service string) chatadmin.Key {
	return chatadmin.Key{Kind: kindState, Domain: t.Domain, ID: hex.EncodeToString(t.Hash(statePurpose + " " + service))}
}

func (x *Integrations) redirect(service string) string { return x.o.PublicURL + "/callback/" + service }

// Connect takes the next step of authenticating with the provider. For a service with OAuth that is Next.URL, to which the actor's browser goes; it comes back to the Handler within ten
// minutes, once, and only in the browser of the same actor. Other services ask for answers, call by call, until Next.Grant is set. It needs chatadmin.PermGroups or to be
// an admin of the group; of a user, to be that user; not the host, which has no browser.
func (x *Integrations) Connect(ctx context.Context, s *chatadmin.Scope, of Of, answers map[string]Secret) (Next, error) {
	svc, c, err := x.ready(ctx, s, of)
	if err != nil {
		return Next{}, err
	}
	if !svc.Info().OAuth {
		next, err := svc.Connect(ctx, c, Step{Answers: answers})
		if err != nil {
			return Next{}, err
		}
		switch {
		case next.Grant != nil:
			return next, x.grant(ctx, s, svc, c, next.Grant)
		case !next.Keep.IsZero():
			c.Token, c.data.Connected = next.Keep, false
			return next, x.put(ctx, s, svc, c, "", nil, nil)
		}
		return next, nil
	}
	if s.Actor() == chatadmin.HostActor {
		return Next{}, fmt.Errorf("the host has no browser to authenticate in: this call is an admin's own: %w", chatadmin.ErrInvalid)
	}
	t, err := x.admin.NewToken(s.Domain(), of.Owner)
	if err != nil {
		return Next{}, err
	}
	data, err := json.Marshal(stateData{version, of.Service, of.Owner, s.Actor()})
	if err != nil {
		return Next{}, err
	}
	op := chatadmin.Op{Kind: KindConnect, Fence: chatadmin.Shared, Targets: []chatadmin.ID{of.Owner}}
	err = s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Work) error {
		if err := x.authorise(ctx, w, s, w.Role, svc, of.Owner); err != nil {
			return err
		}
		return w.PutRecords(ctx, []chatadmin.Change[chatadmin.Record]{{Row: chatadmin.Record{Key: stateKey(t, of.Service), Owner: of.Owner, Due: w.Now().Add(stateLife), Data: data}}})
	})
	if err != nil {
		return Next{}, err
	}
	return svc.Connect(ctx, c, Step{State: t.Plain(), Redirect: x.redirect(of.Service)})
}

// grant keeps the account that a provider has granted.
func (x *Integrations) grant(ctx context.Context, s *chatadmin.Scope, svc Service, c *Connection, g *Grant) error {
	was := c.data.Label
	if c.data.Connected && c.data.ID != g.ID { // another account: its channels and audiences are others
		var err error
		if c.also, err = x.release(c, x.admin.NewID(), x.admin.Now()); err != nil {
			return err
		}
		c.erase(svc.Info().Hook, "")
	}
	c.Token, c.Account = g.Token, g.Account
	c.data.Connected, c.data.ID, c.data.Label, c.data.By, c.data.Problem = true, g.ID, g.Label, s.Actor(), ""
	err := x.put(ctx, s, svc, c, KindConnect, []chatadmin.FieldChange{{Field: "account", Before: was, After: g.Label}}, map[string]string{"service": c.service})
	if err != nil {
		return err
	}
	return x.resume(ctx, c.Domain, c.of())
}

// Callback is what came of an OAuth journey.
type Callback struct {
	Domain chatadmin.ID
	Of
	Err error // nil: the account is connected
}

var (
	errState    = fmt.Errorf("this sign-in was already used, has expired or was not begun here: begin again in the settings of the integration: %w", chatadmin.ErrInvalid)
	errBrowser  = fmt.Errorf("this sign-in was begun by somebody else: begin it yourself in the settings of the integration: %w", chatadmin.ErrForbidden)
	errDeclined = fmt.Errorf("the sign-in was declined at the provider: %w", chatadmin.ErrInvalid)
)

// callback ends an OAuth journey: the state is used up first, by one of however many requests bring it, and only then exchanged.
func (x *Integrations) callback(ctx context.Context, service string, r *http.Request) (cb Callback) {
	fail := func(err error) Callback { cb.Err = err; return cb }
	cb.Service = service
	svc, err := x.service(service)
	if err != nil || !svc.Info().OAuth {
		return fail(errState)
	}
	q := r.URL.Query()
	t, err := chatadmin.ParseToken(q.Get("state"))
	if err != nil {
		return fail(errState)
	}
	rs, err := x.admin.Store().Records(ctx, []chatadmin.Key{stateKey(t, service)})
	if err != nil {
		return fail(err)
	}
	var st stateData
	if len(rs) == 0 || decode(rs[0], &st, &st.Version) != nil || !x.admin.Now().Before(rs[0].Due) {
		return fail(errState)
	}
	domain, user, err := x.o.SignedIn(r)
	if err != nil || domain != t.Domain || user != st.Actor {
		return fail(errBrowser)
	}
	cb.Domain, cb.Owner = domain, st.Owner
	s := x.admin.As(domain, user)
	err = s.Change(ctx, chatadmin.Op{Kind: KindConnect, Fence: chatadmin.Shared, Targets: []chatadmin.ID{st.Owner}}, func(ctx context.Context, w *chatadmin.Work) error {
		if err := x.authorise(ctx, w, s, w.Role, svc, st.Owner); err != nil {
			return err
		}
		conflicts, err := w.ChangeRecords(ctx, []chatadmin.Change[chatadmin.Record]{{Row: rs[0], Was: rs[0].Rev, Delete: true}})
		if err == nil && len(conflicts) > 0 {
			err = errState
		}
		return err
	})
	switch {
	case err != nil:
		return fail(err)
	case q.Get("code") == "" || len(q.Get("code")) > 2048:
		return fail(errDeclined)
	}
	_, c, err := x.ready(ctx, s, cb.Of)
	if err != nil {
		return fail(err)
	}
	next, err := svc.Connect(ctx, c, Step{Code: q.Get("code"), Redirect: x.redirect(service)})
	switch {
	case err != nil:
		return fail(err)
	case next.Grant == nil:
		return fail(errors.New("the service has not said what it was granted"))
	}
	return fail(x.grant(ctx, s, svc, c, next.Grant))
}
