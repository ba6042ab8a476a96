package storetest_test

import (
	"testing"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/memstore"
	"chatadmin.example/sdk/chatadmin/storetest"
)

func TestMemstore(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Backend {
		s := memstore.New(nil)
		return storetest.Backend{Store: s, Again: func() chatadmin.Store { return s.Handle(nil) }}
	})
}
