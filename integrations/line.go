package integrations

import (
	"context"
	"encoding/json"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

const (
	leaseLife  = time.Minute
	firstPause = time.Second
	mostPause  = 15 * time.Minute
	// giveUp is how long a message is tried before it goes to the dead letters.
	giveUp = 24 * time.Hour
)

// lineData is the state of one queue of one connection: one worker at a time takes from it, in order, and after a failure nobody does for a while. It exists only while there is something to say.
type lineData struct {
	Version int       `json:"v"`
	Leased  time.Time `json:"leased,omitzero"` // to a worker, until
	Paused  time.Time `json:"paused,omitzero"` // until
	Tries   int       `json:"tries,omitempty"`
	Problem string    `json:"problem,omitempty"`
	Told    bool      `json:"told,omitempty"` // the admins know that somebody must authenticate again

	rev chatadmin.Rev
}

func lineKey(domain chatadmin.ID, kind string, of Of) chatadmin.Key {
	return chatadmin.Key{Kind: kindLine, Domain: domain, ID: kind + "/" + of.key()}
}

func decodeLine(r chatadmin.Record) (lineData, error) {
	var l lineData
	err := decode(r, &l, &l.Version)
	l.rev = r.Rev
	return l, err
}

func (x *Integrations) readLine(ctx context.Context, r chatadmin.Reader, domain chatadmin.ID, kind string, of Of) (lineData, error) {
	rs, err := r.Records(ctx, []chatadmin.Key{lineKey(domain, kind, of)})
	if err != nil || len(rs) == 0 {
		return lineData{Version: version}, err
	}
	return decodeLine(rs[0])
}

// change writes the line, or deletes it where it says nothing.
func (l *lineData) change(domain chatadmin.ID, kind string, of Of) chatadmin.Change[chatadmin.Record] {
	l.Version = version
	data, _ := json.Marshal(l) // times and strings cannot fail
	return chatadmin.Change[chatadmin.Record]{Row: chatadmin.Record{Key: lineKey(domain, kind, of), Owner: of.Owner, Data: data}, Was: l.rev,
		Delete: l.rev != 0 && l.Leased.IsZero() && l.Paused.IsZero() && l.Tries == 0}
}

// pause is how long the next try waits: twice as long each time, or as long as the provider wishes.
func (l *lineData) pause(now time.Time, after time.Duration) {
	wait := min(firstPause<<min(l.Tries, 20), mostPause)
	l.Tries++
	l.Paused = now.Add(max(wait, min(after, giveUp)))
}

// resume lifts the pauses of a connection, because somebody has authenticated again. What waits is due at the latest a quarter of an hour later.
func (x *Integrations) resume(ctx context.Context, domain chatadmin.ID, of Of) error {
	return x.admin.AsHost(domain).Change(ctx, traffic(of), func(ctx context.Context, w *chatadmin.Work) error {
		rs, err := w.Records(ctx, []chatadmin.Key{lineKey(domain, kindIn, of), lineKey(domain, kindOut, of)})
		if err != nil {
			return err
		}
		var changes []chatadmin.Change[chatadmin.Record]
		for _, r := range rs {
			l, err := decodeLine(r)
			if err != nil {
				return err
			}
			l.Paused, l.Tries, l.Problem, l.Told = time.Time{}, 0, "", false
			changes = append(changes, l.change(domain, r.ID[:len(r.ID)-len(of.key())-1], of))
		}
		return w.PutRecords(ctx, changes)
	})
}

func traffic(of Of) chatadmin.Op {
	return chatadmin.Op{Kind: KindTraffic, Fence: chatadmin.Shared, Targets: []chatadmin.ID{of.Owner}}
}
