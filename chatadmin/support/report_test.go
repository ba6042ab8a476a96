package support_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/support"
)

// A report from its draft to its end.
func TestReport(t *testing.T) {
	w := newWorld(t)
	b, err := w.x.Prepare(ctx, w.ann, draft())
	require.NoError(t, err)
	p := b.Preview()
	require.Equal(t, "ann@acme.example", p.From, "the user's own")
	require.Equal(t, helpdesk, p.To)
	require.Equal(t, "Problem report: Windows, Acme [#42]", p.Subject)
	require.Contains(t, p.Text, "It hangs.\nMy token=[redacted] is no help.\n")
	require.Contains(t, p.Text, "client.log, 36 bytes, secrets taken out: 1\n")
	require.Equal(t, "started\npassword=[redacted] for ann\n", p.Files[0].Sample)
	require.Empty(t, w.Mail.Mails(), "nothing leaves before Send")
	var written bytes.Buffer
	n, err := b.WriteTo(&written)
	require.NoError(t, err)
	require.Equal(t, p.Size, n)
	require.Equal(t, map[string]string{"client.log": "started\npassword=[redacted] for ann\n", "sync.log": "Authorization: [redacted]\n"}, unzip(t, written.Bytes()))

	for range 2 { // the second time changes nothing
		r, err := w.x.Send(ctx, w.ann, b)
		require.NoError(t, err)
		require.Equal(t, support.Waiting, r.State)
		require.Empty(t, r.Files[0].Sample, "samples are for the preview alone")
	}
	require.Equal(t, 1, w.work())
	require.Zero(t, w.work())
	m := w.Mail.Mails()[0]
	require.Equal(t, "report-"+string(p.ID), m.ID)
	require.Equal(t, helpdesk, m.To)
	require.Equal(t, "ann@acme.example", m.ReplyTo)
	require.Equal(t, p.Text, m.Text)
	require.Equal(t, []string{"logs.zip", "application/zip"}, []string{m.Attachments[0].Name, m.Attachments[0].Type})

	w.Clock.Advance(time.Hour)
	for range 2 {
		r, err := w.x.Acknowledge(ctx, w.desk, p.ID)
		require.NoError(t, err)
		require.Equal(t, support.Received, r.State)
	}
	require.Equal(t, 1, w.work())
	told := w.Mail.To("ann@acme.example")
	require.Len(t, told, 1)
	require.Contains(t, told[0].Text, "has arrived. It came with 2 log files.\nWe will investigate and fix the problem.\n")
	require.Equal(t, "We have received your problem report [#42]", told[0].Subject)
	for _, to := range []support.State{support.InWork, support.Solved, support.InWork, support.Received, support.Solved, support.Solved} {
		r, err := w.x.SetState(ctx, w.desk, p.ID, to)
		require.NoError(t, err)
		require.Equal(t, to, r.State)
	}
	require.Zero(t, w.work(), "nobody is told twice")
	var kinds []string
	for e, err := range w.S.Events(ctx, chatadmin.EventQuery{Target: w.ann.Actor()}) {
		require.NoError(t, err)
		if strings.HasPrefix(e.Kind, "report.") {
			kinds = append(kinds, e.Kind)
		}
	}
	slices.Sort(kinds)
	require.Equal(t, []string{"report.acknowledge", "report.send", "report.state", "report.state", "report.state", "report.state", "report.state"}, kinds)
}

// attached are the text and the zip of a mail, as a parser of mail that is not
// ours reads it.
func (w *world) attached(mailID string) (msg *mail.Message, text string, zip []byte) {
	w.T.Helper()
	data, err := os.ReadFile(filepath.Join(w.letter, mailID+".eml"))
	require.NoError(w.T, err)
	msg, err = mail.ReadMessage(bytes.NewReader(data))
	require.NoError(w.T, err)
	_, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	require.NoError(w.T, err)
	parts := multipart.NewReader(msg.Body, params["boundary"])
	body, err := parts.NextPart()
	require.NoError(w.T, err)
	words, err := io.ReadAll(body)
	require.NoError(w.T, err)
	file, err := parts.NextPart()
	require.NoError(w.T, err)
	require.Equal(w.T, "logs.zip", file.FileName())
	zip, err = io.ReadAll(base64.NewDecoder(base64.StdEncoding, file))
	require.NoError(w.T, err)
	_, err = parts.NextPart()
	require.ErrorIs(w.T, err, io.EOF)
	return msg, string(words), zip
}

