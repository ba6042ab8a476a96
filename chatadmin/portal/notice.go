package portal

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
)

// notice is what an action has done, told by the page that follows it. It lies
// in a cookie in between. It holds a key of the catalogue, so that a cookie
// that somebody else has set can say nothing of its own but arguments.
type notice struct {
	Key  string   `json:"k"`
	Args []string `json:"a,omitempty"`
	Run  string   `json:"r,omitempty"` // the ID of a run that was begun
}

const noticeCookie = "portal_notice"

// shown are arguments as a notice holds them.
func shown(args []any) (all []string) {
	for _, a := range args {
		all = append(all, cut(fmt.Sprint(a)))
	}
	return all
}

func (v *view) leaveNotice(n notice) {
	data, err := json.Marshal(n)
	if err != nil {
		return
	}
	v.setCookie(noticeCookie, base64.RawURLEncoding.EncodeToString(data), 60)
}

// takeNotice reads the notice and takes it away.
func (v *view) takeNotice() {
	c, err := v.r.Cookie(noticeCookie)
	if err != nil || v.r.Method != http.MethodGet || v.r.Header.Get("HX-Request") != "" {
		return
	}
	v.setCookie(noticeCookie, "", -1)
	if data, err := base64.RawURLEncoding.DecodeString(c.Value); err == nil {
		var n notice
		if json.Unmarshal(data, &n) == nil && len(n.Args) <= 4 {
			v.notice = &n
		}
	}
}

// setCookie sets a cookie of the portal, for some seconds; 0 is until the
// browser ends.
func (v *view) setCookie(name, value string, seconds int) {
	http.SetCookie(v.w, &http.Cookie{Name: name, Value: value, Path: v.p.o.Path + "/", MaxAge: seconds,
		HttpOnly: true, Secure: v.secure(), SameSite: http.SameSiteLaxMode})
}

// secure reports whether browsers reach the portal over TLS, by its
// configuration.
func (v *view) secure() bool {
	const https = "https://"
	base := v.p.admin.Options().LinkBase
	return len(base) > len(https) && base[:len(https)] == https || v.r.TLS != nil
}

// cut shortens what a notice or a form shows.
func cut(s string) string {
	if r := []rune(s); len(r) > 120 {
		return string(r[:120]) + "…"
	}
	return s
}
