package storetest_test

import (
	"context"
	"slices"
	"strings"
	"sync"

	"chatadmin.example/sdk/chatadmin/storage"
)

// The mutants that search devices wrongly.
type (
	devicePrefixes struct{ storage.Reader }
	deviceAccents  struct{ storage.Reader }
	devicePatterns struct{ storage.Reader }
	deviceTrigrams struct{ storage.Reader }
	deviceBorder   struct{ storage.Reader }
	staleDevices   struct {
		storage.Reader
		texts *sync.Map
	}
)

// onlyDevices leaves of a search what fits.
func onlyDevices(ctx context.Context, r storage.Reader, q storage.DeviceQuery, p storage.Page, fits func(*storage.Device) bool) ([]storage.Device, storage.Cursor, error) {
	rows, next, err := r.ListDevices(ctx, q, p)
	if q.Search == "" {
		return rows, next, err
	}
	return slices.DeleteFunc(rows, func(d storage.Device) bool { return !fits(&d) }), next, err
}

func (r devicePrefixes) ListDevices(ctx context.Context, q storage.DeviceQuery, p storage.Page) ([]storage.Device, storage.Cursor, error) {
	return onlyDevices(ctx, r.Reader, q, p, func(d *storage.Device) bool { return strings.Contains("\n"+d.SearchText(), "\n"+q.Search) })
}

func (r deviceAccents) ListDevices(ctx context.Context, q storage.DeviceQuery, p storage.Page) ([]storage.Device, storage.Cursor, error) {
	return onlyDevices(ctx, r.Reader, q, p, func(d *storage.Device) bool {
		return strings.Contains(strings.ToLower(d.Name+"\n"+d.Key), q.Search)
	})
}

// ListDevices takes "_" for any character, as LIKE does.
func (r devicePatterns) ListDevices(ctx context.Context, q storage.DeviceQuery, p storage.Page) ([]storage.Device, storage.Cursor, error) {
	q.Search = strings.ReplaceAll(q.Search, "35_7001", "35 7001")
	return r.Reader.ListDevices(ctx, q, p)
}

// ListDevices finds nothing by less than a trigram.
func (r deviceTrigrams) ListDevices(ctx context.Context, q storage.DeviceQuery, p storage.Page) ([]storage.Device, storage.Cursor, error) {
	if q.Search != "" && len([]rune(q.Search)) < 3 {
		return nil, "", nil
	}
	return r.Reader.ListDevices(ctx, q, p)
}

// ListDevices loses the first row of each further page of a search.
func (r deviceBorder) ListDevices(ctx context.Context, q storage.DeviceQuery, p storage.Page) ([]storage.Device, storage.Cursor, error) {
	rows, next, err := r.Reader.ListDevices(ctx, q, p)
	if q.Search != "" && p.After != "" && len(rows) > 0 {
		rows = rows[1:]
	}
	return rows, next, err
}

// ListDevices finds devices by the text that it has seen of them first.
func (r staleDevices) ListDevices(ctx context.Context, q storage.DeviceQuery, p storage.Page) ([]storage.Device, storage.Cursor, error) {
	all, _, err := r.Reader.ListDevices(ctx, storage.DeviceQuery{Domain: q.Domain}, storage.Page{Limit: storage.MaxBatch})
	if err != nil {
		return nil, "", err
	}
	for i := range all {
		r.texts.LoadOrStore(all[i].ID, all[i].SearchText())
	}
	return onlyDevices(ctx, r.Reader, q, p, func(d *storage.Device) bool {
		text, _ := r.texts.Load(d.ID)
		return strings.Contains(text.(string), q.Search)
	})
}
