//go:build !race

package sqlstoretest

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

// The tables of a company of 50,000 users among twenty small ones, filled by
// the database itself. {{n}} is a source of numbers.
var fill = []struct {
	rows int
	text string
}{
	{20, "INSERT INTO {{p}}domains SELECT 'small-' || n, 1, 1, 'Small', '{}' FROM {{n}}"},
	{1, "INSERT INTO {{p}}domains VALUES ('big', 1, 1, 'Big', '{}')"},
	{50000, "INSERT INTO {{p}}users SELECT 'user-' || (1000000 + n), 'big', 1, 'login' || (1000000 + n), 'name' || (1000000 + (n * 7919) % 50000), '', '', '', '', '', '', 'department' || (n % 40), " +
		"'', '', CASE WHEN n % 5000 = 3 THEN 'helper' ELSE 'member' END, 'user-' || (1000000 + n % 500), CASE WHEN n % 4000 = 7 THEN 2 ELSE 1 END, 1 + n % 2, n % 1000 = 0, n % 3000 = 1, n % 5000 = 0, '{}', 1700000000000 + n, 'name' || (1000000 + (n * 7919) % 50000) || '{{nl}}login' || (1000000 + n) FROM {{n}}"},
	{10000, "INSERT INTO {{p}}users SELECT 'other-' || (1000000 + n), 'small-' || (1 + n % 20), 1, 'login' || (1000000 + n), 'name' || (1000000 + n), '', '', '', '', '', '', '', '', '', 'member', '', 1, 1, " +
		"n % 500 < 20, n < 0, n < 0, '{}', 0, 'name' || (1000000 + n) || '{{nl}}login' || (1000000 + n) FROM {{n}}"},
	{5000, "INSERT INTO {{p}}groups SELECT 'group-' || (1000000 + n), 'big', 1, 'user-' || (1000000 + n % 2500), '', 'group' || (1000000 + (n * 7919) % 5000), n % 2500 = 0, n < 0, n < 0, '{}', n % 1000 = 3, 'group' || (1000000 + (n * 7919) % 5000) FROM {{n}}"},
	{50000, "INSERT INTO {{p}}groups SELECT 'theirs-' || (1000000 + n), 'small-' || (1 + n % 20), 1, '', '', 'theirs' || (1000000 + n), n < 0, n < 0, n < 0, '{}', n < 0, 'theirs' || (1000000 + n) FROM {{n}}"},
	{50000, "INSERT INTO {{p}}memberships SELECT 'group-1000001', 'user-' || (1000000 + n), 'big', 1, n % 10000 = 0 FROM {{n}}"},
	{50000, "INSERT INTO {{p}}memberships SELECT 'group-' || (1000002 + n % 4000), 'user-' || (1000000 + n), 'big', 1, n < 0 FROM {{n}}"},
	{50000, "INSERT INTO {{p}}devices SELECT 'device-' || (1000000 + n), 'big', 1, 'user-' || (1000000 + n), 'key' || (1000000 + (n * 7919) % 50000), '', '', '', '', 1, CASE WHEN n % 1000 = 0 THEN 1 ELSE 2 END, 1, 0, 'key' || (1000000 + (n * 7919) % 50000) FROM {{n}}"},
	{50000, "INSERT INTO {{p}}records SELECT 'kind' || (n % 5), CASE WHEN n % 10 < 9 THEN 'big' ELSE 'small-' || (1 + n % 20) END, 'id-' || (1000000 + n), 1, CASE WHEN n % 10 < 9 THEN 'user-' || (1000000 + n) ELSE '' END, " +
		"CASE WHEN n % 2 = 0 THEN 1700000000000 + n ELSE -62135596800000 END, '{}' FROM {{n}}"},
	{50000, "INSERT INTO {{p}}events SELECT 'event-' || (1000000 + n), 'big', 1, 'user-' || (1000000 + n % 500), CASE WHEN n % 100 = 0 THEN 'group.rare' ELSE 'user.kind' || (n % 20) END, 1700000000000 + n, " +
		"'{{nl}}user-' || (1000000 + n) || '{{nl}}' || CASE WHEN n <= 20000 THEN 'often{{nl}}' ELSE '' END, '{}' FROM {{n}}"},
	{50000, "INSERT INTO {{p}}event_targets SELECT 'big', 'user-' || (1000000 + n), 1700000000000 + n, 'event-' || (1000000 + n) FROM {{n}}"},
	{20000, "INSERT INTO {{p}}event_targets SELECT 'big', 'often', 1700000000000 + n, 'event-' || (1000000 + n) FROM {{n}}"},
	{4000, "INSERT INTO {{p}}content SELECT 'chat-' || (1000000 + n), 'big', 'chat-' || (1000000 + n), 'user-' || (1000000 + n), '', 1, 1700000000000 + n, '' FROM {{n}}"},
	{0, "UPDATE {{p}}content SET peer = 'user-' || (1010000 + CAST(substr(id, 6) AS integer) % 4000) WHERE kind = 1"},
	{100000, "INSERT INTO {{p}}content SELECT 'message-' || (1000000 + n), 'big', CASE WHEN n % 2 = 0 THEN 'chat-' || (1000000 + 1 + n % 4000) ELSE 'group-' || (1000002 + n % 1000) END, 'user-' || (1000000 + n % 5000), " +
		"'', 2 + n / 7 % 2, 1700000000000 + n, CASE WHEN n / 7 % 2 = 1 THEN 'blob-' || (n % 20000) ELSE '' END FROM {{n}}"},
}

