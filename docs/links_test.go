package docs_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// Every link into the project leads somewhere, to the heading it names.
func TestLinks(t *testing.T) {
	known := make(map[string]*document)
	for _, d := range documents(t) {
		known[d.name] = d
	}
	links := 0
	for _, d := range known {
		for _, m := range link.FindAllStringSubmatch(d.prose, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			links++
			file, fragment, _ := strings.Cut(m[1], "#")
			target := d.name
			if file != "" {
				target = path.Join(path.Dir(d.name), file)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s: link to %s: %v", d.name, m[1], err)
			} else if fragment != "" && (known[target] == nil || !known[target].anchors()[fragment]) {
				t.Errorf("%s: link to %s: there is no such heading", d.name, m[1])
			}
		}
	}
	if links < 20 {
		t.Errorf("found only %d links", links)
	}
}

// No document speaks of the machine that it was written on.
func TestNoMachinePaths(t *testing.T) {
	local := regexp.MustCompile(`(?m)(^|[\s"'` + "`" + `(=:])/(work|tmp|root|home|mnt|Users)/`)
	for _, d := range documents(t) {
		if found := local.FindString(d.text); found != "" {
			t.Errorf("%s names the path %q", d.name, found)
		}
	}
}
