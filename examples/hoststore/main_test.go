package main

import (
	"bytes"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/chatadmin/storage/storetest"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/examples/internal/postgrestest"
)

func TestMain(m *testing.M) {
	if database := os.Getenv("HOSTSTORE_CRASH"); database != "" {
		hang(database)
	}
	os.Exit(m.Run())
}

// Every test runs on both databases.
func TestHost(t *testing.T) {
	type test struct {
		name string
		test func(t *testing.T, fresh func(*testing.T) string)
	}
	tests := []test{
		{"Run", testRun}, {"Store", testStore}, {"Adopted", testAdopted}, {"Import", testImport}, {"Rollback", testRollback},
		{"Deleted", testDeleted}, {"Edited", testEdited}, {"Gone", testGone}, {"Refused", testRefused}, {"Constraint", testConstraint}, {"Stopped", testStopped},
		{"Manager", testManager}, {"Before", testBefore},
		{"Failed", testFailed}, {"Crash", testCrash}, {"Meet", testMeet}, {"Race", testRace},
	}
	// another host opens the database by connect; one with random keys reads
	// the people in any order
	keys := []test{{"Edited", testEdited}, {"Refused", testRefused}, {"Constraint", testConstraint}, {"Failed", testFailed}, {"Manager", testManager}}
	names := slices.Concat(keys, []test{{"Adopted", testAdopted}, {"Import", testImport}, {"Rollback", testRollback}, {"Deleted", testDeleted},
		{"Gone", testGone}, {"Before", testBefore}})
	hosts := []struct {
		name  string
		tests []test
	}{{"host", tests}, {"names", names}, {"null", slices.Concat(names, []test{{"Null", testNull}})}, {"key", keys}}
	if testing.Short() {
		hosts = hosts[:1] // the others are the same with other names
	}
	all := func(fresh func(*testing.T) func(t *testing.T, name string) string) func(*testing.T) {
		return func(t *testing.T) {
			t.Parallel()
			each := fresh(t)
			for _, of := range hosts {
				t.Run(of.name, func(t *testing.T) {
					for _, c := range of.tests {
						t.Run(c.name, func(t *testing.T) { c.test(t, func(t *testing.T) string { return each(t, of.name) }) })
					}
				})
			}
		}
	}
	t.Run("sqlite", all(func(*testing.T) func(*testing.T, string) string {
		return func(t *testing.T, name string) string { return filepath.Join(t.TempDir(), name+".db") }
	}))
	t.Run("postgresql", all(func(t *testing.T) func(*testing.T, string) string {
		server, err := url.Parse(postgrestest.Start(t))
		require.NoError(t, err)
		db, err := sql.Open("pgx", server.String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		var number atomic.Int64
		return func(t *testing.T, name string) string {
			one := *server
			one.Path = fmt.Sprintf("/%s%d", name, number.Add(1))
			_, err := db.Exec("CREATE DATABASE " + one.Path[1:])
			require.NoError(t, err)
			return one.String()
		}
	}))
}

// world is a host with its company, all of whose people are users.
type world struct {
	*host
	s        *chatadmin.Scope
	database string
}

func newWorld(t *testing.T, database string) *world {
	t.Helper()
	w := &world{database: database}
	w.host = connect(t, database)
	require.NoError(t, w.setUp(t.Context()))
	var err error
	w.s, err = w.company(t.Context(), 1, "boss@acme.example")
	require.NoError(t, err)
	require.NoError(t, w.work(t.Context()))
	return w
}

func connect(t *testing.T, database string) *host {
	t.Helper()
	h, err := open(t.Context(), database)
	require.NoError(t, err)
	db := h.db
	t.Cleanup(func() { _ = db.Close() })
	h.become(t, database)
	return h
}

func (w *world) exec(t *testing.T, text string, args ...any) {
	t.Helper()
	_, err := w.db.Exec(text, args...)
	require.NoError(t, err)
}

// people are the rows of the host's table, in the order of their numbers.
func (w *world) people(t *testing.T) (all []string) {
	t.Helper()
	rows, err := w.db.Query(`SELECT coalesce(username, '-'), coalesce(mail, ''), coalesce(full_name, ''), coalesce(job, ''), coalesce(division, ''),
		coalesce(phone, ''), coalesce(active, FALSE), coalesce(payroll, ''), chat_state FROM people ORDER BY person_id`)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var r [7]string
		var active bool
		var state string
		require.NoError(t, rows.Scan(&r[0], &r[1], &r[2], &r[3], &r[4], &r[5], &active, &r[6], &state))
		all = append(all, strings.Join(append(r[:], fmt.Sprint(active), state), "|"))
	}
	require.NoError(t, rows.Err())
	return all
}

