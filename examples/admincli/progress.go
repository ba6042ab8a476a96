package main

import (
	"io"
	"os"

	"github.com/schollz/progressbar/v3"

	"chatadmin.example/sdk/chatadmin"
)

// progress draws a bar on standard error if a person would see it there.
func (c *cli) progress(what string) func(chatadmin.Progress) {
	if !isTerminal(c.err) {
		return nil
	}
	return func(p chatadmin.Progress) {
		if c.bar == nil {
			c.bar = progressbar.NewOptions64(p.Total, progressbar.OptionSetWriter(c.err),
				progressbar.OptionSetDescription(what),
				progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("rows"),
				progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish())
		}
		c.bar.ChangeMax64(max(p.Total, p.Done))
		_ = c.bar.Set64(p.Done)
	}
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
