package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/class"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/compliance"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/password"
	"chatadmin.example/sdk/chatadmin/preferences"
	"chatadmin.example/sdk/chatadmin/provisioning"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/chatadmin/support"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/twofa"
)

// exportedErrors are all exported errors of the module with their class. One
// that is missing here fails the test.
var exportedErrors = map[string]struct {
	err   error
	class *class.Class
}{
	"chatadmin.ErrInvalid":           {chatadmin.ErrInvalid, class.Invalid},
	"chatadmin.ErrActor":             {chatadmin.ErrActor, class.Actor},
	"chatadmin.ErrForbidden":         {chatadmin.ErrForbidden, class.Forbidden},
	"chatadmin.ErrNotFound":          {chatadmin.ErrNotFound, class.NotFound},
	"chatadmin.ErrExists":            {chatadmin.ErrExists, class.Exists},
	"chatadmin.ErrState":             {chatadmin.ErrState, class.State},
	"chatadmin.ErrLimited":           {chatadmin.ErrLimited, class.Limited},
	"chatadmin.ErrNotInSubscription": {chatadmin.ErrNotInSubscription, class.Subscription},
	"chatadmin.ErrHeld":              {chatadmin.ErrHeld, class.Held},
	"chatadmin.ErrUnavailable":       {chatadmin.ErrUnavailable, class.Unavailable},
	"chatadmin.ErrLastAdmin":         {chatadmin.ErrLastAdmin, class.State},
	"chatadmin.ErrArchived":          {chatadmin.ErrArchived, class.State},
	"chatadmin.ErrDefaultGroup":      {chatadmin.ErrDefaultGroup, class.State},
	"chatadmin.ErrShippedGroup":      {chatadmin.ErrShippedGroup, class.State},
	"chatadmin.ErrSuspended":         {chatadmin.ErrSuspended, class.State},
	"chatadmin.ErrClosing":           {chatadmin.ErrClosing, class.State},
	"chatadmin.ErrPlanStale":         {chatadmin.ErrPlanStale, class.State},
	"chatadmin.ErrTransition":        {chatadmin.ErrTransition, class.State},
	"chatadmin.ErrVetoed":            {chatadmin.ErrVetoed, class.Forbidden},
	"preferences.ErrChooseAccount":   {preferences.ErrChooseAccount, class.Invalid},
	"storage.ErrRetry":               {storage.ErrRetry, class.Unavailable},
	"storage.ErrBusy":                {storage.ErrBusy, class.Unavailable},
	"storage.ErrCommitUnknown":       {storage.ErrCommitUnknown, class.Unavailable},
	"storage.RowError":               {&storage.RowError{Err: sqlstore.ErrConstraint}, class.State},
	"chatadmin.RefusedError":         {&chatadmin.RefusedError{Err: sqlstore.ErrConstraint}, class.State},
	"chatadmin.ErrBusy":              {chatadmin.ErrBusy, class.Unavailable},
	"chatadmin.ErrCommitUnknown":     {chatadmin.ErrCommitUnknown, class.Unavailable},
	"storage.ErrNoDomain":            {storage.ErrNoDomain, class.NotFound},
	"storage.ErrNested":              {storage.ErrNested, class.Invalid},
	"storage.ErrBatch":               {storage.ErrBatch, class.Invalid},
	"storage.ErrCursor":              {storage.ErrCursor, class.Invalid},
	"chatadmin.ErrDamaged":           {chatadmin.ErrDamaged, class.Unavailable},
	"chatadmin.ErrNeedsExclusive":    {chatadmin.ErrNeedsExclusive, class.State},
	"chatadmin.ErrStepAgain":         {chatadmin.ErrStepAgain, class.State},
	"chatadmin.ErrJoined":            {chatadmin.ErrJoined, class.Invalid},
	"chatadmin.ErrLink":              {chatadmin.ErrLink, class.NotFound},
	"chatadmin.ErrLinkExpired":       {chatadmin.ErrLinkExpired, class.NotFound},
	"chatadmin.ErrLinkBusy":          {chatadmin.ErrLinkBusy, class.State},
	"chatadmin.ErrThrottled":         {chatadmin.ErrThrottled, class.Limited},
	"chatadmin.ErrMailRefused":       {chatadmin.ErrMailRefused, class.Invalid},
	"chatadmin.ErrMailUnknown":       {chatadmin.ErrMailUnknown, class.Unavailable},
	"chatadmin.FieldError":           {&chatadmin.FieldError{Field: "login", Code: "bad_login"}, class.Invalid},
	"chatadmin.FieldErrors":          {&chatadmin.FieldErrors{Fields: []*chatadmin.FieldError{{Field: "login", Code: "bad_login"}}}, class.Invalid},
	"chatadmin.TakenError":           {&chatadmin.TakenError{FieldError: &chatadmin.FieldError{Code: chatadmin.CodeTaken}}, class.Exists},
	"chatadmin.ManagerError":         {&chatadmin.ManagerError{FieldError: &chatadmin.FieldError{Code: "bad_manager"}}, class.Invalid},
	"chatadmin.LimitError":           {&chatadmin.LimitError{What: "groups"}, class.Limited},
	"chatadmin.DamagedError":         {&chatadmin.DamagedError{}, class.Unavailable},
	"chatadmin.BehindError":          {&chatadmin.BehindError{}, class.Unavailable},
	"chatadmin.ClockError":           {&chatadmin.ClockError{}, class.State},
	"chatadmin.SourceError":          {&chatadmin.SourceError{}, class.Invalid},
	"class.Class":                    {class.Invalid, class.Invalid},

	"compliance.ErrNoRecipient": {compliance.ErrNoRecipient, class.Unavailable},
	"compliance.ErrOpen":        {compliance.ErrOpen, class.Exists},
	"compliance.ErrStep":        {compliance.ErrStep, class.State},
	"compliance.ErrUnderWay":    {compliance.ErrUnderWay, class.State},
	"compliance.StepError":      {&compliance.StepError{}, class.State},

	"closing.BlockedError": {&closing.BlockedError{Blockers: []closing.Blocker{{Code: "hold"}}}, class.Held},
	"erase.BlockedError":   {&erase.BlockedError{Blockers: []erase.Blocker{{Code: "hold"}}}, class.Held},

	"keyring.ErrKey":        {keyring.ErrKey, class.Invalid},
	"keyring.ErrUnknownKey": {keyring.ErrUnknownKey, class.Unavailable},
	"keyring.ErrOpen":       {keyring.ErrOpen, class.Unavailable},

	"password.ErrTooShort": {password.ErrTooShort, class.Invalid},
	"password.ErrTooLong":  {password.ErrTooLong, class.Invalid},
	"password.ErrText":     {password.ErrText, class.Invalid},
	"password.ErrBusy":     {password.ErrBusy, class.Unavailable},
	"password.ErrHash":     {password.ErrHash, class.Invalid},

	"signin.ErrOver": {signin.ErrOver, class.State},
	"signin.Refusal": {&signin.Refusal{Reason: signin.TooManyCodes}, class.Forbidden},

	"sqlstore.SchemaError":   {&sqlstore.SchemaError{}, class.Unavailable},
	"sqlstore.ErrTables":     {sqlstore.ErrTables, class.Unavailable},
	"sqlstore.ErrFull":       {sqlstore.ErrFull, class.Unavailable},
	"sqlstore.ErrReadOnly":   {sqlstore.ErrReadOnly, class.Unavailable},
	"sqlstore.ErrClosed":     {sqlstore.ErrClosed, class.Unavailable},
	"sqlstore.ErrConstraint": {sqlstore.ErrConstraint, class.State},
	"sqlstore.ErrMapping":    {sqlstore.ErrMapping, class.Invalid},
	"sqlstore.ErrNoConn":     {sqlstore.ErrNoConn, class.Invalid},
	"sqlstore.ErrIsolation":  {sqlstore.ErrIsolation, class.Invalid},
	"sqlstore.ErrNoFence":    {sqlstore.ErrNoFence, class.Unavailable},

	"csvimport.FileError":      {&csvimport.FileError{Code: "no_header"}, class.Invalid},
	"csvimport.ErrRowsFailed":  {csvimport.ErrRowsFailed, class.Invalid},
	"csvimport.ErrOtherFile":   {csvimport.ErrOtherFile, class.Invalid},
	"csvimport.ErrLinkUsed":    {csvimport.ErrLinkUsed, class.State},
	"csvimport.ErrLinkExpired": {csvimport.ErrLinkExpired, class.State},

	"devices.ErrRefused":     {devices.ErrRefused, class.Actor},
	"devices.ErrState":       {devices.ErrState, class.State},
	"devices.ErrWipePending": {devices.ErrWipePending, class.State},
	"devices.ErrStale":       {devices.ErrStale, class.State},
	"devices.ErrTooMany":     {devices.ErrTooMany, class.Limited},
	"devices.Error":          {&devices.Error{Status: http.StatusConflict}, class.State},

	"provisioning.ErrNotServed":      {provisioning.ErrNotServed, class.State},
	"provisioning.ErrNotEmpty":       {provisioning.ErrNotEmpty, class.State},
	"provisioning.ErrDepartmentBusy": {provisioning.ErrDepartmentBusy, class.State},
	"provisioning.ErrSameName":       {provisioning.ErrSameName, class.State},
	"provisioning.ErrCode":           {provisioning.ErrCode, class.NotFound},
	"provisioning.ErrGateway":        {provisioning.ErrGateway, class.Forbidden},

	"support.ErrTooLarge":    {support.ErrTooLarge, class.Invalid},
	"support.ErrNoRecipient": {support.ErrNoRecipient, class.Unavailable},
	"support.ErrNoMailer":    {support.ErrNoMailer, class.Unavailable},
	"support.ErrState":       {support.ErrState, class.State},

	"twofa.ErrTooMany":     {twofa.ErrTooMany, class.Limited},
	"twofa.ErrNoAddress":   {twofa.ErrNoAddress, class.State},
	"twofa.ErrNoKeys":      {twofa.ErrNoKeys, class.Unavailable},
	"twofa.ErrNoMailer":    {twofa.ErrNoMailer, class.Unavailable},
	"twofa.ErrNotEnrolled": {twofa.ErrNotEnrolled, class.State},
	"twofa.BlockedError":   {&twofa.BlockedError{Blockers: []twofa.Blocker{{Code: "no_admin"}}}, class.State},

	"integrations.ErrServiceOff":   {integrations.ErrServiceOff, class.State},
	"integrations.ErrNotConnected": {integrations.ErrNotConnected, class.State},
	"integrations.ErrUnsure":       {integrations.ErrUnsure, class.Unavailable},
	"integrations.ErrFault":        {integrations.ErrFault, class.Unavailable},
	"integrations.ErrHost":         {integrations.ErrHost, class.Invalid},
	"integrations.ErrRefused":      {integrations.ErrRefused, class.Forbidden},
	"integrations.ProviderError":   {&integrations.ProviderError{}, class.Unavailable},
}