func filled(t *testing.T, db database) *sql.DB {
	t.Helper()
	pool := db.pool(t)
	_, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
	require.NoError(t, err)
	for _, f := range fill {
		numbers, lf := fmt.Sprintf("(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %d) SELECT n FROM s) AS s", f.rows), "' || char(10) || '"
		if db.d == sqlstore.PostgreSQL {
			numbers, lf = fmt.Sprintf("generate_series(1, %d) AS s(n)", f.rows), "' || chr(10) || '"
		}
		_, err := pool.Exec(strings.NewReplacer("{{n}}", numbers, "{{nl}}", lf).Replace(db.sql(f.text)))
		require.NoError(t, err, f.text)
	}
	return pool
}

// lookup is a query whose cost must not depend on how much there is.
type lookup struct {
	rows  int    // that it may read on PostgreSQL
	index string // that SQLite is to use, or one of them
	sorts bool   // what it has found, which is little
	call  func(context.Context, storage.Store) error
}

func lookups() map[string]lookup {
	one := func(id string) []storage.ID { return []storage.ID{storage.ID(id)} }
	// two pages of a hundred
	users := func(q storage.UserQuery) func(context.Context, storage.Store) error {
		return two(func(ctx context.Context, s storage.Store, p storage.Page) (int, storage.Cursor, error) {
			rows, next, err := s.ListUsers(ctx, q, p)
			return len(rows), next, err
		})
	}
	groups := func(q storage.GroupQuery) func(context.Context, storage.Store) error {
		return two(func(ctx context.Context, s storage.Store, p storage.Page) (int, storage.Cursor, error) {
			rows, next, err := s.ListGroups(ctx, q, p)
			return len(rows), next, err
		})
	}
	members := func(q storage.MemberQuery) func(context.Context, storage.Store) error {
		return two(func(ctx context.Context, s storage.Store, p storage.Page) (int, storage.Cursor, error) {
			rows, next, err := s.ListMemberships(ctx, q, p)
			return len(rows), next, err
		})
	}
	devices := func(q storage.DeviceQuery) func(context.Context, storage.Store) error {
		return two(func(ctx context.Context, s storage.Store, p storage.Page) (int, storage.Cursor, error) {
			rows, next, err := s.ListDevices(ctx, q, p)
			return len(rows), next, err
		})
	}
	records := func(q storage.RecordQuery) func(context.Context, storage.Store) error {
		return two(func(ctx context.Context, s storage.Store, p storage.Page) (int, storage.Cursor, error) {
			rows, next, err := s.ListRecords(ctx, q, p)
			return len(rows), next, err
		})
	}
	events := func(q storage.EventQuery) func(context.Context, storage.Store) error {
		q.Domain = "big"
		return two(func(ctx context.Context, s storage.Store, p storage.Page) (int, storage.Cursor, error) {
			rows, next, err := s.ListEvents(ctx, q, p)
			if strings.HasSuffix(q.Kind, ".") {
				return 1, next, err // a page may be empty
			}
			return len(rows), next, err
		})
	}
	content := func(q storage.ContentQuery) func(context.Context, storage.Store) error {
		q.Domain = "big"
		return func(ctx context.Context, s storage.Store) error {
			n, err := s.CountContent(ctx, q)
			if err == nil && n.Messages == 0 {
				err = fmt.Errorf("nothing was counted")
			}
			if err != nil {
				return err
			}
			return s.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
				n, _, _, err := tx.DeleteContent(ctx, q, storage.Page{Limit: 20})
				if err == nil && n.Messages == 0 {
					err = fmt.Errorf("nothing was deleted")
				}
				return cmp.Or(err, errUndo)
			})
		}
	}
	at := time.UnixMilli(1700000000000 + 25000).UTC()
	return map[string]lookup{
		"user by login": {1, "users_login", false, func(ctx context.Context, s storage.Store) error {
			us, err := s.UsersByLogin(ctx, "big", []string{"login1033333"})
			return some(len(us), err)
		}},
		"200 users by login": {200, "users_login", false, func(ctx context.Context, s storage.Store) error {
			keys := make([]string, 200)
			for i := range keys {
				keys[i] = fmt.Sprint("login", 1000001+i*37)
			}
			us, err := s.UsersByLogin(ctx, "big", keys)
			return some(len(us), err)
		}},
		"user by ID": {1, "users", false, func(ctx context.Context, s storage.Store) error {
			us, err := s.Users(ctx, "big", one("user-1033333"))
			return some(len(us), err)
		}},
		"device by ID": {1, "devices", false, func(ctx context.Context, s storage.Store) error {
			ds, err := s.Devices(ctx, "big", one("device-1033333"))
			return some(len(ds), err)
		}},
		"record by key": {1, "records", false, func(ctx context.Context, s storage.Store) error {
			rs, err := s.Records(ctx, []storage.Key{{Kind: "kind2", Domain: "big", ID: "id-1000002"}})
			return some(len(rs), err)
		}},
		"membership": {1, "memberships", false, func(ctx context.Context, s storage.Store) error {
			ms, err := s.Memberships(ctx, "big", []storage.Pair{{Group: "group-1000001", User: "user-1033333"}})
			return some(len(ms), err)
		}},
		"users":                       {110, "users_login", false, users(storage.UserQuery{Domain: "big"})},
		"users of a small domain":     {110, "users_login", false, users(storage.UserQuery{Domain: "small-7"})},
		"users by name":               {110, "users_name", false, users(storage.UserQuery{Domain: "big", ByName: true})},
		"users by login, searched":    {120, "users_login", false, users(storage.UserQuery{Domain: "big", Prefix: "login10123"})},
		"users by login, one found":   {2, "users_login", false, users(storage.UserQuery{Domain: "big", Prefix: "login1012345"})},
		"users by name, searched":     {120, "users_name", false, users(storage.UserQuery{Domain: "big", Prefix: "name1012", ByName: true})},
		"active users":                {250, "users_login", true, users(storage.UserQuery{Domain: "big", Statuses: []storage.Status{storage.Active}})},
		"admins":                      {110, "users_admin", false, users(storage.UserQuery{Domain: "big", AdminOnly: true})},
		"a manager's people":          {110, "users_manager", false, users(storage.UserQuery{Domain: "big", Manager: "user-1000007"})},
		"a department":                {110, "users_department", false, users(storage.UserQuery{Domain: "big", Department: "department7"})},
		"newest users":                {110, "users_created", false, users(storage.UserQuery{Domain: "big", Newest: true})},
		"pending users":               {250, "users_inactive", false, users(storage.UserQuery{Domain: "big", Statuses: []storage.Status{storage.Pending}})},
		"denied users":                {20, "users_denied", false, users(storage.UserQuery{Domain: "big", DeniedOnly: true})},
		"denied users by name":        {20, "users_denied", true, users(storage.UserQuery{Domain: "big", DeniedOnly: true, ByName: true})},
		"guests":                      {20, "users_guest", false, users(storage.UserQuery{Domain: "big", Kinds: []storage.Kind{storage.Guest}})},
		"guests, the newest first":    {20, "users_guest", true, users(storage.UserQuery{Domain: "big", Kinds: []storage.Kind{storage.Guest}, Newest: true})},
		"a role":                      {20, "users_role", false, users(storage.UserQuery{Domain: "big", Role: "helper"})},
		"guests of a department":      {1300, "users_guest|users_department", true, users(storage.UserQuery{Domain: "big", Kinds: []storage.Kind{storage.Guest}, Department: "department7"})},
		"a department by name":        {1300, "users_department", true, users(storage.UserQuery{Domain: "big", Department: "department7", ByName: true})},
		"members by login":            {40, "memberships", true, users(storage.UserQuery{Domain: "big", MemberOf: "group-1000009"})},
		"members of a large group":    {10010, "memberships|users_login", true, users(storage.UserQuery{Domain: "big", MemberOf: "group-1000001"})},
		"a search":                    {10, "VIRTUAL TABLE", true, users(storage.UserQuery{Domain: "big", Search: "ogin1012345"})},
		"a search by name":            {250, "VIRTUAL TABLE", true, users(storage.UserQuery{Domain: "big", Search: "me10123", ByName: true})},
		"a search, the newest first":  {250, "VIRTUAL TABLE", true, users(storage.UserQuery{Domain: "big", Search: "me10123", Newest: true})},
		"a search of the denied":      {30, "users_denied", true, users(storage.UserQuery{Domain: "big", Search: "ogin1012", DeniedOnly: true})},
		"a search that many fit":      {10010, "VIRTUAL TABLE|users_login", true, users(storage.UserQuery{Domain: "big", Search: "login"})},
		"a search by two letters":     {2010, "users_login", true, users(storage.UserQuery{Domain: "big", Search: "n1"})},
		"a search in a small domain":  {1010, "VIRTUAL TABLE|users_login", true, users(storage.UserQuery{Domain: "small-7", Search: "login10"})},
		"groups":                      {110, "groups_name", false, groups(storage.GroupQuery{Domain: "big"})},
		"groups, searched":            {110, "groups_name", false, groups(storage.GroupQuery{Domain: "big", Prefix: "group10012"})},
		"groups by a part":            {10, "VIRTUAL TABLE", true, groups(storage.GroupQuery{Domain: "big", Search: "oup1000123"})},
		"groups by a part of many":    {10010, "VIRTUAL TABLE|groups_name", true, groups(storage.GroupQuery{Domain: "big", Search: "group"})},
		"groups by two letters":       {2010, "groups_name", true, groups(storage.GroupQuery{Domain: "big", Search: "p1"})},
		"default groups by a part":    {30, "groups_default", true, groups(storage.GroupQuery{Domain: "big", Search: "oup10", DefaultOnly: true})},
		"archived groups":             {10, "groups_archived", false, groups(storage.GroupQuery{Domain: "big", ArchivedOnly: true})},
		"groups not archived":         {220, "groups_name", false, groups(storage.GroupQuery{Domain: "big", NotArchived: true})},
		"default groups":              {2, "groups_default", false, groups(storage.GroupQuery{Domain: "big", DefaultOnly: true})},
		"a user's groups":             {2, "groups_creator", false, groups(storage.GroupQuery{Domain: "big", Creator: "user-1000007"})},
		"members":                     {110, "memberships", false, members(storage.MemberQuery{Domain: "big", Group: "group-1000001"})},
		"members of groups":           {330, "memberships", false, members(storage.MemberQuery{Domain: "big", Groups: several("group", 1000009, 5, 1000001, 1000007)})},
		"members of groups far apart": {40, "memberships", false, members(storage.MemberQuery{Domain: "big", Groups: several("group", 1004001, 1000003)})},
		"members counted": {300, "memberships", false, func(ctx context.Context, s storage.Store) error {
			counts, err := s.CountMembers(ctx, "big", several("group", 1000009, 1000005, 1000007))
			return some(len(counts), err)
		}},
		"records of owners":         {6, "records_owner", true, records(storage.RecordQuery{Domain: "big", Owners: several("user", 1000009, 1000005, 1000007)})},
		"devices of users":          {6, "devices_key", true, devices(storage.DeviceQuery{Domain: "big", Users: several("user", 1000009, 1000005, 1000007)})},
		"memberships of a user":     {2, "memberships_usr", false, members(storage.MemberQuery{Domain: "big", User: "user-1033333"})},
		"devices":                   {110, "devices_list", false, devices(storage.DeviceQuery{Domain: "big"})},
		"devices by a part":         {10, "VIRTUAL TABLE", true, devices(storage.DeviceQuery{Domain: "big", Search: "ey1012345"})},
		"devices by a part of many": {10010, "VIRTUAL TABLE|devices_list", true, devices(storage.DeviceQuery{Domain: "big", Search: "key"})},
		"devices by two letters":    {2010, "devices_list", true, devices(storage.DeviceQuery{Domain: "big", Search: "y1"})},
		"a search by status":        {1300, "VIRTUAL TABLE|devices_status", true, devices(storage.DeviceQuery{Domain: "big", Search: "ey1012", Status: 1})},
		"devices by key":            {2, "devices_list", false, devices(storage.DeviceQuery{Domain: "big", Key: "key1012345"})},
		"devices of a user":         {2, "devices_key", false, devices(storage.DeviceQuery{Domain: "big", Users: []storage.ID{"user-1033333"}})},
		"devices by status":         {110, "devices_status", false, devices(storage.DeviceQuery{Domain: "big", Status: 1})},
		"records of a kind":         {110, "records", false, records(storage.RecordQuery{Kind: "kind4"})},
		"records, kind and domain":  {110, "records_domain", false, records(storage.RecordQuery{Kind: "kind4", Domain: "small-20"})},
		"records of a domain":       {110, "records_domain", false, records(storage.RecordQuery{Domain: "small-20"})},
		"records of an owner":       {2, "records_owner", false, records(storage.RecordQuery{Domain: "big", Owner: "user-1033333"})},
		"records that are due":      {110, "records_due", false, records(storage.RecordQuery{Kind: "kind3", DueBy: at})},
		"due records of a domain":   {110, "records_due_domain", false, records(storage.RecordQuery{Kind: "kind3", Domain: "big", DueBy: at})},
		"events":                    {110, "events_at", false, events(storage.EventQuery{})},
		"events of an actor":        {110, "events_actor", false, events(storage.EventQuery{Actor: "user-1000007"})},
		"events of a kind":          {110, "events_kind", false, events(storage.EventQuery{Kind: "group.rare"})},
		"events of a time":          {110, "events_at", false, events(storage.EventQuery{From: at, To: at.Add(time.Second)})},
		"events of kinds":           {2010, "events_at", false, events(storage.EventQuery{Kind: "group."})},
		"events of a target":        {2, "event_targets|autoindex_chatadmin_events_1", true, events(storage.EventQuery{Target: "user-1000001"})},
		"events of a busy target":   {410, "event_targets|autoindex_chatadmin_events_1", true, events(storage.EventQuery{Target: "often"})},
		"events of targets":         {650, "event_targets|autoindex_chatadmin_events_1", true, events(storage.EventQuery{Targets: append(several("user", 1000001, 1000002, 1033333), "often")})},
		"a target's in a time":      {410, "event_targets|autoindex_chatadmin_events_1", true, events(storage.EventQuery{Target: "often", From: at.Add(-20 * time.Second), To: at})},
		"a target's of a kind":      {4010, "event_targets|autoindex_chatadmin_events_1", true, events(storage.EventQuery{Target: "often", Kind: "user.kind7"})},
		"events that go":            {30, "event_targets|autoindex_chatadmin_events_1", true, pruned},
		"members to be added":       {4100, "users_id", false, adding("group-1000001")},
		"members of a new group":    {2100, "users_id", false, adding("group-1004500")},
		"blobs in use": {6, "content_blob", false, func(ctx context.Context, s storage.Store) error {
			used, err := s.BlobsInUse(ctx, []string{"blob-7", "blob-8", "none", "blob-9"})
			return some(len(used), err)
		}},
		"1000 blobs in use": {2000, "content_blob", false, func(ctx context.Context, s storage.Store) error {
			keys := make([]string, storage.MaxBatch)
			for i := range keys {
				keys[i] = fmt.Sprint("blob-", i*13)
			}
			used, err := s.BlobsInUse(ctx, keys)
			return some(len(used), err)
		}},
		"content of a group":   {110, "content_container", false, content(storage.ContentQuery{Containers: one("group-1000003")})},
		"content of an author": {110, "content_author", false, content(storage.ContentQuery{Authors: one("user-1000007")})},
		"content of chats":     {200, "content_", false, content(storage.ContentQuery{ChatsOf: one("user-1000007")})},
		"content of a time":    {1500, "content_at", false, content(storage.ContentQuery{Before: time.UnixMilli(1700000000100), ExceptContainers: one("group-1000009"), ExceptUsers: one("user-1000009")})},
	}
}

