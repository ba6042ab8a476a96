package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/secret"
)

// keyFileName is where the keys lie by which two-factor secrets are sealed:
// beside the database, unless --key-file says otherwise.
func (c *cli) keyFileName() string {
	switch {
	case c.keyFile != "":
		return c.keyFile
	case isServer(c.db):
		return "chatadmin.key"
	}
	return c.db + ".key"
}

// keys opens the key ring. Its file is made at first use; with memory: the key
// ends with the program.
func (c *cli) keys() (*keyring.Ring, error) {
	if c.keyFile == "" && c.db == "memory:" {
		if c.ring == nil {
			k, err := newKey()
			if err != nil {
				return nil, err
			}
			if c.ring, err = keyring.New(rand.Reader, k); err != nil {
				return nil, err
			}
		}
		return c.ring, nil
	}
	name := c.keyFileName()
	keys, err := readKeys(name)
	if errors.Is(err, fs.ErrNotExist) {
		k, err := newKey()
		if err != nil {
			return nil, err
		}
		if err := writeKeys(name, []keyring.Key{k}, false); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if keys, err = readKeys(name); err != nil { // another process may have been faster
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	return keyring.New(rand.Reader, keys[0], keys[1:]...)
}

func newKey() (keyring.Key, error) {
	key, id := make([]byte, keyring.KeySize), make([]byte, 4)
	if _, err := rand.Read(key); err != nil {
		return keyring.Key{}, err
	}
	if _, err := rand.Read(id); err != nil {
		return keyring.Key{}, err
	}
	return keyring.Key{ID: fmt.Sprintf("%x", id), Secret: secret.HideBytes(key)}, nil
}

// readKeys reads a key file: a key a line, its ID and its secret in base64, the
// current one first.
func readKeys(name string) ([]keyring.Key, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others can read the key file %s: chmod 600 it", name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var keys []keyring.Key
	for line := range strings.Lines(string(text)) {
		id, key, _ := strings.Cut(strings.TrimSpace(line), " ")
		b, err := base64.StdEncoding.DecodeString(key)
		if err != nil || len(b) != keyring.KeySize {
			return nil, fmt.Errorf("%s is no key file: each line has an ID and 32 bytes in base64", name)
		}
		keys = append(keys, keyring.Key{ID: id, Secret: secret.HideBytes(b)})
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("the key file %s is empty", name)
	}
	return keys, nil
}

// writeKeys writes a key file as a whole or not at all. A file that is there is
// kept (fs.ErrExist), unless it is to be replaced.
func writeKeys(name string, keys []keyring.Key, replace bool) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	for _, k := range keys {
		if _, err := fmt.Fprintf(f, "%s %s\n", k.ID, base64.StdEncoding.EncodeToString(k.Secret.Bytes())); err != nil {
			_ = f.Close()
			return err
		}
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if replace {
		return os.Rename(f.Name(), name)
	}
	return os.Link(f.Name(), name)
}
