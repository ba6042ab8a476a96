package devices

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"chatadmin.example/sdk/chatadmin/secret"
)

// The bodies of the device side's requests and answers; the package
// documentation has the protocol.
type (
	// RegisterRequest is the body of POST register.
	RegisterRequest struct {
		DeviceID  string      `json:"device_id"`
		Type      string      `json:"type"` // Type.String
		Name      string      `json:"name,omitempty"`
		Version   string      `json:"version,omitempty"`
		PushToken secret.Wire `json:"push_token,omitzero"`
	}
	// RegisterReply is the answer.
	RegisterReply struct {
		Device     string      `json:"device"` // Device.ID
		Generation int64       `json:"generation"`
		Status     string      `json:"status"`         // "enabled" or "disabled"
		Wipe       string      `json:"wipe"`           // Wipe.String
		Token      secret.Wire `json:"token,omitzero"` // none where the device stays disabled
		WipeToken  secret.Wire `json:"wipe_token"`
	}
	// CheckInReply is the answer to POST checkin, whose body is {}.
	CheckInReply struct {
		Commands []CommandReply `json:"commands"`
	}
	// CommandReply is something to do.
	CommandReply struct {
		ID   string `json:"id"`
		Kind string `json:"kind"` // "wipe"
	}
	// AcknowledgeRequest is the body of POST acknowledge.
	AcknowledgeRequest struct {
		Command string `json:"command"`
		Outcome string `json:"outcome"`          // "done" or "failed"
		Detail  string `json:"detail,omitempty"` // what went wrong; its first 64 bytes are kept
	}
	// AcknowledgeReply is the answer.
	AcknowledgeReply struct {
		// Wipe.String: "acknowledged" or "failed", whichever was said first
		State string `json:"state"`
	}
	// ErrorReply is the answer to everything that is refused or fails.
	ErrorReply struct {
		Error ErrorDetail `json:"error"`
	}
	// ErrorDetail tells what was wrong.
	ErrorDetail struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
)

// maxBody bounds the body of a request.
const maxBody = 8 << 10

var (
	errBody    = errors.New("the body is not what this call takes")
	errOutcome = fmt.Errorf("the outcome is done or failed: %w", errBody)
)

// decode reads one flat JSON object of strings into v, strictly: no unknown,
// repeated or differently spelled fields, no null, nothing behind it.
func decode(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("it is no JSON object: %w", errBody)
	}
	fields := map[string]reflect.Value{}
	for s, i := reflect.ValueOf(v).Elem(), 0; i < s.NumField(); i++ {
		name, _, _ := strings.Cut(s.Type().Field(i).Tag.Get("json"), ",")
		fields[name] = s.Field(i)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return fmt.Errorf("it is no JSON: %w", errBody)
		}
		field, ok := fields[name.(string)]
		if !ok {
			return fmt.Errorf("a field is unknown or given twice: %w", errBody)
		}
		delete(fields, name.(string))
		value, err := d.Token()
		text, ok := value.(string)
		if err != nil || !ok {
			return fmt.Errorf("a field is no string: %w", errBody)
		}
		if w, ok := field.Addr().Interface().(*secret.Wire); ok {
			w.Value = secret.Hide(text)
		} else {
			field.SetString(text)
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("it is no JSON: %w", errBody)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("something stands behind the object: %w", errBody)
	}
	return nil
}
