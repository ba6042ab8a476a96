package csvimport

import (
	"cmp"
	"context"
	"io"
	"slices"

	"chatadmin.example/sdk/chatadmin"
)

// Finding is what was found in some rows: one kind of fault or warning, with
// how often, and the first as an example.
type Finding struct {
	Code    string
	Warning bool  // the rows are imported all the same
	Count   int64 // of notes
	Line    int   // of the example
	Example Note
}

// Findings sums up what a plan says of its rows: faults before warnings, and
// the most harmful warnings first. It reads the file once more, as Outcomes
// does.
func (p *Plan) Findings(ctx context.Context, s *chatadmin.Scope, file io.ReadSeeker) ([]Finding, error) {
	return findings(func(each func(Outcome) error) error { return p.Outcomes(ctx, s, file, each) })
}

// Findings sums up what became of the rows of an import; see Plan.Findings.
func (r *Result) Findings(ctx context.Context, s *chatadmin.Scope, file io.ReadSeeker) ([]Finding, error) {
	return findings(func(each func(Outcome) error) error { return r.Outcomes(ctx, s, file, each) })
}

func findings(outcomes func(func(Outcome) error) error) ([]Finding, error) {
	byCode := map[string]*Finding{}
	err := outcomes(func(o Outcome) error {
		for _, n := range o.Notes {
			if o.Status == Skipped && !n.Warning {
				continue // a row that is skipped as it should be
			}
			f := byCode[n.Code]
			if f == nil {
				f = &Finding{Code: n.Code, Warning: n.Warning, Line: o.Line, Example: n}
				byCode[n.Code] = f
			}
			f.Count++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var all []Finding
	for _, f := range byCode {
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(harm(a), harm(b)), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Code, b.Code))
	})
	return all, nil
}

// harmful are the warnings, from the most harmful to the least.
var harmful = []string{CodeNewLogin, CodeDropped, CodeDamaged, CodeRuined, CodeEnabledIgnored, CodeManagerForbidden, CodeManagerCircle, CodeOwnManager, CodeNoManager, CodeNoGroup, CodeBadLanguage, CodeNullWord, CodeShortRow}

// harm is less where a finding does more harm.
func harm(f Finding) int {
	if !f.Warning {
		return -1
	}
	if i := slices.Index(harmful, f.Code); i >= 0 {
		return i
	}
	return len(harmful)
}
