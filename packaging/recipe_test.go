package packaging

import (
	"bytes"
	"errors"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// healthCommand asks the sidecar for its health in every place that can ask.
var healthCommand = []string{"/caddy", "tpp", "health"}

const (
	sidecarUser     = 65532
	caddyfileMount  = "/etc/caddy"
	certificateDir  = "/run/tpp"
	applicationBase = "http://127.0.0.1:8080"
)

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readYAML decodes every document of a file into a value of T. A key that T
// does not know is an error: the tests would be silent about what it does.
func readYAML[T any](t *testing.T, name string) []T {
	t.Helper()
	dec := yaml.NewDecoder(bytes.NewReader([]byte(readText(t, name))))
	dec.KnownFields(true)
	var docs []T
	for {
		var doc T
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return docs
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		docs = append(docs, doc)
	}
}

// checkApplicationURL fails unless the sidecar has a route for what the
// application calls: a loopback address, and a path that a tpp_proxy serves.
func checkApplicationURL(t *testing.T, url string) {
	t.Helper()
	path, ok := strings.CutPrefix(url, applicationBase)
	if !ok || path == "" {
		t.Errorf("application calls %q, not the sidecar at %s", url, applicationBase)
		return
	}
	proxy := regexp.MustCompile(`(?m)^\ttpp_proxy ` + path + `/\* \w+ \{\n\t\tstrip_prefix ` + path + `$`)
	if !proxy.MatchString(readText(t, "Caddyfile")) {
		t.Errorf("application calls %q, for which the Caddyfile has no tpp_proxy", url)
	}
}

// certificateFiles are the names, within certificateDir, that the Caddyfile reads.
func certificateFiles(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, m := range regexp.MustCompile(`/run/tpp/(\S+)`).FindAllStringSubmatch(readText(t, "Caddyfile"), -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	if want := []string{"qseal-key.pem", "qseal.pem", "qwac-key.pem", "qwac.pem"}; !slices.Equal(names, want) {
		t.Fatalf("Caddyfile reads %q, want %q", names, want)
	}
	return names
}

func TestCaddyfileListensOnLoopbackOnly(t *testing.T) {
	text := readText(t, "Caddyfile")
	for _, line := range []string{"\tadmin off\n", "\tpersist_config off\n", "\tbind 127.0.0.1\n"} {
		if strings.Count(text, line) != 1 {
			t.Errorf("want one line %q", line)
		}
	}
	if sites := regexp.MustCompile(`(?m)^\S.* \{$`).FindAllString(text, -1); !slices.Equal(sites, []string{":8080 {"}) {
		t.Errorf("sites %q: each one needs its own bind", sites)
	}
}
