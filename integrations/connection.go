package integrations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Connection is what a service works with: the settings of one group or user,
// and the account that they are connected to. Its secrets are open.
type Connection struct {
	Domain, Owner  chatadmin.ID
	DomainSettings json.RawMessage // as CheckDomain returned them
	Settings       json.RawMessage // as Save kept them
	Account        json.RawMessage // of the grant
	Token          Secret          // of the grant
	Renewal        Secret          // of the grant
	Expires        time.Time       // the end of the token; zero: it does not expire
	Kept           Secret          // in Connect, what Next.Keep of the step before said
	Saved          bool            // otherwise it is a draft
	Now            time.Time
	Hooks          map[string]*Hook
	// Shared is set in Release if the same account is connected elsewhere too.
	// The token may be the same: do not revoke it.
	Shared bool

	// Keep writes Hooks before Save ends, for a provider that tests an address
	// at once. It is nil outside Save.
	Keep func(context.Context) error

	x       *Integrations
	service string
	data    connData
	rev     storage.Rev
	also    []storage.Write[storage.Record] // written together with it
	agreed  bool                            // the provider agrees with what is written
	ignored []string                        // what was not carried while it was worked with
}

// Hook is an address of a connection, for requests from the provider. Its path
// holds 256 random bits.
type Hook struct {
	URL        Secret
	ProviderID string // the provider's name of it, once it knows it
	Signing    Secret // by which the provider signs, where it told

	token Secret
	hash  []byte
}

const (
	draft = "draft"
	saved = "saved"
)

// connData is how a connection is stored.
type connData struct {
	State     string              `json:"state"`
	Connected bool                `json:"connected,omitempty"`
	ID        string              `json:"id,omitempty"` // of the account at the provider
	Label     string              `json:"label,omitempty"`
	By        chatadmin.ID        `json:"by,omitempty"` // who authorised it
	Settings  json.RawMessage     `json:"settings,omitempty"`
	Account   json.RawMessage     `json:"account,omitempty"`
	Hooks     map[string]hookData `json:"hooks,omitempty"`
	Sealed    []byte              `json:"sealed,omitempty"` // secrets
	Problem   string              `json:"problem,omitempty"`
	Expires   time.Time           `json:"expires,omitzero"` // of the token
	Renewed   time.Time           `json:"renewed,omitzero"` // when that token was granted
	Routes    []string            `json:"routes,omitempty"` // in force, see Router
}

func (d *connData) check() error { return must(d.State == draft || d.State == saved) }

type hookData struct {
	Hash       []byte `json:"hash"`
	ProviderID string `json:"provider_id,omitempty"`
}

// secrets is what is sealed, all in one piece.
type secrets struct {
	Token   string                `json:"token,omitempty"`
	Renewal string                `json:"renewal,omitempty"`
	Hooks   map[string]hookSecret `json:"hooks,omitempty"`
}

type hookSecret struct {
	Token   string `json:"token"`
	Signing string `json:"signing,omitempty"`
}

func (of Of) record(domain chatadmin.ID) storage.Key {
	return storage.Key{Kind: kindConn, Domain: domain, ID: of.key()}
}

func (c *Connection) of() Of { return Of{c.service, c.Owner} }

// load reads a connection and what the domain has decided about its service, in
// one call. A connection that does not exist has rev 0. With errSealed comes
// what is not secret of it.
func (x *Integrations) load(ctx context.Context, r storage.Reader, domain chatadmin.ID, of Of) (*Connection, serviceData, error) {
	rs, err := r.Records(ctx, []storage.Key{serviceKey(domain, of.Service), of.record(domain)})
	if err != nil {
		return nil, serviceData{}, err
	}
	return x.decodeBoth(rs, domain, of)
}

func (x *Integrations) decodeBoth(rs []storage.Record, domain chatadmin.ID, of Of) (c *Connection, svc serviceData, err error) {
	c = &Connection{Domain: domain, Owner: of.Owner, service: of.Service, x: x, Now: x.admin.Now(), Hooks: map[string]*Hook{}, data: connData{State: draft}}
	var sealed error
	for _, rec := range rs {
		switch {
		case rec.Key == serviceKey(domain, of.Service):
			if svc, err = decodeService(rec); errors.Is(err, chatadmin.ErrDamaged) {
				svc, err = serviceData{rev: rec.Rev}, nil // off
			} else if err != nil {
				return nil, serviceData{}, err
			}
		case rec.Key == of.record(domain):
			if sealed = c.decode(rec); sealed != nil && !errors.Is(sealed, errSealed) {
				return nil, serviceData{}, sealed
			}
		}
	}
	c.DomainSettings = svc.Settings
	return c, svc, sealed
}

func (c *Connection) decode(r storage.Record) error {
	var err error
	if c.data, err = connRecords.Decode(r); err != nil {
		return err
	}
	c.rev, c.Saved, c.Settings, c.Account = r.Rev, c.data.State == saved, c.data.Settings, c.data.Account
	return c.open(c.data.Sealed, c.words())
}

