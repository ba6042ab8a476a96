package chatadmin

import (
	"context"

	"chatadmin.example/sdk/chatadmin/storage"
)

// noStore is what an Admin has that was given no store: it refuses everything.
type noStore struct{}

var errNoStore = missing("a store to New")

func (noStore) Domains(context.Context, []ID) ([]Domain, error)            { return nil, errNoStore }
func (noStore) Users(context.Context, ID, []ID) ([]User, error)            { return nil, errNoStore }
func (noStore) UsersByLogin(context.Context, ID, []string) ([]User, error) { return nil, errNoStore }
func (noStore) Groups(context.Context, ID, []ID) ([]Group, error)          { return nil, errNoStore }
func (noStore) Memberships(context.Context, ID, []storage.Pair) ([]Membership, error) {
	return nil, errNoStore
}
func (noStore) Devices(context.Context, ID, []ID) ([]storage.Device, error) { return nil, errNoStore }
func (noStore) BlobsInUse(context.Context, []string) ([]string, error)      { return nil, errNoStore }
func (noStore) Records(context.Context, []storage.Key) ([]storage.Record, error) {
	return nil, errNoStore
}

func (noStore) ListDomains(context.Context, Page) ([]Domain, Cursor, error) {
	return nil, "", errNoStore
}
func (noStore) ListUsers(context.Context, UserQuery, Page) ([]User, Cursor, error) {
	return nil, "", errNoStore
}
func (noStore) ListGroups(context.Context, GroupQuery, Page) ([]Group, Cursor, error) {
	return nil, "", errNoStore
}
func (noStore) ListMemberships(context.Context, storage.MemberQuery, Page) ([]Membership, Cursor, error) {
	return nil, "", errNoStore
}
func (noStore) ListDevices(context.Context, storage.DeviceQuery, Page) ([]storage.Device, Cursor, error) {
	return nil, "", errNoStore
}
func (noStore) ListRecords(context.Context, storage.RecordQuery, Page) ([]storage.Record, Cursor, error) {
	return nil, "", errNoStore
}
func (noStore) ListEvents(context.Context, EventQuery, Page) ([]Event, Cursor, error) {
	return nil, "", errNoStore
}

func (noStore) CountUsers(context.Context, UserQuery) (int64, error) { return 0, errNoStore }
func (noStore) CountMemberships(context.Context, storage.MemberQuery) (int64, error) {
	return 0, errNoStore
}
func (noStore) CountMembers(context.Context, ID, []ID) (map[ID]int64, error) { return nil, errNoStore }
func (noStore) CountContent(context.Context, storage.ContentQuery) (storage.ContentCount, error) {
	return storage.ContentCount{}, errNoStore
}

func (noStore) Update(context.Context, storage.Fence, func(context.Context, storage.Tx) error) error {
	return errNoStore
}
