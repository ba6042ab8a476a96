package portal

import (
	"bytes"
	"compress/gzip"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
)

// maxForm is how many bytes a form may have, but for an uploaded file. The plan
// of a deletion is the largest thing in one.
const maxForm = 4 << 20

// view is one request: who makes it, what they may do, and the page that
// answers it. Its exported methods are for the templates.
type view struct {
	p *Portal
	w http.ResponseWriter
	r *http.Request

	s        *chatadmin.Scope // nil if nobody is signed in
	domain   chatadmin.Domain
	settings chatadmin.Settings
	role     chatadmin.Role
	me       chatadmin.User

	words  *texts.Printer
	notice *notice
	back   string  // the page that an error leads back to
	list   *string // see isList and backTo
}

// page serves one route.
func (p *Portal) page(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		v := &view{p: p, w: w, r: req, back: "/"}
		v.speak("")
		if !isUpload(req) {
			req.Body = http.MaxBytesReader(w, req.Body, maxForm)
		}
		err := v.enter(r)
		if err == nil {
			v.takeNotice()
			err = r.serve(v)
		}
		if err != nil {
			v.fail(err)
		}
	})
}

// errSignIn is returned if a page needs somebody who is signed in.
var errSignIn = chatadmin.ErrActor.New("sign_in", "sign in first")

// enter finds out who makes the request, and whether they may see the page.
func (v *view) enter(r route) error {
	if r.staff {
		return v.enterStaff()
	}
	domain, user, err := v.p.o.Authenticate(v.r)
	if r.open {
		if err == nil {
			v.s = v.p.admin.As(domain, user)
		}
		return nil
	}
	switch {
	case errors.Is(err, chatadmin.ErrForbidden):
		return errSignIn
	case err != nil:
		return fmt.Errorf("who is signed in: %w", err)
	}
	v.s = v.p.admin.As(domain, user)
	if v.domain, v.settings, v.role, err = v.s.ViewAs(v.r.Context(), ""); err != nil {
		v.s = nil
		return err
	}
	if v.me, err = v.s.User(v.r.Context(), user); err != nil {
		return err
	}
	if a, err := chatadmin.AttributesOf(v.me); err == nil {
		v.speak(a.Language)
	}
	if r.need != "" && !v.role.May(r.need) {
		return fmt.Errorf("this page needs the permission %q: %w", r.need, chatadmin.ErrForbidden)
	}
	return nil
}

// speak chooses the language: that of the user, then that of the browser, then
// that of the domain.
func (v *view) speak(user string) {
	var domain *chatadmin.Settings
	if v.s != nil {
		domain = &v.settings
	}
	v.words = v.p.texts.Printer(user, v.r.Header.Get("Accept-Language"), v.p.admin.Language(domain))
}

// T is a text of the catalogue in the language of the reader.
func (v *view) T(key string, args ...any) string { return v.words.Sprintf(key, args...) }

// Product is a text in the words of the product that the domain has: that of
// the key with the preset behind it, if there is one.
func (v *view) Product(key string) string {
	if own := key + "_" + string(v.settings.Preset); v.Has(own) {
		return v.T(own)
	}
	return v.T(key)
}

// Has reports whether the catalogue has a text.
func (v *view) Has(key string) bool { return v.words.Has(key) }

// Lang is the language of the page, as a BCP 47 tag.
func (v *view) Lang() string { return v.words.Language().String() }

// Title is the name of the portal.
func (v *view) Title() string { return v.p.o.Title }

// Logo is the address of the host's logo.
func (v *view) Logo() string { return v.p.o.Logo }

// SignOut is where the button posts to.
func (v *view) SignOut() string { return v.p.o.SignOutURL }

// Me is the user who is signed in, or nil.
func (v *view) Me() *chatadmin.User {
	if v.me.ID == "" {
		return nil
	}
	return &v.me
}

// Company is the name of the domain.
func (v *view) Company() string { return v.domain.Name }

// May reports whether the reader has a permission.
func (v *view) May(need chatadmin.Permission) bool { return v.role.May(need) }

// Asset is the address of a file of the portal.
func (v *view) Asset(name string) string {
	return v.p.o.Path + "/assets/" + v.p.assets[name].version + name
}

