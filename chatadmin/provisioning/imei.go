package provisioning

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// imeiUse says whose phone an IMEI is. It is kept under the IMEI, so that no
// two users of a domain have one phone.
type imeiUse struct {
	User chatadmin.ID `json:"user"`
	// Device is the client's own device id of the device that was activated by
	// the IMEI, or "".
	Device string `json:"device,omitempty"`
}

var imeiRecords = chatadmin.RecordKind[imeiUse]{
	Name: "imei",
	Need: chatadmin.PermUsersEdit,
	Check: func(u *imeiUse) error {
		if u.User == "" {
			return errors.New("it belongs to nobody")
		}
		return nil
	},
}

// repairableIMEIs are the records of IMEIs, which know how they are repaired:
// the IMEI stays with its user, whose profile names it, and the phone has to be
// activated anew.
func repairableIMEIs() *chatadmin.RecordKind[imeiUse] {
	k := imeiRecords
	k.Repair = func(ctx context.Context, w *chatadmin.Writer, r storage.Record) error {
		now := storage.Record{Key: r.Key, Owner: r.Owner}
		var err error
		if r.Owner != "" {
			now.Data, err = imeiRecords.Encode(&imeiUse{User: r.Owner})
		}
		if err != nil {
			return err
		}
		return w.PutRecords(ctx, []storage.Write[storage.Record]{{Row: now, Was: r.Rev, Delete: r.Owner == ""}})
	}
	return &k
}

// cleanIMEI drops what people write between the digits.
func cleanIMEI(typed string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\u00a0', '-', '.', '/':
			return -1
		}
		return r
	}, typed)
}

// imeiFault says what is wrong with an IMEI, or "". The last of 15 digits can be
// computed from the others (Luhn, ISO/IEC 7812-1; 3GPP TS 23.003, annex B).
func imeiFault(imei string, luhn bool) string {
	for i := range len(imei) {
		if imei[i] < '0' || imei[i] > '9' {
			return "an IMEI has digits only: dial *#06# to see it"
		}
	}
	switch {
	case len(imei) == 14:
		return "an IMEI has 13 or 15 digits; the last one is missing: dial *#06# to see it"
	case len(imei) != 13 && len(imei) != 15:
		return fmt.Sprintf("an IMEI has 13 or 15 digits, not %d: dial *#06# to see it", len(imei))
	case luhn && len(imei) == 15 && !luhnValid(imei):
		return "a digit of this IMEI is wrong: dial *#06# to see it"
	}
	return ""
}

// luhnValid computes the check digit.
func luhnValid(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// imeisInUse finds who has which IMEI. A record that cannot be read keeps its
// IMEI taken.
func imeisInUse(ctx context.Context, r storage.Reader, domain chatadmin.ID, imeis []string) (map[string]imeiUse, error) {
	all := map[string]imeiUse{}
	for batch := range slices.Chunk(imeis, chatadmin.MaxBatch) {
		found, err := imeiRecords.GetMany(ctx, r, domain, batch...)
		if err != nil {
			return nil, err
		}
		for imei, e := range found {
			all[imei] = e.Value
		}
	}
	return all, nil
}

// moveIMEIs gives users the phones that their profiles name, and takes those
// from them that they named before.
func moveIMEIs(ctx context.Context, w *chatadmin.Writer, moves []imeiMove) error {
	var want []string
	for _, m := range moves {
		for _, imei := range [...]string{m.was, m.now} {
			if imei != "" {
				want = append(want, imei)
			}
		}
	}
	found := map[string]chatadmin.Entry[imeiUse]{}
	for batch := range slices.Chunk(want, chatadmin.MaxBatch) {
		some, err := imeiRecords.GetMany(ctx, w, w.Domain.ID, batch...)
		if err != nil {
			return err
		}
		for imei, e := range some {
			found[imei] = e
		}
	}
	entries := map[string]*chatadmin.Entry[imeiUse]{}
	for _, m := range moves { // first all that are given back
		if e, ok := found[m.was]; ok && m.was != "" && e.Value.User == m.user.ID {
			e.Value, entries[m.was] = imeiUse{}, &e
		}
	}
	for _, m := range moves {
		if m.now == "" {
			continue
		}
		e, ok := entries[m.now]
		if !ok {
			is, there := found[m.now]
			if !there {
				is = imeiRecords.New(w.Domain.ID, m.now, m.user.ID, imeiUse{})
			}
			e = &is
		}
		if e.Damaged != nil || e.Value.User != "" && e.Value.User != m.user.ID {
			return &chatadmin.TakenError{FieldError: &chatadmin.FieldError{Field: fieldIMEI, Value: m.now, Code: chatadmin.CodeTaken,
				Reason: "another user has the phone with this IMEI"}, Users: []chatadmin.ID{m.user.ID}}
		}
		e.Owner, e.Value = m.user.ID, imeiUse{User: m.user.ID}
		entries[m.now] = e
	}
	var put, gone []*chatadmin.Entry[imeiUse]
	for _, e := range entries {
		switch {
		case e.Value.User != "":
			put = append(put, e)
		case e.Stored():
			gone = append(gone, e)
		}
	}
	if err := imeiRecords.Delete(ctx, w, gone...); err != nil {
		return err
	}
	return imeiRecords.Put(ctx, w, put...)
}

// imeiMove is a user whose IMEI changes.
type imeiMove struct {
	user     *chatadmin.User
	was, now string
}
