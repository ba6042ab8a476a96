package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"chatadmin.example/sdk/chatadmin"
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
	FileWarnings []string  `json:"file_warnings,omitempty"`
	Outcomes     []outcome `json:"row_outcomes,omitempty"`

	more bool // rows failed than are shown
}

func (c *cli) imports(ctx context.Context, args []string) error {
	var o csvimport.Options
	var mode, result, resume string
	var dry, rows bool
	fs := c.flags("import", `import --mode skip|update [--dry-run] [--all-or-nothing] [--send-invites] [--clear-blanks]
       [--result FILE] [--rows] [--resume ID] FILE|-

skip leaves existing users alone, update writes new values to them.`)
	fs.StringVar(&mode, "mode", "", "")
	fs.BoolVar(&dry, "dry-run", false, "")
	fs.BoolVar(&o.AllOrNothing, "all-or-nothing", false, "")
	fs.BoolVar(&o.SendInvitations, "send-invites", false, "")
	fs.BoolVar(&o.ClearBlanks, "clear-blanks", false, "")
	fs.StringVar(&result, "result", "", "")
	fs.BoolVar(&rows, "rows", false, "")
	fs.StringVar(&resume, "resume", "", "")
	var rest []string
	if err := parse(fs, args, &rest); err != nil {
		return err
	}
	if len(rest) != 1 {
		return usage("import: name one file, or - for standard input")
	}
	if mode == "" && resume == "" {
		return usage("import: say what happens to existing users: --mode skip or --mode update")
	}
	if mode != "" && mode != string(csvimport.SkipExisting) && mode != string(csvimport.UpdateExisting) {
		return usage("import: --mode is skip or update, not %q", mode)
	}
	s, err := c.scope(ctx)
	if err != nil {
		return err
	}
	file, err := c.file(rest[0])
	if err != nil {
		return err
	}
	defer file.close()
	o.FileName = rest[0]
	o.Begun = func(id chatadmin.ID) {
		_, _ = fmt.Fprintf(c.err, "import %s has begun; if it is interrupted, go on with --resume %s\n", id, id)
	}
	if isTerminal(c.err) {
		o.Progress = func(p chatadmin.Progress) {
			_, _ = fmt.Fprintf(c.err, "\r%d of %d rows, %.0f a second ", p.Done, p.Total, p.Rate())
		}
	}
	rep, each, err := c.runImport(ctx, s, file.File, csvimport.Mode(mode), dry, chatadmin.ID(resume), &o)
	if each == nil {
		return err
	}
	if outErr := c.outcomes(ctx, s, file.File, each, &rep, rows, result); err == nil {
		err = outErr
	}
	if err != nil && !errors.Is(err, csvimport.ErrRowsFailed) {
		return err
	}
	if !dry && err == nil {
		c.dropped()
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

func (c *cli) runImport(ctx context.Context, s *chatadmin.Scope, file *os.File, mode csvimport.Mode, dry bool, resume chatadmin.ID, o *csvimport.Options) (report, reporter, error) {
	if dry {
		p, err := csvimport.Make(ctx, s, file, mode, o)
		if err != nil {
			return report{}, nil, err
		}
		return report{DryRun: true, Counts: p.Counts, FileWarnings: p.Warnings}, p, nil
	}
	var r *csvimport.Result
	var err error
	if resume != "" {
		r, err = csvimport.Resume(ctx, s, resume, file, o)
	} else {
		r, err = csvimport.Run(ctx, s, file, mode, o)
	}
	switch {
	case r == nil:
		return report{}, nil, err
	case err != nil && !errors.Is(err, csvimport.ErrRowsFailed):
		return report{}, nil, fmt.Errorf("%w (%d of the rows are in; go on with --resume %s)", err, r.Counts.Rows, r.ImportID)
	}
	return report{ImportID: r.ImportID, Counts: r.Counts, FileWarnings: r.Warnings}, r, err
}

// failuresShown is how many rows that failed are told without being asked for.
const failuresShown = 5

var errShown = errors.New("enough rows are shown")

// outcomes adds the rows to the report and writes the result CSV, where asked for. Whoever reads it sees the first that failed in any case.
func (c *cli) outcomes(ctx context.Context, s *chatadmin.Scope, file *os.File, from reporter, rep *report, rows bool, result string) error {
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
		rep.more = !rows && rep.Failed > failuresShown && result == ""
	}
	if result == "" {
		return nil
	}
	out, err := os.OpenFile(result, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = from.WriteCSV(ctx, s, file, out)
	return errors.Join(err, out.Close())
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

func (c *cli) export(ctx context.Context, args []string) error {
	format := string(csvimport.ImportFormat)
	fs := c.flags("export", "export [--format import|overview] [FILE]")
	fs.StringVar(&format, "format", format, "")
	var rest []string
	if err := parse(fs, args, &rest); err != nil {
		return err
	}
	if len(rest) > 1 {
		return usage("export: name one file, or none for standard output")
	}
	if f := csvimport.Format(format); f != csvimport.ImportFormat && f != csvimport.Overview {
		return usage("export: --format is import or overview, not %q", format)
	}
	s, err := c.scope(ctx)
	if err != nil {
		return err
	}
	if len(rest) == 0 || rest[0] == "-" {
		if c.json {
			return usage("export: name a file: standard output is for the JSON object")
		}
		_, err := csvimport.Export(ctx, s, c.out, csvimport.Format(format), nil)
		return err
	}
	out, err := os.OpenFile(rest[0], os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	n, err := csvimport.Export(ctx, s, out, csvimport.Format(format), nil)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return c.say(map[string]any{"file": rest[0], "users": n}, func(w *tabwriter.Writer) { row(w, n, "users in", rest[0]) })
}

func (c *cli) invite(ctx context.Context, args []string) error {
	var rest []string
	if err := parse(c.flags("invite", "invite IMPORT_TOKEN: what an admin does who followed the link in the mail about an import, and confirmed"), args, &rest); err != nil {
		return err
	}
	if len(rest) != 1 {
		return usage("invite: give the token from the mail")
	}
	s, err := c.scope(ctx)
	if err != nil {
		return err
	}
	if c.as == "" { // whoever follows the link has signed in as the admin to whom it was mailed
		t, err := chatadmin.ParseToken(rest[0])
		if err != nil {
			return err
		}
		job, err := s.Job(ctx, t.Subject)
		if err != nil {
			return err
		}
		s = c.admin.As(s.Domain(), job.Actor)
	}
	n, err := csvimport.Release(ctx, s, rest[0])
	if err != nil {
		return err
	}
	c.dropped()
	return c.say(map[string]any{"invited": n}, func(w *tabwriter.Writer) { row(w, n, "invited") })
}
