package chatadmin_test

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
)

// unasked is a store that panics whatever it is asked.
type unasked struct{ storage.Store }

// Whatever is asked with a text that no row can have finds nothing, and the
// store is not asked.
func TestStoreIsNotAskedForTheImpossible(t *testing.T) {
	admin := chatadmintest.Must(chatadmin.New(unasked{}, nil))
	reader := reflect.ValueOf(admin.Store())
	contract := reflect.TypeFor[storage.Reader]()
	for n := range contract.NumMethod() {
		m := contract.Method(n)
		if m.Name == "ListDomains" {
			continue // asks for all of them
		}
		t.Run(m.Name, func(t *testing.T) {
			texts := 0
			for i := range m.Type.NumIn() {
				for _, bad := range []string{"a\x00b", "a\xffb", "\x00"} {
					for path, arg := range spoilt(m.Type.In(i), bad) {
						if slices.Contains([]string{".NotMemberOf", ".ExceptContainers", ".ExceptUsers"}, path) {
							continue // these leave something out, which is nothing then
						}
						args := make([]reflect.Value, m.Type.NumIn())
						for j := range args {
							if args[j] = reflect.Zero(m.Type.In(j)); j == i {
								args[j] = arg
							}
						}
						args[0] = reflect.ValueOf(ctx)
						var out []reflect.Value
						require.NotPanics(t, func() { out = reader.MethodByName(m.Name).Call(args) }, "%d%s is asked for", i, path)
						require.True(t, out[len(out)-1].IsNil())
						texts++
					}
				}
			}
			require.Positive(t, texts)
		})
	}
	for _, mode := range []storage.Mode{storage.Shared, storage.Exclusive} {
		err := admin.AsHost("a\x00b").Change(ctx, chatadmin.Op{Kind: "test", Fence: mode}, func(context.Context, *chatadmin.Writer) error { return nil })
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
	}
}

// spoilt are the values of a type that have the text in one place, by the path
// to that place.
func spoilt(of reflect.Type, text string) map[string]reflect.Value {
	all := map[string]reflect.Value{}
	switch of.Kind() {
	case reflect.String:
		if of != reflect.TypeFor[chatadmin.Cursor]() { // the store's own
			all[""] = reflect.ValueOf(text).Convert(of)
		}
	case reflect.Slice:
		for path, v := range spoilt(of.Elem(), text) {
			all[path] = reflect.Append(reflect.Zero(of), v)
		}
	case reflect.Struct:
		for i := range of.NumField() {
			if !of.Field(i).IsExported() {
				continue
			}
			for path, v := range spoilt(of.Field(i).Type, text) {
				s := reflect.New(of).Elem()
				s.Field(i).Set(v)
				all["."+of.Field(i).Name+path] = s
			}
		}
	}
	return all
}
