package erase

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/texts"
)

// Warnings are right in number, and say durations as people do.
func TestWarningsInWords(t *testing.T) {
	warnings := func(reports int64, grace time.Duration, groups ...PlannedGroup) []string {
		p := &Plan{Groups: groups}
		p.Grace = grace
		p.warnOf(map[string]int64{Reports: reports})
		return texts.Sentences(p.Warnings)
	}
	one := warnings(1, 24*time.Hour, PlannedGroup{Members: 2})
	require.Contains(t, one, "1 person will have no manager")
	require.Contains(t, one, "for 1 day they are merely deactivated, and the deletion can be cancelled")
	require.Contains(t, one, "1 group vanishes with everything that anybody has written in it; it has 2 members")
	many := warnings(2, 30*24*time.Hour, PlannedGroup{Members: 2}, PlannedGroup{Members: 3})
	require.Contains(t, many, "2 people will have no manager")
	require.Contains(t, many, "for 30 days they are merely deactivated, and the deletion can be cancelled")
	require.Contains(t, many, "2 groups vanish with everything that anybody has written in them; the largest has 3 members")
	require.Contains(t, warnings(0, 90*time.Minute), "for 1h30m0s they are merely deactivated, and the deletion can be cancelled")
}
