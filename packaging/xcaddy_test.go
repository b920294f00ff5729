package packaging

import (
	"bytes"
	"encoding/json"
	"go/parser"
	"go/token"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	caddyModule     = "github.com/caddyserver/caddy/v2"
	standardModules = caddyModule + "/modules/standard"
)

// builder is the JSON form of xcaddy's Builder, as far as xcaddy.json uses it.
type builder struct {
	CaddyVersion string   `json:"caddy_version"`
	Plugins      []plugin `json:"plugins"`
	Cgo          bool     `json:"cgo"`
	BuildFlags   string   `json:"build_flags"`
}

type plugin struct {
	ModulePath string `json:"module_path"`
	// Version is empty for the module of this repository.
	Version string `json:"version"`
}

func readBuilder(t *testing.T) builder {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(readText(t, "../xcaddy.json")))
	dec.DisallowUnknownFields()
	var b builder
	if err := dec.Decode(&b); err != nil {
		t.Fatalf("xcaddy.json: %v", err)
	}
	return b
}

// goList asks the go command about a module: "path version", version empty for
// the module of this repository.
func goList(t *testing.T, module string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Path}} {{.Version}}", module)
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list -m %s: %v\n%s", module, err, &stderr)
	}
	return strings.TrimSuffix(string(out), "\n")
}

func TestXcaddyAgreesWithGoMod(t *testing.T) {
	b := readBuilder(t)
	for _, p := range append(b.Plugins, plugin{caddyModule, b.CaddyVersion}) {
		if got, want := goList(t, p.ModulePath), p.ModulePath+" "+p.Version; got != want {
			t.Errorf("xcaddy.json has %q, go.mod has %q", want, got)
		}
	}
}

func TestXcaddyAgreesWithMain(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../cmd/caddy/main.go", nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var plugged []string
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		// Packages of the standard library have no dot in their path.
		if spec.Name != nil && spec.Name.Name == "_" && strings.Contains(path, ".") {
			plugged = append(plugged, path)
		}
	}
	want := []string{standardModules}
	for _, p := range readBuilder(t).Plugins {
		want = append(want, p.ModulePath)
	}
	slices.Sort(plugged)
	slices.Sort(want)
	if !slices.Equal(plugged, want) {
		t.Errorf("cmd/caddy plugs in %q, xcaddy.json %q", plugged, want)
	}
}

func TestBuilderImageHasTheGoOfGoMod(t *testing.T) {
	_, rest, _ := strings.Cut(readText(t, "../go.mod"), "\ngo ")
	release := strings.Join(strings.SplitN(strings.Fields(rest)[0], ".", 3)[:2], ".")
	if want := "/golang:" + release + "-"; !strings.Contains(readText(t, "../Dockerfile"), want) {
		t.Errorf("go.mod asks for Go %s, the Dockerfile has no image %q", release, want)
	}
}
