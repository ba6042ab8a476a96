package devices_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/devices"
)

// A plan comes back from outside: whatever it says that no plan says is refused
// before anything is decided, and nothing begins.
func TestForgedWipePlan(t *testing.T) {
	w := newWorld(t)
	one, two := w.register(w.ann, "one"), w.register(w.ann, "two")
	plan, err := w.r.PlanWipe(ctx, w.S, devices.These(one.Device.ID, two.Device.ID))
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
	for name, c := range chatadmintest.InOrder(map[string]struct {
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
		"no basis":               {func(p map[string]any) { delete(p, "basis") }, chatadmin.ErrPlanStale},
		"no counts":              {func(p map[string]any) { p["counts"] = nil }, chatadmin.ErrInvalid},
		"no devices":             {func(p map[string]any) { p["devices"] = nil }, chatadmin.ErrInvalid},
		"fewer devices":          {func(p map[string]any) { p["devices"] = p["devices"].([]any)[:1] }, chatadmin.ErrInvalid},
		"too many devices":       {func(p map[string]any) { p["devices"] = make([]map[string]any, devices.MaxPlan+1) }, chatadmin.ErrInvalid},
		"an unknown count":       {count("xx", 1), chatadmin.ErrInvalid},
		"a negative count":       {count("left_alone", -1), chatadmin.ErrInvalid},
		"more users than phones": {count("users", 3), chatadmin.ErrInvalid},
		"a huge count":           {count("enabled", int64(math.MaxInt64)), chatadmin.ErrInvalid},
		"revision":               {func(p map[string]any) { p["basis"] = "7" }, chatadmin.ErrPlanStale},
	}) {
		run, err := w.r.ApplyWipe(ctx, w.S, forge(c.change), nil)
		require.ErrorIs(t, err, c.want, name)
		require.Nil(t, run, name)
	}
	for _, p := range []*devices.WipePlan{nil, {}, {PlanHeader: chatadmin.PlanHeader{Domain: w.Domain}}} {
		_, err := w.r.ApplyWipe(ctx, w.S, p, nil)
		require.Error(t, err)
	}
	_, err = w.r.ApplyWipe(ctx, w.S, nil, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	require.True(t, w.authorized(one) && w.authorized(two))
	require.Empty(t, w.pending(0))
	_, err = w.r.ApplyWipe(ctx, w.S, forge(func(map[string]any) {}), nil)
	require.NoError(t, err, "as it was made")
	require.Len(t, w.pending(0), 2)
}

// oldJob writes a job as earlier versions kept it.
func (w *world) oldJob(planned any, done, total int64, result string) chatadmin.ID {
	w.T.Helper()
	params, err := json.Marshal(planned)
	require.NoError(w.T, err)
	id := w.Admin.NewID()
	w.PutRecord(storage.Record{Key: storage.Key{Kind: "job", Domain: w.Domain, ID: string(id)}, Data: fmt.Appendf(nil,
		`{"id":%q,"kind":"wipe devices","actor":%q,"state":"running","done":%d,"total":%d,"started":"2026-01-02T03:04:05Z","params":%s,"result":%s}`,
		id, w.Boss.ID, done, total, params, result)})
	// What a process has taken over of earlier versions it does not look for
	// again.
	admin := chatadmintest.Must(chatadmin.New(w.Store, &chatadmin.Options{Now: w.Clock.Now}))
	w.Admin, w.r = admin, chatadmintest.Must(devices.New(admin, nil))
	w.Host, w.S = admin.AsHost(w.Domain), admin.As(w.Domain, w.Boss.ID)
	return id
}

// A job of an earlier version is a run. One that names a device twice, in one
// batch or in two, or whose total is not that of its devices, ends, and gives
// each device one command.
func TestOldWipeJobEnds(t *testing.T) {
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
			id := w.oldJob(planned, 0, int64(len(planned))+total, "null")
			n := 0
			run, err := w.r.ResumeWipe(short, w.S, id, func(chatadmin.Progress) {
				if n++; n > 10 {
					cancel()
				}
			})
			require.NoError(t, err)
			require.Equal(t, []any{chatadmin.RunDone, int64(502)}, []any{run.State, run.Done})
			require.Len(t, w.pending(0), 500)
			for _, d := range w.pending(0) {
				history, err := w.r.History(ctx, w.S, d.ID)
				require.NoError(t, err)
				require.Len(t, history, 1)
			}
		})
	}
}

