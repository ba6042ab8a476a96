package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
	"chatadmin.example/sdk/csvimport"
)

type outcome struct {
	Line    int              `json:"line"`
	Login   string           `json:"login"`
	Status  csvimport.Status `json:"status"`
	Code    string           `json:"code"`
	Message string           `json:"message"`
}

type report struct {
	ImportID chatadmin.ID `json:"import_id"`
	DryRun   bool         `json:"dry_run"`
	csvimport.Counts
	FileWarnings []string               `json:"file_warnings,omitempty"`
	Invitations  string                 `json:"invitations,omitempty"` // who was invited, or is not yet
	Encoding     string                 `json:"encoding,omitempty"`
	Samples      []string               `json:"samples,omitzero"` // absent where no plan was made
	Columns      []csvimport.PlanColumn `json:"columns,omitempty"`
	Outcomes     []outcome              `json:"row_outcomes,omitempty"`

	more bool // rows failed than are shown
}

// planned fills in what the file is taken for.
func (r *report) planned(p *csvimport.Plan) {
	r.Encoding, r.Columns, r.Samples = p.Encoding, p.Columns, append([]string{}, p.Samples...)
}

func (c *cli) importCommand() *cobra.Command {
	var o csvimport.ImportOptions
	var mode csvimport.Mode
	var result, resume string
	var dry, rows bool
	var columns []string
	x := c.command("import FILE|-", "Create and update users from a CSV file",
		func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			file, err := c.file(args[0])
			if err != nil {
				return err
			}
			defer file.close()
			o.FileName = args[0]
			o.Columns, _ = columnMap(columns) // checked before
			call := importCall{mode: mode, dry: dry, rows: rows, resume: chatadmin.ID(resume), o: &o}
			if result != "" { // before anybody is created
				if call.result, err = resultFile(result, file.File); err != nil {
					return err
				}
				defer func() { _ = call.result.Close() }()
			}
			return c.importFile(ctx, s, file.File, call)
		})
	x.Long = `import creates users from a CSV file. The mode skip leaves existing users alone,
update writes new values to them. With --resume an import goes on as it began,
whatever the other flags say.`
	choose(x, &mode, "mode", "what happens to existing users", csvimport.SkipExisting, csvimport.UpdateExisting)
	f := x.Flags()
	f.BoolVar(&dry, "dry-run", false, "say what it would do, and change nothing")
	f.BoolVar(&o.AllOrNothing, "all-or-nothing", false, "change nothing if a row is wrong")
	f.BoolVar(&o.SendInvitations, "send-invites", false,
		"invite every user who is created; otherwise the actor is mailed a link that does it")
	f.BoolVar(&o.ClearBlanks, "clear-blanks", false, "let a blank cell clear the field of an existing user")
	f.StringVar(&o.Encoding, "encoding", "", "the encoding of the file, by `name`, such as windows-1252")
	f.StringArrayVar(&columns, "map", nil,
		"what a column means, as `HEADING=FIELD`, or HEADING=- to leave it out; for each column once")
	f.StringVar(&result, "result", "", "write what became of each row to a CSV `file`")
	f.BoolVar(&rows, "rows", false, "tell what became of each row")
	f.StringVar(&resume, "resume", "", "go on with the import that has this `ID`")
	exclusive(x, "resume", "dry-run")
	return checked(x, func([]string) error {
		if mode == "" && resume == "" {
			return usage("say what happens to existing users: --mode skip or --mode update")
		}
		_, err := columnMap(columns)
		return err
	})
}

// columnMap reads HEADING=FIELD. A heading may hold an equals sign, a field
// does not.
func columnMap(texts []string) (map[string]string, error) {
	columns := map[string]string{}
	for _, text := range texts {
		cut := strings.LastIndex(text, "=")
		if cut < 1 || cut == len(text)-1 {
			return nil, usage("--map is HEADING=FIELD, not %q", chatadmin.Cut(text))
		}
		if _, twice := columns[text[:cut]]; twice {
			return nil, usage("--map names the column %q twice", chatadmin.Cut(text[:cut]))
		}
		columns[text[:cut]] = text[cut+1:]
	}
	return columns, nil
}

// importCall is what an import is asked for.
type importCall struct {
	mode      csvimport.Mode
	dry, rows bool
	result    *os.File // or nil
	resume    chatadmin.ID
	o         *csvimport.ImportOptions
}

func (c *cli) importFile(ctx context.Context, s *chatadmin.Scope, file *os.File, call importCall) error {
	call.o.Begun = func(id chatadmin.ID) {
		_, _ = fmt.Fprintf(c.err, "import %s has begun; if it is interrupted, go on with --resume %s\n", id, id)
	}
	call.o.Progress = c.progress("rows")
	rep, each, err := c.runImport(ctx, s, file, call)
	if each == nil {
		return err
	}
	if outErr := c.outcomes(ctx, s, file, each, &rep, call.rows, call.result); err == nil {
		err = outErr
	}
	if err != nil && !errors.Is(err, csvimport.ErrRowsFailed) {
		return err
	}
	if !call.dry && err == nil {
		c.unsent()
	}
	if err != nil && c.json {
		return err // one object is enough
	}
	return errors.Join(c.say(rep, func(w *tabwriter.Writer) { rep.print(w) }), err)
}

