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

// sessions are in memory, by the hash of the token that the cookie holds. It
// implements signin.Sessions.
type sessions struct {
	mu      sync.Mutex
	byToken map[[sha256.Size]byte]session
}

type session struct {
	user  chatadmin.ID
	began time.Time
}

// start makes the session of a sign-in that was allowed, and returns its token.
func (s *sessions) start(d signin.Decision) string {
	token := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byToken == nil {
		s.byToken = map[[sha256.Size]byte]session{}
	}
	s.byToken[sha256.Sum256([]byte(token))] = session{d.User.ID, d.Began}
	return token
}

// find returns the user of a session.
func (s *sessions) find(token string) (chatadmin.ID, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.byToken[sha256.Sum256([]byte(token))]
	return one.user, ok
}

// end ends one session.
func (s *sessions) end(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byToken, sha256.Sum256([]byte(token)))
}

// EndSessions implements signin.Sessions. Without users it ends the sessions of
// everybody.
func (s *sessions) EndSessions(_ context.Context, _ chatadmin.ID, users []chatadmin.ID, before time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(s.byToken, func(_ [sha256.Size]byte, one session) bool {
		return (users == nil || slices.Contains(users, one.user)) && (one.began.Before(before) || one.began.After(now))
	})
	return nil
}
