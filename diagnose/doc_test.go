package diagnose

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The manual's table has every code, and none that does not exist.
func TestManualHasEveryCode(t *testing.T) {
	source := string(must(os.ReadFile("codes.go")))
	manual := string(must(os.ReadFile("../docs/verify.md")))
	_, table, _ := strings.Cut(manual, "\n## All codes\n")
	documented := make(map[string]bool)
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]+) \\|").FindAllStringSubmatch(table, -1) {
		for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			documented[code[1]] = true
		}
	}
	codes := regexp.MustCompile(`(?m)^\t\w+ +(?:Code +)?= "([a-z0-9-]+)"`).FindAllStringSubmatch(strings.ReplaceAll(source, "Code = ", "= "), -1)
	if len(codes) < 60 {
		t.Fatalf("found only %d codes", len(codes))
	}
	for _, code := range codes {
		if !documented[code[1]] {
			t.Errorf("docs/verify.md does not explain %s", code[1])
		}
		delete(documented, code[1])
	}
	for code := range documented {
		t.Errorf("docs/verify.md explains %s, which does not exist", code)
	}
}
