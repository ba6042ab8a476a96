package provisioning

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Contact is somebody on the list of a user's radio.
type Contact struct {
	ID    chatadmin.ID
	Login string
	Name  string
}

// Contacts lists the contacts of a user, by login: the other members of their
// department with maximal contacts, but for deactivated ones. The list is empty
// if the user has no department, is deactivated, or has maximal contacts turned
// off. Users may list their own; for others it needs chatadmin.PermUsersRead, or
// an admin of the department.
//
// Contacts are computed, not stored: who joins, moves or is deleted changes one
// row, whatever the size of the department, and no list is ever behind.
func (p *Provisioning) Contacts(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID) iter.Seq2[Contact, error] {
	return func(yield func(Contact, error) bool) {
		for page := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
			all, next, err := p.ContactsPage(ctx, s, user, page)
			if err != nil {
				yield(Contact{}, err)
				return
			}
			for _, c := range all {
				if !yield(c, nil) {
					return
				}
			}
			if page.After = next; next == "" {
				return
			}
		}
	}
}

// ContactsPage is one page of Contacts. It may have fewer than page.Limit
// although more follow: only the cursor "" is the end. It costs one indexed list
// and the look-up of the user and the department.
func (p *Provisioning) ContactsPage(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID, page chatadmin.Page) ([]Contact, chatadmin.Cursor, error) {
	u, err := p.visibleUser(ctx, s, user)
	if err != nil {
		return nil, "", err
	}
	if u.Department == "" || u.Status == chatadmin.Deactivated || contactsOff(&u) {
		return nil, "", nil
	}
	r := p.admin.Store()
	found, err := departmentsNamed(ctx, r, s.Domain(), []string{u.Department})
	if err != nil {
		return nil, "", err
	}
	names := []string{u.Department}
	if d, ok := found[chatadmin.Fold(u.Department)]; ok {
		names = d.names()
	}
	// A cursor is the number of the name, and the store's cursor in its list.
	at, after, _ := strings.Cut(string(page.After), ":")
	i, err := strconv.Atoi(at)
	switch {
	case page.After == "":
		i = 0
	case err != nil || i < 0:
		return nil, "", fmt.Errorf("cursor of contacts: %w", chatadmin.ErrInvalid)
	case i >= len(names): // the renaming has ended meanwhile: those left are in the list before
		return nil, "", nil
	}
	q := storage.UserQuery{Domain: s.Domain(), Department: names[i], Statuses: []chatadmin.Status{chatadmin.Pending, chatadmin.Active}}
	us, next, err := r.ListUsers(ctx, q, chatadmin.Page{After: chatadmin.Cursor(after), Limit: page.Limit})
	if err != nil {
		return nil, "", err
	}
	all := make([]Contact, 0, len(us))
	for k := range us {
		if us[k].ID != user && !contactsOff(&us[k]) {
			all = append(all, Contact{us[k].ID, us[k].Login, us[k].DisplayName})
		}
	}
	switch {
	case next != "":
		next = chatadmin.Cursor(strconv.Itoa(i)+":") + next
	case i+1 < len(names):
		next = chatadmin.Cursor(strconv.Itoa(i+1) + ":")
	}
	return all, next, nil
}

// contactsOff reports whether a user is kept out of contacts. Most users are
// not, which is seen without decoding anything. A profile that cannot be read
// keeps nobody out.
func contactsOff(u *chatadmin.User) bool {
	if !strings.Contains(string(u.Attrs), `"contacts_off":true`) {
		return false
	}
	p, _, err := ProfileOf(u)
	return err == nil && p.ContactsOff
}

// visibleUser reads a user whom the actor may look at: themselves, anybody with
// chatadmin.PermUsersRead, or a member of the department that they administer.
func (p *Provisioning) visibleUser(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID) (chatadmin.User, error) {
	_, set, role, err := s.ViewAs(ctx, "")
	if err != nil {
		return chatadmin.User{}, err
	}
	r := p.admin.Store()
	administers := Department{}
	if user != s.Actor() && !role.May(chatadmin.PermUsersRead) {
		actor, err := oneUser(ctx, r, s.Domain(), s.Actor())
		if err == nil {
			administers, err = administered(ctx, r, s.Domain(), &actor)
		}
		if err == nil && administers.ID == "" {
			_, _, err = s.View(ctx, chatadmin.PermUsersRead) // says what is missing
		}
		if err != nil {
			return chatadmin.User{}, err
		}
	}
	u, err := oneUser(ctx, r, s.Domain(), user)
	if err == nil && administers.ID != "" && !administers.means(u.Department) {
		err = texts.Explain(fmt.Errorf("you administer the department %q alone: %w", administers.Name, chatadmin.ErrForbidden), "why.department_alone", administers.Name)
	}
	if err == nil {
		err = served(&set)
	}
	if err != nil {
		return chatadmin.User{}, err
	}
	return u, nil
}

// Profile reads the profile of a user. Users may read their own; for others it
// needs chatadmin.PermUsersRead, or an admin of the department.
func (p *Provisioning) Profile(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID) (Profile, error) {
	u, err := p.visibleUser(ctx, s, user)
	if err != nil {
		return Profile{}, err
	}
	is, _, err := ProfileOf(&u)
	return is, err
}