// Every exported error of every package belongs to the class in the list, has a
// code of its own and a status.
func TestErrorClasses(t *testing.T) {
	found := map[string]bool{}
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "examples" || d.Name() == "internal" || d.Name() == "testdata" || d.Name() == "sqlstoretest"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		for _, name := range errorsIn(t, path) {
			found[name] = true
		}
		return nil
	}))
	codes := map[string]string{}
	for name := range found {
		e, ok := exportedErrors[name]
		require.True(t, ok, "%s has no line in the list", name)
		err := fmt.Errorf("doing something: %w", e.err)
		require.ErrorIs(t, err, e.class, name)
		require.Equal(t, e.class, class.Of(err), name)
		require.Equal(t, e.class.Status(), chatadmin.HTTPStatus(err), name)
		require.NotEmpty(t, chatadmin.Code(err), name)
		if strings.Contains(name, ".Err") { // a sentinel: no two of a package have one code
			pkg, _, _ := strings.Cut(name, ".")
			key := pkg + "/" + chatadmin.Code(err)
			require.Empty(t, codes[key], "%s and %s have the same code", name, codes[key])
			codes[key] = name
		}
	}
	for name := range exportedErrors {
		require.True(t, found[name], "%s is no exported error", name)
	}
}

// errorsIn are the exported sentinels and types of errors that a file declares.
func errorsIn(t *testing.T, path string) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	add := func(name string) {
		if ast.IsExported(name) {
			names = append(names, file.Name.Name+"."+name)
		}
	}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.ValueSpec:
					for _, n := range s.Names {
						if d.Tok == token.VAR && strings.HasPrefix(n.Name, "Err") {
							add(n.Name)
						}
					}
				case *ast.TypeSpec: // those that embed another error have its method
					if strings.HasSuffix(s.Name.Name, "Error") {
						add(s.Name.Name)
					}
				}
			}
		case *ast.FuncDecl:
			if d.Name.Name == "Error" && d.Recv != nil && len(d.Type.Params.List) == 0 {
				recv := d.Recv.List[0].Type
				if star, ok := recv.(*ast.StarExpr); ok {
					recv = star.X
				}
				if id, ok := recv.(*ast.Ident); ok && !strings.HasSuffix(id.Name, "Error") {
					add(id.Name)
				}
			}
		}
	}
	return names
}