// words is what the secrets of a connection are bound to.
func (c *Connection) words() []string {
	return []string{"integration", string(c.Domain), c.service, string(c.Owner)}
}

// errSealed is a connection whose secrets do not open. What is not secret of it
// is there all the same.
var errSealed = errors.New("its secrets do not open: put the missing key back into the ring, or disconnect it and authenticate again")

func (c *Connection) open(sealed []byte, words []string) error {
	var s secrets
	var err error
	if len(sealed) > 0 {
		var plain []byte
		if plain, _, err = c.x.ring.Open(sealed, words...); err == nil {
			err = json.Unmarshal(plain, &s)
		}
		if err != nil {
			s, err = secrets{}, fmt.Errorf("%s: %w (%w)", c.of().key(), errSealed, err)
		}
	}
	c.Token, c.Renewal, c.Expires = Hide(s.Token), Hide(s.Renewal), c.data.Expires
	for name, h := range c.data.Hooks {
		c.Hooks[name] = &Hook{ProviderID: h.ProviderID, hash: h.Hash, token: Hide(s.Hooks[name].Token), Signing: Hide(s.Hooks[name].Signing), URL: c.x.hookURL(c.service, name, s.Hooks[name].Token)}
	}
	return err
}

// encode writes what has changed back into data, sealed for the given words.
func (c *Connection) encode(words []string) error {
	s := secrets{Token: c.Token.Reveal(), Renewal: c.Renewal.Reveal(), Hooks: map[string]hookSecret{}}
	c.data.Settings, c.data.Account, c.data.Expires, c.data.Hooks = c.Settings, c.Account, c.Expires, map[string]hookData{}
	for name, h := range c.Hooks {
		c.data.Hooks[name] = hookData{h.hash, h.ProviderID}
		s.Hooks[name] = hookSecret{h.token.Reveal(), h.Signing.Reveal()}
	}
	plain, err := json.Marshal(s)
	if err != nil {
		return err
	}
	c.data.Sealed, err = c.x.ring.Seal(plain, words...)
	return err
}

func hookPurpose(service, name string) string { return "integration hook " + service + " " + name }

func (x *Integrations) hookURL(service, name, token string) Secret {
	if token == "" {
		return Secret{}
	}
	return Hide(x.o.PublicURL + "/hook/" + service + "/" + url.PathEscape(name) + "/" + token)
}

// keeper is Keep: it writes all but the settings, which come into force at the
// end.
func (c *Connection) keeper(was json.RawMessage, write func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		next := c.Settings
		c.Settings = was
		defer func() { c.Settings = next }()
		return write(ctx)
	}
}

// AddHook returns the address with a name, and makes it if there is none. The
// name has 1 to 32 letters, digits, hyphens and underscores.
func (c *Connection) AddHook(name string) (*Hook, error) {
	if h := c.Hooks[name]; h != nil {
		return h, nil
	}
	if name == "" || len(name) > 32 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		return nil, fmt.Errorf("hook %q: %w", chatadmin.Cut(name), chatadmin.ErrInvalid)
	}
	t, err := c.x.admin.NewToken(c.Domain, c.Owner)
	if err != nil {
		return nil, err
	}
	h := &Hook{token: Hide(t.Plain()), hash: t.Hash(hookPurpose(c.service, name)), URL: c.x.hookURL(c.service, name, t.Plain())}
	c.Hooks[name] = h
	return h, nil
}

// OwnHook reports whether an address at the provider is or was one of this
// connection.
func (c *Connection) OwnHook(address string) bool {
	return strings.HasPrefix(address, c.x.o.PublicURL+"/hook/"+c.service+"/") && strings.Contains(address, "/"+string(c.Domain)+"."+string(c.Owner)+".")
}

// reset takes the account away, as a change. Where the address was lost with
// the secrets, there is a new one.
func (c *Connection) reset(svc Service, problem string) (storage.Write[storage.Record], error) {
	name := svc.Info().Hook
	c.erase(name, problem)
	if h := c.Hooks[name]; name != "" && (h == nil || h.token.IsZero()) {
		delete(c.Hooks, name)
		if _, err := c.AddHook(name); err != nil {
			return storage.Write[storage.Record]{}, err
		}
	}
	return c.change()
}

// change is the connection as a change.
func (c *Connection) change() (storage.Write[storage.Record], error) {
	if err := c.encode(c.words()); err != nil {
		return storage.Write[storage.Record]{}, err
	}
	r, err := row(&connRecords, c.of().record(c.Domain), c.Owner, &c.data)
	return storage.Write[storage.Record]{Row: r, Was: c.rev}, err
}

// erase takes the account away: the token, what is known of it, and the
// addresses that the provider was told of. The address that was shown from the
// beginning stays.
func (c *Connection) erase(keep string, problem string) {
	c.setToken(&Grant{}, time.Time{})
	c.Account, c.Saved = nil, false
	c.data.State, c.data.Connected, c.data.ID, c.data.Label, c.data.By, c.data.Problem = draft, false, "", "", "", problem
	for name := range c.Hooks {
		if name != keep {
			delete(c.Hooks, name)
		}
	}
}
