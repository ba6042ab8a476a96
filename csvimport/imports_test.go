package csvimport

import (
	"sync"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
)

var (
	made   = map[*chatadmin.Admin]*Imports{}
	making sync.Mutex
)

// ImportsOf returns the imports of a scope's Admin, made once for each, as a
// program does.
func ImportsOf(s *chatadmin.Scope) *Imports {
	if s == nil {
		return &Imports{}
	}
	making.Lock()
	defer making.Unlock()
	if made[s.Admin()] == nil {
		made[s.Admin()] = chatadmintest.Must(New(s.Admin(), nil))
	}
	return made[s.Admin()]
}