// pruned deletes events, and with them what leads to them.
func pruned(ctx context.Context, s storage.Store) error {
	return s.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		var c []storage.Write[storage.Event]
		for _, id := range several("event", 1000001, 1000002, 1000003, 1040000, 1050000) {
			c = append(c, storage.Write[storage.Event]{Row: storage.Event{ID: id, Domain: "big"}, Was: 1, Delete: true})
		}
		conflicts, err := tx.ChangeEvents(ctx, c)
		if err == nil && len(conflicts) > 0 {
			err = fmt.Errorf("%v", conflicts)
		}
		if left, _, err := tx.ListEvents(ctx, storage.EventQuery{Domain: "big", Target: "user-1000002"}, storage.Page{Limit: 1}); err != nil || len(left) > 0 {
			return fmt.Errorf("%v is left: %w", left, err)
		}
		return cmp.Or(err, errUndo)
	})
}

// adding makes two pages of users members of a group.
func adding(group storage.ID) func(context.Context, storage.Store) error {
	return func(ctx context.Context, s storage.Store) error {
		return s.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
			p := storage.Page{Limit: storage.MaxBatch}
			for range 2 {
				var err error
				m := storage.Membership{Domain: "big", Group: group, Rev: 1}
				if _, p.After, err = tx.AddMembers(ctx, storage.UserQuery{Domain: "big", NotMemberOf: group}, m, p); err != nil {
					return err
				}
			}
			return errUndo
		})
	}
}