func TestMailOfReport(t *testing.T) {
	w := newWorld(t)
	r := w.sent()
	msg, text, zip := w.attached("report-" + string(r.ID))
	require.Equal(t, "<ann@acme.example>", msg.Header.Get("Reply-To"))
	require.Equal(t, "<"+helpdesk+">", msg.Header.Get("To"))
	require.Equal(t, "Problem report: Windows, Acme [#42]", msg.Header.Get("Subject"))
	require.Contains(t, text, string(r.ID))
	require.Equal(t, map[string]string{"client.log": "started\npassword=[redacted] for ann\n", "sync.log": "Authorization: [redacted]\n"}, unzip(t, zip))
}

// The zip is whole however large it is, and is kept no longer than until it was
// sent.
func TestLargeReport(t *testing.T) {
	w := newWorld(t)
	var log strings.Builder
	r := rand.New(rand.NewPCG(1, 2))
	for log.Len() < 4<<20 { // packs to more than two pieces
		fmt.Fprintf(&log, "%d ", r.IntN(1e8))
	}
	d := draft()
	d.Logs = []support.Log{text("large.log", log.String())}
	b, err := w.x.Prepare(ctx, w.ann, d)
	require.NoError(t, err)
	require.Greater(t, b.Preview().Size, int64(1<<20))
	_, err = w.x.Send(ctx, w.ann, b)
	require.NoError(t, err)
	kept := func() int {
		rs, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Kind: "report-part", Domain: w.Domain}, chatadmin.Page{Limit: 100})
		require.NoError(t, err)
		return len(rs)
	}
	require.Greater(t, kept(), 2)
	require.Equal(t, 1, w.work())
	require.Zero(t, kept())
	var want bytes.Buffer
	_, err = b.WriteTo(&want)
	require.NoError(t, err)
	_, _, zip := w.attached("report-" + string(b.Preview().ID))
	require.True(t, bytes.Equal(want.Bytes(), zip))
}

// What is damaged is listed, harms no other report, and is repaired.
func TestDamaged(t *testing.T) {
	w := newWorld(t)
	good := w.sent()
	for i, data := range []string{"{", "null", `{"v":9}`, `{"v":1,"id":"bad2","state":"lost"}`} {
		id := storage.ID(fmt.Sprintf("bad%d", i))
		require.NoError(t, w.Store.Update(ctx, storage.Fence{Domain: w.Domain, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: storage.Record{Key: storage.Key{Kind: "report", Domain: w.Domain, ID: string(id)},
				Owner: w.ann.Actor(), Due: w.Clock.Now(), Rev: 1, Data: []byte(data)}}})
			return err
		}))
		_, err := w.x.Report(ctx, w.desk, id)
		require.ErrorIs(t, err, chatadmin.ErrDamaged)
	}
	require.Zero(t, w.work())
	page, _, err := w.x.ReportsPage(ctx, w.desk, support.Query{}, chatadmin.Page{Limit: 100})
	require.NoError(t, err)
	require.Len(t, page, 1)
	require.Equal(t, good.ID, page[0].ID)
	damaged := 0
	for bad, err := range w.S.Damaged(ctx) {
		require.NoError(t, err)
		require.NoError(t, w.S.Repair(ctx, bad.Kind, bad.ID))
		damaged++
	}
	require.Equal(t, 4, damaged)
}

