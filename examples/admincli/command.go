package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"chatadmin.example/sdk/chatadmin"
)

// usageError is a wrong call: exit code 2.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// action is what a command does in a domain, in the name of the actor.
type action func(ctx context.Context, s *chatadmin.Scope, args []string) error

// command makes a command of a domain. use is its name and its arguments: NAME
// is one, NAME… is one or more, [NAME] may be left out.
func (c *cli) command(use, short string, run action) *cobra.Command {
	return c.globalCommand(use, short, func(ctx context.Context, x *cobra.Command, args []string) error {
		closeStore, err := c.open(ctx, subject(x))
		if err != nil {
			return err
		}
		defer closeStore()
		s, err := c.scope(ctx)
		if err != nil {
			return err
		}
		return run(ctx, s, args)
	})
}

// globalCommand makes a command that opens no domain.
func (c *cli) globalCommand(
	use, short string, run func(context.Context, *cobra.Command, []string) error,
) *cobra.Command {
	x := &cobra.Command{Use: use, Short: short, Args: arguments(use)}
	x.RunE = func(x *cobra.Command, args []string) error {
		c.begun = true
		return run(x.Context(), x, args)
	}
	if !strings.Contains(use, "FILE") {
		x.ValidArgsFunction = completed(use)
	}
	return x
}

// group makes a command that consists of others.
func (c *cli) group(name, short string, commands ...*cobra.Command) *cobra.Command {
	x := &cobra.Command{Use: name + " COMMAND", Short: short, Args: cobra.ArbitraryArgs,
		DisableFlagsInUseLine: true, ValidArgsFunction: cobra.NoFileCompletions}
	x.AddCommand(commands...)
	x.RunE = func(x *cobra.Command, args []string) error { return wrongCommand(x, args) }
	return x
}

// wrongCommand refuses a call of a group without one of its commands.
func wrongCommand(x *cobra.Command, args []string) error {
	var names []string
	for _, sub := range x.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	if len(args) == 0 {
		return usage("%s: name a command: %s", cmp.Or(path(x), "admincli"), strings.Join(names, ", "))
	}
	if slices.Contains(names, args[0]) {
		return usage("-- ends the flags: write it behind the command")
	}
	hint := "the commands are " + strings.Join(names, ", ")
	x.SuggestionsMinimumDistance = 2
	if near := x.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return usage("%s: there is no command %q: %s", cmp.Or(path(x), "admincli"), chatadmin.Cut(args[0]), hint)
}

// path is how a command is called, without the name of the program.
func path(x *cobra.Command) string {
	_, words, _ := strings.Cut(x.CommandPath(), " ")
	return words
}

// subject is the first word of a command: users of "users list".
func subject(x *cobra.Command) string {
	for x.HasParent() && x.Parent().HasParent() {
		x = x.Parent()
	}
	return x.Name()
}

// arguments checks how many arguments there are, as use says.
func arguments(use string) cobra.PositionalArgs {
	least, most, many := 0, 0, false
	for _, word := range strings.Fields(use)[1:] {
		most++
		if !strings.HasPrefix(word, "[") {
			least++
		}
		many = many || strings.Contains(word, "…")
	}
	return func(x *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most && !many {
			return usage("%s: write it as %s", path(x), x.UseLine())
		}
		return nil
	}
}

// completed completes an argument of which use says the words: off|email.
func completed(use string) cobra.CompletionFunc {
	words := strings.Fields(use)[1:]
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= len(words) || !strings.Contains(words[len(args)], "|") {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return strings.Split(words[len(args)], "|"), cobra.ShellCompDirectiveNoFileComp
	}
}

// checked lets check refuse a call before the store is opened, after the checks
// that the command has already.
func checked(x *cobra.Command, check func(args []string) error) *cobra.Command {
	before := x.PreRunE
	x.PreRunE = func(x *cobra.Command, args []string) error {
		if before != nil {
			if err := before(x, args); err != nil {
				return err
			}
		}
		err := check(args)
		var wrong *usageError
		if errors.As(err, &wrong) {
			return usage("%s: %s", path(x), wrong.text)
		}
		return err
	}
	return x
}

// given are the flags among names that the call has.
func given(x *cobra.Command, names []string) (given []string) {
	for _, name := range names {
		if x.Flags().Changed(name) {
			given = append(given, "--"+name)
		}
	}
	return given
}

// oneOf refuses a call with none of these flags.
func oneOf(x *cobra.Command, names ...string) {
	checked(x, func([]string) error {
		if len(given(x, names)) == 0 {
			return usage("give --%s", strings.Join(names, " or --"))
		}
		return nil
	})
}

// exclusive refuses more than one of these flags.
func exclusive(x *cobra.Command, names ...string) {
	x.MarkFlagsMutuallyExclusive(names...) // completion leaves out the others
	checked(x, func([]string) error {
		if all := given(x, names); len(all) > 1 {
			return usage("choose one of %s", strings.Join(all, " and "))
		}
		return nil
	})
}

// choice is the value of a flag that takes one of a few words.
type choice[T ~string] struct {
	to    *T
	among []T
}

func (v choice[T]) String() string {
	if v.to == nil {
		return ""
	}
	return string(*v.to)
}

// Set implements pflag.Value.
func (v choice[T]) Set(word string) error {
	if !slices.Contains(v.among, T(word)) {
		words := v.words()
		return fmt.Errorf("choose %s or %s", strings.Join(words[:len(words)-1], ", "), words[len(words)-1])
	}
	*v.to = T(word)
	return nil
}

// Type implements pflag.Value. It is what help shows in place of the value.
func (v choice[T]) Type() string { return strings.Join(v.words(), "|") }

func (v choice[T]) words() []string {
	words := make([]string, len(v.among))
	for i, word := range v.among {
		words[i] = string(word)
	}
	return words
}

// choose adds a flag that takes one of a few words.
func choose[T ~string](x *cobra.Command, to *T, name, help string, among ...T) {
	v := choice[T]{to, among}
	x.Flags().Var(v, name, help)
	_ = x.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(v.words(), cobra.ShellCompDirectiveNoFileComp))
}

// needed marks flags that must be given.
func needed(x *cobra.Command, names ...string) {
	for _, name := range names {
		_ = x.MarkFlagRequired(name)
	}
}

// wrongFlag says what is wrong with a flag.
func wrongFlag(x *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) && invalid.GetFlag().Value.Type() == "int" {
		return usage("%s: --%s: give a number, not %q", path(x), invalid.GetFlag().Name,
			chatadmin.Cut(invalid.GetValue()))
	}
	return usage("%s: %s", cmp.Or(path(x), "admincli"), err)
}

const usageTemplate = `Usage: {{.UseLine}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Global flags:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
`
