// Package afastest is a fake AFAS Profit for tests and demonstrations, in the
// manner of net/http/httptest: one environment with an app connector, codes
// that are mailed, and dossier items. It refuses what AFAS refuses: wrong keys,
// used codes, a missing token, unknown fields. Faults make it slow, limited or
// forgetful.
package afastest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
)

// Of the one app connector.
const (
	APIKey         = "00000000000000000000000000000000"
	EnvironmentKey = "11111111111111111111111111111111"
)

// Type is a type of dossier items.
type Type struct {
	ID          int
	Description string
}

// Item is a dossier item.
type Item struct {
	ID      string
	Type    int    `json:"StId"`
	Subject string `json:"Ds"`
	Text    string `json:"SbTx"`
	Date    string `json:"Da"`
	Link    string `json:"-"` // SfTp/SfId
}

// Fault is what goes wrong with one request. The zero Fault is none.
type Fault struct {
	Status int
	Body   string
	Lost   bool // it is carried out, and the answer lost
}

// Server is the fake. Its fields are set before it is used.
type Server struct {
	URL string
	// Types are those of dossier items.
	Types []Type
	// Connectors are those of the app connector.
	Connectors []string

	web *httptest.Server

	mu     sync.Mutex
	fault  func(call string) Fault
	codes  map[string]string // user → the last code mailed
	tokens map[string]string // token → user
	items  []Item
	sent   int
}

// SetFault lets f decide what goes wrong with a request, such as "POST
// /connectors/KnSubject"; nothing does if f is nil. f is called under the
// server's lock: it calls no method of the server.
func (s *Server) SetFault(f func(call string) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// NewServer starts a fake with three types of dossier items. Close it.
func NewServer() *Server {
	s := &Server{Types: []Type{{-2, "Loonstrook"}, {15, "Curriculum Vitae"}, {27, "Chatgesprek"}}, Connectors: []string{"KnSubject", "Profit_SubjectTypes"}, codes: map[string]string{}, tokens: map[string]string{}}
	s.web = httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = s.web.URL
	return s
}

// Close stops it.
func (s *Server) Close() { s.web.Close() }

// Code is the last code that was mailed to a user, or "".
func (s *Server) Code(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.codes[user]
}

// Items are all dossier items.
func (s *Server) Items() []Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Item(nil), s.items...)
}

// RevokeAll ends all tokens.
func (s *Server) RevokeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/ProfitRestServices")
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if !ok || err != nil {
		http.NotFound(w, r)
		return
	}
	s.mu.Lock()
	var f Fault
	if s.fault != nil {
		f = s.fault(r.Method + " " + path)
	}
	status, answer := f.Status, any(json.RawMessage(f.Body))
	if status == 0 {
		status, answer = s.answer(r, path, body)
	}
	s.mu.Unlock()
	if f.Lost {
		panic(http.ErrAbortHandler) // closes the connection without an answer
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if raw, ok := answer.(json.RawMessage); ok {
		_, _ = w.Write(raw)
	} else if answer != nil {
		_ = json.NewEncoder(w).Encode(answer)
	}
}

func refuse(text string) (int, any) {
	return http.StatusInternalServerError, map[string]any{"externalMessage": text, "errorNumber": -2147220469, "profitLogReference": "B8213AF1C3C54E579686406A8DE71C6C"}
}