// All pairs of states: which way support can move a report, and which not.
func TestStates(t *testing.T) {
	legal := map[[2]support.State]bool{
		{support.Received, support.InWork}: true, {support.Received, support.Solved}: true, {support.InWork, support.Received}: true,
		{support.InWork, support.Solved}: true, {support.Solved, support.InWork}: true,
	}
	for _, from := range support.States() {
		for _, to := range append(support.States(), "lost") {
			w := newWorld(t)
			id := w.in(from)
			r, err := w.x.SetState(ctx, w.desk, id, to)
			switch {
			case to == "lost":
				require.ErrorIs(t, err, chatadmin.ErrInvalid)
			case from == to || legal[[2]support.State{from, to}]:
				require.NoError(t, err, "%s to %s", from, to)
				require.Equal(t, to, r.State)
				continue
			default:
				require.ErrorIs(t, err, support.ErrState, "%s to %s", from, to)
			}
			r, err = w.x.Report(ctx, w.desk, id)
			require.NoError(t, err)
			require.Equal(t, from, r.State, "a refused move changes nothing")
		}
		w := newWorld(t)
		r, err := w.x.Acknowledge(ctx, w.desk, w.in(from))
		if from == support.Waiting || from == support.Failed {
			require.ErrorIs(t, err, support.ErrState)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, map[bool]support.State{true: support.Received, false: from}[from == support.Sent], r.State)
	}
}

// in makes a report in a state.
func (w *world) in(s support.State) chatadmin.ID {
	w.T.Helper()
	b, err := w.x.Prepare(ctx, w.ann, draft())
	require.NoError(w.T, err)
	_, err = w.x.Send(ctx, w.ann, b)
	require.NoError(w.T, err)
	id := b.Preview().ID
	if s == support.Waiting {
		return id
	}
	if s == support.Failed {
		w.Mail.FailNext(chatadmin.ErrMailRefused)
	}
	w.work()
	if s == support.Failed || s == support.Sent {
		return id
	}
	_, err = w.x.Acknowledge(ctx, w.desk, id)
	require.NoError(w.T, err)
	_, err = w.x.SetState(ctx, w.desk, id, s)
	require.NoError(w.T, err)
	return id
}

// All that is wrong with a draft is told at once, and nothing is smuggled into
// a header.
func TestDraftFaults(t *testing.T) {
	w := newWorld(t)
	_, err := w.x.Prepare(ctx, w.ann, support.Draft{Platform: "beos", From: "Bob <bob@x.example>", Ticket: "1\r\nBcc: eve@x.example", Client: "a\nb", Description: strings.Repeat("x", 17<<10)})
	var wrong *chatadmin.FieldErrors
	require.ErrorAs(t, err, &wrong)
	var fields []string
	for _, f := range wrong.Fields {
		fields = append(fields, f.Field+" "+f.Code)
	}
	require.Equal(t, []string{"platform bad_platform", "from bad_email", "ticket bad_ticket", "client bad_text", "description too_long"}, fields)
	for _, from := range []string{"bob@x.example, eve@x.example", "bob@x.example (x)", "bob@x.example\r\nBcc: eve@x.example", `"bob"@x.example`, "bob", "@", "bob@x.example>"} {
		d := draft()
		d.From = from
		_, err := w.x.Prepare(ctx, w.ann, d)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, from)
	}
	d := draft()
	d.From = " bob@x.example "
	b, err := w.x.Prepare(ctx, w.ann, d)
	require.NoError(t, err)
	require.Equal(t, "bob@x.example", b.Preview().From)
	_, err = w.x.Prepare(ctx, w.Host, draft())
	require.ErrorIs(t, err, chatadmin.ErrInvalid, "the host reports for nobody")
	_, err = w.x.Send(ctx, w.ann, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)

	nowhere := newWorld(t, func(o *support.Options) { o.Recipients = nil })
	_, err = nowhere.x.Prepare(ctx, nowhere.ann, draft())
	require.ErrorIs(t, err, support.ErrNoRecipient)
}

