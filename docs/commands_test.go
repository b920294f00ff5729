package docs_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-tpp/caddy-tpp"
)

// commands are what commands in the documentation may use, beside the shell.
// This test binary is each of them, under a link of that name: they need not be
// installed, and linking Caddy a second time would take longer than all tests.
var commands = map[string]func(args []string) int{
	"caddy": func([]string) int { caddycmd.Main(); return 0 },
	"curl":  func(args []string) int { return runCurl(args, os.Stdout, os.Stderr) },
	"grep":  func(args []string) int { return runGrep(args, os.Stdin, os.Stdout, os.Stderr) },
}

func TestMain(m *testing.M) {
	if command, ok := commands[filepath.Base(os.Args[0])]; ok {
		os.Exit(command(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// commandDir makes a folder with all commands.
func commandDir(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name := range commands {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// runGrep is grep with one pattern, for which basic regular expressions and
// Go's must be the same.
func runGrep(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) != 1 || strings.HasPrefix(args[0], "-") || strings.ContainsAny(args[0], `\+?|(){}`) {
		fmt.Fprintf(stderr, "grep: the grep of the tests takes one plain pattern, not %q\n", args)
		return 2
	}
	pattern, err := regexp.Compile(args[0])
	if err != nil {
		fmt.Fprintln(stderr, "grep:", err)
		return 2
	}
	status := 1
	for lines := bufio.NewScanner(stdin); lines.Scan(); {
		if pattern.MatchString(lines.Text()) {
			fmt.Fprintln(stdout, lines.Text())
			status = 0
		}
	}
	return status
}
