package main

import (
	"html/template"
	"net/http"
)

// page is what is shown: who is signed in, a question for a code, or the login
// form.
type page struct {
	User, Challenge, QR, Secret, Error string
}

var pages = template.Must(template.New("page").Funcs(template.FuncMap{"image": func(s string) template.URL { return template.URL(s) }}).Parse(`<!doctype html>
<meta charset="utf-8">
<title>Acme</title>
{{with .Error}}<p role="alert">{{.}}</p>{{end}}
{{if .User}}
<p>Signed in as {{.User}}.</p>
<form method="post" action="/logout"><button>Sign out</button></form>
{{else if .Challenge}}
{{if .QR}}
<p>Scan this with an authenticator app, or type in the key. It is shown until you have typed a code.</p>
<p><img src="{{image .QR}}" alt="QR code"></p>
<p><code id="secret">{{.Secret}}</code></p>
{{end}}
<form method="post" action="/code">
<input type="hidden" name="challenge" value="{{.Challenge}}">
<label>Code <input name="code" inputmode="numeric" autocomplete="one-time-code" autofocus></label>
<label><input type="checkbox" name="remember" value="1"> Do not ask again in this browser</label>
<button>Sign in</button>
</form>
{{else}}
<form method="post" action="/login">
<label>Login <input name="login" autocomplete="username" autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>
<button>Sign in</button>
</form>
{{end}}
`))

func render(w http.ResponseWriter, status int, p page) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = pages.Execute(w, p) // the browser has gone
}
