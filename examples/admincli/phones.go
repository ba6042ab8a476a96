package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"chatadmin.example/sdk/chatadmin"
)

// phone is what a device keeps on itself. The command line keeps it for the
// devices it registers, as if it were them.
type phone struct {
	Domain    chatadmin.ID `json:"domain"`
	User      string       `json:"user"` // the login, folded
	DeviceID  string       `json:"device_id"`
	Token     string       `json:"token,omitempty"`
	WipeToken string       `json:"wipe_token"`
}

// phones keeps them in a file of the user's own or, without a path, in memory.
type phones struct {
	path string
	all  []phone
}

// openPhones keeps them beside the database: a file's own, or the working
// folder's for a server.
func openPhones(db string) *phones {
	switch {
	case db == "memory:":
		return &phones{}
	case isServer(db):
		return &phones{path: "chatadmin-phones.json"}
	}
	return &phones{path: db + "-phones.json"}
}

func (ps *phones) load() error {
	if ps.path == "" {
		return nil
	}
	text, err := os.ReadFile(ps.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	ps.all = nil
	if err := json.Unmarshal(text, &ps.all); err != nil {
		return fmt.Errorf("%s: %w", ps.path, err)
	}
	return nil
}

// put keeps the credentials of a device in place of those it had.
func (ps *phones) put(p phone) error {
	if err := ps.load(); err != nil {
		return err
	}
	ps.all = append(slices.DeleteFunc(ps.all, func(q phone) bool { return q.Domain == p.Domain && q.User == p.User && q.DeviceID == p.DeviceID }), p)
	if ps.path == "" {
		return nil
	}
	text, err := json.MarshalIndent(ps.all, "", "\t")
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(ps.path), ".phones-*") // readable by its owner alone
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	if _, err := file.Write(text); err != nil {
		_ = file.Close()
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), ps.path)
}

// find finds a device by its id and, where several users have it, by the login.
func (ps *phones) find(domain chatadmin.ID, user, id string) (phone, error) {
	if err := ps.load(); err != nil {
		return phone{}, err
	}
	var found []phone
	for _, p := range ps.all {
		if p.Domain == domain && p.DeviceID == id && (user == "" || p.User == user) {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 0:
		return phone{}, fmt.Errorf("device %q was not registered by this command line: %w", chatadmin.Cut(id), chatadmin.ErrNotFound)
	case 1:
		return found[0], nil
	}
	return phone{}, fmt.Errorf("several users have a device %q: name one by --user: %w", chatadmin.Cut(id), chatadmin.ErrInvalid)
}
