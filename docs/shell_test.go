package docs_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// reasons are all that may keep a command in the documentation from being tested.
var reasons = []string{"calls a live bank", "needs a container engine", "needs a cluster"}

// Commands in the documentation do what it says.
func TestShell(t *testing.T) {
	w := newWorld(t)
	ran := make(map[string]int)
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			if b.language() != "sh" && b.language() != "bash" {
				continue
			}
			kind := b.attribute("test")
			ran[kind]++
			switch kind {
			case "demo":
				w.settle(t, w.demo)
				w.check(t, b, w.dir, w.demo)
			case "sidecar":
				w.settle(t, w.sidecar)
				w.check(t, b, w.dir, w.sidecar)
			case "certs":
				w.check(t, b, w.reader(t, b), w.sidecar)
			case "clone":
				w.checkClone(t, b)
			case "none":
				if !slices.Contains(reasons, b.attribute("reason")) {
					t.Errorf("%s:%d: %q is no reason that is allowed; there are: %s", d.name, b.line, b.attribute("reason"), strings.Join(reasons, ", "))
				}
			default:
				t.Errorf("%s:%d: does not say how it is tested: test=demo, sidecar, certs, clone or none", d.name, b.line)
			}
		}
	}
	for _, kind := range []string{"demo", "sidecar", "clone"} {
		if ran[kind] == 0 {
			t.Errorf("no block has test=%s", kind)
		}
	}
}

// check runs a block, with this world's addresses and files for the usual ones.
func (w *world) check(t *testing.T, b block, dir, sidecar string) {
	t.Helper()
	script := strings.NewReplacer(
		"127.0.0.1:8080", sidecar, "127.0.0.1:8443", w.bank, "127.0.0.1:8444", w.control,
		"127.0.0.1:2019", w.admin, "127.0.0.1:9180", w.metricsListener,
		"/etc/caddy/Caddyfile", w.caddyfile, certificateDir, w.dir, "./caddy ", "caddy ",
	).Replace(b.text)
	if err := w.run(t, dir, script); err != nil {
		t.Errorf("%s:%d: %v", b.doc.name, b.line, err)
	}
}

// reader gives a folder as that of somebody who has followed the document up
// to a block: with the Caddyfile that was shown last.
func (w *world) reader(t *testing.T, b block) string {
	t.Helper()
	dir := t.TempDir()
	for _, earlier := range b.doc.blocks {
		if earlier.line < b.line && earlier.language() == "caddyfile" && strings.HasPrefix(earlier.text, "{") {
			write(t, filepath.Join(dir, "Caddyfile"), strings.ReplaceAll(earlier.text, certificateDir, w.dir))
		}
	}
	return dir
}

var (
	tagsFlag  = regexp.MustCompile(`-tags[ =](\S+)`)
	namedPath = regexp.MustCompile(`(^| )(\.[\w./-]*)`)
	ownFlag   = regexp.MustCompile(` (--[a-z-]+)`)
)

// checkClone holds commands for a checkout against it and against CI, for those
// cannot be run within themselves.
func (w *world) checkClone(t *testing.T, b block) {
	t.Helper()
	ci := read(t, ".ci/run")
	for line := range strings.SplitSeq(strings.ReplaceAll(b.text, "\\\n", " "), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fail := func(what string) { t.Errorf("%s:%d: %s: %s", b.doc.name, b.line, line, what) }
		for _, named := range namedPath.FindAllStringSubmatch(line, -1) {
			if _, err := os.Stat(filepath.Join(root, strings.TrimSuffix(named[2], "..."))); err != nil {
				fail(err.Error())
			}
		}
		words := strings.Fields(line)
		switch {
		case line == "go test ./...", line == ".ci/run":
			if !strings.Contains(ci, "go test ./...") {
				fail("CI does not run the tests")
			}
		case len(words) > 2 && words[0] == "go" && slices.Contains([]string{"build", "run"}, words[1]):
			if tags := tagsFlag.FindStringSubmatch(line); tags == nil || tags[1] != buildTags(t) {
				fail("its build tags are not those of xcaddy.json")
			}
			if _, args, ok := strings.Cut(line, "./cmd/caddy "); ok {
				w.checkHelp(t, args, fail)
			}
		case strings.HasPrefix(line, "go test -run '^$' -bench "):
			for _, named := range namedPath.FindAllStringSubmatch(line, -1) {
				if named[2] != "." && !hasBenchmark(t, named[2]) {
					fail(named[2] + " has no benchmark")
				}
			}
		default:
			fail("do not know how to check it")
		}
	}
}

// checkHelp looks up a command of Caddy, and its flags, in its own help.
func (w *world) checkHelp(t *testing.T, args string, fail func(string)) {
	t.Helper()
	command, _, _ := strings.Cut(args, " -")
	script := "caddy " + command + " --help > help.txt; grep -q '^  caddy " + command + "' help.txt"
	for _, flag := range ownFlag.FindAllStringSubmatch(" "+args, -1) {
		script += "; grep -qe '" + flag[1] + "' help.txt"
	}
	if err := w.run(t, t.TempDir(), script); err != nil {
		fail(err.Error())
	}
}

// buildTags are the tags of the image.
func buildTags(t *testing.T) string {
	t.Helper()
	var builder struct {
		BuildFlags string `json:"build_flags"`
	}
	if err := json.Unmarshal([]byte(read(t, "xcaddy.json")), &builder); err != nil {
		t.Fatal(err)
	}
	tags := tagsFlag.FindStringSubmatch(builder.BuildFlags)
	if tags == nil {
		t.Fatal("xcaddy.json has no build tags")
	}
	return tags[1]
}

func hasBenchmark(t *testing.T, dir string) bool {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(names, func(name string) bool {
		text, err := os.ReadFile(name)
		return err == nil && strings.Contains(string(text), "\nfunc Benchmark")
	})
}
