package integrations

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

const (
	stateLife    = 10 * time.Minute
	statePurpose = "integration oauth"
)

// stateData is an OAuth journey under way. Its key is the hash of the state,
// whose domain and owner stand in it openly.
type stateData struct {
	Service string       `json:"service"`
	Owner   chatadmin.ID `json:"owner"`
	Actor   chatadmin.ID `json:"actor"`
	Used    bool         `json:"used,omitempty"`
}

// keepFor is how long Next.Keep is remembered: as long as somebody may look for
// a code in their mail.
const keepFor = time.Hour

// stepData is what a service remembers between two steps of connecting, apart
// from the account that is connected meanwhile.
type stepData struct {
	Sealed []byte `json:"sealed"`
}

func stepKey(domain chatadmin.ID, of Of) storage.Key {
	return storage.Key{Kind: kindStep, Domain: domain, ID: of.key()}
}

func stepWords(domain chatadmin.ID, of Of) []string {
	return []string{"integration step", string(domain), of.Service, string(of.Owner)}
}

// readStep sets c.Kept, and returns the record it is in. What has expired or
// does not open is as if nothing had been kept.
func (x *Integrations) readStep(ctx context.Context, c *Connection) (storage.Record, error) {
	step := storage.Record{Key: stepKey(c.Domain, c.of()), Owner: c.Owner}
	rs, err := x.admin.Store().Records(ctx, []storage.Key{step.Key})
	if err != nil || len(rs) == 0 {
		return step, err
	}
	d, err := stepRecords.Decode(rs[0])
	if err == nil && x.inForce(rs[0].Due, keepFor) {
		if plain, _, err := x.ring.Open(d.Sealed, stepWords(c.Domain, c.of())...); err == nil {
			c.Kept = Hide(string(plain))
		}
	}
	return rs[0], nil
}

func stateKey(t chatadmin.Token, service string) storage.Key {
	return storage.Key{Kind: kindState, Domain: t.Domain, ID: hex.EncodeToString(t.Hash(statePurpose + " " + service))}
}

// inForce reports whether something that ends at a time is in force. An end
// further ahead than its life was written by a clock that was wrong: it is
// over.
func (x *Integrations) inForce(end time.Time, life time.Duration) bool {
	now := x.admin.Now()
	return now.Before(end) && !end.After(now.Add(life+drift))
}

func (x *Integrations) redirect(service string) string { return x.o.PublicURL + "/callback/" + service }

// Connect takes the next step of authenticating with the provider. For a
// service with OAuth it returns Next.URL, the page for the actor's browser. The
// browser returns to the Handler within ten minutes, once, and it must be the
// same actor's. Other services ask for answers, call by call, until Next.Grant
// is set.
//
// The host has no browser, and cannot call it for OAuth. It needs
// chatadmin.PermGroups, or an admin of the group; for a service of users, the
// user.
func (x *Integrations) Connect(ctx context.Context, s *chatadmin.Scope, of Of, answers map[string]Secret) (Next, error) {
	svc, c, err := x.ready(ctx, s, of)
	if err != nil {
		return Next{}, err
	}
	if !svc.Info().OAuth {
		return x.step(ctx, s, svc, c, Step{Answers: answers})
	}
	if s.Actor() == chatadmin.HostActor {
		return Next{}, fmt.Errorf("the host has no browser to authenticate in: this call is an admin's own: %w", chatadmin.ErrInvalid)
	}
	t, err := x.admin.NewToken(s.Domain(), of.Owner)
	if err != nil {
		return Next{}, err
	}
	state, err := row(&stateRecords, stateKey(t, of.Service), of.Owner, &stateData{Service: of.Service, Owner: of.Owner, Actor: s.Actor()})
	if err != nil {
		return Next{}, err
	}
	op := chatadmin.Op{Kind: KindConnect, Fence: storage.Shared, Targets: []chatadmin.ID{of.Owner}}
	err = s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		if err := x.authorise(ctx, w, s, w.Role, svc, of.Owner); err != nil {
			return err
		}
		state.Due = w.Now().Add(stateLife)
		return w.PutRecords(ctx, []storage.Write[storage.Record]{{Row: state}})
	})
	if err != nil {
		return Next{}, err
	}
	return svc.Connect(ctx, c, Step{State: Hide(t.Plain()), Redirect: x.redirect(of.Service)})
}

