package chatadmintest_test

import (
	"context"
	"testing"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// A call of the host's own, built on Scope.Change, is proven to ask for its
// permission.
func TestAuthorise(t *testing.T) {
	var group chatadmin.ID
	open := func(t *testing.T) (*chatadmin.Admin, chatadmin.ID) {
		a := chatadmintest.Must(chatadmin.New(memstore.New(nil), nil))
		d, boss, err := a.CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
		if err != nil {
			t.Fatal(err)
		}
		g, err := a.As(d.ID, boss.ID).CreateGroup(t.Context(), "News")
		if err != nil {
			t.Fatal(err)
		}
		group = g.ID
		return a, d.ID
	}
	chatadmintest.Authorise(t, chatadmintest.Call{Need: chatadmin.PermGroups, Open: open, Do: func(ctx context.Context, s *chatadmin.Scope) error {
		_, err := s.RenameGroup(ctx, group, "Olds")
		return err
	}})
	chatadmintest.Authorise(t, chatadmintest.Call{Need: chatadmin.PermDomain, Open: open, NoTarget: true, Do: func(ctx context.Context, s *chatadmin.Scope) error {
		_, err := s.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.DefaultCountry = "NL"; return nil })
		return err
	}})
	chatadmintest.Authorise(t, chatadmintest.Call{Open: open, OwnTarget: true, Do: func(ctx context.Context, s *chatadmin.Scope) error { return s.Leave(ctx, group) }})
}
