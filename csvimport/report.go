package csvimport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/csvimport/internal/formula"
)

// Outcomes reads the file once more and calls each with what would become of
// each row, in file order and in bounded memory. Another file is ErrOtherFile.
// A plan that was kept as JSON has no rows any more, which is
// chatadmin.ErrInvalid: make it again. An error of each ends the list and is
// returned.
func (p *Plan) Outcomes(ctx context.Context, s *chatadmin.Scope, file io.ReadSeeker, each func(Outcome) error) error {
	if err := errors.Join(given("plan", p), given("function", each)); err != nil {
		return err
	}
	return walk(ctx, s, file, p.File, p.Settings, p.chunks, p.Counts.Rows, func(o Outcome, _ *source) error { return each(o) })
}

// Outcomes reads the file once more and calls each with what became of each
// row, in file order and in bounded memory. Another file is ErrOtherFile. An
// error of each ends the list and is returned.
func (r *Result) Outcomes(ctx context.Context, s *chatadmin.Scope, file io.ReadSeeker, each func(Outcome) error) error {
	if err := errors.Join(given("result", r), given("function", each)); err != nil {
		return err
	}
	return walk(ctx, s, file, r.file, r.set, r.chunks, r.Counts.Rows, func(o Outcome, _ *source) error { return each(o) })
}

// WriteCSV writes the result CSV of a plan; see Result.WriteCSV.
func (p *Plan) WriteCSV(ctx context.Context, s *chatadmin.Scope, file io.ReadSeeker, w io.Writer) error {
	if err := errors.Join(given("plan", p), given("writer", w)); err != nil {
		return err
	}
	return writeResult(ctx, s, file, p.File, p.Settings, p.chunks, p.Counts.Rows, w)
}

// WriteCSV writes the result CSV: the columns of the file, and _line, _status,
// _code and _message. It can be filtered, mended and imported again as it is,
// since columns that begin with "_" are not read. Cells below a heading such as
// "password" stay empty.
//
// The cells of a broken line may be in the wrong columns. Its login stays
// empty, so that it fails until it is mended, and _message has the line as it
// stood, up to 2,000 bytes. Cells that a spreadsheet would run as a formula are
// guarded, which importing undoes. Create the file with mode 0600: it holds
// what the original holds.
func (r *Result) WriteCSV(ctx context.Context, s *chatadmin.Scope, file io.ReadSeeker, w io.Writer) error {
	if err := errors.Join(given("result", r), given("writer", w)); err != nil {
		return err
	}
	return writeResult(ctx, s, file, r.file, r.set, r.chunks, r.Counts.Rows, w)
}

func walk(ctx context.Context, s *chatadmin.Scope, file io.ReadSeeker, hash []byte, set settings, chunks []chunk, rows int64, each func(Outcome, *source) error) error {
	if err := givenFile(s, file); err != nil {
		return err
	}
	if len(chunks) == 0 {
		return fmt.Errorf("what became of the rows is not known any more: make the plan again: %w", chatadmin.ErrInvalid)
	}
	_, domain, err := s.View(ctx, chatadmin.PermUsersImport)
	if err != nil {
		return err
	}
	is, err := fingerprint(ctx, file, set.Encoding)
	if err != nil {
		return err
	}
	if !bytes.Equal(is.hash, hash) {
		return ErrOtherFile
	}
	src, err := open(ctx, file, domain.Login, set, is.format)
	if err != nil {
		return err
	}
	for i := range chunks {
		if err := walkChunk(src, &chunks[i], each); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// walkChunk tells what became of the rows of one batch.
func walkChunk(src *source, c *chunk, each func(Outcome, *source) error) error {
	notes := slices.Collect(c.Notes.all())
	for i := range len(c.Letters) {
		e, err := src.entry()
		if err == io.EOF {
			return ErrOtherFile
		}
		if err != nil {
			return err
		}
		o := Outcome{Line: e.line, Login: e.row.Login}
		if o.setLetter(c.Letters[i]); c.Letters[i] == letterRefused {
			o.Notes = append(o.Notes, note{Code: CodeAllOrNothing, Col: -1}.explain(src.header, e.row))
		}
		if c.Letters[i] == letterLost {
			o.Notes = append(o.Notes, note{Code: CodeLost, Col: -1}.explain(src.header, e.row))
		}
		for len(notes) > 0 && notes[0].Row == i {
			n := notes[0].explain(src.header, e.row)
			if n.Code == CodeNullWord || n.Code == CodeRuined { // as the file says it, although it counts as blank
				n.Value = src.shown(column(notes[0].Col))
			}
			o.Notes, notes = append(o.Notes, n), notes[1:]
		}
		if err := each(o, src); err != nil {
			return err
		}
	}
	return nil
}

func writeResult(ctx context.Context, s *chatadmin.Scope, file io.ReadSeeker, hash []byte, set settings, chunks []chunk, rows int64, w io.Writer) error {
	out := newCSVWriter(w, ',', "\n")
	// Columns of the file; results of an earlier import are replaced
	var kept []int
	err := walk(ctx, s, file, hash, set, chunks, rows, func(o Outcome, src *source) error {
		if kept == nil {
			var names []string
			for i, name := range src.header.names {
				if !strings.HasPrefix(strings.TrimSpace(name), "_") {
					kept, names = append(kept, i), append(names, formula.Guard(name))
				}
			}
			if err := out.write(append(names, "_line", "_status", "_code", "_message")); err != nil {
				return err
			}
		}
		cells := make([]string, 0, len(kept)+4)
		for _, i := range kept {
			cell := ""
			if broken := src.raw.Err != nil; !isSecret(src.header.names[i]) && i < len(src.raw.Fields) && !(broken && i == src.header.at[colLogin]) {
				// What an export has guarded already is not guarded twice.
				cell = formula.Guard(formula.Unguard(strings.TrimSpace(asText(src.raw.Fields[i]))))
			}
			cells = append(cells, cell)
		}
		code, message := o.Summary()
		if src.raw.Err != nil && !slices.ContainsFunc(src.header.names, isSecret) {
			line := bytes.Join(src.raw.Fields, []byte{src.file.Format().Delimiter})
			message += "; the line: " + asText(line[:min(len(line), 2000)])
		}
		return out.write(append(cells, strconv.Itoa(o.Line), string(o.Status), code, formula.Guard(message)))
	})
	if closed := out.close(); err == nil {
		err = closed
	}
	return err
}

// asText shows a part of a line, which may be no text.
func asText(part []byte) string {
	if utf8.Valid(part) && bytes.IndexByte(part, 0) < 0 {
		return string(part)
	}
	return strings.ReplaceAll(strings.ToValidUTF8(string(part), "\uFFFD"), "\x00", "\uFFFD")
}

// Summary is the code of the first note, and all messages in one line: what the
// result CSV says of the row.
func (o Outcome) Summary() (code, message string) {
	var texts []string
	for _, n := range o.Notes {
		text := n.Message.Text
		if n.Column != "" {
			text = n.Column + ": " + text
		}
		texts = append(texts, text)
	}
	if len(o.Notes) > 0 {
		code = o.Notes[0].Code
	}
	return code, strings.Join(texts, "; ")
}