// step takes a step without OAuth. What it remembers for the next one is
// written beside the connection, whose account goes on working until there is
// another.
func (x *Integrations) step(ctx context.Context, s *chatadmin.Scope, svc Service, c *Connection, step Step) (Next, error) {
	kept, err := x.readStep(ctx, c)
	if err != nil {
		return Next{}, err
	}
	next, err := svc.Connect(ctx, c, step)
	if err != nil {
		return Next{}, err
	}
	change := storage.Write[storage.Record]{Row: kept, Was: kept.Rev}
	switch {
	case next.Grant != nil:
		if change.Delete = true; kept.Rev != 0 {
			c.also = append(c.also, change)
		}
		return next, x.grant(ctx, s, svc, c, next.Grant)
	case !next.Keep.IsZero():
		sealed, err := x.ring.Seal([]byte(next.Keep.Reveal()), stepWords(c.Domain, c.of())...)
		if err != nil {
			return Next{}, err
		}
		if change.Row.Data, err = stepRecords.Encode(&stepData{sealed}); err != nil {
			return Next{}, err
		}
		change.Row.Due = x.admin.Now().Add(keepFor)
		c.also = append(c.also, change)
		return next, x.put(ctx, s, svc, c, "", nil, nil)
	}
	return next, nil
}

// grant keeps the account that a provider has granted.
func (x *Integrations) grant(ctx context.Context, s *chatadmin.Scope, svc Service, c *Connection, g *Grant) error {
	was := c.data.Label
	if (c.data.Connected || c.data.ID != "") && c.data.ID != g.ID {
		// another account: its channels and audiences are others
		changes, err := x.release(c, x.admin.NewID(), x.admin.Now())
		if err != nil {
			return err
		}
		c.also = append(c.also, changes...)
		c.erase(svc.Info().Hook, "")
	}
	c.setToken(g, x.admin.Now())
	c.Account = g.Account
	c.data.Connected, c.data.ID, c.data.Label, c.data.By, c.data.Problem = true, g.ID, g.Label, s.Actor(), ""
	err := x.put(ctx, s, svc, c, KindConnect, []chatadmin.FieldChange{{Field: "account", Before: was, After: g.Label}}, map[string]string{"service": c.service})
	if err != nil {
		return err
	}
	x.spread(ctx, c)
	return x.resume(ctx, c.Domain, c.of())
}

// Callback is the outcome of an OAuth sign-in.
type Callback struct {
	Domain chatadmin.ID
	Of
	// Err is nil if the account is connected. Otherwise it is a sentence for
	// the browser. Faults of the application are logged, and are ErrFault here.
	Err error
}

var (
	errState = texts.Explain(fmt.Errorf("this sign-in was already used, has expired or was not begun here: begin again in the settings of the integration: %w", chatadmin.ErrInvalid),
		"why.connect_over")
	errBrowser = texts.Explain(fmt.Errorf("this sign-in was begun by somebody else: begin it yourself in the settings of the integration: %w", chatadmin.ErrForbidden),
		"why.connect_other")
	errSession = texts.Explain(fmt.Errorf("it could not be seen who is signed in in this browser: sign in, and begin again in the settings of the integration: %w", chatadmin.ErrInvalid),
		"why.connect_unseen")
	errDeclined = texts.Explain(fmt.Errorf("the sign-in was declined at the provider: %w", chatadmin.ErrInvalid),
		"why.connect_declined")
)

