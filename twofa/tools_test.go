package twofa_test

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tool finds a program that a test needs, and skips where it is not installed;
// in CI it must be.
func tool(t *testing.T, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is needed (Debian: apt-get install %s)", name, debian)
		}
		t.Skipf("%s is not installed (Debian: apt-get install %s)", name, debian)
	}
	return path
}

// scan reads the secret from a QR code.
func scan(t *testing.T, png []byte) string {
	t.Helper()
	zbarimg := tool(t, "zbarimg", "zbar-tools")
	path := filepath.Join(t.TempDir(), "qr.png")
	require.NoError(t, os.WriteFile(path, png, 0o600))
	out, err := exec.Command(zbarimg, "--raw", "-q", path).Output()
	require.NoError(t, err)
	u, err := url.Parse(strings.TrimSpace(string(out)))
	require.NoError(t, err)
	return u.Query().Get("secret")
}