var errUndo = fmt.Errorf("undone")

func some(n int, err error) error {
	if err == nil && n == 0 {
		err = fmt.Errorf("nothing was found")
	}
	return err
}

func several(kind string, numbers ...int) []storage.ID {
	ids := make([]storage.ID, len(numbers))
	for i, n := range numbers {
		ids[i] = storage.ID(fmt.Sprint(kind, "-", n))
	}
	return ids
}

// two reads two pages of a list.
func two(list func(context.Context, storage.Store, storage.Page) (int, storage.Cursor, error)) func(context.Context, storage.Store) error {
	return func(ctx context.Context, s storage.Store) error {
		p := storage.Page{Limit: 100}
		n, next, err := list(ctx, s, p)
		if err = some(n, err); err != nil || next == "" {
			return err
		}
		p.After = next
		_, _, err = list(ctx, s, p)
		return err
	}
}

// planned runs lookups and shows their statements to explain.
func planned(t *testing.T, db database, lookups map[string]lookup, explain func(t *testing.T, c *sql.Conn, s statement, l lookup)) {
	pool, w := db.watched(t, nil)
	store, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
	require.NoError(t, err)
	c, err := db.pool(t).Conn(t.Context())
	require.NoError(t, err)
	for name, l := range lookups {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			all := w.during(func() {
				if err := l.call(t.Context(), store); err != nil && err != errUndo {
					require.NoError(t, err)
				}
			})
			n := 0
			for _, s := range all {
				if strings.Contains(s.text, "sqlite_master") || strings.Contains(s.text, "to_regclass") || strings.Contains(s.text, "pragma_") {
					continue
				}
				if strings.HasPrefix(s.text, "SELECT") || strings.HasPrefix(s.text, "WITH") || strings.HasPrefix(s.text, "DELETE") {
					n++
					explain(t, c, s, l)
				}
			}
			require.Positive(t, n)
		})
	}
	require.NoError(t, c.Close())
}

