package sdk_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "chatadmin.example/sdk"

// mayImport lists what each package may import beside the standard library and
// packages below itself. A package that is not listed fails the test.
var mayImport = map[string][]string{
	"":                              {},
	"/chatadmin/class":              {},
	"/chatadmin/texts":              {"/chatadmin/class", "golang.org/x/text/"},
	"/chatadmin":                    {"/chatadmin/texts", "/chatadmin/storage", "/chatadmin/class", "github.com/google/uuid", "golang.org/x/text/", "github.com/nyaruka/phonenumbers"},
	"/chatadmin/chatadmintest":      {"/chatadmin/storage", "/chatadmin/storage/memstore", "/chatadmin", "github.com/stretchr/testify/"},
	"/chatadmin/closing":            {"/chatadmin/texts", "/chatadmin/storage", "/chatadmin", "/chatadmin/internal/clockmark"},
	"/chatadmin/compliance":         {"/chatadmin/texts", "/chatadmin/storage", "/chatadmin", "/chatadmin/closing", "/chatadmin/retention", "/chatadmin/internal/mailqueue"},
	"/chatadmin/erase":              {"/chatadmin/texts", "/chatadmin/storage", "/chatadmin", "/chatadmin/internal/clockmark"},
	"/chatadmin/fields":             {"/chatadmin/texts", "/chatadmin/storage", "/chatadmin"},
	"/chatadmin/preferences":        {"/chatadmin/texts", "/chatadmin/storage", "/chatadmin", "golang.org/x/text/"},
	"/chatadmin/internal/clockmark": {"/chatadmin/storage", "/chatadmin"},
	"/chatadmin/internal/erasetest": {"/chatadmin/storage", "/chatadmin", "/chatadmin/erase", "/chatadmin/closing", "/chatadmin/retention", "/chatadmin/internal/hostrows", "/chatadmin/chatadmintest", "github.com/stretchr/testify/"},
	"/chatadmin/internal/mailqueue": {"/chatadmin/storage", "/chatadmin"},
	"/chatadmin/internal/hostrows":  {"/chatadmin/storage"},
	"/chatadmin/keyring":            {"/chatadmin/class", "/chatadmin/secret"},
	"/chatadmin/storage":            {"/chatadmin/class", "golang.org/x/text/"},
	"/chatadmin/storage/memstore":   {"/chatadmin/storage", "github.com/google/btree"},
	"/chatadmin/portal": {"/chatadmin/texts", "/chatadmin/storage", "/chatadmin", "/chatadmin/class", "/chatadmin/erase", "/chatadmin/secret", "/chatadmin/signin", "/csvimport", "/devices", "/twofa", "golang.org/x/text/",
		"/chatadmin/closing", "/chatadmin/compliance", "/chatadmin/fields", "/chatadmin/preferences", "/chatadmin/provisioning", "/chatadmin/retention", "/chatadmin/support", "/integrations"},
	"/chatadmin/password":                   {"/chatadmin/texts", "/chatadmin/storage", "/chatadmin", "golang.org/x/crypto/argon2", "golang.org/x/text/"},
	"/chatadmin/floor":                      {},
	"/chatadmin/provisioning":               {"/chatadmin/texts", "/chatadmin/storage", "/chatadmin"},
	"/chatadmin/support":                    {"/chatadmin/texts", "/chatadmin/storage", "/chatadmin", "/chatadmin/internal/mailqueue"},
	"/chatadmin/support/redact":             {"/chatadmin/class", "golang.org/x/text/"},
	"/chatadmin/retention":                  {"/chatadmin/texts", "/chatadmin/storage", "/chatadmin", "/chatadmin/internal/clockmark"},
	"/chatadmin/secret":                     {},
	"/chatadmin/signin":                     {"/chatadmin/texts", "/chatadmin/storage", "/chatadmin", "/chatadmin/secret"},
	"/chatadmin/smtpmail":                   {"/chatadmin", "/chatadmin/secret", "github.com/wneessen/go-mail"},
	"/chatadmin/storage/sqlstore":           {"/chatadmin/class", "/chatadmin/storage"},
	"/chatadmin/storage/storetest":          {"/chatadmin/storage", "github.com/stretchr/testify/"},
	"/csvimport":                            {"/chatadmin/texts", "/chatadmin/storage", "/chatadmin", "github.com/gocarina/gocsv", "golang.org/x/text/"},
	"/devices":                              {"/chatadmin/texts", "/chatadmin/storage", "/chatadmin", "/chatadmin/secret", "/chatadmin/signin"},
	"/integrations":                         {"/chatadmin/texts", "/chatadmin/storage", "/chatadmin", "/chatadmin/keyring", "/chatadmin/secret"},
	"/integrations/integrationstest":        {"/chatadmin/storage", "/integrations", "/chatadmin", "/chatadmin/keyring", "/chatadmin/secret", "/chatadmin/storage/memstore", "/chatadmin/chatadmintest"},
	"/integrations/slack":                   {"/integrations", "/chatadmin", "/chatadmin/texts", "github.com/slack-go/slack"},
	"/integrations/slack/slacktest":         {"/integrations", "/integrations/slack"},
	"/integrations/mailchimp":               {"/integrations", "/chatadmin", "/chatadmin/texts", "golang.org/x/oauth2"},
	"/integrations/mailchimp/mailchimptest": {"/integrations", "/integrations/mailchimp"},
	"/integrations/afas":                    {"/integrations", "/chatadmin", "/chatadmin/texts"},
	"/integrations/afas/afastest":           {"/integrations", "/integrations/afas"},
	"/twofa":                                {"/chatadmin/texts", "/chatadmin/storage", "/chatadmin", "/chatadmin/keyring", "/chatadmin/secret", "/chatadmin/signin", "github.com/pquerna/otp", "github.com/pquerna/otp/", "github.com/boombuler/barcode/qr"},

	"/chatadmin/storage/sqlstore/internal/schema": {},
	"/csvimport/internal/csvfile":                 {"golang.org/x/text/"},
	"/csvimport/internal/formula":                 {},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	require.NoError(t, err)
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all = append(all, p)
	}
}

