package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// scriptCommand runs commands, one a line, against one store. Each line is a
// whole call with its own global flags; those of the script are the defaults.
func (c *cli) scriptCommand() *cobra.Command {
	keepGoing := false
	x := c.globalCommand("script FILE|-", "Run a file of commands, one a line, against one store",
		func(ctx context.Context, _ *cobra.Command, args []string) error {
			if c.store == nil {
				store, closeStore, err := openStore(ctx, c.db)
				if err != nil {
					return err
				}
				defer closeStore()
				c.store = store
			}
			if c.phones == nil {
				c.phones = openPhones(c.db)
			}
			return c.script(ctx, args[0], keepGoing)
		})
	x.Long = `Each line is a command with its flags, quoted as in a shell. A line that begins
with # is a comment. The first line that fails ends the script.`
	x.Flags().BoolVar(&keepGoing, "keep-going", false, "run the other lines too")
	return x
}

func (c *cli) script(ctx context.Context, name string, keepGoing bool) error {
	file, err := c.file(name)
	if err != nil {
		return err
	}
	defer file.close()
	if _, err := file.Seek(0, 0); err != nil {
		return err
	}
	failed := 0
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		words, err := splitLine(lines.Text())
		if err != nil {
			return usage("script, line %d: %s", n, err)
		}
		if len(words) == 0 {
			continue
		}
		if c.db == "memory:" {
			if _, err := c.keys(); err != nil { // one for all lines
				return err
			}
		}
		one := &cli{in: c.in, out: c.out, err: c.err, store: c.store, phones: c.phones, db: c.db,
			json: c.json, mailDir: c.mailDir, smtp: c.smtp, now: c.now, keyFile: c.keyFile, ring: c.ring}
		if code := one.main(ctx, words); code != 0 {
			if failed++; !keepGoing {
				return fmt.Errorf("the script stopped at line %d", n)
			}
			_, _ = fmt.Fprintf(c.err, "admincli: line %d failed\n", n)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%s of the script failed", count(failed, "line", "lines"))
	}
	return lines.Err()
}

// splitLine splits a line as a shell does: by spaces, with '…', "…" and \ to keep
// them.
func splitLine(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	quote, open, escaped := rune(0), false, false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, open = true, true
		case quote != 0:
			if r == quote {
				quote = 0
			} else {
				word.WriteRune(r)
			}
		case r == '"' || r == '\'':
			quote, open = r, true
		case r == ' ' || r == '\t':
			if open {
				words = append(words, word.String())
				word.Reset()
			}
			open = false
		case r == '#' && !open:
			return words, nil
		default:
			word.WriteRune(r)
			open = true
		}
	}
	if quote != 0 || escaped {
		return nil, fmt.Errorf("a quote is not closed")
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}
