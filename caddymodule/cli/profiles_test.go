package cli

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// update writes what the commands print into the golden files:
//
//	go test ./caddymodule/cli -run TestProfilesOutput -update
var update = flag.Bool("update", false, "rewrite the golden files of TestProfilesOutput")

const exampleProfiles = "testdata/profiles"

// What is printed is looked at as a whole, on profiles that change with nothing
// else.
func TestProfilesOutput(t *testing.T) {
	for file, args := range map[string][]string{
		"show":         {"show", "example-group"},
		"show-variant": {"show", "example-group/by-client"},
		"show-child":   {"show", "example-child"},
		"show-json":    {"show", "example-child", "--json"},
		"show-sources": {"show", "example-group/by-client", "--sources"},
		"diff":         {"diff", "example-group", "example-child"},
		"diff-json":    {"diff", "example-group", "example-child", "--json"},
		"diff-none":    {"diff", "example-group", "example-group"},
	} {
		t.Run(file, func(t *testing.T) {
			got, err := execute(t.Context(), append(append([]string{"profiles"}, args...), "--profiles", exampleProfiles)...)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "profiles-output", file+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestProfilesList(t *testing.T) {
	output, err := execute(t.Context(), "profiles", "list", "--profiles", exampleProfiles)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(output) {
		if words := strings.Fields(line); strings.HasPrefix(words[0], "example-") || words[0] == "bpce" {
			found = append(found, strings.Join(words[:3], " "))
		}
	}
	if got := strings.Join(found, "\n"); !strings.Contains(got, "bpce signature ") ||
		!strings.Contains(got, "example-child signature -\nexample-group signature read\nexample-group/by-client signature one-client") {
		t.Errorf("listed are\n%s", output)
	}
	output, err = execute(t.Context(), "profiles", "list", "--json")
	var lines []profileLine
	if err == nil {
		err = json.Unmarshal([]byte(output), &lines)
	}
	if err != nil || len(lines) < 3 || lines[0].Name == "" || lines[0].Container == "" || strings.Contains(output, "example-child") {
		t.Errorf("%v\n%s", err, output)
	}
}

func TestProfilesSchema(t *testing.T) {
	output, err := execute(t.Context(), "profiles", "schema")
	if err != nil || !json.Valid([]byte(output)) || !strings.Contains(output, `"$schema": "https://json-schema.org/draft/2020-12/schema"`) {
		t.Errorf("%v\n%.300s", err, output)
	}
}

func TestProfilesRefuse(t *testing.T) {
	for want, args := range map[string][]string{
		"the variants of example-group are example-group/by-client": {"show", "example-group/by-clint", "--profiles", exampleProfiles},
		`unknown profile "bcpe"; known are bpce`:                    {"diff", "bpce", "bcpe"},
		`unknown profile "bcpd"; known are bpce`:                    {"diff", "bcpd", "bpce"},
		"[json sources]":                                            {"show", "bpce", "--json", "--sources"},
		"no such file":                                              {"list", "--profiles", "testdata/nowhere"},
	} {
		if _, err := execute(t.Context(), append([]string{"profiles"}, args...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// TestProfilesValidate holds what the real binary says of files, and its exit
// status.
func TestProfilesValidate(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	group := must(os.ReadFile(filepath.Join(exampleProfiles, "example-group.json")))
	file("example-group.json", string(group))
	child := file("child.json", "{\"schema\": 1, \"name\": \"child\", \"title\": \"t\", \"inherits\": \"example-group\"}")
	if output, exit := run(t, nil, "tpp", "profiles", "validate", child, dir); exit != 0 ||
		!strings.Contains(output, child+": valid: child, child/by-client\n") ||
		!strings.Contains(output, dir+": valid: child, child/by-client, example-group, example-group/by-client\n") {
		t.Errorf("exit status %d:\n%s", exit, output)
	}
	wrong := file("wrong.json", "{\"schema\": 1, \"name\": \"wrong\", \"inherits\": \"example-group\",\n\"psu\": {\"rule\": \"always\"}}")
	output, exit := run(t, nil, "tpp", "profiles", "validate", child, wrong)
	for _, want := range []string{child + ": valid", wrong + ":1:1: title: is missing", wrong + ":2:17: psu: ", "2 found wrong"} {
		if !strings.Contains(output, want) {
			t.Errorf("%q is not in\n%s", want, output)
		}
	}
	if exit != 1 {
		t.Errorf("exit status %d", exit)
	}
	for want, name := range map[string]string{
		"no such file":  filepath.Join(dir, "none.json"),
		"ends in .json": file("profile.yaml", "a: b"),
		"no profile":    t.TempDir(),
	} {
		if _, err := execute(t.Context(), "profiles", "validate", name); err == nil {
			t.Errorf("%s: valid", name)
		} else if output, _ := execute(t.Context(), "profiles", "validate", name); !strings.Contains(output+err.Error(), want) {
			t.Errorf("%s: %v, %s, want %q", name, err, output, want)
		}
	}
}