// equal checks that nothing waits, and that each user has a person who is as
// they are.
func (w *world) equal(t *testing.T) {
	t.Helper()
	require.Zero(t, w.count(t, "SELECT count(*) FROM people_changes"))
	require.Zero(t, w.count(t, `SELECT count(*) FROM chatadmin_users u LEFT JOIN people p ON p.chat_user = u.id
		WHERE (u.login, u.email, u.display_name, u.first_name, u.last_name, u.title, u.department, u.phone, u.status <> 3, u.manager)
		IS DISTINCT FROM (p.username, coalesce(p.mail, ''), coalesce(p.full_name, ''), coalesce(p.forename, ''), coalesce(p.surname, ''),
			coalesce(p.job, ''), coalesce(p.division, ''), coalesce(p.phone, ''), coalesce(p.active, FALSE),
			coalesce((SELECT b.chat_user FROM people b WHERE b.person_id = p.boss), ''))`))
	require.Zero(t, w.count(t, "SELECT count(*) FROM people WHERE chat_user IS NOT NULL AND chat_user NOT IN (SELECT id FROM chatadmin_users)"))
}

func (w *world) count(t *testing.T, text string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, w.db.QueryRow(text, args...).Scan(&n))
	return n
}

func (w *world) user(t *testing.T, login string) chatadmin.User {
	t.Helper()
	u, err := w.s.UserByLogin(t.Context(), login)
	require.NoError(t, err)
	return u
}

func (w *world) problems(t *testing.T) (all []string) {
	t.Helper()
	rows, err := w.db.Query("SELECT problem FROM people_changes ORDER BY person_id")
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		all = append(all, "")
		require.NoError(t, rows.Scan(&all[len(all)-1]))
	}
	return all
}

func (w *world) csv(t *testing.T, text string, o *csvimport.ImportOptions) error {
	t.Helper()
	imports, err := csvimport.New(w.admin, nil)
	require.NoError(t, err)
	_, err = imports.Import(t.Context(), w.s, strings.NewReader(text), csvimport.UpdateExisting, o)
	return err
}

const (
	annRow  = "ann@acme.example|ann@acme.example|Ann Smith|Engineer||+31 20 555 0100|NL-0042|true|pending"
	bobRow  = "bob@acme.example|bob@acme.example|Bob Jones|Clerk|||NL-0043|true|pending"
	bossRow = "boss@acme.example|boss@acme.example|The Boss|||||true|pending"
)

func testRun(t *testing.T, fresh func(*testing.T) string) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, fresh(t)))
	require.Equal(t, `Everybody who was there is a user:
  ann@acme.example   Ann Smith  Engineer    NL-0042  pending
  bob@acme.example   Bob Jones  Clerk       NL-0043  pending
  boss@acme.example  The Boss                        pending
A file was imported:
  ann@acme.example   Ann Smith  Engineer    NL-0042  pending
  bob@acme.example   Bob Jones  Head Clerk  NL-0043  pending
  boss@acme.example  The Boss                        pending
  eve@acme.example   Eve Adams  Engineer             pending
The host has changed people:
  ann@acme.example   Ann Smith  Engineer    NL-0042  deactivated
  bob@acme.example   Bob Jones  Head Clerk  NL-0043  pending
  boss@acme.example  The Boss                        pending
  eve@acme.example   Eve Adams  Engineer             pending      email: this is not an e-mail address such as ann@example.com
Ann was deleted:
                                            NL-0042
  bob@acme.example   Bob Jones  Head Clerk  NL-0043  pending
  boss@acme.example  The Boss                        pending
  eve@acme.example   Eve Adams  Engineer             pending      email: this is not an e-mail address such as ann@example.com
`, out.String())
}

