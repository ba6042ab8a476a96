package portal_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A reader of German finds no English on the page of an error, of a plan and of
// a form that was refused: what the library says is said by its codes.
func TestGerman(t *testing.T) {
	w := newWorld(t)
	u := w.user("ann@acme.example")
	german := func(path string) string {
		r := w.request(path)
		r.Header.Set("Accept-Language", "de-DE,de;q=0.9,en;q=0.5")
		return w.send(w.Boss.ID, r).text
	}
	require.Contains(t, german("/users"), "Benutzer einladen")
	require.Contains(t, german("/no/such/page"), "Diese Seite gibt es nicht.")
	plan := german("/users/tools?tool=delete&user=" + string(u.ID))
	require.Contains(t, plan, "Eine Löschung kann nicht rückgängig gemacht werden; eine Deaktivierung beendet den Zugriff ebenfalls und behält alles.")
	// The plan that the form carries has the sentence in English, too.
	require.NotContains(t, plan, "Deleting cannot be undone")
	self := german("/users/tools?tool=delete&user=" + string(w.Boss.ID))
	require.Contains(t, self, w.Boss.Login+": Niemand löscht sich selbst.")
}