func (s *Server) answer(r *http.Request, path string, body []byte) (int, any) {
	if len(body) > 0 && r.Header.Get("Content-Type") != "application/json" {
		return http.StatusUnsupportedMediaType, nil
	}
	switch r.Method + " " + path {
	case "POST /OtpRequest", "POST /OtpValidation":
		return s.otp(path, body)
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	xml, err := base64.StdEncoding.DecodeString(token)
	if scheme != "AfasToken" || err != nil || s.tokens[string(xml)] == "" {
		return http.StatusUnauthorized, map[string]any{"externalMessage": ""}
	}
	switch r.Method + " " + path {
	case "GET /metainfo":
		update, get := []any{}, []any{}
		for _, c := range s.Connectors {
			if strings.HasPrefix(c, "Kn") {
				update = append(update, map[string]string{"id": c, "description": c})
			} else {
				get = append(get, map[string]string{"id": c, "description": c})
			}
		}
		return http.StatusOK, map[string]any{"updateConnectors": update, "getConnectors": get, "info": map[string]string{"envid": "A12345AA", "appName": "Chat", "group": "Chat users", "tokenExpiry": "0"}}
	case "GET /connectors/Profit_SubjectTypes":
		skip, _ := strconv.Atoi(r.URL.Query().Get("skip"))
		take, _ := strconv.Atoi(r.URL.Query().Get("take"))
		rows := []any{}
		for _, t := range s.Types[min(skip, len(s.Types)):min(skip+take, len(s.Types))] {
			rows = append(rows, map[string]any{"SubjectTypeId": t.ID, "Description": t.Description, "Comment": true, "SubjectText": true})
		}
		return http.StatusOK, map[string]any{"skip": skip, "take": take, "rows": rows}
	case "POST /connectors/KnSubject":
		return s.create(body)
	}
	return http.StatusNotFound, map[string]any{"externalMessage": "Unknown connector"}
}

func (s *Server) otp(path string, body []byte) (int, any) {
	var q struct {
		APIKey   string `json:"apiKey"`
		APIToken string `json:"apiToken"`
		User     string `json:"userId"`
		Code     string `json:"otp"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if d.Decode(&q) != nil {
		return http.StatusBadRequest, map[string]any{"externalMessage": "The body cannot be read."}
	}
	if q.APIKey != APIKey || q.APIToken != EnvironmentKey {
		return refuse("The combination of API key " + q.APIKey + " and environment key " + q.APIToken + " is not valid.")
	}
	if q.User == "" || !strings.Contains(q.User, "@") {
		return refuse("The user does not exist or has no e-mail address.")
	}
	if path == "/OtpRequest" {
		s.sent++
		s.codes[q.User] = fmt.Sprintf("%08d", 34264812+s.sent)
		return http.StatusOK, nil
	}
	if q.Code == "" || s.codes[q.User] != q.Code {
		return refuse("The activation code is not valid.")
	}
	delete(s.codes, q.User)
	token := fmt.Sprintf("<token><version>1</version><data>%064d</data></token>", s.sent)
	s.tokens[token] = q.User
	return http.StatusOK, map[string]any{"token": token + "\r\n"}
}

func (s *Server) create(body []byte) (int, any) {
	var q struct {
		KnSubject struct {
			Element struct {
				Fields  map[string]any
				Objects []struct {
					KnSubjectLink struct {
						Element []struct{ Fields map[string]any }
					}
				}
			}
		}
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if d.Decode(&q) != nil {
		return http.StatusBadRequest, map[string]any{"externalMessage": "The body cannot be read."}
	}
	f := q.KnSubject.Element.Fields
	for name := range f {
		if !strings.Contains(" StId Ds SbTx Da ", " "+name+" ") {
			return refuse("The field '" + name + "' does not exist.")
		}
	}
	var it Item
	raw, _ := json.Marshal(f)
	if json.Unmarshal(raw, &it) != nil {
		return refuse("A value has the wrong type.")
	}
	known := false
	for _, t := range s.Types {
		known = known || t.ID == it.Type
	}
	if !known {
		return refuse("The entered value for 'Type of dossier item' does not exist.")
	}
	for _, o := range q.KnSubject.Element.Objects {
		for _, e := range o.KnSubjectLink.Element {
			it.Link = fmt.Sprintf("%v/%v", e.Fields["SfTp"], e.Fields["SfId"])
		}
	}
	it.ID = strconv.Itoa(48761 + len(s.items))
	s.items = append(s.items, it)
	return http.StatusCreated, map[string]any{"results": map[string]any{"KnSubject": map[string]string{"SbId": it.ID}}}
}
