package docs_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const modulePath = "github.com/caddy-tpp/caddy-tpp"

func decodeObject(t *testing.T, data []byte) map[string]json.RawMessage {
	t.Helper()
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	return object
}

// goList runs go list over the whole module and gives its lines.
func goList(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// local gives the name of a package of this module, as the table has it.
func local(path string) (string, bool) {
	if path == modulePath {
		return ".", true
	}
	return strings.CutPrefix(path, modulePath+"/")
}

// The table of packages is what the code says, both ways.
func TestPackages(t *testing.T) {
	documented := make(map[string]string)
	for _, row := range rows(section(t, read(t, "docs/architecture.md"), "## Packages")) {
		documented[quoted(row[0])[0]] = strings.Join(quoted(row[2]), " ")
	}
	for _, line := range goList(t, "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./...") {
		paths := strings.Fields(line)
		var imports []string
		for _, path := range paths[1:] {
			if name, ok := local(path); ok {
				imports = append(imports, name)
			}
		}
		name, _ := local(paths[0])
		want, ok := documented[name]
		if !ok {
			t.Errorf("docs/architecture.md does not list the package %s", name)
		} else if got := strings.Join(imports, " "); got != want {
			t.Errorf("docs/architecture.md: %s imports %q, not %q", name, got, want)
		}
		delete(documented, name)
		importsCaddy := slices.ContainsFunc(paths[1:], func(path string) bool { return strings.HasPrefix(path, "github.com/caddyserver/") })
		if glue := strings.HasPrefix(name, "caddymodule") || name == "cmd/caddy"; importsCaddy && !glue {
			t.Errorf("%s imports Caddy", name)
		}
	}
	for name := range documented {
		t.Errorf("docs/architecture.md lists %s, which is no package", name)
	}
}

// The list of dependencies is what packages and tests import.
func TestDependencies(t *testing.T) {
	moduleOf := make(map[string]string)
	for _, line := range goList(t, "-deps", "-test", "-f", `{{.ImportPath}}|{{with .Module}}{{.Path}}{{end}}`, "./...") {
		path, module, _ := strings.Cut(line, "|")
		moduleOf[path] = module
	}
	used := make(map[string]bool)
	for _, line := range goList(t, "-f", `{{range .Imports}}{{.}} {{end}}{{range .TestImports}}{{.}} {{end}}{{range .XTestImports}}{{.}} {{end}}`, "./...") {
		for _, path := range strings.Fields(line) {
			if module := moduleOf[path]; module != "" && module != modulePath {
				used[module] = true
			}
		}
	}
	if len(used) < 5 {
		t.Fatalf("found only %d dependencies", len(used))
	}
	for _, row := range rows(read(t, "docs/dependencies.md")) {
		module := quoted(row[0])[0]
		if !used[module] {
			t.Errorf("docs/dependencies.md lists %s, which nothing imports", module)
		}
		delete(used, module)
		for _, name := range quoted(row[2]) {
			if _, err := os.Stat(root + "/" + name); err != nil {
				t.Errorf("docs/dependencies.md: %s: %v", module, err)
			}
		}
	}
	for module := range used {
		t.Errorf("docs/dependencies.md does not list %s", module)
	}
}

// Source files that documents point to exist.
func TestNamedFilesExist(t *testing.T) {
	file := regexp.MustCompile(`^[a-z]+/([a-z_]+\.go)?$`)
	for _, d := range documents(t) {
		for _, name := range quoted(d.prose) {
			if !file.MatchString(name) {
				continue
			}
			if _, err := os.Stat(root + "/" + name); err != nil {
				t.Errorf("%s: %v", d.name, err)
			}
		}
	}
}
