package main

import (
	"context"
	_ "embed"
	"net/http"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

//go:embed messages.sql
var messages string

// sources makes the host's tables and maps them by their names. Deletions,
// legal holds and retention go through them, without any more code.
func (h *host) sources(ctx context.Context, store *sqlstore.Store) ([]storage.Source, error) {
	if _, err := h.db.ExecContext(ctx, messages); err != nil {
		return nil, err
	}
	tables, err := store.Map(ctx, sqlstore.Tables{
		Rows: []sqlstore.Table{{Name: "messages", Table: "messages", Domain: "company_id",
			Author: "author_id", Container: "channel_id", At: "sent_at"}},
		Chats: &sqlstore.Chats{Name: "chats", Table: "chats", Domain: "company_id",
			ID: "id", Sides: [2]string{"first_id", "second_id"}},
	})
	if err != nil {
		return nil, err
	}
	return tables.Sources(), nil
}

// send adds a message to a group. A trigger refuses it if the group or its
// author is being deleted.
func (h *host) send(ctx context.Context, s *chatadmin.Scope, r *http.Request) (any, error) {
	group, err := s.Group(ctx, chatadmin.ID(r.PathValue("id")))
	if err != nil {
		return nil, err
	}
	id := h.admin.NewID()
	_, err = h.db.ExecContext(ctx, "INSERT INTO messages (id, company_id, channel_id, author_id, sent_at, body) VALUES (?, ?, ?, ?, ?, ?)",
		id, h.domain, group.ID, s.Actor(), h.admin.Now().UnixMilli(), r.PostFormValue("body"))
	return object{"message": id}, err
}
