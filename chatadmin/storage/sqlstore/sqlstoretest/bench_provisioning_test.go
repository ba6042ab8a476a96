package sqlstoretest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/csvimport"
)

// BenchmarkContacts reads pages of the contacts of a user whose department has
// 10,000 members. Its floor is the bare SELECT of the same rows through the same
// pool, in turns in the same run.
func BenchmarkContacts(b *testing.B) {
	const members = 10_000
	for name, open := range map[string]func(testing.TB) database{"sqlite": sqliteFile, "postgresql": postgresPrefix} {
		b.Run(name, func(b *testing.B) {
			db := open(b)
			two, domain := newRadios(b, db)
			r := two[0]
			_, err := r.p.CreateDepartment(b.Context(), r.s, "Buses")
			require.NoError(b, err)
			var file strings.Builder
			file.WriteString("login,first name,last name,department\n")
			for n := range members {
				fmt.Fprintf(&file, "driver.%05d,John,Smith,Buses\n", n)
			}
			imports := chatadmintest.Must(csvimport.New(r.admin, nil))
			done, err := imports.Import(b.Context(), r.s, strings.NewReader(file.String()), csvimport.SkipExisting, nil)
			require.NoError(b, err)
			require.EqualValues(b, members, done.Counts.Created)
			me, err := r.s.UserByLogin(b.Context(), "driver.05000")
			require.NoError(b, err)
			w := &world{b: b, db: db, pool: db.pool(b)}
			query := db.sql("SELECT " + userColumns + " FROM {{p}}users WHERE domain = $1 AND department = $2 AND department <> '' AND status IN (1, 2) AND NOT deleting ORDER BY login_key LIMIT $3")
			for _, limit := range []int{100, 1000} {
				b.Run(fmt.Sprintf("page of %d", limit), func(b *testing.B) {
					var ours, floor []time.Duration
					for b.Loop() {
						began := time.Now()
						page, _, err := r.p.ContactsPage(b.Context(), r.s, me.ID, chatadmin.Page{Limit: limit})
						middle := time.Now()
						n := w.bare(b, query, string(domain), "Buses", limit+1)
						ours, floor = append(ours, middle.Sub(began)), append(floor, time.Since(middle))
						if err != nil || len(page) != limit || n != limit+1 {
							b.Fatal(err, len(page), n)
						}
					}
					// medians: a busy machine interrupts one as often as the other
					slices.Sort(ours)
					slices.Sort(floor)
					b.ReportMetric(float64(ours[len(ours)/2])/float64(floor[len(floor)/2]), "ratio")
				})
			}
		})
	}
}
