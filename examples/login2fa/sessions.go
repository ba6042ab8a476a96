package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"maps"
	"slices"
	"sync"

	"chatadmin.example/sdk/chatadmin"
)

// sessions are the host's own: in memory, by the hash of the token that the
// cookie holds. It implements signin.Sessions.
type sessions struct {
	mu   sync.Mutex
	user map[[sha256.Size]byte]chatadmin.ID
}

func (s *sessions) start(user chatadmin.ID) string {
	token := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.user == nil {
		s.user = map[[sha256.Size]byte]chatadmin.ID{}
	}
	s.user[sha256.Sum256([]byte(token))] = user
	return token
}

func (s *sessions) find(token string) (chatadmin.ID, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	user, ok := s.user[sha256.Sum256([]byte(token))]
	return user, ok
}

func (s *sessions) end(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.user, sha256.Sum256([]byte(token)))
}

// EndSessions implements signin.Sessions.
func (s *sessions) EndSessions(_ context.Context, _ chatadmin.ID, users []chatadmin.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.user, func(_ [sha256.Size]byte, user chatadmin.ID) bool { return slices.Contains(users, user) })
	return nil
}
