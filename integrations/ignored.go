package integrations

import (
	"context"
	"slices"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Ignored counts the events or messages that a connection did not carry for one
// reason.
type Ignored struct {
	Why   string // a few words, such as "message of another app"
	Count int64
	Last  time.Time
}

// Why something is not carried, where no service decides it.
const (
	whyGivenUp  = "given up: see the dead letters"
	whyUnchosen = "event of something that is no longer chosen"
	whyArchived = "the group is archived"
	whyUnknown  = "edit or deletion of a message that is not known here"
	whyNotThere = "edit or deletion of a message that never arrived"
	whyOther    = "other reasons"
)

const (
	mostReasons = 32
	mostReason  = 100 // bytes
)

type tallyData struct {
	Reasons map[string]*tallyCount `json:"reasons"`
}

type tallyCount struct {
	N    int64     `json:"n"`
	Last time.Time `json:"last"`
}

func tallyKey(domain chatadmin.ID, of Of) storage.Key {
	return storage.Key{Kind: kindTally, Domain: domain, ID: of.key()}
}

// tally logs and counts what was not carried, each reason once for each time it
// stands in why. It is best effort: what cannot be counted is in the log.
func (x *Integrations) tally(ctx context.Context, domain chatadmin.ID, of Of, why []string) {
	if len(why) == 0 {
		return
	}
	log := x.admin.Options().Logger
	log.InfoContext(ctx, "integration: not carried", "service", of.Service, "owner", of.Owner, "why", why)
	var err error
	for range 3 {
		if err = x.countReasons(ctx, domain, of, why); err == nil {
			return
		}
	}
	log.WarnContext(ctx, "integration: could not be counted", "service", of.Service, "owner", of.Owner, "error", err)
}

func (x *Integrations) countReasons(ctx context.Context, domain chatadmin.ID, of Of, why []string) error {
	return x.admin.AsHost(domain).Change(ctx, traffic(of), func(ctx context.Context, w *chatadmin.Writer) error {
		row := storage.Record{Key: tallyKey(domain, of), Owner: of.Owner}
		rs, err := w.Records(ctx, []storage.Key{row.Key})
		if err != nil {
			return err
		}
		var d tallyData
		var was storage.Rev
		for _, r := range rs {
			if d, err = tallyRecords.Decode(r); err != nil {
				return err
			}
			was = r.Rev
		}
		for _, reason := range why {
			c := d.reason(reason)
			c.N, c.Last = c.N+1, w.Now()
		}
		if row.Data, err = tallyRecords.Encode(&d); err != nil {
			return err
		}
		return w.PutRecords(ctx, []storage.Write[storage.Record]{{Row: row, Was: was}})
	})
}

func (d *tallyData) check() error {
	for _, c := range d.Reasons {
		if c == nil {
			return errValues
		}
	}
	return nil
}

// reason is the count of a reason. Beyond mostReasons all share one.
func (d *tallyData) reason(why string) *tallyCount {
	if d.Reasons == nil {
		d.Reasons = map[string]*tallyCount{}
	}
	if len(why) > mostReason || d.Reasons[why] == nil && len(d.Reasons) >= mostReasons {
		why = whyOther
	}
	if d.Reasons[why] == nil {
		d.Reasons[why] = &tallyCount{}
	}
	return d.Reasons[why]
}

// ignored lists what was not carried, by reason.
func (x *Integrations) ignored(ctx context.Context, domain chatadmin.ID, of Of) ([]Ignored, error) {
	rs, err := x.admin.Store().Records(ctx, []storage.Key{tallyKey(domain, of)})
	if err != nil || len(rs) == 0 {
		return nil, err
	}
	d, err := tallyRecords.Decode(rs[0])
	if err != nil { // it is listed by Scope.Damaged
		return nil, nil
	}
	var list []Ignored
	for why, c := range d.Reasons {
		list = append(list, Ignored{why, c.N, c.Last})
	}
	slices.SortFunc(list, func(a, b Ignored) int { return strings.Compare(a.Why, b.Why) })
	return list, nil
}
