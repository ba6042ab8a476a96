package csvimport

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
	"chatadmin.example/sdk/csvimport/internal/csvfile"
)

// What is read back (a plan kept as JSON, the parameters of an import, what
// became of its rows) is input from outside: it is checked before anything is
// decided by it.

// given refuses a missing argument. A nil pointer within an interface is
// missing, too.
func given(what string, arg any) error {
	v := reflect.ValueOf(arg)
	switch v.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Slice, reflect.Interface, reflect.Chan:
		if !v.IsNil() {
			return nil
		}
	case reflect.Invalid:
	default:
		return nil
	}
	return fmt.Errorf("no %s was given: %w", what, chatadmin.ErrInvalid)
}

// givenFile refuses a missing scope or file.
func givenFile(s *chatadmin.Scope, file io.ReadSeeker) error {
	if err := given("scope", s); err != nil {
		return err
	}
	return given("file", file)
}

// check refuses a plan that Imports.Plan did not make for this actor and
// domain.
func (p *Plan) check(s *chatadmin.Scope) error {
	if p.Kind == "" {
		return fmt.Errorf("this is no plan: make one first: %w", chatadmin.ErrInvalid)
	}
	if err := p.PlanHeader.Check(s, KindImportBegin); err != nil {
		return err
	}
	if err := p.Settings.check(); err != nil {
		return fmt.Errorf("this plan is damaged: %w", err)
	}
	bad := func(what string) error {
		return fmt.Errorf("this plan is damaged: %s: make it again: %w", what, chatadmin.ErrInvalid)
	}
	switch {
	case len(p.File) != sha256.Size || len(p.Decisions) != sha256.Size:
		return bad("it does not say for which file it was made")
	case p.Counts.check() != nil:
		return bad("its counts do not add up")
	}
	return nil
}

// check refuses settings with a mode that does not exist, or a file name that
// is no short text in one line.
func (s settings) check() error {
	if err := s.Mode.check(); err != nil {
		return err
	}
	const most = 64 + len("…") // of chatadmin.Cut
	if len(s.FileName) > most || !utf8.ValidString(s.FileName) || strings.ContainsFunc(s.FileName, unicode.IsControl) {
		return fmt.Errorf("the name of the file, %q, is no name: %w", chatadmin.Cut(s.FileName), chatadmin.ErrInvalid)
	}
	if _, err := csvfile.FindEncoding(s.Encoding); err != nil {
		return fmt.Errorf("%s: %w", err, chatadmin.ErrInvalid)
	}
	if err := checkFields(s.Fields); err != nil {
		return err
	}
	if len(s.Added) > chatadmin.MaxColumns {
		return fmt.Errorf("%d columns are added, at most %d can be: %w", len(s.Added), chatadmin.MaxColumns, chatadmin.ErrInvalid)
	}
	for i := range s.Added {
		if err := s.Added[i].check(); err != nil {
			return err
		}
	}
	for _, named := range []map[string]string{s.Columns, s.Aliases} {
		if len(named) > mostNamed {
			return fmt.Errorf("%d columns are named, at most %d can be: %w", len(named), mostNamed, chatadmin.ErrInvalid)
		}
		for heading, field := range named {
			if _, ok := fieldMeaning(field, true, s.fieldNames()); !ok || len(heading) > mostCell || !utf8.ValidString(heading) {
				return texts.Explain(fmt.Errorf("there is no field %q for the column %q: %w", chatadmin.Cut(field), chatadmin.Cut(heading), chatadmin.ErrInvalid),
					"why.column_field", chatadmin.Cut(field), chatadmin.Cut(heading))
			}
		}
	}
	return nil
}

// mostNamed is how many headings can be given a meaning.
const mostNamed = 1000

// mostCounted bounds each count, far above what a file can hold, so that sums
// do not overflow.
const mostCounted = 1 << 40

// check refuses counts that no file can have.
func (c *Counts) check() error {
	for _, n := range []int64{c.Rows, c.Created, c.Updated, c.Activated, c.Deactivated, c.Unchanged, c.Skipped, c.Failed, c.Warnings, c.KeptBlanks} {
		if n < 0 || n > mostCounted {
			return fmt.Errorf("a count of %d rows: %w", n, chatadmin.ErrInvalid)
		}
	}
	if c.Created+c.Updated+c.Unchanged+c.Skipped+c.Failed != c.Rows || c.Activated+c.Deactivated > c.Updated {
		return fmt.Errorf("the counts do not add up to %d rows: %w", c.Rows, chatadmin.ErrInvalid)
	}
	return nil
}

// check refuses the parameters of an import that no import has begun with.
func (p *params) check() error {
	if err := p.Settings.check(); err != nil {
		return err
	}
	if len(p.File) != sha256.Size {
		return fmt.Errorf("it is not known with which file it began: %w", chatadmin.ErrInvalid)
	}
	return nil
}

// mostBatches is the number of batches of the longest file.
const mostBatches = mostRows/batchRows + 1

// check refuses a cursor that no import stands at.
func (c *cursor) check() error {
	ok := (c.Phase == phaseRows || c.Phase == phaseLinks) && c.Open >= 0 && c.Pass >= 0 && len(c.Only) <= mostAgain && len(c.Again) <= mostAgain
	for _, batch := range []int{c.Batch, c.Rows} {
		ok = ok && batch >= 0 && batch <= mostBatches
	}
	for _, rows := range [][]uint32{c.Only, c.Again} {
		for _, row := range rows {
			ok = ok && row < mostRows
		}
	}
	if !ok {
		return fmt.Errorf("it is not known how far it is: %w", chatadmin.ErrInvalid)
	}
	return nil
}

// check refuses what no batch can have come to.
func (c *chunk) check() error {
	ok := len(c.Letters) > 0 && len(c.Letters) <= batchRows
	for i := range len(c.Letters) {
		ok = ok && strings.IndexByte(letters, c.Letters[i]) >= 0
	}
	last := 0
	for n := range c.Notes.all() { // in the order of the rows
		ok = ok && n.Row >= last && n.Row < len(c.Letters) && n.Col >= -1 && int(n.Col) < lastField
		last = n.Row
	}
	for _, row := range c.Open {
		ok = ok && row >= 0 && row < len(c.Letters)
	}
	if !ok {
		return fmt.Errorf("what became of its rows cannot be read: %w", chatadmin.ErrInvalid)
	}
	return nil
}

// check refuses what no run of an import keeps.
func (r *imported) check() error {
	return errors.Join(r.params.check(), r.At.check(), r.Counts.check())
}