func TestImportRules(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, ok := mayImport[name]
		require.True(t, ok, "%s has no line in the rules", p.ImportPath)
		for _, i := range p.Imports {
			if first, _, _ := strings.Cut(i, "/"); !strings.Contains(first, ".") {
				continue // the standard library
			}
			own := strings.HasPrefix(i, p.ImportPath+"/")
			require.True(t, own || slices.ContainsFunc(allowed, func(a string) bool {
				if strings.HasPrefix(a, "/") {
					return i == module+a
				}
				return i == a || strings.HasSuffix(a, "/") && strings.HasPrefix(i, a)
			}), "%s must not import %s", p.ImportPath, i)
		}
	}
}

// Every direct dependency of each module has its reason in DEPENDENCIES.md, and
// nothing else stands there.
func TestDependenciesHaveReasons(t *testing.T) {
	page, err := os.ReadFile("DEPENDENCIES.md")
	require.NoError(t, err)
	for dir, heading := range map[string]string{
		".": "The library",
		"chatadmin/storage/sqlstore/sqlstoretest": "The tests of the SQL stores",
		"chatadmin/portal/portaltest":             "The tests of the portal in a browser",
		"examples":                                "The examples",
	} {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		require.NoError(t, err)
		var direct, listed []string
		for _, line := range strings.Split(string(mod), "\n") {
			if m := regexp.MustCompile(`^\s(\S+) v\S+$`).FindStringSubmatch(line); m != nil && m[1] != module {
				direct = append(direct, m[1])
			}
		}
		_, section, ok := strings.Cut(string(page), "\n## "+heading+"\n")
		require.True(t, ok, heading)
		section, _, _ = strings.Cut(section, "\n## ")
		for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| \\S").FindAllStringSubmatch(section, -1) {
			listed = append(listed, m[1])
		}
		slices.Sort(direct)
		slices.Sort(listed)
		require.Equal(t, direct, listed, heading)
	}
}