// On PostgreSQL each query reads few rows, and none of a table from end to end,
// both with a plan for its arguments and with the one plan for all that a
// prepared statement gets in the end.
func TestPlansPostgreSQL(t *testing.T) {
	db := postgresPrefix(t)
	pool := filled(t, db)
	for _, table := range []string{"domains", "users", "groups", "memberships", "devices", "records", "events", "event_targets", "content"} {
		_, err := pool.Exec(db.sql("VACUUM ANALYZE {{p}}" + table))
		require.NoError(t, err)
	}
	planned(t, db, lookups(), explainPostgreSQL)
}

// explainPostgreSQL looks at the plans of a statement.
func explainPostgreSQL(t *testing.T, c *sql.Conn, s statement, l lookup) {
	args := make([]string, len(s.args))
	for i, a := range s.args {
		args[i] = literal(t, a.Value)
	}
	given := ""
	if len(args) > 0 {
		given = "(" + strings.Join(args, ", ") + ")"
	}
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		if mode == "force_generic_plan" && strings.Contains(s.text, "AND at < $2") {
			// a plan for any time is thought to be dear, and therefore not
			// taken
			continue
		}
		var text string
		for _, q := range []string{"BEGIN", "SET LOCAL plan_cache_mode = " + mode, "PREPARE q AS " + s.text} {
			_, err := c.ExecContext(t.Context(), q)
			require.NoError(t, err, s.text)
		}
		require.NoError(t, c.QueryRowContext(t.Context(), "EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE q"+given).Scan(&text), s.text)
		for _, q := range []string{"ROLLBACK", "DEALLOCATE q"} {
			_, err := c.ExecContext(t.Context(), q)
			require.NoError(t, err)
		}
		var plans []struct{ Plan node }
		require.NoError(t, json.Unmarshal([]byte(text), &plans))
		read := plans[0].Plan.read(t)
		require.LessOrEqual(t, read, float64(l.rows), "rows read with %s by %s\n%s", mode, s.text, text)
	}
}

