package csvimport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// chunkRecords keep what became of the rows of each batch, and createdRecords
// who was created by them.
var (
	chunkRecords = chatadmin.RecordKind[chunk]{Name: chunkKind, Check: (*chunk).check, Need: chatadmin.PermUsersImport,
		Old: func(_ int, data []byte) (c chunk, err error) {
			err = json.Unmarshal(data, &c)
			return c, err
		}}
	createdRecords = chatadmin.RecordKind[createdUsers]{Name: createdKind, Need: chatadmin.PermUsersImport,
		Old: func(_ int, data []byte) (c createdUsers, err error) {
			err = json.Unmarshal(data, &c.IDs) // a bare list
			return c, err
		}}
)

// createdUsers are those whom one batch of rows has created.
type createdUsers struct {
	IDs []chatadmin.ID `json:"ids"`
}

// imported is what a run of an import keeps.
type imported struct {
	params
	At     cursor `json:"at"`
	Counts Counts `json:"counts"`
	Owed   owed   `json:"owed,omitzero"`
}

// params are what a run remembers of how the import was begun.
type params struct {
	Settings settings        `json:"settings"`
	File     []byte          `json:"file"`
	Warnings []texts.Message `json:"warnings,omitempty"`
}

func readOldImport(run *importRun, job *chatadmin.OldJob, notice []byte) error {
	if job == nil {
		return chatadmin.ErrDamaged
	}
	if len(notice) > 0 {
		if err := json.Unmarshal(notice, &run.Data.Owed); err != nil {
			return err
		}
	}
	return errors.Join(json.Unmarshal(job.Params, &run.Data.params), json.Unmarshal(job.Cursor, &run.Data.At), json.Unmarshal(job.Result, &run.Data.Counts))
}

// prune deletes what became of the rows of an import that is pruned itself.
func prune(ctx context.Context, w *chatadmin.Writer, run *importRun, _ int) (more bool, err error) {
	const batches = 100
	left := run.Data.At.Rows - run.Data.At.Pruned
	from := max(0, left-batches)
	var keys []storage.Key
	for b := from; b < left; b++ {
		keys = append(keys, chunkKey(chunkKind, w.Domain.ID, run.ID, b), chunkKey(createdKind, w.Domain.ID, run.ID, b))
	}
	rs, err := w.Records(ctx, keys)
	if err != nil {
		return false, err
	}
	changes := make([]storage.Write[storage.Record], len(rs))
	for i, r := range rs {
		changes[i] = storage.Write[storage.Record]{Row: r, Was: r.Rev, Delete: true}
	}
	run.Data.At.Pruned = run.Data.At.Rows - from
	return from > 0, w.PutRecords(ctx, changes)
}

// cursor is how far the import is: the batch it does next, of users first, and
// then of the managers who stand on later lines.
type cursor struct {
	Phase string `json:"phase"`
	Batch int    `json:"batch"`
	Rows  int    `json:"rows"`           // batches of rows that are committed
	Open  int    `json:"open,omitempty"` // their rows whose managers are still to be set
	// A manager who cannot be set yet, since others further down the file must
	// get theirs first, is left for a further pass.
	Pass  int      `json:"pass,omitempty"`
	Only  []uint32 `json:"only,omitempty"`  // the rows of a further pass
	Again []uint32 `json:"again,omitempty"` // those it leaves for the next one
	// it has set a manager, so that the next one may get further
	Set bool `json:"set,omitempty"`
	// Pruned is how many of the last batches of rows have been pruned.
	Pruned int `json:"pruned,omitempty"`
}

const (
	phaseRows  = "rows"
	phaseLinks = "links"
)

func chunkID(id chatadmin.ID, batch int) string { return fmt.Sprintf("%s/%06d", id, batch) }

func chunkKey(kind string, domain, id chatadmin.ID, batch int) storage.Key {
	return storage.Key{Kind: kind, Domain: domain, ID: chunkID(id, batch)}
}

// readChunks reads what became of the first n batches of a run. Of a batch
// whose record was damaged and deleted nothing is known any more.
func readChunks(ctx context.Context, s *chatadmin.Scope, run *importRun, n int) ([]chunk, error) {
	id, chunks := run.ID, make([]chunk, n)
	for b := range chunks {
		chunks[b].Letters = strings.Repeat(string(letterLost), int(max(0, min(batchRows, run.Total-int64(b*batchRows)))))
	}
	for from := 0; from < n; from += 100 {
		var keys []storage.Key
		for b := from; b < min(from+100, n); b++ {
			keys = append(keys, chunkKey(chunkKind, s.Domain(), id, b))
		}
		rs, err := s.Admin().Store().Records(ctx, keys)
		if err != nil {
			return nil, err
		}
		for _, r := range rs {
			b := slices.Index(keys, r.Key)
			if chunks[from+b], err = chunkRecords.Decode(r); err != nil {
				return nil, fmt.Errorf("import %s: %w", id, err)
			}
		}
	}
	return chunks, nil
}
