package provisioning_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/provisioning"
	"chatadmin.example/sdk/chatadmin/storage"
)

// damage overwrites the only record of a kind that belongs to an owner, or to
// nobody, and returns its ID.
func (w *world) damage(kind string, owner chatadmin.ID, data string) string {
	w.T.Helper()
	rs, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Kind: kind, Domain: w.Domain, Owner: owner}, chatadmin.Page{Limit: 10})
	require.NoError(w.T, err)
	require.NotEmpty(w.T, rs, kind)
	rs[0].Data = []byte(data)
	w.PutRecord(rs[0])
	return rs[0].ID
}

// A record that cannot be read lets nobody in, and harms nobody else. An
// administrator finds it, repairs it, and gives anew what was lost.
func TestDamagedRecords(t *testing.T) {
	const imei, other = "490154203237518", "1234567890123"
	for _, data := range []string{`{`, `{}`, `null`, `[1]`, `{"v":99,"user":"x","state":"sent","id":"x","name":"x"}`} {
		for _, kind := range []string{"imei", "activation", "department", "department name"} {
			t.Run(kind+" "+data, func(t *testing.T) {
				w := newWorld(t)
				w.policy(provisioning.Policy{AcceptTexts: true})
				trams := w.department("Trams")
				with := func(imei string) func(*provisioning.NewUser) {
					return func(n *provisioning.NewUser) { n.IMEI = to(imei) }
				}
				john, mary := w.user("john", with(imei), in("Trams")), w.user("mary", with(other), in("Trams"))
				kate := w.user("kate", texting, in("Trams"))
				w.Work()
				code := w.code()
				owner := map[string]chatadmin.ID{"imei": john.ID, "activation": kate.ID}[kind]
				id := w.damage(kind, owner, data)

				var found []string
				for bad, err := range w.S.Damaged(ctx) {
					require.NoError(t, err)
					found = append(found, bad.Kind+" "+bad.ID)
				}
				require.Equal(t, []string{kind + " " + id}, found)
				require.NoError(t, w.byIMEI("marys-radio", other), "others go on")
				require.Len(t, w.contacts(mary.ID), 2, "contacts are complete")
				switch kind {
				case "imei":
					require.ErrorIs(t, w.byIMEI("radio", imei), provisioning.ErrCode)
					_, err := w.p.CreateUser(ctx, w.S, form("thief", with(imei)))
					require.ErrorIs(t, err, chatadmin.ErrExists, "it belongs to somebody")
				case "activation":
					require.ErrorIs(t, w.byCode("radio", "kate", code), provisioning.ErrCode)
				}

				require.NoError(t, w.S.Repair(ctx, kind, id))
				for bad, err := range w.S.Damaged(ctx) {
					require.NoError(t, err)
					t.Errorf("still damaged: %s %s", bad.Kind, bad.ID)
				}
				switch kind {
				case "imei":
					_, err := w.p.CreateUser(ctx, w.S, form("thief", with(imei)))
					require.ErrorIs(t, err, chatadmin.ErrExists, "it still belongs to John")
					require.NoError(t, w.byIMEI("radio", imei))
					require.ErrorIs(t, w.byIMEI("clone", imei), provisioning.ErrCode)
				case "activation":
					require.ErrorIs(t, w.byCode("radio", "kate", code), provisioning.ErrCode, "a lost code stays lost")
					require.NoError(t, w.p.ResendActivation(ctx, w.S, kate.ID))
					w.Work()
					require.NoError(t, w.byCode("radio", "kate", w.code()))
				default:
					again, err := w.p.CreateDepartment(ctx, w.S, "Trams")
					if err == nil { // its other record was lost with it
						require.NotEqual(t, trams.ID, again.ID)
					}
					got, err := w.p.DepartmentNamed(ctx, w.S, "Trams")
					require.NoError(t, err)
					require.Equal(t, "Trams", got.Name)
					w.user("new", in("Trams"))
					require.Len(t, w.contacts(mary.ID), 3)
				}
			})
		}
	}
}
