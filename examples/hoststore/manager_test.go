package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

// The boss of a person is the manager of their user, whichever side says so.
func testManager(t *testing.T, fresh func(*testing.T) string) {
	w := newWorld(t, fresh(t))
	manages := func(report, manager string) {
		t.Helper()
		w.equal(t)
		id := chatadmin.ID("")
		if manager != "" {
			id = w.user(t, manager).ID
		}
		require.Equal(t, id, w.user(t, report).Manager)
	}
	boss := func(report, manager string) {
		t.Helper()
		w.exec(t, "UPDATE people SET boss = (SELECT person_id FROM people b WHERE b.username = $1) WHERE username = $2", manager, report)
		require.NoError(t, w.work(t.Context()))
	}
	boss("bob@acme.example", "ann@acme.example")
	manages("bob@acme.example", "ann@acme.example")
	other := w.user(t, "boss@acme.example").ID
	_, err := w.s.EditUser(t.Context(), w.user(t, "bob@acme.example").ID, chatadmin.UserEdit{Manager: &other})
	require.NoError(t, err)
	manages("bob@acme.example", "boss@acme.example")
	boss("bob@acme.example", "nobody")
	manages("bob@acme.example", "")

	// one who is no user yet
	w.exec(t, "INSERT INTO people (company, username, active) VALUES (1, 'later@acme.example', FALSE)")
	w.exec(t, "INSERT INTO people (company, username, boss) SELECT 1, 'eve@acme.example', person_id FROM people WHERE username = 'later@acme.example'")
	require.NoError(t, w.work(t.Context()))
	require.Empty(t, w.problems(t))
	require.Empty(t, w.user(t, "eve@acme.example").Manager)
	w.exec(t, "UPDATE people SET active = TRUE WHERE username = 'later@acme.example'")
	require.NoError(t, w.work(t.Context()))
	manages("eve@acme.example", "later@acme.example")

	// in a file, before their manager and after
	require.NoError(t, w.csv(t, "login,manager\nyan@acme.example,zoe@acme.example\nzoe@acme.example,ann@acme.example\neve@acme.example,zoe@acme.example\n", nil))
	require.NoError(t, w.work(t.Context()))
	manages("yan@acme.example", "zoe@acme.example")
	manages("zoe@acme.example", "ann@acme.example")
	manages("eve@acme.example", "zoe@acme.example")

	boss("zoe@acme.example", "yan@acme.example")
	require.Len(t, w.problems(t), 1)
	require.Contains(t, w.problems(t)[0], "circle")
	boss("zoe@acme.example", "ann@acme.example")
	manages("zoe@acme.example", "ann@acme.example")
	require.NoError(t, w.erase(t.Context(), w.s, "zoe@acme.example"))
	require.NoError(t, w.work(t.Context()))
	manages("yan@acme.example", "")
}

// Users who were there before the triggers get the person with their login, or
// with their address, or a new one.
func testBefore(t *testing.T, fresh func(*testing.T) string) {
	w := &world{host: connect(t, fresh(t))}
	require.NoError(t, w.run(t.Context(), "host."+w.dialect.String()+".sql"))
	d, b, err := w.admin.CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: "boss@acme.example", DisplayName: "The Boss", NoInvitation: true}})
	require.NoError(t, err)
	w.s = w.admin.As(d.ID, b.ID)
	for _, u := range []chatadmin.NewUser{
		{Login: "Ann@Acme.example", DisplayName: "Another Name", Department: "Air", Manager: b.ID, NoInvitation: true},
		{Login: "robert@acme.example", NoInvitation: true},
	} {
		_, err := w.s.CreateUser(t.Context(), u)
		require.NoError(t, err)
	}
	w.exec(t, "UPDATE people SET username = NULL, mail = 'robert@acme.example' WHERE payroll = 'NL-0043'")
	w.exec(t, "INSERT INTO people (company, username, mail, payroll, active) VALUES (1, 'other', 'ann@acme.example', 'NL-0044', FALSE)")

	require.NoError(t, w.run(t.Context(), "link."+w.dialect.String()+".sql"))
	w.exec(t, "UPDATE companies SET chat_domain = $1 WHERE company = 1", d.ID)
	for range 2 { // the second time changes nothing
		require.NoError(t, w.run(t.Context(), "adopt.sql"))
		require.NoError(t, w.work(t.Context()))
		require.Empty(t, w.problems(t))
		w.equal(t)
		require.Equal(t, []string{
			"ann@acme.example|ann@acme.example|Ann Smith|Engineer|Air|+31 20 555 0100|NL-0042|true|pending",
			"robert@acme.example|robert@acme.example|Bob Jones|Clerk|||NL-0043|true|pending",
			"other|ann@acme.example|||||NL-0044|false|",
			bossRow,
		}, w.people(t))
		require.Equal(t, 3, w.count(t, "SELECT count(*) FROM chatadmin_users"))
	}
	require.Equal(t, b.ID, w.user(t, "ann@acme.example").Manager)
	require.Equal(t, "Ann Smith", w.user(t, "ann@acme.example").DisplayName)
}
