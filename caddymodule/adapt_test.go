package caddymodule_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// update writes what the adapter gives into the golden files:
//
//	go test ./caddymodule -run TestAdapt -update
//
// Read the difference before committing it.
var update = flag.Bool("update", false, "rewrite the golden files of TestAdapt")

// fence separates the Caddyfile from the JSON in a golden file.
const fence = "----------\n"

func TestAdapt(t *testing.T) {
	files, err := filepath.Glob("testdata/adapt/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files (%v)", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, found := strings.Cut(string(content), fence)
			if !found {
				t.Fatalf("%s has no line %q", file, strings.TrimSpace(fence))
			}
			adapted, err := adapt(input)
			if err != nil {
				t.Fatal(err)
			}
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, adapted, "", "\t"); err != nil {
				t.Fatal(err)
			}
			got := strings.TrimSpace(pretty.String()) + "\n"
			if *update {
				if err := os.WriteFile(file, []byte(input+fence+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
			}
		})
	}
}
