package integrations

import "chatadmin.example/sdk/chatadmin/secret"

// Secret holds a token, a key or an address with a secret in it. Nothing prints
// it; Reveal is the only way to its value. It is the type by which the whole
// library holds secrets.
type Secret = secret.Value

// Hide makes a Secret.
func Hide(s string) Secret { return secret.Hide(s) }
