package sqlstoretest

import (
	"testing"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storetest"
)

func TestConformance(t *testing.T) {
	everywhere(t, func(t *testing.T, open func(t *testing.T) database) {
		storetest.Run(t, func(t *testing.T) storetest.Backend {
			db := open(t)
			return storetest.Backend{Store: db.open(t), Again: func() chatadmin.Store { return db.open(t) }}
		})
	})
}