// Without a Mailer the zip goes into a file.
func TestNoMailer(t *testing.T) {
	w := newWorld(t)
	admin, err := chatadmin.New(w.Store, nil)
	require.NoError(t, err)
	x, err := support.New(admin, &support.Options{Recipients: recipients()})
	require.NoError(t, err)
	s := admin.As(w.Domain, w.ann.Actor())
	b, err := x.Prepare(ctx, s, draft())
	require.NoError(t, err)
	_, err = x.Send(ctx, s, b)
	require.ErrorIs(t, err, support.ErrNoMailer)
	var file bytes.Buffer
	_, err = b.WriteTo(&file)
	require.NoError(t, err)
	require.Len(t, unzip(t, file.Bytes()), 2)
}

// A mail that fails is tried again, under the same ID; one that fails for good,
// or for hours, is given up.
func TestDelivery(t *testing.T) {
	w := newWorld(t)
	id := w.in(support.Waiting)
	w.Mail.FailNext(errors.New("busy"), errors.New("busy"))
	require.Zero(t, w.work())
	require.Zero(t, w.work(), "it is put off")
	w.Clock.Advance(2 * time.Minute)
	require.Zero(t, w.work())
	w.Clock.Advance(4 * time.Minute)
	require.Equal(t, 1, w.work())
	r, err := w.x.Report(ctx, w.ann, id)
	require.NoError(t, err)
	require.Equal(t, support.Sent, r.State)

	w = newWorld(t)
	id = w.in(support.Waiting)
	for range 8 {
		w.Mail.FailNext(errors.New("busy"))
		require.Zero(t, w.work())
		w.Clock.Advance(5 * time.Hour)
	}
	r, err = w.x.Report(ctx, w.ann, id)
	require.NoError(t, err)
	require.Equal(t, support.Failed, r.State)
	require.Equal(t, "busy", r.Problem)
	require.Zero(t, w.work())

	w = newWorld(t)
	w.in(support.Waiting)
	w.Mail.FailNext(chatadmin.ErrMailUnknown)
	require.Equal(t, 1, w.work(), "it may have been taken: it is not sent twice")
	require.Zero(t, w.work())
}

