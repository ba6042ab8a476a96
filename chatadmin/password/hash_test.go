package password

import "testing"

// Whatever is parsed is within the limits and written again as it was.
func FuzzParse(f *testing.F) {
	f.Add("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=4294967296,t=0,p=256$$")
	f.Add("$$$$$")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parse(s)
		if err != nil {
			return
		}
		if !h.allowed() || h.encode() != s {
			t.Fatalf("%q became %q", s, h.encode())
		}
	})
}

// What a sign-in costs beside the store: the hash.
func BenchmarkDefaultParams(b *testing.B) {
	h := DefaultParams.hash([]byte("correct horse"), make([]byte, saltSize))
	for b.Loop() {
		if !h.matches([]byte("correct horse")) {
			b.Fatal()
		}
	}
}
