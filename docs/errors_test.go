package docs_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

var update = flag.Bool("update", false, "write the table of codes into errors.md")

const (
	errorsFile = "docs/errors.md"
	tableBegin = "<!-- codes -->\n"
	tableEnd   = "<!-- /codes -->\n"
)

// afterSending are the codes of what goes wrong when the bank may have the
// request already. Any other code can carry "maybe" only on a second attempt.
var afterSending = []sidecar.Code{
	sidecar.CodeBankTimeout, sidecar.CodeBankConnectionLost, sidecar.CodeBankAnswerUnreadable, sidecar.CodeAnswerSignature, sidecar.CodeInternal,
}

func errorTable() string {
	var b strings.Builder
	b.WriteString("| code | status | meaning | remedy | reached bank |\n| --- | --- | --- | --- | --- |\n")
	for _, p := range sidecar.Problems() {
		reached := "no"
		if slices.Contains(afterSending, p.Code) {
			reached = "maybe"
		}
		fmt.Fprintf(&b, "| <a id=\"%s\"></a>`%[1]s` | %d | %s | %s | %s |\n", p.Code, p.Status, cell(p.Title), cell(p.Remedy), reached)
	}
	return b.String()
}

// cell keeps a text from being taken for Markdown.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "<", "&lt;").Replace(text)
}

func TestErrorTable(t *testing.T) {
	text := read(t, errorsFile)
	head, rest, ok := strings.Cut(text, tableBegin)
	table, tail, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", errorsFile)
	}
	want := errorTable()
	if *update {
		if err := os.WriteFile(filepath.Join(root, errorsFile), []byte(head+tableBegin+want+tableEnd+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want {
		t.Errorf("the table of %s is not that of the code; renew it with -update. It should be\n%s", errorsFile, want)
	}
}

// The "type" of a refusal is an address in the documentation.
func TestErrorTypesResolve(t *testing.T) {
	address, ok := strings.CutSuffix(sidecar.TypeBase, "#")
	if !ok || !strings.HasSuffix(address, "/"+errorsFile) {
		t.Fatalf("TypeBase %q does not lead to %s", sidecar.TypeBase, errorsFile)
	}
	anchors := parse(t, errorsFile).anchors()
	for _, p := range sidecar.Problems() {
		if !anchors[string(p.Code)] {
			t.Errorf("%s%s leads nowhere", sidecar.TypeBase, p.Code)
		}
	}
}

// What a refusal advises and whether the bank may have been reached agree.
func TestReachedBankAgreesWithRemedy(t *testing.T) {
	for _, p := range sidecar.Problems() {
		if p.Code == sidecar.CodeInternal {
			continue
		}
		asks := strings.Contains(p.Remedy, "whether the request was processed")
		if asks != slices.Contains(afterSending, p.Code) {
			t.Errorf("%s: the remedy is %q, yet the table says otherwise of reaching the bank", p.Code, p.Remedy)
		}
	}
}

// Codes that other documents speak of exist.
func TestCodesExist(t *testing.T) {
	known := map[string]bool{}
	for _, p := range sidecar.Problems() {
		known[string(p.Code)] = true
	}
	for _, row := range rows(section(t, read(t, "docs/operations.md"), "## At 3 a.m.")) {
		for _, code := range quoted(row[1]) {
			if !known[code] {
				t.Errorf("docs/operations.md: there is no code %s", code)
			}
		}
	}
}

// Every member of a refusal's body is explained.
func TestProblemMembers(t *testing.T) {
	refusal := sidecar.AsRefusal(os.ErrInvalid)
	refusal.Detail, refusal.ASPSP, refusal.RequestID, refusal.OAuthError = "d", "a", "r", "o"
	members := decodeObject(t, refusal.Body())
	text := section(t, read(t, errorsFile), "## Whose error is it?")
	for _, row := range rows(text) {
		name := quoted(row[0])[0]
		if _, ok := members[name]; !ok {
			t.Errorf("%s: a refusal has no member %s", errorsFile, name)
		}
		delete(members, name)
	}
	for name := range members {
		t.Errorf("%s does not explain the member %s", errorsFile, name)
	}
}
