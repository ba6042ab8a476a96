package portaltest

import (
	"context"
	"errors"
	"html/template"
	"strings"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/language"

	"chatadmin.example/sdk/chatadmin/portal"
)

// desk is a panel as a host writes it: a table that is not made for narrow
// windows, one that is, a form, and words that have no place to break.
const desk = `<p>The desk is in <a href="/desks">the building with the longest name</a>: LongWord.</p>
<table><caption>Desks that are booked</caption><thead><tr><th scope="col">Date of the booking</th><th scope="col">Number of the desk</th><th scope="col">Name of the building</th><th scope="col">Booked by</th></tr></thead>
<tbody><tr><td>2026-03-02</td><td>4711</td><td>North</td><td>Ann Other</td></tr><tr><td>2026-03-03</td><td>4712</td><td>LongWord</td><td>ann.other.with.a.long.name@acme.example</td></tr></tbody></table>
<table class="cards"><caption>Lockers</caption><thead><tr><th scope="col">Number</th><th scope="col">Building</th></tr></thead>
<tbody><tr><td>17</td><td data-label="Building">LongWord</td></tr><tr><td>18</td><td data-label="Building">North</td></tr></tbody></table>
<form method="post" action="/desks"><label for="desk-number">Another desk</label><input id="desk-number" name="desk" type="number" aria-describedby="desk-help"><small id="desk-help">The number is on the LongWord.</small>
<label for="desk-floor">Floor</label><select id="desk-floor" name="floor"><option>Ground floor</option><option>First floor</option></select>
<label><input type="checkbox" name="standing"> A desk to stand at</label><button type="submit">Book this desk</button></form>
<ul><li>LongWord</li></ul><dl><dt>Code</dt><dd>LongWord</dd></dl><pre>LongWord</pre>`

// panels are those of the host on each page that has some. One of them fails.
func panels() (all []portal.Panel) {
	html := template.HTML(strings.ReplaceAll(desk, "LongWord", strings.Repeat("Donaudampfschifffahrt", 12)))
	for _, on := range []portal.PanelPage{portal.FirstPage, portal.UserPage, portal.GroupPage} {
		all = append(all, portal.Panel{On: on,
			Title: func(in language.Tag) string {
				return "Desk of " + strings.Repeat("Donaudampfschifffahrt", 12) + " in " + in.String()
			},
			HTML: func(context.Context, portal.PanelRequest) (template.HTML, error) { return html, nil }},
			portal.Panel{On: on, HTML: func(context.Context, portal.PanelRequest) (template.HTML, error) {
				return "", errors.New("the table of desks is gone")
			}})
	}
	return all
}

// panelPages are the pages that have panels.
func (s *site) panelPages() []visit {
	g, err := s.s.CreateGroup(s.t.Context(), "Chess")
	require.NoError(s.t, err)
	_, err = s.s.AddMembers(s.t.Context(), g.ID, s.people(1)[0].ID)
	require.NoError(s.t, err)
	return []visit{
		at("GET /{$}", "/"), at("GET /users/{id}", "/users/"+string(s.boss.ID)), at("GET /groups/{id}", "/groups/"+string(g.ID)),
	}
}
