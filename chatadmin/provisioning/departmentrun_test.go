package provisioning_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/internal/erasetest"
	"chatadmin.example/sdk/chatadmin/provisioning"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// The process dies at every single call of the store while a department is
// renamed or emptied. A new process finds the run and resumes it: in the end
// everybody has moved, and no department waits for a run.
func TestDepartmentRunsSurviveCrashes(t *testing.T) {
	for name, begin := range map[string]func(w *world, from, to provisioning.Department) error{
		"rename": func(w *world, from, _ provisioning.Department) error {
			_, err := w.p.RenameDepartment(ctx, w.S, from.ID, "Coaches", nil)
			return err
		},
		"empty": func(w *world, from, to provisioning.Department) error {
			plan, err := w.p.PlanEmpty(ctx, w.S, from.ID, to.ID)
			if err != nil {
				return err
			}
			_, err = w.p.ApplyEmpty(ctx, w.S, plan, nil)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := map[string]string{"rename": "Coaches", "empty": "Trams"}[name]
			for n := 1; ; n++ {
				require.Less(t, n, 200)
				crash := &erasetest.Crashing{Store: memstore.New(nil)}
				w := newWorldOn(t, crash)
				buses, trams := w.department("Buses"), w.department("Trams")
				var people []chatadmin.ID
				for i := range 3 {
					people = append(people, w.user(fmt.Sprintf("driver.%d", i), in("Buses")).ID)
				}
				crash.In(n)
				err := begin(w, buses, trams)
				crashed := crash.Crashed()
				crash.In(0)
				w.Restart() // a new process
				runs := list(t, w.S.Runs(ctx, chatadmin.RunQuery{Kind: "department"}))
				if len(runs) == 0 { // it died before the first commit
					require.NoError(t, begin(w, buses, trams), "crash at call %d", n)
				}
				for _, run := range runs {
					if run.Open() {
						_, err := w.S.ResumeRun(ctx, run.ID, nil)
						require.NoError(t, err, "crash at call %d", n)
					}
				}
				for _, id := range people {
					require.Equal(t, want, w.is(id).Department, "crash at call %d", n)
				}
				for _, d := range list(t, w.p.Departments(ctx, w.S)) {
					require.Empty(t, d.Run, "crash at call %d", n)
					require.Empty(t, d.Former, "crash at call %d", n)
				}
				require.Len(t, w.contacts(people[0]), 2, "crash at call %d", n)
				if !crashed {
					require.NoError(t, err)
					return
				}
			}
		})
	}
}
