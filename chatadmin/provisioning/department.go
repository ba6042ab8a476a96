package provisioning

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Department is a part of a company. Its members are the users whose
// chatadmin.User.Department is its name.
type Department struct {
	ID   chatadmin.ID `json:"id"`
	Name string       `json:"name"`
	// Former is the name that some members still have while a renaming is under
	// way, or "".
	Former string `json:"former,omitempty"`
	// Run is that of a renaming or emptying that is under way, or "".
	Run chatadmin.ID `json:"run,omitempty"`
	// Closed departments take no members: they are being emptied.
	Closed bool `json:"closed,omitempty"`
}

// names are those under which the members are found.
func (d *Department) names() []string {
	if d.Former != "" {
		return []string{d.Name, d.Former}
	}
	return []string{d.Name}
}

// means reports whether a name is one of the department's, in any spelling.
func (d *Department) means(name string) bool {
	key := chatadmin.Fold(name)
	return key != "" && (key == chatadmin.Fold(d.Name) || key == chatadmin.Fold(d.Former))
}

const maxName = 250 // bytes, as in the store

var departmentRecords = chatadmin.RecordKind[Department]{
	Name:  "department",
	Need:  chatadmin.PermUsersEdit,
	Check: (*Department).check,
	ID:    func(d *Department) chatadmin.ID { return d.ID },
}

// nameRecords are departments under each of their names, folded, so that two
// cannot have one name.
var nameRecords = chatadmin.RecordKind[Department]{
	Name:  "department name",
	Need:  chatadmin.PermUsersEdit,
	Check: (*Department).check,
}

func (d *Department) check() error {
	if d.ID == "" || d.Name == "" || len(d.Name) > maxName || len(d.Former) > maxName {
		return errors.New("it has no name")
	}
	return nil
}

// nameID is the ID of the record of a name: a folded name may be longer than an
// ID.
func nameID(name string) string {
	sum := sha256.Sum256([]byte(chatadmin.Fold(name)))
	return hex.EncodeToString(sum[:])
}

// departmentsNamed finds departments by their names, under the folded names.
func departmentsNamed(ctx context.Context, r storage.Reader, domain chatadmin.ID, names []string) (map[string]Department, error) {
	keys := map[string]string{} // by ID of the record
	for _, name := range names {
		if key := chatadmin.Fold(name); key != "" {
			keys[nameID(name)] = key
		}
	}
	ids := make([]string, 0, len(keys))
	for id := range keys {
		ids = append(ids, id)
	}
	all := map[string]Department{}
	for batch := range slices.Chunk(ids, chatadmin.MaxBatch) {
		found, err := nameRecords.GetMany(ctx, r, domain, batch...)
		if err != nil {
			return nil, err
		}
		for id, e := range found {
			if e.Damaged == nil {
				all[keys[id]] = e.Value
			}
		}
	}
	return all, nil
}

// countDepartments returns the name of the department if there is one alone,
// and whether there are several.
func countDepartments(ctx context.Context, r storage.Reader, domain chatadmin.ID) (only string, many bool, err error) {
	page, _, next, err := departmentRecords.List(ctx, r, storage.RecordQuery{Domain: domain}, chatadmin.Page{Limit: 2})
	switch {
	case err != nil || len(page) == 0:
		return "", false, err
	case len(page) > 1 || next != "":
		return "", true, nil
	}
	return page[0].Value.Name, false, nil
}

// cleanName checks the name of a department.
func cleanName(name string) (string, error) {
	name = strings.TrimSpace(name)
	bad := func(code string, why texts.Message) (string, error) {
		return "", &chatadmin.FieldErrors{Fields: []*chatadmin.FieldError{{Field: "name", Value: chatadmin.Cut(name), Code: code, Reason: why.Text, Detail: why}}}
	}
	switch {
	case chatadmin.Fold(name) == "":
		return bad(chatadmin.CodeMissing, texts.Message{Text: "a department needs a name"})
	case len(name) > maxName:
		return bad(chatadmin.CodeTooLong, texts.NewMessage("why.at_most_bytes", maxName))
	case !storageText(name):
		return bad(chatadmin.CodeBadText, texts.Message{Text: "this has control or invisible characters, or is not valid text"})
	}
	return name, nil
}

