// Package redact takes secrets out of text, such as logs, before the text
// leaves the machine.
//
//	r, err := redact.New(nil)
//	clean := r.Reader(logFile)        // an io.Reader, for logs of any size
//	_, err = io.Copy(out, clean)
//	clean.Found()                     // how many of each kind were taken out
//
//	line := r.String("GET /?token=abc")   // GET /?token=[redacted]
//
// # What is taken out
//
// Each secret is replaced by [Mark]; the text around it stays. These kinds are
// taken out by default:
//
//	password     values of names such as password, passphrase, pwd and pin;
//	             user and password in URLs (https://ann:x@example.com)
//	token        values of names such as token, secret, api_key, signature and
//	             session; what follows Bearer or Basic; the values of
//	             Authorization headers; code, state and key in the query of a
//	             URL; JSON Web Tokens; tokens of this library; keys of well-known
//	             services, such as those that begin with xoxb- or ghp_
//	cookie       values of Cookie and Set-Cookie headers
//	otpauth      otpauth:// URIs, which hold the secret of an authenticator app
//	private key  PEM blocks of private keys
//	long value   32 or more hexadecimal digits; 32 or more characters that look
//	             like random base64; 26 or more that look like base32
//
// Two more kinds are taken out if [Options] ask for it:
//
//	email        e-mail addresses
//	phone        phone numbers that begin with + or 00, and values of names such
//	             as phone and mobile
//
// A host adds kinds of its own with [Options.Rules].
//
// Names are found in forms, in JSON, in headers, in XML and in what Go prints.
// Case, hyphens and underscores in a name do not matter: apiKey is API-KEY.
//
// # Encodings
//
// JSON inside of JSON, URL encoding, also twice over, and the entities of XML
// do not hide a secret: %22password%22%3A%22x%22 is read as "password":"x".
// Text in UTF-16, as Windows programs write it, is turned into UTF-8 first; it
// is recognised by its byte-order mark or by its zero bytes.
//
// # What stays
//
// UUIDs stay, since support needs the IDs of things. So do words, paths and
// shorter values that follow no telling name. No rule knows every secret: show
// people what is about to leave.
//
// # How
//
// Text is read once, by a hand-written scanner, in time that is linear in its
// length and in about 200 KiB of memory. What comes out does not depend on how
// the source is cut into chunks.
package redact
