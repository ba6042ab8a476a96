package sqlstoretest

import (
	"context"
	"io"
	"sync"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/csvimport"
)

var (
	imports = map[*chatadmin.Admin]*csvimport.Imports{}
	making  sync.Mutex
)

// importsOf returns the imports of a scope's Admin, made once for each, as a
// program does.
func importsOf(s *chatadmin.Scope) *csvimport.Imports {
	making.Lock()
	defer making.Unlock()
	if imports[s.Admin()] == nil {
		imports[s.Admin()] = chatadmintest.Must(csvimport.New(s.Admin(), nil))
	}
	return imports[s.Admin()]
}

func importFile(ctx context.Context, s *chatadmin.Scope, file io.ReadSeeker, mode csvimport.Mode, o *csvimport.ImportOptions) (*csvimport.Result, error) {
	return importsOf(s).Import(ctx, s, file, mode, o)
}

func resumeFile(ctx context.Context, s *chatadmin.Scope, id storage.ID, file io.ReadSeeker, o *csvimport.ImportOptions) (*csvimport.Result, error) {
	return importsOf(s).Resume(ctx, s, id, file, o)
}