// literal is a value as SQL has it.
func literal(t *testing.T, v any) string {
	switch v := v.(type) {
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	case int64, int, bool:
		return fmt.Sprint(v)
	case []int64:
		numbers := make([]string, len(v))
		for i, n := range v {
			numbers[i] = fmt.Sprint(n)
		}
		return "ARRAY[" + strings.Join(numbers, ", ") + "]"
	case []string:
		quoted := make([]string, len(v))
		for i, s := range v {
			quoted[i] = literal(t, s)
		}
		return "ARRAY[" + strings.Join(quoted, ", ") + "]"
	}
	t.Fatalf("an argument of type %T", v)
	return ""
}

// node is one of a plan.
type node struct {
	Type    string  `json:"Node Type"`
	Table   string  `json:"Relation Name"`
	Rows    float64 `json:"Actual Rows"`
	Loops   float64 `json:"Actual Loops"`
	Removed float64 `json:"Rows Removed by Filter"`
	Recheck float64 `json:"Rows Removed by Index Recheck"`
	Plans   []node  `json:"Plans"`
}

// read is how many rows the scans of a plan have read.
func (n node) read(t *testing.T) float64 {
	total := 0.0
	if strings.HasSuffix(n.Type, "Scan") && n.Table != "" {
		total = (n.Rows + n.Removed + n.Recheck) * n.Loops
		ended := n.Loops == 1 && total <= 10001 // by a LIMIT, since many fit
		require.False(t, n.Type == "Seq Scan" && !ended && !strings.HasSuffix(n.Table, "_domains"), "a scan of the whole of %s", n.Table)
	}
	for _, p := range n.Plans {
		total += p.read(t)
	}
	return total
}