// A clock that was ahead when a mail was put off delays nothing for long.
func TestDeliveryClock(t *testing.T) {
	w := newWorld(t)
	w.Clock.Advance(365 * 24 * time.Hour)
	w.in(support.Waiting)
	w.Mail.FailNext(errors.New("busy"))
	require.Zero(t, w.work())
	w.Clock.Advance(-365 * 24 * time.Hour)
	n, err := w.x.Deliver(ctx, w.Domain)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// Of a hundred at once, one counts.
func TestAtOnce(t *testing.T) {
	w := newWorld(t)
	b, err := w.x.Prepare(ctx, w.ann, draft())
	require.NoError(t, err)
	for _, err := range chatadmintest.AtOnce(100, func(int) error { _, err := w.x.Send(ctx, w.ann, b); return err }) {
		require.NoError(t, err)
	}
	for _, err := range chatadmintest.AtOnce(100, func(int) error { _, err := w.x.Deliver(ctx, w.Domain); return err }) {
		require.NoError(t, err)
	}
	require.Len(t, w.Mail.To(helpdesk), 1)
	for _, err := range chatadmintest.AtOnce(100, func(int) error { _, err := w.x.Acknowledge(ctx, w.desk, b.Preview().ID); return err }) {
		require.NoError(t, err)
	}
	for _, err := range chatadmintest.AtOnce(100, func(int) error { _, err := w.x.Deliver(ctx, w.Domain); return err }) {
		require.NoError(t, err)
	}
	require.Len(t, w.Mail.To("ann@acme.example"), 1)
}

func TestThrottled(t *testing.T) {
	w := newWorld(t, func(o *support.Options) { o.PerDay = 5 })
	bundles := make([]*support.Bundle, 50)
	for i := range bundles {
		var err error
		bundles[i], err = w.x.Prepare(ctx, w.ann, draft())
		require.NoError(t, err)
	}
	passed := 0
	for _, err := range chatadmintest.AtOnce(len(bundles), func(n int) error { _, err := w.x.Send(ctx, w.ann, bundles[n]); return err }) {
		if err == nil {
			passed++
			continue
		}
		require.ErrorIs(t, err, chatadmin.ErrThrottled)
	}
	require.Equal(t, 5, passed)
	w.Clock.Advance(24 * time.Hour)
	for _, b := range bundles {
		if _, err := w.x.Send(ctx, w.ann, b); err == nil {
			passed++
		}
	}
	require.Equal(t, 15, passed, "those that were sent, again, and five more")
}

func TestReports(t *testing.T) {
	w := newWorld(t)
	bob := w.user("bob", "")
	states := []support.State{support.Sent, support.InWork, support.Solved}
	for _, st := range states {
		w.in(st)
		w.Clock.Advance(time.Hour)
	}
	d := draft()
	d.Platform, d.Ticket, d.Logs = support.IOS, "7", nil
	b, err := w.x.Prepare(ctx, bob, d)
	require.NoError(t, err)
	_, err = w.x.Send(ctx, bob, b)
	require.NoError(t, err)
	from := w.Clock.Now().Add(-3 * time.Hour)
	for name, c := range chatadmintest.InOrder(map[string]struct {
		s    *chatadmin.Scope
		q    support.Query
		want int
	}{
		"all":       {w.desk, support.Query{}, 4},
		"own":       {w.ann, support.Query{User: w.ann.Actor()}, 3},
		"states":    {w.desk, support.Query{States: states[1:]}, 2},
		"platform":  {w.desk, support.Query{Platforms: []support.Platform{support.IOS, support.Mac}}, 1},
		"ticket":    {w.desk, support.Query{Ticket: "#42"}, 3},
		"from":      {w.desk, support.Query{From: from.Add(time.Minute)}, 3},
		"to":        {w.desk, support.Query{To: from.Add(time.Minute)}, 1},
		"of nobody": {w.desk, support.Query{User: w.S.Actor()}, 0},
	}) {
		var got []support.Report
		for r, err := range w.x.Reports(ctx, c.s, c.q) {
			require.NoError(t, err)
			got = append(got, r)
		}
		require.Len(t, got, c.want, name)
		for i := 1; i < len(got); i++ {
			require.False(t, got[i].At.Before(got[i-1].At), "the oldest first")
		}
		pages := 0
		for p := (chatadmin.Page{Limit: 1}); ; pages++ {
			page, next, err := w.x.ReportsPage(ctx, c.s, c.q, p)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), 1)
			if p.After = next; next == "" {
				break
			}
		}
		require.LessOrEqual(t, pages, 4)
	}
	for _, err := range w.x.Reports(ctx, w.ann, support.Query{}) {
		require.ErrorIs(t, err, chatadmin.ErrForbidden)
	}
	for _, id := range []chatadmin.ID{b.Preview().ID, "none"} {
		_, err := w.x.Report(ctx, w.ann, id)
		require.ErrorIs(t, err, chatadmin.ErrForbidden, "that it is there is not told")
	}
	_, err = w.x.Report(ctx, w.desk, "none")
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
}

// A report, its logs and the levels of its user go with the user.
func TestErased(t *testing.T) {
	w := newWorld(t)
	deletions, err := erase.New(w.Admin, nil)
	require.NoError(t, err)
	_, err = w.x.SetClientLevel(ctx, w.ann, support.Client{User: w.ann.Actor(), Platform: support.IOS, ID: "p"}, support.Debug)
	require.NoError(t, err)
	id := w.in(support.Waiting)
	plan, err := deletions.Plan(ctx, w.S, []chatadmin.ID{w.ann.Actor()}, nil)
	require.NoError(t, err)
	_, err = deletions.Apply(ctx, w.S, plan, "has left", nil)
	require.NoError(t, err)
	_, err = w.x.Report(ctx, w.desk, id)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	require.Zero(t, w.work())
	require.Empty(t, w.Mail.To(helpdesk), "nothing leaves of somebody who is gone")
}