// The triggers change nothing of what the store promises. The suite has logins
// that differ in their keys alone, which the host's own index would refuse.
func testStore(t *testing.T, fresh func(*testing.T) string) {
	storetest.RunOnly(t, func(t *testing.T) storetest.Backend {
		database := fresh(t)
		h := connect(t, database)
		h.db.SetMaxOpenConns(40)
		require.NoError(t, h.setUp(t.Context()))
		_, err := h.db.Exec(map[sqlstore.Dialect]string{
			sqlstore.SQLite: `CREATE TRIGGER every_domain AFTER INSERT ON chatadmin_domains BEGIN
				INSERT INTO companies (company, name, chat_domain) SELECT max(company) + 1, '', NEW.id FROM companies; END`,
			sqlstore.PostgreSQL: `CREATE SEQUENCE company START 2;
				CREATE FUNCTION every_domain() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				INSERT INTO companies (company, name, chat_domain) VALUES (nextval('company'), '', NEW.id); RETURN NULL; END $$;
				CREATE TRIGGER every_domain AFTER INSERT ON chatadmin_domains FOR EACH ROW EXECUTE FUNCTION every_domain()`,
		}[h.dialect] + "; DROP INDEX people_username")
		require.NoError(t, err)
		return storetest.Backend{Store: h.store, Again: func() storage.Store {
			h := connect(t, database)
			h.db.SetMaxOpenConns(40)
			return h.store
		}}
	}, "Users", "UserKeys", "Conflicts", "CallOrder", "Swallowed", "Rollback", "Limits", "RaceLogin")
}

// People who were there are users, with all that the host knew of them; also
// those whom a file names first.
func testAdopted(t *testing.T, fresh func(*testing.T) string) {
	w := newWorld(t, fresh(t))
	require.Equal(t, []string{annRow, bobRow, bossRow}, w.people(t))
	require.Equal(t, "+31205550100", w.user(t, "ann@acme.example").PhoneE164)
	require.Equal(t, 2, w.count(t, "SELECT count(*) FROM chatadmin_memberships WHERE usr = $1", w.user(t, "ann@acme.example").ID), "in the default groups")
	w.equal(t)

	w.exec(t, "INSERT INTO people (company, username, job, payroll) VALUES (1, 'Eve@Acme.example', 'Pilot', 'NL-0044')")
	require.NoError(t, w.csv(t, "login,name,title\neve@acme.example,Eve Adams,Engineer\n", nil))
	w.exec(t, "UPDATE companies SET name = 'Acme Inc.' WHERE company = 1")
	require.NoError(t, w.work(t.Context()))
	require.Equal(t, "Eve@Acme.example|Eve@Acme.example|Eve Adams|Pilot|||NL-0044|true|pending", w.people(t)[3], "one person, whose own columns stay")
	require.Equal(t, "Pilot", w.user(t, "eve@acme.example").Title)
	w.equal(t)
}