// Errors of no class are internal, and the more telling of several classes
// counts.
func TestErrorClassOf(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		code   string
		status int
	}{
		"none":      {nil, "", http.StatusOK},
		"unknown":   {errors.New("x"), "internal", http.StatusInternalServerError},
		"cancelled": {fmt.Errorf("x: %w", context.Canceled), "unavailable", http.StatusServiceUnavailable},
		"joined":    {errors.Join(chatadmin.ErrInvalid, chatadmin.ErrHeld), "invalid", http.StatusLocked},
		"own code":  {fmt.Errorf("x: %w", chatadmin.ErrLastAdmin), "last_admin", http.StatusConflict},
		"damaged":   {fmt.Errorf("%w: %w", chatadmin.ErrHeld, chatadmin.ErrDamaged), "held", http.StatusLocked},
		"gone":      {fmt.Errorf("x: %w", chatadmin.ErrActor), "actor", http.StatusUnauthorized},
	} {
		require.Equal(t, c.code, chatadmin.Code(c.err), name)
		require.Equal(t, c.status, chatadmin.HTTPStatus(c.err), name)
	}
	require.ErrorIs(t, chatadmin.ErrActor, chatadmin.ErrForbidden, "who has no access is permitted nothing")
	require.NotErrorIs(t, chatadmin.ErrForbidden, chatadmin.ErrActor)
}