// What an earlier version had begun goes on behind what it had done.
func TestOldWipeJobGoesOn(t *testing.T) {
	w := newWorld(t)
	phones, _ := w.fleet(3)
	var planned []devices.PlannedWipe
	for _, p := range phones {
		planned = append(planned, devices.PlannedWipe{ID: p.Device.ID, Generation: 1})
	}
	run, err := w.r.ResumeWipe(ctx, w.S, w.oldJob(planned, 1, 3, `{"asked":0,"skipped":1}`), nil)
	require.NoError(t, err)
	require.Equal(t, devices.WipeResult{Devices: planned, Asked: 2, Skipped: 1}, run.Data)
	require.True(t, w.authorized(phones[0]))
	require.Len(t, w.pending(0), 2)
}

// A job of an earlier version that says of itself what cannot be stays as it
// is, and nothing happens by it.
func TestDamagedOldWipeJob(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	planned := []devices.PlannedWipe{{ID: out.Device.ID, Generation: 1}}
	for _, done := range []int64{-1, math.MinInt64, 1, 2, math.MaxInt64} {
		_, err := w.r.ResumeWipe(ctx, w.S, w.oldJob(planned, done, 1, "null"), nil)
		require.ErrorIs(t, err, chatadmin.ErrNotFound, "%d", done)
	}
	for _, bad := range []any{"xx", []devices.PlannedWipe{{ID: "a b", Generation: 1}}, []devices.PlannedWipe{{ID: "a"}}, 7} {
		_, err := w.r.ResumeWipe(ctx, w.S, w.oldJob(bad, 0, 1, "null"), nil)
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
	}
	run, err := w.r.ResumeWipe(ctx, w.S, w.oldJob(nil, 0, 1, "null"), nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, run.State)
	require.True(t, w.authorized(out))
}

// A run that cannot be read, or says what cannot be, is refused, does not
// panic, is listed, and keeps no other one from going on.
func TestDamagedWipeRun(t *testing.T) {
	w := newWorld(t)
	out, other := w.register(w.ann, "phone"), w.register(w.Boss, "other")
	device := fmt.Sprintf(`[{"id":%q,"generation":1}]`, out.Device.ID)
	whole := `{"v":1,"id":"bad","kind":"wipe","by":"` + string(w.Boss.ID) + `","state":"running","done":0,"total":1,"asked":"2026-01-02T03:04:05Z","data":{"devices":` + device + `,"asked":0,"skipped":0}}`
	for _, data := range []string{"", "{}", "null", "[]", whole[:60], strings.Replace(whole, `"v":1`, `"v":2`, 1), strings.Replace(whole, device, `"xx"`, 1),
		strings.Replace(whole, `"skipped":0`, `"skipped":2`, 1), strings.Replace(whole, `"asked":0`, `"asked":-1`, 1), strings.Replace(whole, `"generation":1`, `"generation":0`, 1),
		strings.Replace(whole, `"state":"running"`, `"state":"xx"`, 1), strings.Replace(whole, `"done":0`, `"done":-1`, 1)} {
		w.PutRecord(storage.Record{Key: storage.Key{Kind: "run", Domain: w.Domain, ID: "bad"}, Data: []byte(data)})
		_, err := w.r.ResumeWipe(ctx, w.S, "bad", nil)
		require.ErrorIs(t, err, chatadmin.ErrDamaged, data)
		_, err = w.r.WipeRun(ctx, w.S, "bad")
		require.ErrorIs(t, err, chatadmin.ErrDamaged, data)
		require.Equal(t, []string{"run bad"}, w.Damaged(), data)
		plan, err := w.r.PlanWipe(ctx, w.S, devices.These(other.Device.ID))
		require.NoError(t, err)
		run, err := w.r.ApplyWipe(ctx, w.S, plan, nil)
		require.NoError(t, err, data)
		require.Equal(t, chatadmin.RunDone, run.State)
		_, err = w.r.CancelWipe(ctx, w.S, other.Device.ID)
		if err == nil { // the first time
			_, err = w.r.Enable(ctx, w.S, devices.These(other.Device.ID), nil)
		}
		require.NoError(t, err)
	}
	require.True(t, w.authorized(out))
	w.PutRecord(storage.Record{Key: storage.Key{Kind: "run", Domain: w.Domain, ID: "bad"}, Data: []byte(whole)})
	_, err := w.r.ResumeWipe(ctx, w.S, "bad", nil)
	require.NoError(t, err, "it can be read")
	require.False(t, w.authorized(out))
}

