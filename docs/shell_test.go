package docs_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// addABank is followed from beginning to end by TestAddABank.
const addABank = "docs/add-a-bank.md"

// reasons are all that may keep a command in the documentation from being tested.
var reasons = []string{"calls a live bank", "needs a container engine", "needs a cluster"}

// Commands in the documentation do what it says.
func TestShell(t *testing.T) {
	w := newWorld(t)
	ran := make(map[string]int)
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			if b.language() == "bash" {
				t.Errorf("%s:%d: write it for any shell: sh", d.name, b.line)
			}
			if b.language() != "sh" {
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
			case "walkthrough":
				if d.name != addABank {
					t.Errorf("%s:%d: only %s is followed from beginning to end", d.name, b.line, addABank)
				}
			case "none":
				if !slices.Contains(reasons, b.attribute("reason")) {
					t.Errorf("%s:%d: %q is no reason that is allowed; there are: %s", d.name, b.line, b.attribute("reason"), strings.Join(reasons, ", "))
				}
			default:
				t.Errorf("%s:%d: does not say how it is tested: test=demo, sidecar, certs, clone, walkthrough or none", d.name, b.line)
			}
		}
	}
	w.checkInvitation(t)
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

// checkInvitation makes the calls that the demo prints.
func (w *world) checkInvitation(t *testing.T) {
	t.Helper()
	w.settle(t, w.demo)
	dir := t.TempDir()
	if err := w.run(t, dir, "{\n"+w.invited+"\n} >answers"); err != nil {
		t.Errorf("the calls that the demo prints: %v", err)
	}
	answers, err := os.ReadFile(filepath.Join(dir, "answers"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"HTTP/1.1 200 ", `"result":true`, "Sidecar-Error: psu-header-invalid", "HTTP/1.1 400 ", "HTTP/1.1 302 ", `"status":"ok"`, "Compte de Marc",
	} {
		if !strings.Contains(string(answers), want) {
			t.Errorf("the calls that the demo prints are not answered with %s:\n%s", want, answers)
		}
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
	cmd := exec.CommandContext(t.Context(), w.caddy, append(strings.Fields(command), "--help")...)
	cmd.Env, cmd.Dir = w.env, t.TempDir()
	help, err := cmd.Output()
	if err != nil {
		fail(err.Error())
		return
	}
	if !strings.Contains(string(help), "\n  caddy "+command) {
		fail("Caddy has no such command")
	}
	for _, flag := range ownFlag.FindAllStringSubmatch(" "+args, -1) {
		if !strings.Contains(string(help), flag[1]) {
			fail("the command has no " + flag[1])
		}
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
