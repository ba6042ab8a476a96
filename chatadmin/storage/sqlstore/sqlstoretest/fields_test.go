package sqlstoretest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/fields"
	"chatadmin.example/sdk/chatadmin/storage"
)

// On every database a hundred people change the same users over two handles
// while a field is declared: nobody is missed by the search, nothing too many is
// left, and removing the field leaves nothing.
func TestFieldsRace(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		const users = 100
		c := newCompany(t, db, 0)
		var scopes [2]*chatadmin.Scope
		var custom [2]*fields.Fields
		for i, store := range []storage.Store{c.store, db.open(t)} {
			admin := chatadmintest.Must(chatadmin.New(store, nil))
			custom[i] = chatadmintest.Must(fields.New(admin, nil))
			scopes[i] = admin.As(c.domain, c.admins[0])
		}
		with := func(value string) []chatadmin.UserPart { // as before anything was declared
			return []chatadmin.UserPart{func(_ *chatadmin.Settings, _ *chatadmin.User, a *chatadmin.Attributes) []*chatadmin.FieldError {
				a.Fields = map[string]string{"Cost centre": value}
				return nil
			}}
		}
		var ids []chatadmin.ID
		for n := range users {
			u, err := scopes[0].CreateUser(t.Context(), chatadmin.NewUser{Login: fmt.Sprintf("user%d@acme.example", n), NoInvitation: true, Parts: with("1")})
			require.NoError(t, err)
			ids = append(ids, u.ID)
		}
		for _, err := range chatadmintest.AtOnce(users+1, func(n int) error {
			if n == users {
				_, err := custom[0].Declare(t.Context(), scopes[0], fields.Field{Name: "Cost centre", Kind: fields.Number}, nil)
				return err
			}
			_, err := scopes[n%2].EditUser(t.Context(), ids[n], chatadmin.UserEdit{Parts: with("2")})
			return err
		}) {
			require.NoError(t, err)
		}
		for value, want := range map[string]int{"1": 0, "2": users} {
			found := 0
			for _, err := range custom[1].Find(t.Context(), scopes[1], "Cost centre", value) {
				require.NoError(t, err)
				found++
			}
			require.Equal(t, want, found, value)
		}
		plan, err := custom[1].Plan(t.Context(), scopes[1], "Cost centre")
		require.NoError(t, err)
		run, err := custom[1].Apply(t.Context(), scopes[1], plan, nil)
		require.NoError(t, err)
		require.EqualValues(t, users, run.Data.Values)
		for _, id := range ids {
			records, _, err := c.store.ListRecords(t.Context(), storage.RecordQuery{Domain: c.domain, Owner: id}, storage.Page{Limit: 10})
			require.NoError(t, err)
			for _, r := range records {
				require.NotContains(t, r.Kind, "field.")
			}
		}
	})
}
