package preferences

import (
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// Keys lists the keys of Values.Set and Get: of the fields, and for each platform
// "suffix." and "account." with its name.
func (p *Preferences) Keys() []string {
	keys := []string{"language", "landing", "availability", "live_chat", "avatar", "notify_assigned", "notify_unpublished", "forward"}
	for _, kind := range []string{suffixKey, accountKey} {
		for _, platform := range p.o.Platforms {
			keys = append(keys, kind+string(platform))
		}
	}
	return keys
}

const (
	suffixKey  = "suffix."
	accountKey = "account."
)

// field finds the field of a key; nil if there is none.
func (v *Values) field(key string) *string {
	switch key {
	case "language":
		return &v.Language
	case "landing":
		return &v.Landing
	case "availability":
		return (*string)(&v.Availability)
	case "live_chat":
		return &v.LiveChat
	case "avatar":
		return &v.Avatar
	case "notify_assigned":
		return (*string)(&v.NotifyAssigned)
	case "notify_unpublished":
		return (*string)(&v.NotifyUnpublished)
	case "forward":
		return (*string)(&v.Forward)
	}
	return nil
}

// platform finds the map of a key and the platform in it.
func (v *Values) platform(key string) (*map[Platform]string, Platform) {
	if p, ok := strings.CutPrefix(key, suffixKey); ok {
		return &v.Suffix, Platform(p)
	}
	if p, ok := strings.CutPrefix(key, accountKey); ok {
		return &v.Account, Platform(p)
	}
	return nil, ""
}

// Set sets a field by its key, as forms and files do: see Preferences.Keys. ""
// clears it. It returns false for an unknown key. The value is checked when it
// is written.
func (v *Values) Set(key, value string) bool {
	if f := v.field(key); f != nil {
		*f = value
		return true
	}
	m, p := v.platform(key)
	switch {
	case m == nil || p == "":
		return false
	case *m == nil:
		*m = map[Platform]string{}
	}
	(*m)[p] = value
	return true
}

// Get returns a field by its key.
func (v *Values) Get(key string) string {
	if f := v.field(key); f != nil {
		return *f
	}
	if m, p := v.platform(key); m != nil {
		return (*m)[p]
	}
	return ""
}

// each yields the keys of the fields that v or was has set.
func each(was, now *Values) []string {
	keys := []string{"language", "landing", "availability", "live_chat", "avatar", "notify_assigned", "notify_unpublished", "forward"}
	for _, v := range []*Values{was, now} {
		for p := range v.Suffix {
			keys = append(keys, suffixKey+string(p))
		}
		for p := range v.Account {
			keys = append(keys, accountKey+string(p))
		}
	}
	slices.Sort(keys[8:])
	return slices.Compact(keys)
}

// Diff lists what differs between two values, as audit events show it.
func diff(was, now *Values) (d []chatadmin.FieldChange) {
	for _, key := range each(was, now) {
		if b, a := was.Get(key), now.Get(key); b != a {
			d = append(d, chatadmin.FieldChange{Field: key, Before: b, After: a})
		}
	}
	return d
}