// An import creates, updates and deactivates people in its own transactions.
func testImport(t *testing.T, fresh func(*testing.T) string) {
	w := newWorld(t, fresh(t))
	const file = "login,name,title,Enabled\nann@acme.example,,Chief,\nbob@acme.example,,,FALSE\neve@acme.example,Eve Adams,Engineer,\n"
	require.ErrorIs(t, w.csv(t, file+"no address,,,\n", &csvimport.ImportOptions{AllOrNothing: true}), csvimport.ErrRowsFailed)
	require.Equal(t, []string{annRow, bobRow, bossRow}, w.people(t))
	require.NoError(t, w.csv(t, file, nil))
	after := []string{strings.Replace(annRow, "Engineer", "Chief", 1), strings.Replace(bobRow, "true|pending", "false|deactivated", 1), bossRow,
		"eve@acme.example|eve@acme.example|Eve Adams|Engineer||||true|pending"}
	require.Equal(t, after, w.people(t))
	w.equal(t)
	_, err := w.s.DenyAccess(t.Context(), w.user(t, "eve@acme.example").ID)
	require.NoError(t, err)
	require.Equal(t, strings.Replace(after[3], "pending", "denied", 1), w.people(t)[3])
}

// What the library does in a transaction of the host goes with it.
func testRollback(t *testing.T, fresh func(*testing.T) string) {
	w := newWorld(t, fresh(t))
	ann, bob := w.user(t, "ann@acme.example").ID, w.user(t, "bob@acme.example").ID
	for _, commit := range []bool{false, true} {
		tx, err := w.db.Begin()
		require.NoError(t, err)
		store, err := sqlstore.Join(tx, w.dialect, nil)
		require.NoError(t, err)
		joined, err := w.admin.Join(store)
		require.NoError(t, err)
		s := joined.As(w.s.Domain(), w.s.Actor())
		job := "Chief"
		_, err = s.EditUser(t.Context(), ann, chatadmin.UserEdit{Title: &job})
		require.NoError(t, err)
		_, err = s.DeactivateUsers(t.Context(), bob)
		require.NoError(t, err)
		_, err = s.CreateUser(t.Context(), chatadmin.NewUser{Login: "eve@acme.example", NoInvitation: true})
		require.NoError(t, err)
		if !commit {
			require.NoError(t, tx.Rollback())
			require.Equal(t, []string{annRow, bobRow, bossRow}, w.people(t))
			continue
		}
		require.NoError(t, tx.Commit())
		require.Equal(t, []string{strings.Replace(annRow, "Engineer", job, 1), strings.Replace(bobRow, "true|pending", "false|deactivated", 1), bossRow,
			"eve@acme.example|eve@acme.example|eve@acme.example|||||true|pending"}, w.people(t))
	}
	w.equal(t)
}

// A deletion leaves the person with the host's own columns. The person can
// become a user again.
func testDeleted(t *testing.T, fresh func(*testing.T) string) {
	w := newWorld(t, fresh(t))
	ann := w.user(t, "ann@acme.example").ID
	w.exec(t, "UPDATE people SET mail = 'waits' WHERE username = 'ann@acme.example'")
	require.NoError(t, w.erase(t.Context(), w.s, "ann@acme.example"))
	require.Equal(t, []string{"-||||||NL-0042|false|", bobRow, bossRow}, w.people(t))
	w.exec(t, "UPDATE people SET payroll = 'NL-0050', job = 'Gardener' WHERE payroll = 'NL-0042'")
	require.NoError(t, w.work(t.Context()))
	require.Equal(t, "-|||Gardener|||NL-0050|false|", w.people(t)[0], "they are no user again because the host has changed them")
	w.equal(t)
	w.exec(t, "UPDATE people SET username = 'ann@acme.example', active = TRUE WHERE payroll = 'NL-0050'")
	require.NoError(t, w.work(t.Context()))
	require.NotEqual(t, ann, w.user(t, "ann@acme.example").ID)
	w.equal(t)
}

