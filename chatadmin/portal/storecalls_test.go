package portal_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/portal"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// apart are no pages of a list: files that are written row by row, and the page
// of a link that a mail has.
var apart = []string{"GET /users/download", "GET /imports/{id}/result", "GET /import"}

// bounded are pages with a limit in place of a fixed number. Plans read a page
// of the store for each hundred users, groups or devices that they are about;
// the lists of sign-ins and of locked users are filled from up to twenty pages of
// the store.
var bounded = []string{"GET /closing", "GET /users/idle", "GET /groups/{id}/default", "GET /departments/{id}/empty", "GET /users/signins",
	"/users?status=locked&q=nobody"}

// Each page of the portal makes as many calls to the store however much there
// is, but for those that are bounded. The pages are those of the routes, so none is forgotten.
func TestStoreCalls(t *testing.T) {
	for _, preset := range []chatadmin.Preset{chatadmin.OfficeChat, chatadmin.ESChat, chatadmin.Engage} {
		t.Run(string(preset), func(t *testing.T) {
			t.Parallel()
			few, many := storeCalls(t, preset, 5), storeCalls(t, preset, 120)
			require.ElementsMatch(t, slices.Collect(maps.Keys(few)), slices.Collect(maps.Keys(many)))
			for page, n := range few {
				most := n + 1 // the last page of a list needs no look at the next one
				if slices.Contains(bounded, page) {
					most = 45
				}
				require.LessOrEqual(t, many[page], most, page)
				require.LessOrEqual(t, n, 45, page)
			}
		})
	}
}

// storeCalls are the calls of each page of a domain with so many users and
// groups, and as many of everything else as there can be.
func storeCalls(t *testing.T, preset chatadmin.Preset, users int) map[string]int {
	store := &counted{Store: memstore.New(nil)}
	w := newWorldOn(t, store, preset)
	w.fill(users)
	on := w.target()
	w.work()
	did := map[string]int{}
	count := func(name string, as chatadmin.ID, path string) {
		store.n = 0
		a := w.do(as, http.MethodGet, path, nil)
		require.Less(t, a.Code, 400, "%s: %s", name, plain(a.text))
		did[name] = store.n
	}
	for _, r := range portal.Routes(w.portal) {
		if method, _, _ := strings.Cut(r.Pattern, " "); method != http.MethodGet || of(r.Pattern) != preset || r.Open || slices.Contains(apart, r.Pattern) {
			continue
		}
		_, path, _ := on.request(r.Pattern)
		switch {
		case r.Staff && r.Pattern != "GET /closing":
			continue // below: a domain that is closed lets nobody in
		case r.Staff:
			count(r.Pattern, staff, path)
		default:
			count(r.Pattern, w.Boss.ID, path)
		}
	}
	if preset != chatadmin.OfficeChat {
		return did
	}
	for u, err := range w.S.Users(ctx, chatadmin.UserQuery{}) {
		require.NoError(t, err)
		w.lockOut(u.Login)
	}
	for _, path := range []string{"/users?q=u0", "/users?status=locked&sort=newest", "/users?status=locked&q=nobody", "/users?status=pending&kind=network", "/users?status=denied&sort=newest", "/security/devices?q=D0", "/audit?kind=user.",
		"/fields/find?field=Site&value=North", "/groups?q=group", "/groups?show=archived", "/runs?state=done", "/users/signins?never=1"} {
		count(path, w.Boss.ID, "/admin"+path)
	}
	_, err := w.S.ReleaseHold(ctx, chatadmin.ID(on.hold))
	require.NoError(t, err)
	plan, err := w.options.Closings.Plan(ctx, w.Admin.AsHost(w.Domain), 10*24*time.Hour)
	require.NoError(t, err)
	require.Empty(t, plan.Blockers)
	run, err := w.options.Closings.Apply(ctx, w.Admin.AsHost(w.Domain).Detached(), plan, "left", nil)
	require.NoError(t, err)
	count("GET /closing/{id}", staff, "/admin/closing/"+url.PathEscape(string(run.ID)))
	return did
}

// fill makes many users, and of everything else as much as there can be.
func (w *world) fill(users int) {
	t := w.T
	t.Helper()
	w.department = ""
	if w.preset == chatadmin.ESChat {
		for i := range users {
			d, err := w.options.Provisioning.CreateDepartment(ctx, w.S, fmt.Sprintf("Department %03d", i))
			require.NoError(t, err)
			w.department = d.Name // all are in the last
		}
	}
	var ids []chatadmin.ID
	for i := range users {
		u := w.user(fmt.Sprintf("u%03d@acme.example", i))
		ids = append(ids, u.ID)
		if w.preset != chatadmin.ESChat { // where a device activates its user
			w.device(u.ID, fmt.Sprintf("D%03d", i))
		}
		_, err := w.S.CreateGroup(ctx, fmt.Sprintf("Group %03d", i))
		require.NoError(t, err)
	}
	g, err := w.S.CreateGroup(ctx, "Everybody")
	require.NoError(t, err)
	for part := range slices.Chunk(ids, chatadmin.MaxBatch) {
		_, err = w.S.AddMembers(ctx, g.ID, part...)
		require.NoError(t, err)
	}
	for i := range min(users, 30) {
		_, err := w.S.CreateRole(ctx, chatadmin.Role{Name: fmt.Sprintf("Role %d", i), Level: 1})
		require.NoError(t, err)
	}
	for range min(users, 15) {
		w.report(ids[0])
	}
	for i := range min(users, 20) {
		w.post("/fields", "name", fmt.Sprintf("Own %d", i), "kind", "text")
	}
	w.post("/fields", "name", "Site", "kind", "text")
	w.work()
	for _, id := range ids[:5] {
		w.post("/users/"+string(id)+"/edit", "own:Site", "North")
	}
	for i := range users / 2 { // runs
		plan, err := w.options.Deletions.Plan(ctx, w.S, []chatadmin.ID{w.user(fmt.Sprintf("gone-%03d@acme.example", i)).ID}, nil)
		require.NoError(t, err)
		_, err = w.options.Deletions.Apply(ctx, w.S.Detached(), plan, "left", nil)
		require.NoError(t, err)
	}
	w.work()
	for range min(users, 10) {
		if w.preset == chatadmin.OfficeChat {
			w.uploaded(people)
		}
	}
}
