package chatadmin

import "context"

// noStore is what an Admin has that was given no store: it refuses everything.
type noStore struct{}

var errNoStore = missing("a store to New")

func (noStore) Domains(context.Context, []ID) ([]Domain, error)               { return nil, errNoStore }
func (noStore) Users(context.Context, ID, []ID) ([]User, error)               { return nil, errNoStore }
func (noStore) UsersByLogin(context.Context, ID, []string) ([]User, error)    { return nil, errNoStore }
func (noStore) Groups(context.Context, ID, []ID) ([]Group, error)             { return nil, errNoStore }
func (noStore) Memberships(context.Context, ID, []Pair) ([]Membership, error) { return nil, errNoStore }
func (noStore) Devices(context.Context, ID, []ID) ([]Device, error)           { return nil, errNoStore }
func (noStore) BlobsInUse(context.Context, []string) ([]string, error)        { return nil, errNoStore }
func (noStore) Records(context.Context, []Key) ([]Record, error)              { return nil, errNoStore }

func (noStore) ListDomains(context.Context, Page) ([]Domain, Cursor, error) {
	return nil, "", errNoStore
}
func (noStore) ListUsers(context.Context, UserQuery, Page) ([]User, Cursor, error) {
	return nil, "", errNoStore
}
func (noStore) ListGroups(context.Context, GroupQuery, Page) ([]Group, Cursor, error) {
	return nil, "", errNoStore
}
func (noStore) ListMemberships(context.Context, MemberQuery, Page) ([]Membership, Cursor, error) {
	return nil, "", errNoStore
}
func (noStore) ListDevices(context.Context, DeviceQuery, Page) ([]Device, Cursor, error) {
	return nil, "", errNoStore
}
func (noStore) ListRecords(context.Context, RecordQuery, Page) ([]Record, Cursor, error) {
	return nil, "", errNoStore
}
func (noStore) ListEvents(context.Context, EventQuery, Page) ([]Event, Cursor, error) {
	return nil, "", errNoStore
}

func (noStore) CountUsers(context.Context, UserQuery) (int64, error)         { return 0, errNoStore }
func (noStore) CountMemberships(context.Context, MemberQuery) (int64, error) { return 0, errNoStore }
func (noStore) CountMembers(context.Context, ID, []ID) (map[ID]int64, error) { return nil, errNoStore }
func (noStore) CountContent(context.Context, ContentQuery) (ContentCount, error) {
	return ContentCount{}, errNoStore
}

func (noStore) Update(context.Context, Fence, func(context.Context, Tx) error) error {
	return errNoStore
}
