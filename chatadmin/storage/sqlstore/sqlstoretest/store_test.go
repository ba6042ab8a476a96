package sqlstoretest

import (
	"strings"
	"testing"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/storetest"
)

// The whole suite runs on each kind of database; through the pooler, those tests
// that rest on what a session or a transaction is.
func TestConformance(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, open func(t *testing.T) database) {
		t.Parallel()
		backend := func(t *testing.T) storetest.Backend {
			db := open(t)
			return storetest.Backend{Store: db.open(t), Again: func() storage.Store { return db.open(t) }}
		}
		if strings.Contains(t.Name(), "pooler") {
			storetest.RunOnly(t, backend, "Swallowed", "Rollback", "Retry", "Nested", "Cancel", "Fences", "FencesAnew", "Exclusion", "Deadlock", "KeyOrder", "Limits",
				"AddMembers", "Conflicts", "RaceLastAdmin", "RaceCounter", "RaceLogin", "RaceDefaultGroup", "RaceParent")
			return
		}
		storetest.Run(t, backend)
	})
}