// What the host changes arrives, as a change of the host's in the audit log.
func testEdited(t *testing.T, fresh func(*testing.T) string) {
	w := newWorld(t, fresh(t))
	bob := w.user(t, "bob@acme.example")
	for column, value := range map[string]string{"full_name": " Bob  Jonas ", "forename": " Robert ", "surname": "Jonas", "job": "Pilot", "division": "Air", "phone": "+31 20 555 0111", "username": "robert@acme.example"} {
		w.exec(t, "UPDATE people SET "+column+" = $1 WHERE payroll = 'NL-0043'", value)
		w.exec(t, "UPDATE people SET payroll = payroll WHERE payroll = 'NL-0043'")
		require.Equal(t, []string{""}, w.problems(t), "%s waits", column)
		require.NoError(t, w.work(t.Context()))
		w.equal(t)
	}
	now := w.user(t, "robert@acme.example")
	require.Equal(t, bob.ID, now.ID)
	require.Equal(t, "Robert|Jonas|Pilot|Air|+31205550111|robert@acme.example", strings.Join([]string{now.FirstName, now.LastName, now.Title, now.Department, now.PhoneE164, now.Email}, "|"))
	for _, active := range []bool{false, true} {
		w.exec(t, "UPDATE people SET active = $1 WHERE payroll = 'NL-0043'", active)
		require.NoError(t, w.work(t.Context()))
		require.Equal(t, active, w.user(t, "robert@acme.example").Status != storage.Deactivated)
		w.equal(t)
	}
	w.exec(t, "INSERT INTO people (company, username, full_name) VALUES (1, 'eve@acme.example', 'Eve Adams')")
	w.exec(t, "INSERT INTO people (company, username, full_name, active) VALUES (1, 'out@acme.example', 'Outsider', FALSE)")
	w.exec(t, "INSERT INTO companies (company, name) VALUES (2, 'Without chat')")
	w.exec(t, "INSERT INTO people (company, username) VALUES (2, 'ann@acme.example')")
	require.NoError(t, w.work(t.Context()))
	require.Equal(t, "Eve Adams", w.user(t, "eve@acme.example").DisplayName)
	require.Equal(t, 4, w.count(t, "SELECT count(*) FROM chatadmin_users"))
	require.Equal(t, []string{""}, w.problems(t), "the company without a domain waits for it")
	var kinds []string
	for e, err := range w.s.Events(t.Context(), chatadmin.EventQuery{Target: bob.ID}) {
		require.NoError(t, err)
		require.Equal(t, chatadmin.HostActor, e.Actor)
		kinds = append(kinds, e.Kind)
	}
	slices.Sort(kinds)
	require.Equal(t, []string{"user.activate", "user.create", "user.deactivate", "user.edit", "user.edit", "user.edit", "user.edit", "user.edit", "user.edit", "user.edit"}, kinds)
}

// A person whom the host deletes has no access any more. The number may be
// given to another person at once.
func testGone(t *testing.T, fresh func(*testing.T) string) {
	w := newWorld(t, fresh(t))
	w.exec(t, "UPDATE people SET job = 'Pilot' WHERE payroll = 'NL-0043'")
	w.exec(t, "DELETE FROM people WHERE payroll = 'NL-0043'")
	w.exec(t, "INSERT INTO people (person_id, company, username) VALUES (2, 1, 'eve@acme.example')")
	w.exec(t, "DELETE FROM people WHERE person_id = 2")
	w.exec(t, "INSERT INTO people (person_id, company, username) VALUES (2, 1, 'eve@acme.example')")
	require.NoError(t, w.work(t.Context()))
	bob := w.user(t, "bob@acme.example")
	require.Equal(t, storage.Deactivated, bob.Status)
	require.Equal(t, storage.Pending, w.user(t, "eve@acme.example").Status)
	require.Empty(t, w.problems(t))
	w.exec(t, "DELETE FROM people WHERE username = 'ann@acme.example'")
	for _, login := range []string{"ann@acme.example", "bob@acme.example"} {
		require.NoError(t, w.erase(t.Context(), w.s, login))
	}
	require.Empty(t, w.problems(t))
}

