package portal

import (
	"maps"
	"net/url"
	"slices"
)

// Two people may edit the same thing at once. A form that edits something has
// the field "was" with what it showed. What its reader has left as it was is
// left as it is, so that neither undoes what the other has changed meanwhile in
// another field.

// was is the field "was" of a form that shows these values. A form that is
// shown again for an error keeps the one that it had at first.
func (v *view) was(showed url.Values) string {
	if v.r.PostForm.Has("was") {
		return v.r.PostForm.Get("was")
	}
	return showed.Encode()
}

// showed are the values of the fields of a form.
func showed(fields []field) url.Values {
	values := url.Values{}
	for _, f := range fields {
		values.Set(f.Name, f.Value)
	}
	return values
}

// left reports whether the reader of a form has left a field as it was.
func left(f url.Values, name string) bool {
	was, _ := url.ParseQuery(f.Get("was")) // what can be read of it
	return f.Has("was") && slices.Equal(f[name], was[name])
}

// changed is a form without the fields that were left as they were.
func changed(f url.Values) url.Values {
	out := maps.Clone(f)
	maps.DeleteFunc(out, func(name string, _ []string) bool { return left(f, name) })
	return out
}
