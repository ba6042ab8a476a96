package fields

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"chatadmin.example/sdk/chatadmin"
)

// Kinds of audit events.
const (
	KindSet    = "fields.set"    // of the declarations
	KindIndex  = "fields.index"  // of a run that makes values searchable
	KindRemove = "fields.remove" // of a run that deletes values, and of the users
)

// name is that of the policy.
const name = "fields"

// DefaultMost is how many fields a domain declares at most, if Options.Most is
// 0.
const DefaultMost = 32

// Options of Fields.
type Options struct {
	// Most is how many fields a domain declares at most, 1 to 100.
	Most int
}

// Fields are the fields that domains have declared. It is safe for many
// goroutines and starts none.
type Fields struct {
	admin *chatadmin.Admin
	most  int
	runs  *chatadmin.Runs[Report]
}

// New returns the fields of an Admin. o may be nil. Every program that changes
// users or settings calls New, before it uses the Admin. It returns
// chatadmin.ErrInvalid without an Admin, and for a limit that is not possible.
func New(admin *chatadmin.Admin, o *Options) (*Fields, error) {
	if admin == nil {
		return nil, fmt.Errorf("fields need an Admin: %w", chatadmin.ErrInvalid)
	}
	f := &Fields{admin: admin, most: DefaultMost}
	if o != nil && o.Most != 0 {
		f.most = o.Most
	}
	if f.most < 1 || f.most > 100 {
		return nil, fmt.Errorf("at most %d fields: give 1 to 100: %w", f.most, chatadmin.ErrInvalid)
	}
	f.runs = chatadmin.NewRuns(admin, f.kind())
	admin.Extend(chatadmin.Extension{
		Policy:       chatadmin.Policy{Name: name, Check: checkPolicy},
		OnUserChange: index,
		Columns:      f.columns(),
	})
	return f, nil
}

// policy is what the settings of a domain hold.
type policy struct {
	Version int        `json:"v"`
	Fields  []declared `json:"fields"`
}

// declared is a field of a domain.
type declared struct {
	Field
	Ready    bool `json:"ready,omitempty"`    // its values can be searched
	Removing bool `json:"removing,omitempty"` // its values are being deleted
}

const policyVersion = 1

func policyOf(set *chatadmin.Settings) (policy, error) {
	data := set.Policies[name]
	if len(data) == 0 {
		return policy{Version: policyVersion}, nil
	}
	return readPolicy(data)
}

func readPolicy(data json.RawMessage) (p policy, err error) {
	bad := func(why string) (policy, error) {
		return policy{}, fmt.Errorf("the domain's fields %s: %w", why, chatadmin.ErrInvalid)
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return bad("are no JSON of fields")
	}
	if p.Version != policyVersion {
		return bad("have another version than this library knows")
	}
	seen := map[string]bool{}
	for i := range p.Fields {
		d := &p.Fields[i]
		if k := key(d.Name); len(d.faults()) > 0 || seen[k] {
			return bad("hold one that cannot be")
		}
		seen[key(d.Name)] = true
	}
	return p, nil
}

// checkPolicy checks declarations in their stored form.
func checkPolicy(data json.RawMessage) error {
	_, err := readPolicy(data)
	return err
}

// find finds a field by its name; nil if there is none.
func (p *policy) find(name string) *declared {
	k := key(name)
	if i := slices.IndexFunc(p.Fields, func(d declared) bool { return key(d.Name) == k }); i >= 0 {
		return &p.Fields[i]
	}
	return nil
}

// List returns the fields of the scope's domain, in the order in which they were
// declared, without those that are being removed. Everybody may.
func (f *Fields) List(ctx context.Context, s *chatadmin.Scope) ([]Field, error) {
	_, set, err := s.View(ctx, "")
	if err != nil {
		return nil, err
	}
	p, err := policyOf(&set)
	return p.inUse(), err
}

// inUse are the fields that take values.
func (p *policy) inUse() []Field {
	var all []Field
	for _, d := range p.Fields {
		if !d.Removing {
			all = append(all, d.Field)
		}
	}
	return all
}

// setPolicy changes the declarations in a transaction of their own.
func setPolicy(ctx context.Context, s *chatadmin.Scope, change func(*policy) error) error {
	return s.SetPolicy(ctx, KindSet, chatadmin.PermDomain, name, func(w *chatadmin.Writer, was json.RawMessage) (json.RawMessage, []chatadmin.FieldChange, error) {
		p, err := policyOf(&w.Settings)
		if err != nil {
			return nil, nil, err
		}
		before := slices.Clone(p.Fields)
		if err := change(&p); err != nil {
			return nil, nil, err
		}
		var d []chatadmin.FieldChange
		for _, f := range p.Fields {
			b := (&policy{Fields: before}).find(f.Name)
			if text := f.String(); b == nil {
				d = append(d, chatadmin.FieldChange{Field: "field " + f.Name, After: text})
			} else if b.String() != text {
				d = append(d, chatadmin.FieldChange{Field: "field " + f.Name, Before: b.String(), After: text})
			}
		}
		for _, f := range before {
			if p.find(f.Name) == nil {
				d = append(d, chatadmin.FieldChange{Field: "field " + f.Name, Before: f.String()})
			}
		}
		if len(d) == 0 {
			return was, nil, nil
		}
		if len(p.Fields) == 0 {
			return nil, d, nil
		}
		data, err := json.Marshal(p)
		return data, d, err
	})
}

// String tells of a field in an audit event.
func (d *declared) String() string {
	data, _ := json.Marshal(d) // strings and booleans cannot fail
	return string(data)
}
