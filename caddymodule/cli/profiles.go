package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/caddy-tpp/caddy-tpp/profiles"
)

func profilesCommand() *cobra.Command {
	return groupCommand("profiles", "List, show, compare and validate bank profiles",
		"A profile says as data how a bank wants to be called. These commands show the profiles that ship, and with\n"+
			"--profiles those of a folder of your own.",
		profilesListCommand(), profilesShowCommand(), profilesDiffCommand(), profilesValidateCommand(), profilesSchemaCommand())
}

// folderFlag adds --profiles and gives what loads the profiles.
func folderFlag(cmd *cobra.Command) func() (*profiles.Set, error) {
	dir := cmd.Flags().String("profiles", "", "folder with profiles of your own, as in the global option tpp")
	return func() (*profiles.Set, error) {
		if *dir == "" {
			return profiles.Builtin()
		}
		return profiles.LoadDir(*dir)
	}
}

func profilesListCommand() *cobra.Command {
	var asJSON bool
	cmd := newCommand("list", "List all profiles, each followed by its variants",
		"Lists name, container of the signature, certainty, standard and title of each profile. Variants are named\n"+
			"bank/variant, and chosen by that name.",
		cobra.NoArgs, nil)
	load := folderFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		set, err := load()
		if err != nil {
			return err
		}
		return listProfiles(cmd.OutOrStdout(), set, asJSON)
	}
	return cmd
}

// profileLine is a profile as it is listed.
type profileLine struct {
	Name      string `json:"name"`
	Container string `json:"container"`
	Certainty string `json:"certainty,omitempty"`
	Standard  string `json:"standard,omitempty"`
	Title     string `json:"title"`
}

// defaultContainer is where a signature goes if a profile does not say.
const defaultContainer = "signature"

func listProfiles(out io.Writer, set *profiles.Set, asJSON bool) error {
	lines := []profileLine{}
	for _, name := range set.Names() {
		p, err := set.Get(name)
		if err != nil {
			return err
		}
		lines = append(lines, profileLine{name, cmp.Or(p.Signature.Container, defaultContainer), p.Certainty, p.Standard, p.Title})
	}
	if asJSON {
		return printJSON(out, lines)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tCONTAINER\tCERTAINTY\tSTANDARD\tTITLE")
	for _, l := range lines {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", l.Name, l.Container, cmp.Or(l.Certainty, "-"), cmp.Or(l.Standard, "-"), l.Title)
	}
	return table.Flush()
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

func profilesValidateCommand() *cobra.Command {
	return newCommand("validate <file or folder>…", "Check files with profiles, and say what is wrong in which line",
		"Checks files, or all *.json files of folders, as the sidecar would: the JSON, every field, and the profile\n"+
			"and its variants as a whole, with all that they inherit. Prints file:line:column for everything that is\n"+
			"wrong, and exits with a status other than 0.",
		cobra.MinimumNArgs(1), func(cmd *cobra.Command, args []string) error {
			wrong := 0
			for _, name := range args {
				faults, err := validateProfiles(cmd.OutOrStdout(), name)
				if err != nil {
					return err
				}
				wrong += faults
			}
			if wrong > 0 {
				return fmt.Errorf("%d found wrong", wrong)
			}
			return nil
		})
}

func profilesSchemaCommand() *cobra.Command {
	return newCommand("schema", "Print the JSON Schema of profiles, for editors",
		"Prints the JSON Schema (draft 2020-12) of a profile's file. Save it outside the folder with profiles, and\n"+
			"name it in \"$schema\" of a file: an editor then knows every field.",
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(profiles.Schema())
			return err
		})
}

// validateProfiles checks a file or a folder and gives the number of faults.
func validateProfiles(out io.Writer, name string) (int, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	load := profiles.LoadFile
	if info.IsDir() {
		load = profiles.LoadDir
	}
	set, err := load(name)
	faults := profiles.Faults(err)
	for _, fault := range faults {
		fmt.Fprintln(out, fault)
	}
	if err != nil && len(faults) == 0 {
		return 0, err
	}
	if err != nil {
		return len(faults), nil
	}
	return 0, reportValid(out, set, name, info.IsDir())
}

// reportValid prints the profiles of a file, or of a folder's files.
func reportValid(out io.Writer, set *profiles.Set, name string, folder bool) error {
	own := slices.DeleteFunc(set.Names(), func(profile string) bool {
		d, err := set.Describe(profile)
		return err != nil || d.Builtin || !folder && filepath.Base(d.File) != filepath.Base(name)
	})
	if len(own) == 0 {
		return errors.New(name + ": there is no profile in it; the name of a profile's file ends in .json")
	}
	fmt.Fprintf(out, "%s: valid: %s\n", name, strings.Join(own, ", "))
	return nil
}
