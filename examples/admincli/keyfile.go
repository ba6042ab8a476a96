package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"chatadmin.example/sdk/chatadmin/keyring"
)

// keyRing reads the key that seals secrets from a file, and makes file and key where there is none: readable for its owner alone. A real host takes the key from its secret store.
// "" is for data in memory, which ends with the program: its key need not be secret.
func keyRing(file string) (*keyring.Ring, error) {
	if file == "" {
		return keyring.New(rand.Reader, keyring.Key{ID: "memory", Secret: make([]byte, keyring.KeySize)})
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if text, err = newKey(file); errors.Is(err, fs.ErrExist) {
			text, err = os.ReadFile(file) // another command was faster
		}
	}
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(secret) != keyring.KeySize {
		return nil, fmt.Errorf("key file %s: it must hold %d bytes in hexadecimal", file, keyring.KeySize)
	}
	return keyring.New(rand.Reader, keyring.Key{ID: "file", Secret: secret})
}

func newKey(file string) ([]byte, error) {
	secret := make([]byte, keyring.KeySize)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	text := []byte(hex.EncodeToString(secret) + "\n")
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(text)
	return text, errors.Join(err, f.Close())
}

// keyFile is where the key lies: beside the database's file.
func keyFile(db string) string {
	switch {
	case db == "memory:":
		return ""
	case strings.Contains(db, "://"):
		return "chatadmin.key"
	}
	return db + ".key"
}