// On SQLite each query uses the index made for it and sorts nothing, whether
// ANALYZE was run or not.
func TestPlansSQLite(t *testing.T) {
	db := sqliteFile(t)
	pool := filled(t, db)
	for _, analyze := range []bool{false, true} {
		if analyze {
			_, err := pool.Exec("ANALYZE")
			require.NoError(t, err)
		}
		t.Run(map[bool]string{false: "as it is", true: "after ANALYZE"}[analyze], func(t *testing.T) {
			planned(t, db, lookups(), explainSQLite)
		})
	}
}

// explainSQLite looks at the plan of a statement.
func explainSQLite(t *testing.T, c *sql.Conn, s statement, l lookup) {
	args := make([]any, len(s.args))
	for i, a := range s.args {
		args[i] = a.Value
	}
	rows, err := c.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+s.text, args...)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	var plan string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		plan += detail + "\n"
	}
	require.NoError(t, rows.Err())
	if strings.Contains(s.text, "chatadmin_domains") {
		return
	}
	uses := func(index string) bool { return strings.Contains(plan, index) }
	require.True(t, slices.ContainsFunc(strings.Split(l.index, "|"), uses), "%s\nis done by\n%s", s.text, plan)
	for _, table := range []string{"SCAN chatadmin", "SCAN m\n", "SCAN messages", "SCAN k\n", "SCAN chats"} {
		require.NotContains(t, plan, table, s.text)
	}
	if !l.sorts {
		require.NotContains(t, plan, "ORDER BY", s.text)
	}
}
