package main

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (c *cli) versionCommand() *cobra.Command {
	return c.globalCommand("version", "Print the version of this program",
		func(context.Context, *cobra.Command, []string) error {
			version, revision := "(devel)", ""
			if info, ok := debug.ReadBuildInfo(); ok {
				if info.Main.Version != "" {
					version = info.Main.Version
				}
				for _, set := range info.Settings {
					if set.Key == "vcs.revision" {
						revision = set.Value
					}
				}
			}
			v := map[string]string{"version": version, "revision": revision, "go": runtime.Version(),
				"platform": runtime.GOOS + "/" + runtime.GOARCH}
			return c.tell(v, "admincli", version, revision, v["go"], v["platform"])
		})
}
