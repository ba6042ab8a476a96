package csvimport

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

// Whoever imports is shown the plan before anything is written: at once, by a
// plan that was reviewed, and when the import goes on.
func TestPlannedIsCalledFirst(t *testing.T) {
	o := newOffice(t)
	x := ImportsOf(o.clerk)
	ctx, cancel := context.WithCancel(t.Context())
	var id chatadmin.ID
	var plans []*Plan
	opts := &ImportOptions{
		Planned: func(p *Plan) {
			_, created := o.users(t)
			require.Empty(t, created)
			plans = append(plans, p)
		},
		Begun: func(begun chatadmin.ID) {
			require.Len(t, plans, 1)
			id = begun
			cancel()
		},
	}
	_, err := x.Import(ctx, o.clerk, strings.NewReader(o.file), SkipExisting, opts)
	require.ErrorIs(t, err, context.Canceled)
	_, err = x.Resume(t.Context(), o.clerk, id, strings.NewReader(o.file), opts)
	require.NoError(t, err)
	require.Len(t, plans, 2)
	_, err = x.Resume(t.Context(), o.clerk, id, strings.NewReader(o.file), opts)
	require.NoError(t, err)
	require.Len(t, plans, 2, "it has ended")
	require.Equal(t, plans[0].Columns, plans[1].Columns)
	require.Equal(t, "utf-8", plans[1].Encoding)

	o = newOffice(t)
	x = ImportsOf(o.clerk)
	p, err := x.Plan(t.Context(), o.clerk, strings.NewReader(o.file), SkipExisting, opts)
	require.NoError(t, err)
	require.Len(t, plans, 2, "a plan alone begins nothing")
	plans, cancel = nil, func() {}
	_, err = x.Apply(t.Context(), o.clerk, p, strings.NewReader(o.file), opts)
	require.NoError(t, err)
	require.Len(t, plans, 1)
	require.Equal(t, p.Columns, plans[0].Columns)
}
