package storetest_test

import (
	"testing"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/chatadmin/storage/storetest"
)

func TestMemstore(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Backend {
		s := memstore.New(nil)
		return storetest.Backend{Store: s, Again: func() storage.Store { return s.Handle(nil) }}
	})
}
