package main

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/devices"
)

// found finds the company in the database, or makes it.
func (h *host) found(ctx context.Context) error {
	for d, err := range h.admin.Domains(ctx) {
		if err != nil {
			return err
		}
		h.domain = d.ID
		admins, err := h.admin.AsHost(d.ID).AdminsInForce(ctx)
		if err == nil {
			h.boss = admins[0]
		}
		return err
	}
	login := "boss@acme.example"
	if h.product != chatadmin.OfficeChat {
		login = "boss"
	}
	d, boss, err := h.admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: h.product, Admin: chatadmin.NewUser{
		Login: login, Email: "boss@acme.example", FirstName: "Bea", LastName: "Boss", Title: "Head of IT", NoInvitation: true}})
	if err != nil {
		return err
	}
	h.domain, h.boss = d.ID, boss.ID
	switch s := h.admin.As(d.ID, boss.ID); h.product {
	case chatadmin.ESChat:
		return h.radios(ctx, s)
	case chatadmin.Engage:
		return h.desk(ctx, s)
	}
	return h.seed(ctx)
}

var (
	first       = strings.Fields("Ann Ben Cleo Dov Ewa Finn Gül Hana Igor June Kofi Lena Mats Nour Olga Pete")
	last        = strings.Fields("Adams Berg Çelik Diaz")
	departments = []string{"Sales", "Support", "Finance", "Engineering"}
)

// seed fills the company: people, groups, devices, a wipe that is pending, and
// an import that waits for its review.
func (h *host) seed(ctx context.Context) error {
	s := h.admin.As(h.domain, h.boss)
	help, err := s.CreateRole(ctx, chatadmin.Role{Name: "Help desk", Level: 20, Permissions: []chatadmin.Permission{
		chatadmin.PermUsersRead, chatadmin.PermUsersAccess, chatadmin.PermTwoFactor, chatadmin.PermDevices}})
	if err != nil {
		return err
	}
	var people []chatadmin.User
	for i, f := range first {
		for j, l := range last {
			n := chatadmin.NewUser{Login: fmt.Sprintf("%s.%s@acme.example", strings.ToLower(f), strings.ToLower(l)), FirstName: f, LastName: l,
				Department: departments[(i+j)%len(departments)], NoInvitation: true}
			switch {
			case j == 3 && i%5 == 0:
				n.Kind = chatadmin.Guest
			case i == 1 && j == 0:
				n.Role = help.ID
			}
			u, err := s.CreateUser(ctx, n)
			if err != nil {
				return err
			}
			people = append(people, u)
		}
	}
	if err := h.access(ctx, s, people); err != nil {
		return err
	}
	var group chatadmin.ID
	for i, name := range []string{"Sales", "Support", "Board games", "Summer party", "Summer party 2025"} {
		g, err := s.CreateGroup(ctx, name)
		if err != nil {
			return err
		}
		switch i {
		case 0:
			group = g.ID
		case 4:
			if _, err := s.ArchiveGroup(ctx, g.ID); err != nil {
				return err
			}
		}
		var members []chatadmin.ID
		for j := i; j < len(people); j += 4 {
			members = append(members, people[j].ID)
		}
		if _, err := s.AddMembers(ctx, g.ID, members...); err != nil {
			return err
		}
	}
	if err := h.phones(ctx, s, people); err != nil {
		return err
	}
	if err := h.extras(ctx, s, group, people); err != nil {
		return err
	}
	return h.upload()
}

// access leaves some people without it.
func (h *host) access(ctx context.Context, s *chatadmin.Scope, people []chatadmin.User) error {
	if _, err := s.DeactivateUsers(ctx, people[7].ID, people[20].ID); err != nil {
		return err
	}
	if _, err := s.DenyAccess(ctx, people[9].ID); err != nil {
		return err
	}
	return s.ResendInvitation(ctx, people[3].ID)
}

// phones registers devices, and asks one of them to be wiped.
func (h *host) phones(ctx context.Context, s *chatadmin.Scope, people []chatadmin.User) error {
	for i, u := range people[:6] {
		r, err := h.registry.Register(ctx, h.admin.AsHost(h.domain), u.ID, devices.Registration{
			Key: fmt.Sprintf("DEV-%04d", 1000+i*7), Type: devices.Type(1 + i%4), Name: u.FirstName + "'s device", Version: "5.1"})
		if err != nil {
			return err
		}
		if i == 2 {
			if _, err := h.registry.Wipe(ctx, s, r.Device.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// upload uploads a file on the page "Import Users", as a browser would.
func (h *host) upload() error {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := form.WriteField("mode", "update"); err != nil {
		return err
	}
	file, err := form.CreateFormFile("file", "new-colleagues.csv")
	if err != nil {
		return err
	}
	if _, err := file.Write([]byte(newColleagues)); err != nil {
		return err
	}
	if err := form.Close(); err != nil {
		return err
	}
	rec := httptest.NewRecorder()
	h.enter(rec, h.boss)
	r := httptest.NewRequest(http.MethodPost, "/admin/imports", &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.AddCookie(rec.Result().Cookies()[0])
	answer := httptest.NewRecorder()
	if h.pages.ServeHTTP(answer, r); answer.Code != http.StatusSeeOther {
		return fmt.Errorf("the upload was answered with status %d", answer.Code)
	}
	return nil
}

const newColleagues = `"name","firstname","lastname","email/login","title","mobile","manager","Enabled"
"Will Smith","Will","Smith","will.smith@acme.example","Director","+31 6 12345678","boss@acme.example","TRUE"
"Johnny Depp","Johnny","Depp","johnny.depp@acme.example","Manager","","will.smith@acme.example",""
"Ann Adams","Ann","Adams","ann.adams@acme.example","Head of Sales","","","TRUE"
"Cleo Berg","Cleo","Berg","cleo.berg@acme.example","","","","FALSE"
"No Address","No","Address","no.address","","","","TRUE"
`
