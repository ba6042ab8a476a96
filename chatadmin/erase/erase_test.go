package erase_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
)

const reason = "left the company"

// crowd makes ann with all that somebody can have, and others around her who
// keep theirs.
func (w *world) crowd() (ann chatadmin.User) {
	w.T.Helper()
	ann = w.user("ann", func(n *chatadmin.NewUser) { n.Title, n.NoInvitation = "Head of sales", false })
	bob := w.user("bob", func(n *chatadmin.NewUser) { n.Manager = ann.ID })
	eve := w.user("eve", func(n *chatadmin.NewUser) { n.Manager, n.Role = ann.ID, chatadmin.RoleAdmin })
	w.user("fay", func(n *chatadmin.NewUser) { n.Manager = bob.ID })
	w.chat(ann, bob, 3)
	w.chat(eve, ann, 2)
	w.chat(bob, eve, 5)
	hers := w.group(w.As(ann), "Hers", bob, eve)
	theirs := w.group(w.As(bob), "Theirs", ann, eve)
	left := w.group(w.As(bob), "Left", ann)
	w.insert(w.message(hers.ID, ann), w.message(hers.ID, bob), w.file(hers.ID, eve), w.message(theirs.ID, ann), w.file(theirs.ID, ann), w.message(theirs.ID, bob), w.message(left.ID, ann))
	require.NoError(w.T, w.As(ann).Leave(ctx, left.ID))
	for _, id := range []chatadmin.ID{ann.ID, ann.ID, hers.ID, w.device(ann), w.device(ann), bob.ID, theirs.ID, w.device(bob)} {
		w.record(id)
	}
	w.posts.add(ann, 3)
	w.posts.add(bob, 4)
	return ann
}

func TestDelete(t *testing.T) {
	w := newWorld(t, memory())
	ann := w.crowd()
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	require.Empty(t, p.Blockers)
	require.Equal(t, map[string]int64{erase.Users: 1, erase.Chats: 2, erase.Messages: 6 + 4 + 2 + 1 + 1, erase.Files: 2 + 1 + 1, erase.Groups: 1, erase.Memberships: 3 + 2 + 1, erase.Devices: 2,
		erase.Records: 7, erase.Reports: 2, publications: 3}, p.Counts)
	require.Equal(t, []erase.PlannedGroup{{ID: p.Groups[0].ID, Name: "Hers", Members: 3}}, p.Groups)
	require.Len(t, p.Warnings, 5)
	require.EqualValues(t, 14, p.Alternative.Keeps[erase.Messages])

	// The plan survives being kept.
	text, err := json.Marshal(p)
	require.NoError(t, err)
	kept := &erase.Plan{}
	require.NoError(t, json.Unmarshal(text, kept))
	require.Equal(t, p, kept)

	before := w.everything()
	var last chatadmin.Progress
	r, err := w.d.Apply(ctx, w.S, kept, reason, func(p chatadmin.Progress) { last = p })
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, r.State)
	require.Equal(t, []any{w.Boss.ID, reason, []chatadmin.ID{ann.ID}}, []any{r.By, r.Data.Reason, r.Data.Users})
	require.Equal(t, p.Counts, r.Data.Removed, "as planned")
	require.Equal(t, some(r.Data.Removed), w.gone(before), "as told")
	require.Equal(t, last.Total, last.Done)
	w.noTrace(ann.ID)

	again, err := w.d.Run(ctx, w.S, r.ID)
	require.NoError(t, err)
	require.Equal(t, r, again)
	text, err = json.Marshal(r)
	require.NoError(t, err)
	for _, secret := range []string{"ann@", "Head", "Hers"} {
		require.NotContains(t, string(text), secret)
	}
	n, err := w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.NoError(t, err)
	require.EqualValues(t, r.Data.Removed[erase.Files], n)

	// The login is free, and who gets it inherits nothing.
	new := w.user("ann")
	require.NotEqual(t, ann.ID, new.ID)
	p, err = w.d.Plan(ctx, w.S, []chatadmin.ID{new.ID}, nil)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{erase.Users: 1, erase.Memberships: 2}, some(p.Counts))
}
