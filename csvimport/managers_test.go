package csvimport_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/memstore"
	"chatadmin.example/sdk/csvimport"
)

// interrupted is a store in which something happens before a lookup of users by login.
type interrupted struct {
	chatadmin.Store
	lookups int
	before  func(lookup int)
}

func (s *interrupted) UsersByLogin(ctx context.Context, domain chatadmin.ID, keys []string) ([]chatadmin.User, error) {
	s.lookups++
	if s.before != nil {
		s.before(s.lookups)
	}
	return s.Store.UsersByLogin(ctx, domain, keys)
}

// Who reports to whom is read batch by batch. Turned round meanwhile, it seems to be a circle that no link of the file is part of: planning ends all the same.
func TestManagersAreTurnedRoundWhileTheFileIsRead(t *testing.T) {
	store := &interrupted{Store: memstore.New(nil)}
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	y := w.user("y@acme.example")
	x := w.user("x@acme.example", func(n *chatadmin.NewUser) { n.Manager = y.ID })
	w.user("first@acme.example")
	w.user("last@acme.example")
	var file strings.Builder
	file.WriteString("login,manager\nfirst@acme.example,x@acme.example\n")
	for i := range 1200 {
		fmt.Fprintf(&file, "new%d@acme.example,\n", i)
	}
	file.WriteString("last@acme.example,y@acme.example\n")
	store.lookups = 0
	store.before = func(lookup int) {
		if lookup != 2 { // that of the second batch
			return
		}
		store.before = nil
		none := chatadmin.ID("")
		_, err := w.host.EditUser(ctx, x.ID, chatadmin.UserEdit{Manager: &none})
		require.NoError(t, err)
		_, err = w.host.EditUser(ctx, y.ID, chatadmin.UserEdit{Manager: &x.ID})
		require.NoError(t, err)
	}
	p, err := csvimport.Make(ctx, w.s, strings.NewReader(file.String()), csvimport.UpdateExisting, nil)
	require.NoError(t, err)
	require.Nil(t, store.before, "it happened")
	require.EqualValues(t, 2, p.Counts.Updated)
	require.Zero(t, p.Counts.Warnings)
}
