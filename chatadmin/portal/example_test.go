package portal_test

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"strings"

	"golang.org/x/text/language"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/portal"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// A host that rents out desks shows on the page of a user which desk is
// theirs, to everybody who may see that page.
func ExamplePanel() {
	desks := map[string]string{"boss@acme.example": "3 <window>"}
	content := template.Must(template.New("").Parse(`<p>Desk {{.}}</p><p><a href="/desks">All desks</a></p>`))
	desk := portal.Panel{
		On: portal.UserPage,
		Title: func(in language.Tag) string {
			if in == language.German {
				return "Schreibtisch"
			}
			return "Desk"
		},
		HTML: func(_ context.Context, of portal.PanelRequest) (template.HTML, error) {
			desk, ok := desks[of.User.Login]
			if !ok {
				return "", nil // no panel
			}
			var html strings.Builder
			err := content.Execute(&html, desk)
			return template.HTML(html.String()), err
		},
	}

	ctx := context.Background()
	admin, err := chatadmin.New(memstore.New(nil), nil)
	if err != nil {
		panic(err)
	}
	domain, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	if err != nil {
		panic(err)
	}
	pages, err := portal.New(admin, &portal.Options{
		Path:         "/admin",
		Authenticate: func(*http.Request) (chatadmin.ID, chatadmin.ID, error) { return domain.ID, boss.ID, nil },
		Panels:       []portal.Panel{desk},
	})
	if err != nil {
		panic(err)
	}
	page := httptest.NewRecorder()
	pages.ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/admin/users/"+string(boss.ID), nil))
	_, panel, _ := strings.Cut(page.Body.String(), `<section class="panel">`)
	panel, _, _ = strings.Cut(panel, "\n</section>")
	fmt.Println(panel)
	// Output:
	// <h2>Desk</h2>
	// <p>Desk 3 &lt;window&gt;</p><p><a href="/desks">All desks</a></p>
}
