package devices

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Query narrows a list of devices. Zero fields do not narrow it.
type Query struct {
	// Search is any part of a device id or name, or of the name, login or
	// e-mail address of its user. Case and accents do not matter.
	Search string
	User   chatadmin.ID // whose devices
	Key    string       // exactly this device id, which several users may share
	Status Status
	Type   Type
}

// DevicesPage returns one page of devices, at most p.Limit (see
// chatadmin.CheckPage), and the cursor of the next one; "" is the end. A page
// may be short although more follow.
//
// Devices are ordered by their device id. Those of users who are being deleted
// are shown to actors alone who may delete users. A search returns matches of
// the device first, then those of its user. It needs chatadmin.PermDevices;
// users need no permission for their own devices (Query.User is the actor).
func (r *Registry) DevicesPage(ctx context.Context, s *chatadmin.Scope, q Query, p chatadmin.Page) ([]Device, chatadmin.Cursor, error) {
	return chatadmin.FillPage(p, func(p chatadmin.Page) ([]Device, chatadmin.Cursor, error) { return r.devicesPage(ctx, s, q, p) })
}

// Devices lists devices page by page, as DevicesPage does.
func (r *Registry) Devices(ctx context.Context, s *chatadmin.Scope, q Query) iter.Seq2[Device, error] {
	return pages(func(p chatadmin.Page) ([]Device, chatadmin.Cursor, error) { return r.devicesPage(ctx, s, q, p) })
}

func (r *Registry) devicesPage(ctx context.Context, s *chatadmin.Scope, q Query, p chatadmin.Page) ([]Device, chatadmin.Cursor, error) {
	if err := scoped(s); err != nil {
		return nil, "", err
	}
	need := chatadmin.PermDevices
	if q.User != "" && q.User == s.Actor() {
		need = ""
	}
	_, _, role, err := s.ViewAs(ctx, need)
	if err != nil {
		return nil, "", err
	}
	if !opaque(q.User) || !printable(q.Key) || !visible(strings.TrimSpace(q.Search)) {
		return nil, "", nil // a store need not take such text, and nothing is called so
	}
	q.Search = storage.FoldSearch(q.Search)
	base := storage.DeviceQuery{Domain: s.Domain(), Key: q.Key, Status: uint8(q.Status), Type: uint8(q.Type)}
	if q.User != "" {
		base.Users = []chatadmin.ID{q.User}
	}
	var rows []storage.Device
	var next chatadmin.Cursor
	if q.Search == "" || q.Key != "" || q.User != "" {
		base.Search = q.Search // among the devices of one user it is for the device alone
		rows, next, err = s.Admin().Store().ListDevices(ctx, base, p)
	} else {
		rows, next, err = search(ctx, s.Admin().Store(), base, q.Search, p)
	}
	if err != nil {
		return nil, "", err
	}
	hs, err := withCommands(ctx, s.Admin().Store(), s.Domain(), rowIDs(rows), rows)
	if err != nil {
		return nil, "", err
	}
	out, err := withUsers(ctx, s.Admin().Store(), s.Domain(), hs, !role.May(chatadmin.PermUsersDelete))
	return out, next, err
}

func pages[T any](list func(chatadmin.Page) ([]T, chatadmin.Cursor, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
			rows, next, err := list(p)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			p.After = next
		}
	}
}

// place of a search: which of its two lists, where the page of users begins,
// and where that of their devices does.
type place struct {
	List    int              `json:"l,omitempty"`
	Users   chatadmin.Cursor `json:"u,omitempty"`
	Devices chatadmin.Cursor `json:"d,omitempty"`
}

// searchPages is how many pages of users one call looks through before it
// returns what it has found, if anything.
const searchPages = 10

func search(ctx context.Context, store storage.Reader, q storage.DeviceQuery, text string, p chatadmin.Page) ([]storage.Device, chatadmin.Cursor, error) {
	at, err := parsePlace(p.After)
	if err != nil {
		return nil, "", err
	}
	var found []storage.Device
	for range searchPages {
		page := chatadmin.Page{After: at.Devices, Limit: p.Limit}
		var rows []storage.Device
		var more, nextUsers chatadmin.Cursor
		if at.List == 0 {
			of := q
			of.Search = text
			if rows, more, err = store.ListDevices(ctx, of, page); err != nil {
				return nil, "", err
			}
		} else {
			var users []chatadmin.User
			uq := chatadmin.UserQuery{Domain: q.Domain, Search: text}
			if users, nextUsers, err = store.ListUsers(ctx, uq, chatadmin.Page{After: at.Users, Limit: chatadmin.MaxBatch}); err != nil {
				return nil, "", err
			}
			of := q
			for _, u := range users {
				of.Users = append(of.Users, u.ID)
			}
			if len(of.Users) > 0 {
				if rows, more, err = store.ListDevices(ctx, of, page); err != nil {
					return nil, "", err
				}
				rows = slices.DeleteFunc(rows, func(d storage.Device) bool { return strings.Contains(d.SearchText(), text) })
			}
		}
		found = append(found, rows...)
		switch {
		case more != "":
			at.Devices = more
		case nextUsers != "":
			at.Users, at.Devices = nextUsers, ""
		case at.List == 0:
			at = place{List: 1}
		default:
			return found, "", nil
		}
		if len(found) > 0 {
			break
		}
	}
	return found, at.cursor(), nil
}

