package integrations

import (
	"context"
	"errors"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// The kinds of records that this package keeps.
const (
	kindService = "integration.service" // what a domain has decided about a service
	kindConn    = "integration"         // a connection
	kindState   = "integration.state"   // an OAuth sign-in under way
	// what a service remembers until its next step of connecting
	kindStep = "integration.step"
	// from the provider: waiting, or, without an owner, kept against repetition
	kindIn  = "integration.in"
	kindOut = "integration.out" // to the provider, waiting
	// its revision is the place of the last message that was queued to a
	// provider
	kindTurn    = "integration.turn"
	kindLine    = "integration.line"    // who works on a queue, and when it goes on
	kindMap     = "integration.map"     // message ↔ the provider's ID
	kindDead    = "integration.dead"    // given up
	kindRelease = "integration.release" // ended here, and still to be ended at the provider
	kindNotice  = "integration.notice"  // what admins are to be told
	kindTally   = "integration.tally"   // what a connection did not carry, and how often
	kindRenewal = "integration.renewal" // who renews the tokens of an account; of no domain
	kindCheck   = "integration.check"   // when it is compared with its provider
)

var errValues = errors.New("it holds values that cannot be")

// must is a check of a record's values.
func must(ok bool) error {
	if !ok {
		return errValues
	}
	return nil
}

var (
	serviceRecords = chatadmin.RecordKind[serviceData]{Name: kindService, Need: chatadmin.PermServices}
	connRecords    = chatadmin.RecordKind[connData]{Name: kindConn, Need: chatadmin.PermServices, Check: (*connData).check}
	stateRecords   = chatadmin.RecordKind[stateData]{Name: kindState, Need: chatadmin.PermServices,
		Check: func(d *stateData) error { return must(d.Service != "" && d.Owner != "" && d.Actor != "") }}
	stepRecords = chatadmin.RecordKind[stepData]{Name: kindStep, Need: chatadmin.PermServices,
		Check: func(d *stepData) error { return must(len(d.Sealed) > 0) }}
	inRecords  = chatadmin.RecordKind[inData]{Name: kindIn, Need: chatadmin.PermServices}
	outRecords = chatadmin.RecordKind[outData]{Name: kindOut, Need: chatadmin.PermServices, Check: (*outData).check}
	// Nothing but the revision of a turn counts. Repair keeps it: places in a
	// queue go up.
	turnRecords = chatadmin.RecordKind[struct{}]{Name: kindTurn, Need: chatadmin.PermServices,
		Old: func(int, []byte) (struct{}, error) { return struct{}{}, nil }, Repair: repairTurn}
	lineRecords = chatadmin.RecordKind[queueData]{Name: kindLine, Need: chatadmin.PermServices,
		Check: func(d *queueData) error { return must(d.Tries >= 0) }}
	mapRecords     = chatadmin.RecordKind[mapData]{Name: kindMap, Need: chatadmin.PermServices, Check: (*mapData).check}
	deadRecords    = chatadmin.RecordKind[deadData]{Name: kindDead, Need: chatadmin.PermServices, Check: (*deadData).check}
	releaseRecords = chatadmin.RecordKind[releaseData]{Name: kindRelease, Need: chatadmin.PermServices,
		Check: func(d *releaseData) error { return errors.Join(must(d.Service != "" && d.Tries >= 0), d.Conn.check()) }}
	noticeRecords = chatadmin.RecordKind[noticeData]{Name: kindNotice, Need: chatadmin.PermServices,
		Check: func(d *noticeData) error { return must(d.Text.Text != "") }}
	checkRecords = chatadmin.RecordKind[checkData]{Name: kindCheck, Need: chatadmin.PermServices,
		Check: func(d *checkData) error { return must(d.Tries >= 0) }}
	tallyRecords = chatadmin.RecordKind[tallyData]{Name: kindTally, Need: chatadmin.PermServices, Check: (*tallyData).check}
)

// records are all kinds, for Scope.Damaged and Scope.Repair.
func (x *Integrations) records() []chatadmin.Damageable {
	conns := connRecords
	conns.Repair = x.repairConnection
	return []chatadmin.Damageable{&serviceRecords, &conns, &stateRecords, &stepRecords, &inRecords, &outRecords, &turnRecords,
		&lineRecords, &mapRecords, &deadRecords, &releaseRecords, &noticeRecords, &checkRecords, &tallyRecords}
}

// turnRow is the data of a turn.
var turnRow = []byte(`{"v":1}`)

// row is a record with an encoded value.
func row[T any](k *chatadmin.RecordKind[T], key storage.Key, owner chatadmin.ID, v *T) (storage.Record, error) {
	data, err := k.Encode(v)
	return storage.Record{Key: key, Owner: owner, Data: data}, err
}

// repairConnection puts a draft without an account in the place of a connection
// that cannot be read. What it was connected to must be ended at the provider
// by hand.
func (x *Integrations) repairConnection(ctx context.Context, w *chatadmin.Writer, r storage.Record) error {
	change := storage.Write[storage.Record]{Row: r, Was: r.Rev, Delete: true}
	of := ofItem(r)
	if svc := x.byName[of.Service]; svc != nil && r.Owner == of.Owner {
		c, err := x.fresh(svc, w.Domain.ID, of, r.Rev)
		if err != nil {
			return err
		}
		if change, err = c.change(); err != nil {
			return err
		}
	}
	return w.PutRecords(ctx, []storage.Write[storage.Record]{change})
}

func repairTurn(ctx context.Context, w *chatadmin.Writer, r storage.Record) error {
	one := []storage.Write[storage.Record]{{Row: r, Was: r.Rev}}
	one[0].Row.Data = turnRow
	return w.PutRecords(ctx, one)
}

// unreadable reports whether an error lies in what is stored of a connection,
// and not in the store.
func unreadable(err error) bool {
	return errors.Is(err, errSealed) || errors.Is(err, chatadmin.ErrDamaged)
}