func storageText(s string) bool {
	return strings.ToValidUTF8(s, "") == s && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) })
}

func takenName(name string) error {
	return &chatadmin.FieldErrors{Fields: []*chatadmin.FieldError{{Field: "name", Value: chatadmin.Cut(name), Code: chatadmin.CodeTaken,
		Reason: "another department has this name: choose a different one"}}}
}

// CreateDepartment creates a department. Its name is unique in the domain by
// its folded key; a name that is taken is chatadmin.ErrExists. It needs
// chatadmin.PermUsersEdit.
func (p *Provisioning) CreateDepartment(ctx context.Context, s *chatadmin.Scope, name string) (Department, error) {
	name, err := cleanName(name)
	if err != nil {
		return Department{}, err
	}
	d := Department{ID: p.admin.NewID(), Name: name}
	op := chatadmin.Op{Kind: KindDepartmentCreate, Need: chatadmin.PermUsersEdit, Fence: storage.Shared, Targets: []chatadmin.ID{d.ID}}
	err = s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		if err := served(&w.Settings); err != nil {
			return err
		}
		if err := claimName(ctx, w, &d, name); err != nil {
			return err
		}
		e := departmentRecords.New(w.Domain.ID, string(d.ID), "", d)
		if err := departmentRecords.Put(ctx, w, &e); err != nil {
			return err
		}
		w.Audit(KindDepartmentCreate, []chatadmin.ID{d.ID}, map[chatadmin.ID][]chatadmin.FieldChange{d.ID: {{Field: "name", After: d.Name}}}, nil)
		return nil
	})
	if err != nil {
		return Department{}, err
	}
	return d, nil
}

// claimName puts a department under a name, unless another one has it. Of two
// at once one loses its race, and finds the other.
func claimName(ctx context.Context, w *chatadmin.Writer, d *Department, name string) error {
	e, err := nameRecords.Get(ctx, w, w.Domain.ID, nameID(name))
	switch {
	case err == nil && e.Value.ID != d.ID:
		return takenName(name)
	case err != nil && !errors.Is(err, chatadmin.ErrNotFound):
		return err
	}
	e.Value = *d
	return nameRecords.Put(ctx, w, &e)
}

// Departments lists the departments of a domain. Everybody with access may: the
// list is what a form offers to choose from.
func (p *Provisioning) Departments(ctx context.Context, s *chatadmin.Scope) iter.Seq2[Department, error] {
	return func(yield func(Department, error) bool) {
		for page := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
			all, next, err := p.DepartmentsPage(ctx, s, page)
			if err != nil {
				yield(Department{}, err)
				return
			}
			for _, d := range all {
				if !yield(d, nil) {
					return
				}
			}
			if page.After = next; next == "" {
				return
			}
		}
	}
}

// DepartmentsPage is one page of Departments, in the order of their creation. A
// department that cannot be read is left out; see chatadmin.Scope.Damaged.
func (p *Provisioning) DepartmentsPage(ctx context.Context, s *chatadmin.Scope, page chatadmin.Page) ([]Department, chatadmin.Cursor, error) {
	if _, _, err := s.View(ctx, ""); err != nil {
		return nil, "", err
	}
	entries, _, next, err := departmentRecords.List(ctx, p.admin.Store(), storage.RecordQuery{Domain: s.Domain()}, page)
	all := make([]Department, len(entries))
	for i, e := range entries {
		all[i] = e.Value
	}
	return all, next, err
}

