package fields

import (
	"maps"
	"slices"

	"chatadmin.example/sdk/chatadmin"
)

// Values returns what a user has in the fields of their domain, by the names of
// the fields. A host that has both rows at hand calls it.
func (f *Fields) Values(set *chatadmin.Settings, u *chatadmin.User) (map[string]string, error) {
	p, err := policyOf(set)
	if err != nil {
		return nil, err
	}
	a, err := chatadmin.AttributesOf(*u)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, field := range p.inUse() {
		if v := a.Fields[field.Name]; v != "" {
			values[field.Name] = v
		}
	}
	return values, nil
}

// Part sets fields in the form of a user: give it to chatadmin.NewUser or
// UserEdit as one of Parts. The keys are names of fields, as people write them;
// "" clears a field, and the others stay. All that is wrong comes together with
// what is wrong in the rest of the form.
func (f *Fields) Part(values map[string]string) chatadmin.UserPart {
	return func(set *chatadmin.Settings, _ *chatadmin.User, a *chatadmin.Attributes) []*chatadmin.FieldError {
		p, err := policyOf(set)
		if err != nil {
			return []*chatadmin.FieldError{{Field: "fields", Code: chatadmin.Code(err), Reason: err.Error()}}
		}
		now := maps.Clone(a.Fields)
		var wrong []*chatadmin.FieldError
		for _, given := range slices.Sorted(maps.Keys(values)) {
			d := p.find(given)
			if d == nil || d.Removing {
				wrong = append(wrong, &chatadmin.FieldError{Field: chatadmin.Cut(given), Value: chatadmin.Cut(values[given]), Code: CodeBadField,
					Reason: "this domain has no such field: declare it first"})
				continue
			}
			now = with(now, d.Name, values[given])
		}
		wrong = append(wrong, p.check(a.Fields, now)...)
		a.Fields = now
		return wrong
	}
}

// with sets a value; "" takes it away.
func with(values map[string]string, name, value string) map[string]string {
	if values == nil {
		values = map[string]string{}
	}
	if values[name] = value; value == "" {
		delete(values, name)
	}
	return values
}

// check brings those values of declared fields that differ from was into the
// form in which they are kept, and returns all that is wrong with them.
func (p *policy) check(was, now map[string]string) (wrong []*chatadmin.FieldError) {
	for i := range p.Fields {
		d := &p.Fields[i]
		value := now[d.Name]
		if value == "" || value == was[d.Name] {
			continue
		}
		if d.Removing {
			wrong = append(wrong, &chatadmin.FieldError{Field: d.Name, Value: chatadmin.Cut(value), Code: CodeBadField, Reason: "this field is being removed"})
			continue
		}
		kept, code, why := d.check(value)
		if code != "" {
			wrong = append(wrong, d.fault(value, code, why))
			continue
		}
		with(now, d.Name, kept)
	}
	return wrong
}
