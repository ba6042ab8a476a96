package csvimport

import (
	"context"
	"slices"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// users are the users that rows speak of, by login key.
type users map[string]*chatadmin.User

func (u users) user(loginKey string) *chatadmin.User {
	if loginKey == "" {
		return nil
	}
	return u[loginKey]
}

// look reads the users of the rows and their managers. Of a batch that was
// committed before only those count whose managers are still to be set.
func look(ctx context.Context, r storage.Reader, domain chatadmin.ID, rows []entry, done *chunk) (users, error) {
	want := make([]string, 0, len(rows)*3)
	for i := range rows {
		e := &rows[i]
		if done == nil || e.row.Manager != "" && written(done.Letters[i]) {
			want = append(want, e.loginKey, e.managerKey, e.newKey)
		}
	}
	return byLogin(ctx, r, domain, want)
}

func byLogin(ctx context.Context, r storage.Reader, domain chatadmin.ID, want []string) (users, error) {
	want = slices.DeleteFunc(want, func(k string) bool { return k == "" })
	found := users{}
	for batch := range slices.Chunk(want, chatadmin.MaxBatch) {
		us, err := r.UsersByLogin(ctx, domain, batch)
		if err != nil {
			return nil, err
		}
		for i := range us {
			found[us[i].LoginKey] = &us[i]
		}
	}
	return found, nil
}
