package devices_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/devices"
)

// A plan comes back from outside: whatever it says that no plan says is refused
// before anything is decided, and nothing begins.
func TestForgedWipePlan(t *testing.T) {
	w := newWorld(t)
	one, two := w.register(w.ann, "one"), w.register(w.ann, "two")
	plan, err := w.r.PlanWipe(ctx, w.s, devices.These(one.Device.ID, two.Device.ID))
	require.NoError(t, err)
	good, err := json.Marshal(plan)
	require.NoError(t, err)
	forge := func(change func(p map[string]any)) *devices.WipePlan {
		var p map[string]any
		d := json.NewDecoder(bytes.NewReader(good))
		d.UseNumber() // revisions are longer than a float64 holds
		require.NoError(t, d.Decode(&p))
		change(p)
		data, err := json.Marshal(p)
		require.NoError(t, err)
		var forged devices.WipePlan
		require.NoError(t, json.Unmarshal(data, &forged))
		return &forged
	}
	device := func(field string, value any) func(map[string]any) {
		return func(p map[string]any) { p["devices"].([]any)[0].(map[string]any)[field] = value }
	}
	count := func(name string, n any) func(map[string]any) {
		return func(p map[string]any) { p["counts"].(map[string]any)[name] = n }
	}
	for name, c := range map[string]struct {
		change func(map[string]any)
		want   error
	}{
		"a device twice":         {device("id", two.Device.ID), chatadmin.ErrInvalid},
		"no ID":                  {device("id", ""), chatadmin.ErrInvalid},
		"no such ID":             {device("id", "a b\x00"), chatadmin.ErrInvalid},
		"a long ID":              {device("id", strings.Repeat("x", 65)), chatadmin.ErrInvalid},
		"no generation":          {device("generation", 0), chatadmin.ErrInvalid},
		"a negative generation":  {device("generation", -1), chatadmin.ErrInvalid},
		"another generation":     {device("generation", 2), chatadmin.ErrPlanStale},
		"another device":         {device("id", "none"), chatadmin.ErrPlanStale},
		"kind":                   {func(p map[string]any) { p["kind"] = "xx" }, chatadmin.ErrInvalid},
		"actor":                  {func(p map[string]any) { p["actor"] = "host" }, chatadmin.ErrInvalid},
		"domain":                 {func(p map[string]any) { p["domain"] = "other" }, chatadmin.ErrNotFound},
		"subject":                {func(p map[string]any) { p["subject"] = "xx" }, chatadmin.ErrInvalid},
		"no counts":              {func(p map[string]any) { p["counts"] = nil }, chatadmin.ErrInvalid},
		"no devices":             {func(p map[string]any) { p["devices"] = nil }, chatadmin.ErrInvalid},
		"fewer devices":          {func(p map[string]any) { p["devices"] = p["devices"].([]any)[:1] }, chatadmin.ErrInvalid},
		"too many devices":       {func(p map[string]any) { p["devices"] = make([]map[string]any, devices.MaxPlan+1) }, chatadmin.ErrInvalid},
		"an unknown count":       {count("xx", 1), chatadmin.ErrInvalid},
		"a negative count":       {count("left_alone", -1), chatadmin.ErrInvalid},
		"more users than phones": {count("users", 3), chatadmin.ErrInvalid},
		"a huge count":           {count("enabled", int64(math.MaxInt64)), chatadmin.ErrInvalid},
		"revision":               {func(p map[string]any) { p["domain_rev"] = 7 }, chatadmin.ErrPlanStale},
	} {
		job, err := w.r.ApplyWipe(ctx, w.s, forge(c.change), nil)
		require.ErrorIs(t, err, c.want, name)
		require.Zero(t, job, name)
	}
	for _, p := range []*devices.WipePlan{nil, {}, {Plan: chatadmin.Plan{Domain: w.domain}}} {
		_, err := w.r.ApplyWipe(ctx, w.s, p, nil)
		require.Error(t, err)
	}
	_, err = w.r.ApplyWipe(ctx, w.s, nil, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	require.True(t, w.authorized(one) && w.authorized(two))
	require.Empty(t, w.pending(0))
	_, err = w.r.ApplyWipe(ctx, w.s, forge(func(map[string]any) {}), nil)
	require.NoError(t, err, "as it was made")
	require.Len(t, w.pending(0), 2)
}

// job writes a job past the library, as one of an earlier version or a damaged
// one.
func (w *world) job(devices any, done, total int64) chatadmin.ID {
	w.t.Helper()
	params, err := json.Marshal(devices)
	require.NoError(w.t, err)
	id := w.admin.NewID()
	require.NoError(w.t, w.s.Change(ctx, chatadmin.Op{Kind: "test"}, func(ctx context.Context, x *chatadmin.Work) error {
		return x.PutJob(ctx, &chatadmin.Job{ID: id, Kind: "wipe devices", Params: params, Done: done, Total: total})
	}))
	return id
}

// A job that names a device twice, in one batch or in two, or whose total is not
// that of its devices, ends, and gives each device one command.
func TestWipeJobEnds(t *testing.T) {
	for name, total := range map[string]int64{"as many": 0, "more": 1000, "fewer": -2} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			phones, _ := w.fleet(502)
			var planned []devices.PlannedWipe
			for _, p := range phones {
				planned = append(planned, devices.PlannedWipe{ID: p.Device.ID, Generation: 1})
			}
			planned[1] = planned[0]     // in one batch
			planned[501] = planned[300] // in two
			short, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			n := 0
			job, err := w.r.ResumeWipe(short, w.s, w.job(planned, 0, int64(len(planned))+total), func(chatadmin.Progress) {
				if n++; n > 10 {
					cancel()
				}
			})
			require.NoError(t, err)
			require.Equal(t, []any{chatadmin.JobDone, int64(502)}, []any{job.State, job.Done})
			require.Len(t, w.pending(0), 500)
			for _, d := range w.pending(0) {
				history, err := w.r.History(ctx, w.s, d.ID)
				require.NoError(t, err)
				require.Len(t, history, 1)
			}
		})
	}
}

// A job that says of itself what cannot be is refused, and does not panic.
func TestDamagedWipeJob(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	planned := []devices.PlannedWipe{{ID: out.Device.ID, Generation: 1}}
	for _, done := range []int64{-1, math.MinInt64, 2, math.MaxInt64} {
		_, err := w.r.ResumeWipe(ctx, w.s, w.job(planned, done, 1), nil)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, "%d", done)
	}
	_, err := w.r.ResumeWipe(ctx, w.s, w.job("xx", 0, 1), nil)
	require.Error(t, err)
	job, err := w.r.ResumeWipe(ctx, w.s, w.job(nil, 0, 1), nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.JobDone, job.State)
	require.True(t, w.authorized(out))
}

// Without an Authenticate nobody registers a device.
func TestHandlerWithoutAuthenticate(t *testing.T) {
	w := newWorld(t)
	rec := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/register", strings.NewReader(`{"device_id":"x","type":"ios"}`))
	r.Header.Set("Content-Type", "application/json")
	w.r.Handler(nil, nil).ServeHTTP(rec, r)
	require.Equal(t, http.StatusServiceUnavailable, rec.Code)
	require.Empty(t, w.ofAnn())
	require.Empty(t, devices.Bearer(nil))
}
