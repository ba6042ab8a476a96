package portal

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"math"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
)

//go:embed assets
var assetFiles embed.FS

// asset is a file that pages refer to. Its address holds the beginning of its
// hash, so that browsers may keep it for ever.
type asset struct {
	version      string // "" or a hash and "-"
	kind         string
	plain, small []byte // small is compressed
}

// assetParts says of which files each asset is made.
var assetParts = map[string][]string{
	"portal.css": {"pico.classless-2.1.1.min.css", "portal.css"},
	"portal.js":  {"htmx-2.0.11.min.js", "portal.js"},
}

func newAssets(accent string) (map[string]asset, error) {
	all := map[string]asset{}
	for name, parts := range assetParts {
		var a asset
		for _, part := range parts {
			data, err := assetFiles.ReadFile("assets/" + part)
			if err != nil {
				return nil, err
			}
			a.plain = append(append(a.plain, data...), '\n')
		}
		a.kind = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}[path.Ext(name)]
		if accent != "" && name == "portal.css" {
			a.plain = fmt.Appendf(a.plain, ":root { --accent: %s; }\n", accent)
		}
		sum := sha256.Sum256(a.plain)
		a.version = hex.EncodeToString(sum[:6]) + "-"
		var small bytes.Buffer
		z, _ := gzip.NewWriterLevel(&small, gzip.BestCompression)
		if _, err := z.Write(a.plain); err != nil {
			return nil, err
		}
		if err := z.Close(); err != nil {
			return nil, err
		}
		a.small = small.Bytes()
		all[name] = a
	}
	return all, nil
}

func (p *Portal) serveAsset(w http.ResponseWriter, r *http.Request) {
	version, name, _ := strings.Cut(r.PathValue("name"), "-")
	a, ok := p.assets[name]
	if !ok || a.version != version+"-" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("Vary", "Accept-Encoding")
	body := a.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		body = a.small
	}
	_, _ = w.Write(body) // the browser may have gone
}

var hexColour = regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`)

// readable reports whether white text on a colour has the contrast that WCAG
// 2.1 asks for (success criterion 1.4.3).
func readable(colour string) bool {
	if !hexColour.MatchString(colour) {
		return false
	}
	luminance := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, _ := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		luminance += weight * c
	}
	return 1.05/(luminance+0.05) >= 4.5
}
