package sqlstoretest

import (
	"testing"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storetest"
)

func TestConformance(t *testing.T) {
	databases(t, func(t *testing.T, _ database) {
		kind := t.Name()
		storetest.Run(t, func(t *testing.T) storetest.Backend {
			db := sqliteFile(t)
			if kind == "TestConformance/postgresql" {
				db = postgresPrefix(t)
			}
			return storetest.Backend{Store: db.open(t), Again: func() chatadmin.Store { return db.open(t) }}
		})
	})
	t.Run("postgresql at SERIALIZABLE", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) storetest.Backend {
			db := postgresPrefix(t)
			db.options.Serializable = true
			return storetest.Backend{Store: db.open(t), Again: func() chatadmin.Store { return db.open(t) }}
		})
	})
}