// Notice is what the action before this page has done.
func (v *view) Notice() string {
	if v.notice == nil || !v.Has(v.notice.Key) {
		return ""
	}
	args := make([]any, len(v.notice.Args))
	for i, a := range v.notice.Args {
		args[i] = a
		if n, err := strconv.Atoi(a); err == nil {
			args[i] = n
		}
	}
	return v.T(v.notice.Key, args...)
}

// NoticeRun is the run that the notice is about, or "".
func (v *view) NoticeRun() string { return v.notice.Run }

// Path is the address of a page of the portal. Its parts are escaped.
func (v *view) Path(parts ...any) string {
	at := v.p.o.Path
	for _, part := range parts {
		at += "/" + url.PathEscape(fmt.Sprint(part))
	}
	return at
}

// Here is the address of this page with one parameter replaced; "" takes it
// away.
func (v *view) Here(name, value string) string {
	q := v.r.URL.Query()
	if q.Del(name); value != "" {
		q.Set(name, value)
	}
	if len(q) == 0 {
		return v.r.URL.EscapedPath()
	}
	return v.r.URL.EscapedPath() + "?" + q.Encode()
}

// At reports whether this page lies at or below a path of the portal.
func (v *view) At(below string) bool {
	at := strings.TrimPrefix(v.r.URL.Path, v.p.o.Path)
	return at == below || strings.HasPrefix(at, below+"/")
}

// redirect answers with another page of the portal.
func (v *view) redirect(to string) error {
	http.Redirect(v.w, v.r, v.p.o.Path+to, http.StatusSeeOther)
	return nil
}

// done answers an action: the page to says what was done.
func (v *view) done(to, key string, args ...any) error {
	v.leaveNotice(notice{Key: key, Args: shown(args)})
	return v.redirect(to)
}

// form reads the fields of a form.
func (v *view) form() (url.Values, error) {
	if err := v.r.ParseForm(); err != nil {
		return nil, fmt.Errorf("the form cannot be read: %w: %w", err, chatadmin.ErrInvalid)
	}
	return v.r.PostForm, nil
}

//go:embed *.html
var templates embed.FS

// newPages parses the templates: a page is the layout with one file beside it.
func newPages() (map[string]*template.Template, error) {
	layout, err := template.New("layout.html").ParseFS(templates, "layout.html", "parts.html")
	if err != nil {
		return nil, err
	}
	files, err := templates.ReadDir(".")
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for _, f := range files {
		if f.Name() == "layout.html" || f.Name() == "parts.html" {
			continue
		}
		page, err := template.Must(layout.Clone()).ParseFS(templates, f.Name())
		if err != nil {
			return nil, err
		}
		pages[strings.TrimSuffix(f.Name(), path.Ext(f.Name()))] = page
	}
	return pages, nil
}

// render answers with a page.
func (v *view) render(page string, data any) error { return v.renderStatus(http.StatusOK, page, data) }

func (v *view) renderStatus(status int, page string, data any) error {
	if data == nil {
		data = struct{ *view }{v}
	}
	var body bytes.Buffer
	if err := v.p.pages[page].ExecuteTemplate(&body, "layout.html", data); err != nil {
		return fmt.Errorf("page %q: %w", page, err)
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Vary", "Accept-Encoding, Accept-Language")
	v.write(status, body.Bytes())
	return nil
}

var gzips = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// write sends a page, compressed if the browser takes that. Pages for people
// who are not signed in hold the token of a mail and are not compressed.
func (v *view) write(status int, body []byte) {
	if v.me.ID == "" || len(body) < 1<<10 || !strings.Contains(v.r.Header.Get("Accept-Encoding"), "gzip") {
		v.w.WriteHeader(status)
		_, _ = v.w.Write(body) // the browser may have gone
		return
	}
	v.w.Header().Set("Content-Encoding", "gzip")
	v.w.WriteHeader(status)
	z := gzips.Get().(*gzip.Writer)
	defer gzips.Put(z)
	z.Reset(v.w)
	_, _ = z.Write(body)
	_ = z.Close()
}
