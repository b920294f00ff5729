package main

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// versions are the modules that a go.mod names.
func versions(t *testing.T, file string) map[string]string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json", file).Output()
	check(t, err)
	var parsed struct {
		Require []struct{ Path, Version string }
	}
	check(t, json.Unmarshal(out, &parsed))
	found := make(map[string]string)
	for _, module := range parsed.Require {
		found[module.Path] = module.Version
	}
	return found
}

// The Caddy here is the one that all else was tested with.
func TestVersionsAreThoseOfTheMainModule(t *testing.T) {
	t.Parallel()
	main, here := versions(t, "../../go.mod"), versions(t, "go.mod")
	for _, module := range []string{"github.com/caddyserver/caddy/v2", "github.com/caddyserver/certmagic"} {
		if main[module] == "" || here[module] == "" {
			t.Errorf("%s: %q in the main go.mod, %q here", module, main[module], here[module])
		}
	}
	for module, version := range here {
		if want := main[module]; want != "" && version != want {
			t.Errorf("%s is %s, in the main go.mod %s: run go mod tidy here, or go get there", module, version, want)
		}
	}
}

// The documentation shows the storage of the Caddyfile, and names the versions.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	document, caddyfile := read(t, "../../docs/storage.md"), read(t, "Caddyfile")
	at := strings.Index(caddyfile, "\tstorage redis {")
	block := caddyfile[at : at+strings.Index(caddyfile[at:], "\n\t}\n")+4]
	var lines []string
	for line := range strings.Lines(block) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			lines = append(lines, line)
		}
	}
	if shown := strings.Join(lines, ""); !strings.Contains(document, shown) {
		t.Errorf("docs/storage.md does not show\n%s", shown)
	}
	const module = "github.com/pberkel/caddy-storage-redis"
	if tried := module + "@" + versions(t, "go.mod")[module]; !strings.Contains(document, tried) {
		t.Errorf("docs/storage.md does not name %s", tried)
	}
}
