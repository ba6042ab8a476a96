package slack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// tolerance is how far the time of a signed request may lie from ours.
const tolerance = 5 * time.Minute

// signed reports whether a request is signed by Slack with the app's signing
// secret: HMAC-SHA256 over "v0", the timestamp and the body as it came, joined
// by colons. See
// https://docs.slack.dev/authentication/verifying-requests-from-slack.
func signed(secret string, body []byte, timestamp, signature string, now time.Time) bool {
	if secret == "" || len(timestamp) == 0 || len(timestamp) > 12 {
		return false
	}
	for _, c := range timestamp {
		if c < '0' || c > '9' {
			return false
		}
	}
	sec, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || time.Unix(sec, 0).Sub(now).Abs() > tolerance {
		return false
	}
	return hmac.Equal([]byte(Sign(secret, timestamp, body)), []byte(signature))
}

// Sign makes the signature of a body as Slack does, for tests and fakes.
func Sign(secret, timestamp string, body []byte) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte("v0:" + timestamp + ":"))
	h.Write(body)
	return "v0=" + hex.EncodeToString(h.Sum(nil))
}
