package chatadmin

import "chatadmin.example/sdk/chatadmin/storage"

// Rows and queries of the store that hosts meet. Package storage has all of
// them, and the contract that a store implements.
type (
	Store  = storage.Store
	ID     = storage.ID
	Cursor = storage.Cursor
	Page   = storage.Page

	Domain     = storage.Domain
	User       = storage.User
	Group      = storage.Group
	Membership = storage.Membership
	Event      = storage.Event

	UserQuery  = storage.UserQuery
	GroupQuery = storage.GroupQuery
	EventQuery = storage.EventQuery

	Kind   = storage.Kind
	Status = storage.Status
)

// The kinds of users, and the states of their access.
const (
	Network = storage.Network
	Guest   = storage.Guest

	Pending     = storage.Pending
	Active      = storage.Active
	Deactivated = storage.Deactivated
)