// What the library refuses is told, and nothing is lost: the host's row stays,
// and comes through when it is right.
func testRefused(t *testing.T, fresh func(*testing.T) string) {
	w := newWorld(t, fresh(t))
	for _, c := range []struct{ name, change, says, mended string }{
		{"a login that is taken, but for its case", "UPDATE people SET username = 'ANN@acme.example' WHERE payroll = 'NL-0043'",
			"another user has this login", "UPDATE people SET username = 'rob@acme.example' WHERE payroll = 'NL-0043'"},
		{"no address, though the job is right", "UPDATE people SET mail = 'nobody', job = 'Pilot' WHERE payroll = 'NL-0043'",
			"email", "UPDATE people SET mail = 'rob@acme.example' WHERE payroll = 'NL-0043'"},
		{"no login", "UPDATE people SET username = NULL WHERE payroll = 'NL-0043'",
			"login", "UPDATE people SET username = 'rob@acme.example' WHERE payroll = 'NL-0043'"},
		{"the last administrator", "UPDATE people SET active = FALSE WHERE username = 'boss@acme.example'",
			chatadmin.ErrLastAdmin.Error(), "UPDATE people SET active = TRUE WHERE username = 'boss@acme.example'"},
		{"a new person without an address", "INSERT INTO people (company, username) VALUES (1, 'nobody')",
			"e-mail address", "UPDATE people SET username = 'eve@acme.example' WHERE username = 'nobody'"},
		{"another company", "UPDATE people SET company = 2 WHERE payroll = 'NL-0043'",
			"", "UPDATE people SET company = 1 WHERE payroll = 'NL-0043'"},
	} {
		w.exec(t, c.change)
		before := w.people(t)
		require.NoError(t, w.work(t.Context()), c.name)
		require.Equal(t, before, w.people(t), c.name)
		problems := w.problems(t)
		require.Len(t, problems, 1, c.name)
		require.Contains(t, problems[0], c.says, c.name)
		require.NoError(t, w.work(t.Context()), "it does not stand in the way")
		w.exec(t, c.mended)
		require.NoError(t, w.work(t.Context()))
		require.Empty(t, w.problems(t), c.name)
		w.equal(t)
	}
	require.Equal(t, "Pilot", w.user(t, "rob@acme.example").Title)

	w.exec(t, "UPDATE people SET active = FALSE, mail = 'nobody' WHERE payroll = 'NL-0043'")
	require.NoError(t, w.work(t.Context()))
	require.Len(t, w.problems(t), 1)
	require.Equal(t, storage.Deactivated, w.user(t, "rob@acme.example").Status, "they are out, though their address is refused")
	job := "Captain"
	_, err := w.s.EditUser(t.Context(), w.user(t, "rob@acme.example").ID, chatadmin.UserEdit{Title: &job})
	require.NoError(t, err)
	require.Contains(t, strings.Join(w.people(t), "\n"), "nobody|Bob Jones|Captain", "what is not in question follows the library")
	require.Equal(t, []string{""}, w.problems(t), "it is tried again")
}

// A login that another person of the host has is refused by the host's own
// constraint, and nothing is changed.
func testConstraint(t *testing.T, fresh func(*testing.T) string) {
	w := newWorld(t, fresh(t))
	w.exec(t, "INSERT INTO people (company, username, active) VALUES (1, 'eve@acme.example', FALSE)")
	before := w.people(t)
	login := "eve@acme.example"
	_, err := w.s.EditUser(t.Context(), w.user(t, "bob@acme.example").ID, chatadmin.UserEdit{Login: &login})
	require.ErrorIs(t, err, sqlstore.ErrConstraint)
	require.ErrorIs(t, err, chatadmin.ErrState)
	require.Equal(t, before, w.people(t))
	w.exec(t, "UPDATE people SET username = 'robert@acme.example' WHERE payroll = 'NL-0043'")
	_, err = w.s.CreateUser(t.Context(), chatadmin.NewUser{Login: "robert@acme.example", NoInvitation: true})
	require.ErrorIs(t, err, sqlstore.ErrConstraint)
	require.ErrorIs(t, w.csv(t, "login\nrobert@acme.example\n", nil), sqlstore.ErrConstraint)
	require.NoError(t, w.work(t.Context()))
	w.equal(t)
}
