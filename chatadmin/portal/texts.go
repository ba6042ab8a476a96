package portal

import (
	"embed"
	"io/fs"
	"sync"

	"chatadmin.example/sdk/chatadmin/texts"
)

//go:embed texts/*.json
var textFiles embed.FS

// ownTexts are the texts of the library and of the portal.
var ownTexts = sync.OnceValues(func() (*texts.Catalogue, error) {
	library, err := texts.New(nil)
	if err != nil {
		return nil, err
	}
	return withPages(library, nil)
})

// withPages adds the texts of the portal to those of the library.
func withPages(library *texts.Catalogue, more []texts.Language) (*texts.Catalogue, error) {
	folder, err := fs.Sub(textFiles, "texts")
	if err != nil {
		return nil, err
	}
	return library.With(folder, more)
}

// newTexts are the texts of a portal, with those that its host has replaced.
func (p *Portal) newTexts() (*texts.Catalogue, error) {
	if p.o.Texts == nil && p.admin.Options().Texts == nil {
		return ownTexts() // made once
	}
	return withPages(p.admin.Texts(), p.o.Texts)
}
