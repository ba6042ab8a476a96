package main

import (
	"flag"
	"strings"
)

// userFlags are the flags of all users commands.
type userFlags struct {
	status, search, role     string
	guest, member, noWelcome bool
	fields                   map[string]*string // given: what was written
}

func (f *userFlags) register(fs *flag.FlagSet) {
	fs.StringVar(&f.status, "status", "", "")
	fs.StringVar(&f.search, "search", "", "")
	fs.StringVar(&f.role, "role", "", "")
	fs.BoolVar(&f.guest, "guest", false, "")
	fs.BoolVar(&f.member, "member", false, "")
	fs.BoolVar(&f.noWelcome, "no-welcome", false, "")
	f.fields = map[string]*string{}
	for _, name := range []string{"login", "email", "name", "first-name", "last-name", "title", "mobile", "department", "manager"} {
		fs.Func(name, "", func(v string) error {
			f.fields[name] = &v
			return nil
		})
	}
}

// given is nil where a field was not given, so that it is left as it is.
func (f *userFlags) given(name string) *string { return f.fields[name] }

func (f *userFlags) text(name string) string {
	if v := f.fields[name]; v != nil {
		return *v
	}
	return ""
}

// split splits a list at its commas.
func split(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}
