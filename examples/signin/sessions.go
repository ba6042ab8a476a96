package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"maps"
	"slices"
	"sync"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
)

// sessions are the site's own: in memory, by the hash of the token that the
// cookie holds. It is a signin.Sessions.
type sessions struct {
	mu sync.Mutex
	by map[[sha256.Size]byte]session
}

type session struct {
	user   chatadmin.ID
	client signin.Client
	began  time.Time
}

// start begins the session of a sign-in that was allowed.
func (s *sessions) start(d signin.Decision) string {
	token := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[[sha256.Size]byte]session{}
	}
	s.by[sha256.Sum256([]byte(token))] = session{d.User.ID, d.Client, d.Began}
	return token
}

// find returns whose session it is, if it serves this kind of client.
func (s *sessions) find(token string, client signin.Client) (chatadmin.ID, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.by[sha256.Sum256([]byte(token))]
	return found.user, ok && found.client == client
}

func (s *sessions) end(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by, sha256.Sum256([]byte(token)))
}

// EndSessions implements signin.Sessions.
func (s *sessions) EndSessions(_ context.Context, _ chatadmin.ID, users []chatadmin.ID, before time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.by, func(_ [sha256.Size]byte, one session) bool {
		return (users == nil || slices.Contains(users, one.user)) && (one.began.Before(before) || one.began.After(time.Now()))
	})
	return nil
}