// DepartmentNamed finds a department by its name; case and Unicode variants do
// not matter. It is chatadmin.ErrNotFound if there is none. Everybody with
// access may.
func (p *Provisioning) DepartmentNamed(ctx context.Context, s *chatadmin.Scope, name string) (Department, error) {
	if _, _, err := s.View(ctx, ""); err != nil {
		return Department{}, err
	}
	found, err := departmentsNamed(ctx, p.admin.Store(), s.Domain(), []string{name})
	if err != nil {
		return Department{}, err
	}
	d, ok := found[chatadmin.Fold(name)]
	if !ok {
		return Department{}, fmt.Errorf("department %q: %w", chatadmin.Cut(name), chatadmin.ErrNotFound)
	}
	return d, nil
}

// Department reads a department. Everybody with access may. It is
// chatadmin.ErrNotFound if there is none with this ID.
func (p *Provisioning) Department(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) (Department, error) {
	if _, _, err := s.View(ctx, ""); err != nil {
		return Department{}, err
	}
	e, err := getDepartment(ctx, p.admin.Store(), s.Domain(), id)
	return e.Value, err
}

// getDepartment reads a department in a transaction.
func getDepartment(ctx context.Context, r storage.Reader, domain, id chatadmin.ID) (chatadmin.Entry[Department], error) {
	if id == "" {
		return chatadmin.Entry[Department]{}, fmt.Errorf("department %q: %w", "", chatadmin.ErrNotFound)
	}
	return departmentRecords.Get(ctx, r, domain, string(id))
}

// putDepartment writes a department, under each of its names too, and takes
// away the name gone, if it has that no more.
func putDepartment(ctx context.Context, w *chatadmin.Writer, e *chatadmin.Entry[Department], gone string) error {
	d := e.Value
	if err := departmentRecords.Put(ctx, w, e); err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, name := range d.names() {
		if kept[nameID(name)] {
			continue
		}
		kept[nameID(name)] = true
		if err := claimName(ctx, w, &d, name); err != nil {
			return err
		}
	}
	if gone == "" || kept[nameID(gone)] {
		return nil
	}
	return dropName(ctx, w, gone, d.ID)
}

func dropName(ctx context.Context, w *chatadmin.Writer, name string, owner chatadmin.ID) error {
	n, err := nameRecords.Get(ctx, w, w.Domain.ID, nameID(name))
	if errors.Is(err, chatadmin.ErrNotFound) || err == nil && n.Value.ID != owner {
		return nil
	}
	if err != nil && n.Damaged == nil {
		return err
	}
	return nameRecords.Delete(ctx, w, &n)
}

// DeleteDepartment deletes a department that has no members. One that has some
// is ErrNotEmpty: see PlanEmpty. It needs chatadmin.PermUsersEdit.
func (p *Provisioning) DeleteDepartment(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) error {
	op := chatadmin.Op{Kind: KindDepartmentDelete, Need: chatadmin.PermUsersEdit, Fence: storage.Exclusive, Targets: []chatadmin.ID{id}}
	return s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		e, err := getDepartment(ctx, w, w.Domain.ID, id)
		if err != nil {
			return err
		}
		d := &e.Value
		if d.Run != "" {
			return busy(d)
		}
		n, err := w.CountUsers(ctx, chatadmin.UserQuery{Domain: w.Domain.ID, Department: d.Name})
		if err != nil {
			return err
		}
		if n > 0 {
			return texts.Explain(fmt.Errorf("%q has %d: %w", d.Name, n, ErrNotEmpty), "why.department_full", d.Name, n)
		}
		if err := dropName(ctx, w, d.Name, d.ID); err != nil {
			return err
		}
		if err := departmentRecords.Delete(ctx, w, &e); err != nil {
			return err
		}
		w.Audit(KindDepartmentDelete, []chatadmin.ID{id}, map[chatadmin.ID][]chatadmin.FieldChange{id: {{Field: "name", Before: d.Name}}}, nil)
		return nil
	})
}

func busy(d *Department) error {
	return texts.Explain(fmt.Errorf("department %q, run %s: %w", d.Name, d.Run, ErrDepartmentBusy), "why.department_busy", d.Name)
}