func (p place) cursor() chatadmin.Cursor {
	text, _ := json.Marshal(p) // strings and a number cannot fail
	return chatadmin.Cursor(base64.RawURLEncoding.EncodeToString(text))
}

func parsePlace(c chatadmin.Cursor) (p place, err error) {
	if c == "" {
		return p, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(string(c))
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil || p.List < 0 || p.List > 1 {
		return p, storage.ErrCursor
	}
	return p, nil
}

// withUsers adds the users. hide leaves out the devices of users who are being
// deleted.
func withUsers(ctx context.Context, store storage.Reader, domain chatadmin.ID, hs []*entry, hide bool) ([]Device, error) {
	var ids []chatadmin.ID
	seen := map[chatadmin.ID]bool{"": true}
	for _, h := range hs {
		if !seen[h.user] {
			seen[h.user] = true
			ids = append(ids, h.user)
		}
	}
	us, err := store.Users(ctx, domain, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[chatadmin.ID]*chatadmin.User, len(us))
	for i := range us {
		byID[us[i].ID] = &us[i]
	}
	out := make([]Device, 0, len(hs))
	for _, h := range hs {
		d, u := h.device(), byID[h.user]
		if u != nil && u.Deleting && hide {
			continue
		}
		if u != nil {
			d.Login, d.UserName = u.Login, u.DisplayName
		}
		out = append(out, d)
	}
	return out, nil
}

// Pending lists the devices whose wipe was asked for at least that long ago and
// is not answered yet, the oldest first; with 0 all of them. Of a device that
// was deleted meanwhile, ID, Generation and Command are left. It needs
// chatadmin.PermDevices.
func (r *Registry) Pending(ctx context.Context, s *chatadmin.Scope, atLeast time.Duration) iter.Seq2[Device, error] {
	by := r.admin.Now().Add(-atLeast)
	if atLeast <= 0 {
		by = forever // also what a clock that was ahead has asked for
	}
	return pages(func(p chatadmin.Page) ([]Device, chatadmin.Cursor, error) {
		if err := scoped(s); err != nil {
			return nil, "", err
		}
		if _, _, err := s.View(ctx, chatadmin.PermDevices); err != nil {
			return nil, "", err
		}
		rs, next, err := s.Admin().Store().ListRecords(ctx, storage.RecordQuery{Kind: commandKind, Domain: s.Domain(), DueBy: by}, p)
		if err != nil {
			return nil, "", err
		}
		ids := make([]chatadmin.ID, len(rs))
		for i, rec := range rs {
			ids[i] = chatadmin.ID(rec.ID)
		}
		hs, err := load(ctx, s.Admin().Store(), s.Domain(), ids)
		if err != nil {
			return nil, "", err
		}
		hs = slices.DeleteFunc(hs, func(h *entry) bool { return !h.state().Pending() }) // answered meanwhile
		out, err := withUsers(ctx, s.Admin().Store(), s.Domain(), hs, false)            // a wipe outlives its user
		return out, next, err
	})
}

// History lists the last hundred commands that a device was given and who asked
// for them, the oldest first, of all its generations. Records of a device that
// was removed are gone, but for a command that is still pending; the audit log
// has the rest. A command that cannot be read is left out. It needs
// chatadmin.PermDevices.
func (r *Registry) History(ctx context.Context, s *chatadmin.Scope, device chatadmin.ID) ([]Command, error) {
	if err := scoped(s); err != nil {
		return nil, err
	}
	if _, _, err := s.View(ctx, chatadmin.PermDevices); err != nil {
		return nil, err
	}
	store := s.Admin().Store()
	hs, err := load(ctx, store, s.Domain(), []chatadmin.ID{device})
	if err == nil && len(hs) == 0 {
		err = fmt.Errorf("device %s: %w", chatadmin.Cut(string(device)), chatadmin.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	var all []Command
	for e, err := range histories.Each(ctx, store, storage.RecordQuery{Domain: s.Domain(), Owner: device}) {
		switch {
		case errors.Is(err, chatadmin.ErrDamaged):
			r.admin.Options().Logger.WarnContext(ctx, "a command in the history of a device cannot be read", "domain", s.Domain(), "device", device, "error", err)
		case err != nil:
			return nil, err
		default:
			all = append(all, e.Value.Command)
		}
	}
	if c := hs[0].command; c.State.Pending() {
		all = append(all, c.Command)
	}
	slices.SortStableFunc(all, func(a, b Command) int { return a.Asked.Compare(b.Asked) })
	return all, nil
}
