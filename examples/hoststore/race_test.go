package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

// hang is a process that has made a user of a person and has not committed.
func hang(database string) {
	h, err := open(context.Background(), database)
	if err == nil {
		h.admin.Extend(chatadmin.Extension{OnUserChange: func(context.Context, *chatadmin.Writer, []chatadmin.UserChange) error {
			fmt.Println("made")
			time.Sleep(time.Hour)
			return nil
		}})
		err = h.work(context.Background())
	}
	fmt.Println(err)
	os.Exit(1)
}

// A process that is killed between the change of the user and the commit leaves
// the person waiting, and the next one makes the change, once.
func testCrash(t *testing.T, fresh func(*testing.T) string) {
	w := newWorld(t, fresh(t))
	w.exec(t, "INSERT INTO people (company, username) VALUES (1, 'eve@acme.example')")
	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.Command(self)
	child.Env = append(os.Environ(), "HOSTSTORE_CRASH="+w.database)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "made\n", line)
	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())
	require.Equal(t, []string{""}, w.problems(t))
	for range 2 {
		require.NoError(t, w.work(t.Context()))
	}
	w.equal(t)
	var made int
	for _, err := range w.s.Events(t.Context(), chatadmin.EventQuery{Target: w.user(t, "eve@acme.example").ID}) {
		require.NoError(t, err)
		made++
	}
	require.Equal(t, 1, made)
}

// Two transactions meet at one person: that of the host or of the library has
// not ended when the other one comes. Both changes stay; in one and the same
// column that of the host does.
func testMeet(t *testing.T, fresh func(*testing.T) string) {
	w := newWorld(t, fresh(t))
	if w.dialect == sqlstore.SQLite {
		t.Skip("one transaction writes at a time")
	}
	waits := func() {
		for waiting := 0; waiting == 0; {
			waiting = w.count(t, "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.datname = current_database()")
		}
	}
	ann := w.user(t, "ann@acme.example").ID
	for _, c := range []struct {
		column      string
		hostFirst   bool
		job, number string
	}{
		{"phone", true, "library 0", "host 0"},
		{"phone", false, "library 1", "host 1"},
		{"job", true, "host 2", "host 1"},
		{"job", false, "host 3", "host 1"},
	} {
		first, err := w.db.Begin()
		require.NoError(t, err)
		ended := make(chan error, 1)
		library, ours := "library "+c.job[len(c.job)-1:], c.number
		if c.column == "job" {
			ours = c.job
		}
		if c.hostFirst {
			_, err := first.Exec("UPDATE people SET "+c.column+" = $1 WHERE chat_user = $2", ours, ann)
			require.NoError(t, err)
			go func() {
				_, err := w.s.EditUser(context.Background(), ann, chatadmin.UserEdit{Title: &library})
				ended <- err
			}()
		} else {
			store, err := sqlstore.Join(first, w.dialect, nil)
			require.NoError(t, err)
			joined, err := w.admin.Join(store)
			require.NoError(t, err)
			_, err = joined.AsHost(w.s.Domain()).EditUser(t.Context(), ann, chatadmin.UserEdit{Title: &library})
			require.NoError(t, err)
			go func() {
				_, err := w.db.Exec("UPDATE people SET "+c.column+" = $1 WHERE chat_user = $2", ours, ann)
				ended <- err
			}()
		}
		waits()
		require.NoError(t, first.Commit())
		require.NoError(t, <-ended)
		require.NoError(t, w.work(t.Context()))
		w.equal(t)
		u := w.user(t, "ann@acme.example")
		require.Equal(t, [2]string{c.job, c.number}, [2]string{u.Title, u.Phone})
	}
}

// A hundred goroutines change the same people on both sides, while two workers
// are at it. At the end both sides are equal.
func testRace(t *testing.T, fresh func(*testing.T) string) {
	w := newWorld(t, fresh(t))
	w.db.SetMaxOpenConns(map[sqlstore.Dialect]int{sqlstore.SQLite: 3, sqlstore.PostgreSQL: 20}[w.dialect])
	people := []string{"ann@acme.example", "bob@acme.example", "boss@acme.example"}
	var ids []chatadmin.ID
	for _, login := range people {
		ids = append(ids, w.user(t, login).ID)
	}
	ctx, stop := context.WithCancel(t.Context())
	var working, changing sync.WaitGroup
	for range 2 {
		working.Go(func() {
			for ctx.Err() == nil {
				_ = w.work(ctx) // what failed is tried again
			}
		})
	}
	failed := make(chan error, 100)
	for n := range 100 {
		changing.Go(func() {
			id, value := ids[n%3], fmt.Sprint("value ", n)
			var err error
			switch {
			case n%2 == 0:
				column := []string{"job", "division", "full_name"}[rand.N(3)]
				_, err = w.db.Exec("UPDATE people SET "+column+" = $1 WHERE chat_user = $2", value, id)
			case n%5 == 0:
				_, err = w.s.CreateUser(ctx, chatadmin.NewUser{Login: fmt.Sprintf("n%d@acme.example", n), NoInvitation: true})
			default:
				edit := []chatadmin.UserEdit{{Title: &value}, {Department: &value}, {DisplayName: &value}}[rand.N(3)]
				_, err = w.s.EditUser(ctx, id, edit)
			}
			failed <- err
		})
	}
	changing.Wait()
	stop()
	working.Wait()
	close(failed)
	var all []error
	for err := range failed {
		all = append(all, err)
	}
	require.NoError(t, errors.Join(all...))
	require.NoError(t, w.work(t.Context()))
	w.equal(t)
	require.Equal(t, 13, w.count(t, "SELECT count(*) FROM people WHERE chat_user IS NOT NULL"))
}
