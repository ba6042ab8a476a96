package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// completionCommand prints what makes a shell complete commands and flags.
func (c *cli) completionCommand() *cobra.Command {
	x := c.globalCommand("completion bash|zsh|fish|powershell", "Print the script that completes commands in a shell",
		func(_ context.Context, x *cobra.Command, args []string) error {
			generate, ok := map[string]func(io.Writer) error{
				"bash":       func(w io.Writer) error { return x.Root().GenBashCompletionV2(w, true) },
				"zsh":        x.Root().GenZshCompletion,
				"fish":       func(w io.Writer) error { return x.Root().GenFishCompletion(w, true) },
				"powershell": x.Root().GenPowerShellCompletionWithDesc,
			}[args[0]]
			if !ok {
				return usage("completion: choose bash, zsh, fish or powershell")
			}
			var script bytes.Buffer
			if err := generate(&script); err != nil {
				return err
			}
			return c.say(map[string]string{"shell": args[0], "script": script.String()},
				func(w *tabwriter.Writer) { _, _ = fmt.Fprint(w, script.String()) })
		})
	x.Long = `completion prints a script that completes commands and flags. For the present
shell: source <(admincli completion bash)`
	return x
}
