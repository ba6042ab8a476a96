package chatadmintest

import (
	"context"
	"maps"
	"slices"
	"testing"

	"chatadmin.example/sdk/chatadmin"
)

// quiet is how many rounds of work a test may need.
const quiet = 100

// Quiesce calls admin.Work until it has nothing more to do at the time of its
// clock, and returns how much was done by the names of the workers. What fails
// ends the test.
func Quiesce(t testing.TB, admin *chatadmin.Admin) map[string]int {
	t.Helper()
	total := map[string]int{}
	for range quiet {
		did, err := admin.Work(context.Background())
		if err != nil {
			t.Fatalf("work: %v", err)
		}
		if len(did) == 0 {
			return total
		}
		for name, n := range did {
			total[name] += n
		}
	}
	t.Fatalf("after %d rounds there still is work: %v", quiet, slices.Sorted(maps.Keys(total)))
	return nil
}
