package signin

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// RefusedUser is a user whose sign-ins were refused lately.
type RefusedUser struct {
	// User is "" for logins that nobody has. What was typed is not kept.
	User        chatadmin.ID
	Login, Name string
	Kind        chatadmin.Kind
	Status      chatadmin.Status
	// Refused are the last refusals that the query asks for, the newest first,
	// ten at most.
	Refused []Refused
}

// RefusedQuery narrows a list of refused sign-ins. Zero fields do not narrow it.
type RefusedQuery struct {
	User   chatadmin.ID // of this user only
	Search string       // any part of name, login or e-mail address
	Reason Reason       // for this reason only
	Client Client       // from this kind of client only
	Since  time.Time    // at this time or later only
}

// Refusals lists whose sign-ins were refused lately, and why, those first who
// were refused last. Of each user the last ten refusals are kept, and of all
// logins that nobody has the last ten together. The list is up to date once
// FlushActivity has been called in each process. Users who are being deleted are
// left out, and so are those whose record cannot be read. It needs
// chatadmin.PermUsersRead.
func (g *Gate) Refusals(ctx context.Context, s *chatadmin.Scope, q RefusedQuery) iter.Seq2[RefusedUser, error] {
	return pages(func(p chatadmin.Page) ([]RefusedUser, chatadmin.Cursor, error) { return g.refusalsPage(ctx, s, q, p) })
}

// RefusalsPage returns one page of Refusals, at most p.Limit (see
// chatadmin.CheckPage), and the cursor of the next one; "" is the end. A page
// may be short although more follow.
func (g *Gate) RefusalsPage(ctx context.Context, s *chatadmin.Scope, q RefusedQuery, p chatadmin.Page) ([]RefusedUser, chatadmin.Cursor, error) {
	return chatadmin.FillPage(p, func(p chatadmin.Page) ([]RefusedUser, chatadmin.Cursor, error) { return g.refusalsPage(ctx, s, q, p) })
}

func (g *Gate) refusalsPage(ctx context.Context, s *chatadmin.Scope, q RefusedQuery, p chatadmin.Page) ([]RefusedUser, chatadmin.Cursor, error) {
	if err := named(s); err != nil {
		return nil, "", err
	}
	if _, _, err := s.View(ctx, chatadmin.PermUsersRead); err != nil {
		return nil, "", err
	}
	if q.Reason != "" && !slices.Contains(Reasons(), q.Reason) {
		return nil, "", fmt.Errorf("sign-ins that were refused as %q: there is no such reason: %w", chatadmin.Cut(string(q.Reason)), chatadmin.ErrInvalid)
	}
	q.Search = storage.FoldSearch(q.Search)
	of := storage.RecordQuery{Domain: s.Domain(), Owner: q.User, DueBy: lastTurned}
	if !q.Since.IsZero() {
		of.DueBy = newestFirst(q.Since)
	}
	es, _, next, err := refusalRecords.List(ctx, g.admin.Store(), of, p)
	if err != nil || len(es) == 0 {
		return nil, next, err
	}
	var ids []chatadmin.ID
	for i := range es {
		if es[i].Owner != "" {
			ids = append(ids, es[i].Owner)
		}
	}
	us, err := g.admin.Store().Users(ctx, s.Domain(), ids)
	if err != nil {
		return nil, "", err
	}
	byID := map[chatadmin.ID]*chatadmin.User{"": {}}
	for i := range us {
		byID[us[i].ID] = &us[i]
	}
	var rows []RefusedUser
	for i := range es {
		u := byID[es[i].Owner]
		if u == nil || u.Deleting || q.Search != "" && !strings.Contains(u.SearchText(), q.Search) {
			continue
		}
		row := RefusedUser{User: u.ID, Login: u.Login, Name: u.DisplayName, Kind: u.Kind, Status: u.Status}
		for _, r := range slices.Backward(es[i].Value.Last) {
			if (q.Reason == "" || r.Reason == q.Reason) && (q.Client == "" || r.Client == q.Client) && !r.At.Before(q.Since) {
				row.Refused = append(row.Refused, r)
			}
		}
		if len(row.Refused) > 0 {
			rows = append(rows, row)
		}
	}
	return rows, next, nil
}
