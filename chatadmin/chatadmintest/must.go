package chatadmintest

// Must returns v, or panics if there is an error. It keeps the set-up of a test
// on one line:
//
//	admin := chatadmintest.Must(chatadmin.New(memstore.New(nil), nil))
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