// callback ends an OAuth journey, and tells what of its outcome the browser may
// be shown.
func (x *Integrations) callback(ctx context.Context, service string, r *http.Request) Callback {
	cb := Callback{Of: Of{Service: service}}
	err := x.exchange(ctx, &cb, r)
	if cb.Err = err; err != nil && !shown(err) {
		x.admin.Options().Logger.ErrorContext(ctx, "integration: a callback failed", "service", service, "error", err)
		cb.Err = ErrFault
	}
	return cb
}

// shown reports whether an error is a sentence of ours or the provider's, and
// not one of a store or the like.
func shown(err error) bool {
	var p *ProviderError
	if errors.As(err, &p) {
		return true
	}
	for _, known := range []error{chatadmin.ErrInvalid, chatadmin.ErrForbidden, chatadmin.ErrNotFound, chatadmin.ErrVetoed, ErrServiceOff, ErrNotConnected, errMoved} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// exchange uses the state up first, by one of however many requests bring it,
// and only then exchanges it.
func (x *Integrations) exchange(ctx context.Context, cb *Callback, r *http.Request) error {
	svc, err := x.service(cb.Service)
	if err != nil || !svc.Info().OAuth {
		return errState
	}
	q := r.URL.Query()
	t, err := chatadmin.ParseToken(q.Get("state"))
	if err != nil || !opaque(t.Domain) || !opaque(t.Subject) {
		return errState
	}
	rs, err := x.admin.Store().Records(ctx, []storage.Key{stateKey(t, cb.Service)})
	if err != nil {
		return err
	}
	if len(rs) == 0 {
		return errState
	}
	st, err := stateRecords.Decode(rs[0])
	if err != nil || st.Used || st.Service != cb.Service || st.Owner != t.Subject || !x.inForce(rs[0].Due, stateLife) {
		return errState
	}
	domain, user, err := x.o.SignedIn(r)
	if err != nil {
		x.admin.Options().Logger.WarnContext(ctx, "integration: Options.SignedIn failed", "service", cb.Service, "error", err)
		return errSession
	}
	if domain != t.Domain || user != st.Actor {
		return errBrowser
	}
	cb.Domain, cb.Owner = domain, st.Owner
	s := x.admin.As(domain, user)
	if err := x.use(ctx, s, svc, st, rs[0]); err != nil {
		return err
	}
	if q.Get("code") == "" || len(q.Get("code")) > 2048 {
		return errDeclined
	}
	_, c, err := x.ready(ctx, s, cb.Of)
	if err != nil {
		return err
	}
	next, err := svc.Connect(ctx, c, Step{Code: Hide(q.Get("code")), Redirect: x.redirect(cb.Service)})
	switch {
	case err != nil:
		return err
	case next.Grant == nil:
		return errors.New("the service has not said what it was granted")
	}
	return x.grant(ctx, s, svc, c, next.Grant)
}

// use marks a state as used. It is deleted when it expires: of a deletion whose
// commit was not confirmed nobody could tell whose it was.
func (x *Integrations) use(ctx context.Context, s *chatadmin.Scope, svc Service, st stateData, r storage.Record) error {
	st.Used = true
	data, err := stateRecords.Encode(&st)
	if err != nil {
		return err
	}
	return s.Change(ctx, chatadmin.Op{Kind: KindConnect, Fence: storage.Shared, Targets: []chatadmin.ID{st.Owner}}, func(ctx context.Context, w *chatadmin.Writer) error {
		if err := x.authorise(ctx, w, s, w.Role, svc, st.Owner); err != nil {
			return err
		}
		now, err := w.Records(ctx, []storage.Key{r.Key})
		if err != nil {
			return err
		}
		if len(now) == 0 || now[0].Rev != r.Rev {
			return errState
		}
		one := []storage.Write[storage.Record]{{Row: r, Was: r.Rev}}
		one[0].Row.Data = data
		return w.PutRecords(ctx, one)
	})
}
