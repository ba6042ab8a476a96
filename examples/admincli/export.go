package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/csvimport"
)

func (c *cli) exportCommand() *cobra.Command {
	format := csvimport.ImportFormat
	var o csvimport.ExportOptions
	var separator string
	x := c.command("export [FILE]", "Write the users as CSV",
		func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			if len(args) == 0 || args[0] == "-" {
				_, err := csvimport.Export(ctx, s, c.out, format, &o)
				return err
			}
			return c.exportFile(ctx, s, args[0], format, &o)
		})
	choose(x, &format, "format", "import can be imported again, overview is to look at",
		csvimport.ImportFormat, csvimport.Overview)
	x.Flags().StringVar(&separator, "separator", "",
		"the `character` between cells: a comma, a semicolon, | or tab (default: a comma, for Excel a semicolon)")
	x.Flags().BoolVar(&o.Excel, "excel", false,
		"write what Excel opens by a double click: a byte-order mark, semicolons, line ends of Windows")
	return checked(x, func(args []string) error {
		switch {
		case separator == "" && x.Flags().Changed("separator"):
			return usage("--separator is one of , ; | and tab")
		case separator == "tab" || separator == `\t`:
			o.Separator = '\t'
		case separator != "":
			if !strings.Contains(",;|\t", separator) || len(separator) != 1 {
				return usage("--separator is one of , ; | and tab, not %q", chatadmin.Cut(separator))
			}
			o.Separator = rune(separator[0])
		}
		if c.json && (len(args) == 0 || args[0] == "-") {
			return usage("name a file: standard output is for the JSON object")
		}
		return nil
	})
}

func (c *cli) exportFile(
	ctx context.Context, s *chatadmin.Scope, name string, format csvimport.Format, o *csvimport.ExportOptions,
) error {
	out, err := private(name)
	if err != nil {
		return err
	}
	n, err := csvimport.Export(ctx, s, out, format, o)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return c.tell(map[string]any{"file": name, "users": n}, count(n, "user", "users")+" in "+name)
}

func (c *cli) inviteCommand() *cobra.Command {
	x := c.command("invite TOKEN", "Send the invitations that an import held back", c.invite)
	x.Long = `invite does what an admin does who followed the link in the mail about an
import, and confirmed. The token is the end of that link.`
	return x
}

func (c *cli) invite(ctx context.Context, s *chatadmin.Scope, args []string) error {
	if c.as == "" {
		// the person at the link has signed in as the admin to whom it was
		// mailed
		t, err := chatadmin.ParseToken(args[0])
		if err != nil {
			return err
		}
		run, _, err := s.Run(ctx, t.Subject)
		if err != nil {
			return err
		}
		s = c.admin.As(s.Domain(), run.By)
	}
	n, err := c.imports.Release(ctx, s, args[0])
	if err != nil {
		return err
	}
	c.unsent()
	return c.tell(map[string]any{"invited": n}, count(n, "person", "people")+" invited")
}