// A run whose actor may not go on is taken over; what is left of it can be
// cancelled, by somebody who may stand in for its actor.
func TestWipeRunOfSomebodyElse(t *testing.T) {
	w := newWorld(t)
	phones, users := w.fleet(600)
	role, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "devices", Level: 50, Permissions: []chatadmin.Permission{chatadmin.PermDevices}})
	require.NoError(t, err)
	clerk := w.Admin.As(w.Domain, w.user("clerk@acme.example", role.ID).ID)
	second := w.user("second@acme.example", chatadmin.RoleAdmin)
	begin := func() chatadmin.ID {
		s := w.Admin.As(w.Domain, second.ID)
		plan, err := w.r.PlanWipe(ctx, s, devices.Of(users...))
		require.NoError(t, err)
		cut, cancel := context.WithCancel(ctx)
		run, err := w.r.ApplyWipe(cut, s, plan, func(chatadmin.Progress) { cancel() })
		require.ErrorIs(t, err, context.Canceled)
		return run.ID
	}
	id := begin()
	_, err = clerk.TakeOverRun(ctx, id)
	require.ErrorIs(t, err, chatadmin.ErrForbidden, "an administrator has begun it")
	_, err = clerk.CancelRun(ctx, id)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	_, err = w.S.CancelRun(ctx, id)
	require.NoError(t, err)
	require.Len(t, w.pending(0), 500, "what was asked for stays so")
	run, err := w.r.ResumeWipe(ctx, w.Admin.As(w.Domain, second.ID), id, nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunCancelled, run.State)
	require.Len(t, w.pending(0), 500)

	id = func() chatadmin.ID { // the hundred that are left, in one batch
		plan, err := w.r.PlanWipe(ctx, w.Admin.As(w.Domain, second.ID), devices.Of(users...))
		require.NoError(t, err)
		require.Len(t, plan.Devices, 100)
		cut, cancel := context.WithCancel(ctx)
		admin := chatadmintest.Must(chatadmin.New(&afterCommit{w.Store, func() error { cancel(); return nil }}, &chatadmin.Options{Now: w.Clock.Now}))
		run, err := chatadmintest.Must(devices.New(admin, nil)).ApplyWipe(cut, admin.As(w.Domain, second.ID), plan, nil)
		require.ErrorIs(t, err, context.Canceled)
		return run.ID
	}()
	_, err = w.Host.AssignRole(ctx, chatadmin.RoleMember, second.ID)
	require.NoError(t, err)
	_, err = w.r.ResumeWipe(ctx, w.Admin.As(w.Domain, second.ID), id, nil)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	_, err = clerk.TakeOverRun(ctx, id)
	require.NoError(t, err)
	_, err = w.r.ResumeWipe(ctx, clerk, id, nil)
	require.NoError(t, err)
	require.Len(t, w.pending(0), 600)
	require.False(t, w.authorized(phones[599]))
}

// A run of which nothing is heard goes on by Work.
func TestWipeRunByWork(t *testing.T) {
	w := newWorld(t)
	_, users := w.fleet(600)
	plan, err := w.r.PlanWipe(ctx, w.S, devices.Of(users...))
	require.NoError(t, err)
	cut, cancel := context.WithCancel(ctx)
	_, err = w.r.ApplyWipe(cut, w.S, plan, func(chatadmin.Progress) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
	w.Clock.Advance(11 * time.Minute)
	did, err := w.Admin.Work(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, did["runs"])
	require.Len(t, w.pending(0), 600)
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
