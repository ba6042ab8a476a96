package sqlstoretest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/devices"
)

// BenchmarkDevicesAuthorize checks requests of devices, and reports the ratio
// to a bare SELECT of the same row over the same pool, in turns in the same
// run.
func BenchmarkDevicesAuthorize(b *testing.B) {
	for name, open := range map[string]func(testing.TB) database{"sqlite": sqliteFile, "postgresql": postgresPrefix} {
		b.Run(name, func(b *testing.B) {
			db := open(b)
			pool := db.pool(b)
			admin := chatadmintest.Must(chatadmin.New(db.open(b), nil))
			registry := chatadmintest.Must(devices.New(admin, nil))
			d, boss, err := admin.CreateDomain(b.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
			require.NoError(b, err)
			out, err := registry.Register(b.Context(), admin.AsHost(d.ID), boss.ID, devices.Registration{Key: "phone", Type: devices.IOS})
			require.NoError(b, err)
			token := out.Token.Plain()
			placeholder := "?"
			if name == "postgresql" {
				placeholder = "$1"
			}
			query := db.sql("SELECT id, domain, rev, usr, device_key, name, version, secret, data, type, status, generation, last_seen FROM {{p}}devices WHERE id = " + placeholder)
			bare := func() error {
				var id, domain, usr, key, name, version string
				var secret, data []byte
				var rev, typ, status, generation, seen int64
				return pool.QueryRowContext(b.Context(), query, string(out.Device.ID)).Scan(&id, &domain, &rev, &usr, &key, &name, &version, &secret, &data, &typ, &status, &generation, &seen)
			}
			check := func() error { _, err := registry.Authorize(b.Context(), token); return err }
			for range 100 {
				require.NoError(b, bare())
				require.NoError(b, check())
			}
			floor, ours := make([]time.Duration, b.N), make([]time.Duration, b.N)
			b.ResetTimer()
			for i := range b.N {
				began := time.Now()
				err := bare()
				middle := time.Now()
				if err2 := check(); err != nil || err2 != nil {
					b.Fatal(err, err2)
				}
				floor[i], ours[i] = middle.Sub(began), time.Since(middle)
			}
			// medians: a busy machine interrupts one as often as the other, but
			// not as long
			slices.Sort(floor)
			slices.Sort(ours)
			b.ReportMetric(float64(ours[b.N/2])/float64(floor[b.N/2]), "ratio")
			b.ReportMetric(float64(ours[b.N/2].Nanoseconds()), "ns/check")
		})
	}
}
