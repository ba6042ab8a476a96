package twofa

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/boombuler/barcode/qr"

	"chatadmin.example/sdk/chatadmin"
)

// maxLabel is the longest issuer or account in bytes. Two of them, escaped,
// still fit into a QR code.
const maxLabel = 250

// URI returns the otpauth:// address by which authenticator apps take over a
// base32 secret
// (https://github.com/google/google-authenticator/wiki/Key-Uri-Format). Issuer
// and account have 1 to 250 bytes of UTF-8. It returns chatadmin.ErrInvalid for
// a colon, which the format cannot express, and for control characters.
func URI(issuer, account, secret string) (string, error) {
	for what, s := range map[string]string{"issuer": issuer, "account": account} {
		switch {
		case s == "" || len(s) > maxLabel || !utf8.ValidString(s):
			return "", fmt.Errorf("the %s has %d bytes: give 1 to %d bytes of UTF-8: %w", what, len(s), maxLabel, chatadmin.ErrInvalid)
		case strings.ContainsRune(s, ':') || strings.ContainsFunc(s, unicode.IsControl):
			return "", fmt.Errorf("the %s %q has a colon or a control character, which authenticator apps do not understand: %w", what, chatadmin.Cut(s), chatadmin.ErrInvalid)
		}
	}
	return fmt.Sprintf("otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=SHA1&digits=%d&period=%d", escape(issuer, "@"), escape(account, "@"), escape(secret, ""), escape(issuer, ""), digits, period), nil
}

// escape leaves only what no app reads as anything else. url.PathEscape would
// leave & = +, and url.QueryEscape writes a space as +, which apps show as it
// is.
func escape(s, keep string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~"+keep, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// label makes a name that the domain or the user has anyway into one that URI
// takes: nobody shall be kept out because of it.
func label(s, otherwise string) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r == ':' || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))), " ")
	for len(s) > maxLabel {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	if s == "" {
		return otherwise
	}
	return s
}

const (
	quietZone = 4   // modules around the code, as ISO/IEC 18004 asks for
	pixels    = 3   // a module has at least so many
	minSide   = 200 // of the image, in pixels
)

// qrPNG draws a QR code as a PNG of 200 × 200 pixels, or more where the text
// needs it, in two colours.
func qrPNG(text string) ([]byte, error) {
	code, err := qr.Encode(text, qr.M, qr.Unicode)
	if err != nil { // too long for this much error correction
		if code, err = qr.Encode(text, qr.L, qr.Unicode); err != nil {
			return nil, fmt.Errorf("drawing the QR code: %w", err)
		}
	}
	modules := code.Bounds().Dx()
	scale := max(pixels, minSide/(modules+2*quietZone))
	side := max(minSide, scale*(modules+2*quietZone))
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	margin := (side - scale*modules) / 2
	for y := range scale * modules {
		row := img.Pix[(margin+y)*img.Stride+margin:]
		for x := range scale * modules {
			if r, _, _, _ := code.At(x/scale, y/scale).RGBA(); r == 0 {
				row[x] = 1
			}
		}
	}
	var b bytes.Buffer
	err = png.Encode(&b, img)
	return b.Bytes(), err
}