// reporter tells what became of the rows: a plan or a result.
type reporter interface {
	Outcomes(context.Context, *chatadmin.Scope, io.ReadSeeker, func(csvimport.Outcome) error) error
	WriteCSV(context.Context, *chatadmin.Scope, io.ReadSeeker, io.Writer) error
}

func (c *cli) runImport(
	ctx context.Context, s *chatadmin.Scope, file *os.File, call importCall,
) (report, reporter, error) {
	if call.dry {
		p, err := c.imports.Plan(ctx, s, file, call.mode, call.o)
		if err != nil {
			return report{}, nil, err
		}
		rep := report{DryRun: true, Counts: p.Counts, FileWarnings: texts.Sentences(p.Warnings)}
		rep.planned(p)
		return rep, p, nil
	}
	var rep report
	call.o.Planned = rep.planned
	var r *csvimport.Result
	var err error
	if call.resume != "" {
		r, err = c.imports.Resume(ctx, s, call.resume, file, call.o)
	} else {
		r, err = c.imports.Import(ctx, s, file, call.mode, call.o)
	}
	switch {
	case r == nil:
		return report{}, nil, err
	case err != nil && c.post.err() != nil: // mails go when all rows are in
		c.post.next = fmt.Sprintf("send it with the same command and --resume %s", r.ImportID)
		err = nil
	case err != nil && !errors.Is(err, csvimport.ErrRowsFailed):
		if call.resume != "" && errors.Is(err, chatadmin.ErrForbidden) {
			return report{}, nil, fmt.Errorf("%w; after ten minutes of silence without the first", another(err, r.ImportID))
		}
		return report{}, nil, goOn(err, call.resume != "", fmt.Sprintf("%s in; go on with --resume %s",
			count(r.Counts.Rows, "row is", "rows are"), r.ImportID))
	}
	rep.ImportID, rep.Counts, rep.FileWarnings, rep.Invitations = r.ImportID, r.Counts, texts.Sentences(r.Warnings), r.Invitations.Text
	return rep, r, err
}

// goOn adds to an error how to go on. A resumption that was refused is not
// told to resume.
func goOn(err error, resumed bool, how string) error {
	if resumed && !errors.Is(err, context.Canceled) && !errors.Is(err, chatadmin.ErrBusy) {
		return err
	}
	return fmt.Errorf("%w (%s)", err, how)
}

// another adds to the refusal of a resumption how another admin goes on.
func another(err error, id chatadmin.ID) error {
	if !errors.Is(err, chatadmin.ErrForbidden) {
		return err
	}
	return fmt.Errorf("%w: another admin goes on with runs take-over %s and then this command", err, id)
}

// failuresShown is how many rows that failed are told without being asked for.
const failuresShown = 5

var errShown = errors.New("enough rows are shown")

// outcomes adds the rows to the report and writes the result CSV, where asked
// for. Whoever reads it sees the first that failed in any case.
func (c *cli) outcomes(ctx context.Context, s *chatadmin.Scope, file *os.File, from reporter, rep *report,
	rows bool, result *os.File) error {
	if rows || !c.json && rep.Failed > 0 {
		err := from.Outcomes(ctx, s, file, func(o csvimport.Outcome) error {
			if rows || o.Status == csvimport.Failed {
				code, message := o.Summary()
				rep.Outcomes = append(rep.Outcomes, outcome{o.Line, o.Login, o.Status, code, message})
			}
			if !rows && int64(len(rep.Outcomes)) == min(failuresShown, rep.Failed) {
				return errShown
			}
			return nil
		})
		if err != nil && !errors.Is(err, errShown) {
			return err
		}
		rep.more = !rows && rep.Failed > failuresShown && result == nil
	}
	if result == nil {
		return nil
	}
	if err := from.WriteCSV(ctx, s, file, result); err != nil {
		return err
	}
	return result.Close()
}

func (r *report) print(w *tabwriter.Writer) {
	if r.DryRun {
		row(w, "dry run: nothing was changed")
	} else if r.ImportID != "" {
		row(w, "import", r.ImportID)
	}
	row(w, "rows", r.Rows)
	row(w, "created", r.Created)
	row(w, "updated", fmt.Sprintf("%d (%d activated, %d deactivated)", r.Updated, r.Activated, r.Deactivated))
	row(w, "unchanged", r.Unchanged)
	row(w, "skipped", r.Skipped)
	row(w, "failed", r.Failed)
	row(w, "warnings", r.Warnings)
	if r.Encoding != "" {
		row(w, "encoding", r.Encoding)
	}
	for _, text := range r.Samples {
		row(w, "sample:", text)
	}
	if r.DryRun {
		for _, col := range r.Columns {
			row(w, "column:", col.Heading, cmp.Or(col.Field, "not known: not read"))
		}
	}
	if r.Invitations != "" {
		row(w, r.Invitations)
	}
	for _, text := range r.FileWarnings {
		row(w, "warning:", text)
	}
	for _, o := range r.Outcomes {
		row(w, fmt.Sprintf("line %d", o.Line), o.Login, o.Status, o.Code, o.Message)
	}
	if r.more {
		row(w, "…", "every line with --rows, or in a CSV file with --result FILE")
	}
}
