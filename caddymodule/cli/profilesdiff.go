package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/caddy-tpp/caddy-tpp/profiles"
)

func profilesDiffCommand() *cobra.Command {
	var asJSON bool
	cmd := newCommand("diff <profile> <profile>", "Show the settings in which two profiles differ",
		"Lists every setting of the sections that the two profiles do not have in common, with both values. What one\n"+
			"of them does not set has its default there.",
		cobra.ExactArgs(2), nil)
	load := folderFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		set, err := load()
		if err != nil {
			return err
		}
		first, err := set.Describe(args[0])
		if err != nil {
			return err
		}
		second, err := set.Describe(args[1])
		if err != nil {
			return err
		}
		changes := profiles.Diff(first, second)
		if asJSON {
			return printJSON(cmd.OutOrStdout(), changedLines(changes))
		}
		showChanges(cmd.OutOrStdout(), args[0], args[1], changes)
		return nil
	}
	return cmd
}

// changedLine is a change in JSON: null is a setting that is not made.
type changedLine struct {
	Path   string `json:"path"`
	First  any    `json:"first"`
	Second any    `json:"second"`
}

func changedLines(changes []profiles.Change) []changedLine {
	lines := []changedLine{}
	for _, c := range changes {
		lines = append(lines, changedLine{c.Path, c.Was, c.Is})
	}
	return lines
}

// showChanges prints the first profile's values with a minus, the second's with
// a plus.
func showChanges(out io.Writer, first, second string, changes []profiles.Change) {
	if len(changes) == 0 {
		fmt.Fprintf(out, "%s and %s have the same settings\n", first, second)
		return
	}
	fmt.Fprintf(out, "--- %s\n+++ %s\n", first, second)
	for _, c := range changes {
		fmt.Fprintf(out, "%s\n", c.Path)
		for _, side := range []struct {
			sign  byte
			value any
		}{{'-', c.Was}, {'+', c.Is}} {
			text := "(not set)"
			if side.value != nil {
				text = inline(side.value)
			}
			fmt.Fprintf(out, "  %c %s\n", side.sign, text)
		}
	}
}
