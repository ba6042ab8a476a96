// Package password keeps passwords for hosts that have no table of their own:
// argon2id hashes (RFC 9106) in the library's store, erased with their users.
// Nothing else depends on it.
//
//	passwords, err := password.New(admin, nil)
//	// signing in:
//	d, err := gate.SignIn(ctx, domain, attempt, passwords.Verifier(typed))
//	// following an activation link:
//	u, err := admin.AcceptInvitation(ctx, token, passwords.Setter(typed))
//
// A hash is kept with its parameters, as the string that the Password Hashing
// Competition has defined ($argon2id$v=19$m=…,t=…,p=…$salt$hash). Where
// [Params] have grown since, the next right password is hashed anew. Verifying
// for nobody, such as an unknown login, hashes too, so that no clock tells who
// exists. Hashing takes much memory on purpose: only as many hashes as
// Options.Concurrent are computed at a time, and as many as Options.Queue wait.
//
// A password has at least eight characters and at most 1024 bytes of valid
// UTF-8 and is normalised (NFC), so that one typed on another keyboard is the
// same; there are no rules about which characters, as NIST SP 800-63B advises.
// A longer one is refused before it is hashed. Lists of leaked passwords are
// the host's to consult, by Options.Check. Setting a password ends sessions,
// remembered clients, open challenges and links of the user, and signs devices
// out.
package password
