package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/caddy-tpp/caddy-tpp/profiles"
)

func profilesShowCommand() *cobra.Command {
	var asJSON, sources bool
	cmd := newCommand("show <profile>", "Show a profile with all that it inherits, and where each setting comes from",
		"Shows what the profile says of itself, every setting with its origin (own, variant, inherited from a\n"+
			"profile), what has to be configured before it can be used, what it rests on, and what to ask the bank.\n"+
			"Settings that are not shown have their default.",
		cobra.ExactArgs(1), nil)
	load := folderFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the merged profile as JSON, with the origin of each setting")
	cmd.Flags().BoolVar(&sources, "sources", false, "print only what the profile rests on, and what to ask the bank")
	cmd.MarkFlagsMutuallyExclusive("json", "sources")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		set, err := load()
		if err != nil {
			return err
		}
		d, err := set.Describe(args[0])
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		if asJSON {
			return printJSON(out, describedProfile(d))
		}
		if err := showAbout(out, d); err != nil {
			return err
		}
		if !sources {
			if err := showSettings(out, d.Settings); err != nil {
				return err
			}
		}
		showSources(out, d.Profile)
		return nil
	}
	return cmd
}

// described is a profile in JSON.
type described struct {
	Name     string            `json:"name"`
	File     string            `json:"file"`
	Builtin  bool              `json:"builtin"`
	Inherits []string          `json:"inherits"`
	Variants []string          `json:"variants"`
	Why      string            `json:"why,omitempty"`
	Profile  map[string]any    `json:"profile"`
	Origins  map[string]string `json:"origins"`
	Places   map[string]string `json:"places"`
}

func describedProfile(d *profiles.Description) described {
	full := described{
		Name: d.Profile.Name, File: d.File, Builtin: d.Builtin, Why: d.Why, Profile: d.Content,
		Inherits: append([]string{}, d.Inherits...), Variants: append([]string{}, d.Variants...),
		Origins: make(map[string]string), Places: make(map[string]string),
	}
	for _, s := range d.Settings {
		full.Origins[s.Path] = s.Origin
		full.Places[s.Path] = fmt.Sprintf("%s:%d:%d", s.Place.File, s.Place.Line, s.Place.Column)
	}
	return full
}

// showAbout prints what a profile says of itself.
func showAbout(out io.Writer, d *profiles.Description) error {
	p := d.Profile
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{"name", p.Name}, {"title", p.Title}, {"why", d.Why}, {"standard", p.Standard}, {"country", p.Country},
		{"banks", strings.Join(p.Banks, ", ")}, {"certainty", p.Certainty}, {"inherits", strings.Join(d.Inherits, ", ")},
		{"file", d.File},
	} {
		if row[1] != "" {
			fmt.Fprintf(table, "%s\t%s\n", row[0], row[1])
		}
	}
	if len(d.Variants) > 0 {
		fmt.Fprintf(table, "\nvariants\n")
	}
	for _, name := range d.Variants {
		_, variant, _ := strings.Cut(name, "/")
		fmt.Fprintf(table, "  %s\t%s\n", name, p.Variants[variant].Title)
	}
	return table.Flush()
}

// showSettings prints all settings, each section under its name.
func showSettings(out io.Writer, settings []profiles.Setting) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	section := ""
	for _, s := range settings {
		name, label := s.Path[:sectionEnd(s.Path)], strings.TrimPrefix(s.Path[sectionEnd(s.Path):], ".")
		if label == "" {
			fmt.Fprintf(table, "\n%s\t%s\t%s\n", name, s.Origin, inline(s.Value))
			continue
		}
		if name != section {
			section = name
			fmt.Fprintf(table, "\n%s\n", section)
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\n", label, s.Origin, inline(s.Value))
	}
	return table.Flush()
}

// sectionEnd gives where the name of the section ends in a setting's path.
func sectionEnd(path string) int {
	if i := strings.IndexAny(path, ".["); i >= 0 {
		return i
	}
	return len(path)
}

// inline writes a value as JSON on one line, an operation as method and path.
func inline(value any) string {
	switch v := value.(type) {
	case []any:
		elements := make([]string, len(v))
		for i, element := range v {
			elements[i] = inline(element)
		}
		return "[" + strings.Join(elements, ", ") + "]"
	case map[string]any:
		if v["path"] != nil {
			method, _ := v["method"].(string)
			return fmt.Sprintf("%s %v", cmp.Or(method, "any"), v["path"])
		}
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// showSources prints what a profile rests on and what it leaves open.
func showSources(out io.Writer, p *profiles.Profile) {
	heading := func(title string, n int) {
		if n > 0 {
			fmt.Fprintf(out, "\n%s\n", title)
		}
	}
	heading("to be configured before use", len(p.Requires))
	for _, r := range p.Requires {
		fmt.Fprintf(out, "  %s: %s\n", r.Setting, r.Why)
	}
	heading("sources", len(p.Sources))
	for _, s := range p.Sources {
		fmt.Fprintf(out, "  [%s] %s\n", s.Certainty, s.Title)
		for _, more := range []string{s.URL, s.Covers} {
			if more != "" {
				fmt.Fprintf(out, "      %s\n", more)
			}
		}
	}
	heading("to ask the bank", len(p.OpenQuestions))
	for _, question := range p.OpenQuestions {
		fmt.Fprintf(out, "  - %s\n", question)
	}
}
