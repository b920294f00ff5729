package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

const sandboxFile = "docs/sandbox.md"

func TestFaultFields(t *testing.T) {
	same(t, "faults", firstWords(section(t, read(t, sandboxFile), "## Faults")), jsonKeys(reflect.TypeFor[sandbox.Fault]()))
}

func TestRuleFields(t *testing.T) {
	var fields []string
	for _, part := range []reflect.Type{reflect.TypeFor[sandbox.TokenRules](), reflect.TypeFor[sandbox.AuthorizeRules](), reflect.TypeFor[sandbox.IDTokenRules](),
		reflect.TypeFor[sandbox.CaratRules](), reflect.TypeFor[sandbox.AnswerRules]()} {
		fields = append(fields, jsonKeys(part)...)
	}
	same(t, "rules", firstWords(section(t, read(t, sandboxFile), "## Rules of the authorization server")), fields)
	same(t, "clients", firstWords(section(t, read(t, sandboxFile), "## Clients")), jsonKeys(reflect.TypeFor[sandbox.Client]()))
}

func TestMerchantFields(t *testing.T) {
	text := read(t, sandboxFile)
	same(t, "merchants of Payline", firstWords(section(t, text, "### Merchants of Payline")), jsonKeys(reflect.TypeFor[sandbox.PaylineMerchant]()))
	same(t, "merchants of Carat", firstWords(section(t, text, "### Merchants of Carat")),
		append(jsonKeys(reflect.TypeFor[sandbox.CaratMerchant]()), "public_key"))
}

// The accounts in the documentation have the balances that the bank knows.
func TestPersonas(t *testing.T) {
	text := section(t, read(t, sandboxFile), "## Personas")
	documented := make(map[string]string)
	for _, m := range regexp.MustCompile("`(FR\\d{25})` (-?\\d+\\.\\d\\d)").FindAllStringSubmatch(text, -1) {
		documented[m[1]] = m[2]
	}
	code, err := os.ReadFile(filepath.Join(root, "sandbox/personas.go"))
	if err != nil {
		t.Fatal(err)
	}
	accounts := regexp.MustCompile(`\bopen\("(FR\d{25})", (-?[\d_]+)\)`).FindAllStringSubmatch(string(code), -1)
	if len(accounts) < 10 {
		t.Fatalf("found only %d accounts", len(accounts))
	}
	for _, m := range accounts {
		cents, err := strconv.Atoi(strings.ReplaceAll(m[2], "_", ""))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, m[1]) {
			t.Errorf("%s does not list the account %s", sandboxFile, m[1])
		}
		if want := fmt.Sprintf("%.2f", float64(cents)/100); documented[m[1]] != "" && documented[m[1]] != want {
			t.Errorf("%s: %s has %s, not %s", sandboxFile, m[1], want, documented[m[1]])
		}
		delete(documented, m[1])
	}
	for iban := range documented {
		t.Errorf("%s lists %s, which the bank does not know", sandboxFile, iban)
	}
	people := regexp.MustCompile(`\{"(\w+)", "([^"]+)", "\w+", \[\]account`).FindAllStringSubmatch(string(code), -1)
	if len(people) < 5 {
		t.Fatalf("found only %d personas", len(people))
	}
	for _, m := range people {
		if !strings.Contains(text, "| `"+m[1]+"` | "+m[2]+" |") {
			t.Errorf("%s does not list %s, %s", sandboxFile, m[1], m[2])
		}
	}
}

// The control plane's table is what the bank serves.
func TestControlPlane(t *testing.T) {
	patterns := callTexts(source(t, "sandbox/control.go"), "HandleFunc")
	// The one pattern that is put together from a prefix.
	patterns = append(patterns, "GET /stet/psd2/oauth/authorize")
	same(t, "control plane", firstWords(section(t, read(t, sandboxFile), "## The control plane")), patterns)
}
