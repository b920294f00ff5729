package docs_test

import (
	"go/ast"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/dustin/go-humanize"

	"github.com/caddy-tpp/caddy-tpp/caddymodule"
	"github.com/caddy-tpp/caddy-tpp/headers"
	"github.com/caddy-tpp/caddy-tpp/psu"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

const configurationFile = "docs/configuration.md"

// Every option has a row, in JSON and in a Caddyfile, and no row is of something else.
func TestOptions(t *testing.T) {
	text := read(t, configurationFile)
	aspsp := jsonKeys(reflect.TypeFor[caddymodule.ASPSP]())
	same(t, "aspsp in JSON", firstWords(section(t, text, "## aspsp")), aspsp)
	same(t, "aspsp in a Caddyfile", caseWords(source(t, "caddymodule/caddyfile_aspsp.go"), "option"), aspsp)
	same(t, "identity", firstWords(section(t, text, "## identity")),
		slices.Concat(jsonKeys(reflect.TypeFor[caddymodule.Identity]()), jsonKeys(reflect.TypeFor[caddymodule.KeyPair]())))

	vault := firstWords(section(t, text, "## vault"))
	same(t, "vault in a Caddyfile", vault, caseWords(source(t, "caddymodule/caddyfile_vault.go"), "d.Val()"))
	for _, key := range jsonKeys(reflect.TypeFor[caddymodule.Vault]()) {
		if !strings.Contains(section(t, text, "## vault"), "`"+key+"`") {
			t.Errorf("%s: the vault's %s is not documented", configurationFile, key)
		}
	}

	app := section(t, text, "## The global option tpp")
	words := caseWords(source(t, "caddymodule/caddyfile_app.go"), "d.Val()")
	for _, word := range []string{"qwac", "qseal"} {
		words = slices.DeleteFunc(words, func(w string) bool { return w == word })
	}
	same(t, "tpp in a Caddyfile", firstWords(app), words)
	for _, key := range jsonKeys(reflect.TypeFor[caddymodule.App]()) {
		if !strings.Contains(app, "`"+key+"`") {
			t.Errorf("%s: the app's %s is not documented", configurationFile, key)
		}
	}
	for _, key := range jsonKeys(reflect.TypeFor[caddymodule.Handler]()) {
		if !strings.Contains(section(t, text, "## JSON"), "`"+key+"`") {
			t.Errorf("%s: the handler's %s is not documented", configurationFile, key)
		}
	}
}

// The defaults that are documented are those of the code.
func TestDefaults(t *testing.T) {
	defaults := make(map[string]string)
	for _, row := range rows(section(t, read(t, configurationFile), "## aspsp")) {
		defaults[quoted(row[0])[0]] = strings.Join(quoted(row[2]), " ")
	}
	for option, want := range map[string]string{
		"connect_timeout": sidecar.DefaultConnectTimeout.String(),
		"answer_timeout":  sidecar.DefaultAnswerTimeout.String(),
		"idle_conns":      humanize.FormatInteger("#.", sidecar.DefaultIdleConns),
		"max_body":        strings.ReplaceAll(humanize.IBytes(sidecar.DefaultMaxBody), ".0 ", ""),
	} {
		if got := defaults[option]; got != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s: the default of %s is %s, not %s", configurationFile, option, want, got)
		}
	}
}

// The options of reverse_proxy that are refused are all there.
func TestRefusedOptions(t *testing.T) {
	var refused []string
	inspect(source(t, "caddymodule/caddyfile_proxy.go"), func(spec *ast.ValueSpec) {
		if spec.Names[0].Name != "refusedOptions" {
			return
		}
		for _, element := range spec.Values[0].(*ast.CompositeLit).Elts {
			if key, ok := literal(element.(*ast.KeyValueExpr).Key); ok {
				refused = append(refused, key)
			}
		}
	})
	same(t, "refused options", firstWords(section(t, read(t, configurationFile), "## tpp_proxy")), refused)
}

// The module IDs are those that are registered.
func TestModules(t *testing.T) {
	documented := firstWords(section(t, read(t, configurationFile), "## JSON"))
	var registered []string
	for _, id := range caddy.Modules() {
		if id == "tpp" || strings.HasSuffix(id, ".tpp") || strings.Contains(id, ".tpp_") {
			registered = append(registered, id)
		}
	}
	same(t, "modules", documented, registered)
}

// The table of request headers tells what the filter does.
func TestRequestHeaders(t *testing.T) {
	text := section(t, read(t, configurationFile), "## What becomes of each request header")
	filter, err := headers.Compile(headers.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range rows(text) {
		for _, name := range quoted(row[0]) {
			example := strings.ReplaceAll(name, "*", "X")
			switch {
			case i == 0 && !filter.Allows(name):
				t.Errorf("%s: %s does not always pass", configurationFile, name)
			case row[1] != "kept" && filter.Allows(example):
				t.Errorf("%s: %s passes", configurationFile, name)
			case row[1] != "kept" && !headers.IsForbidden(example):
				t.Errorf("%s: %s could be allowed", configurationFile, name)
			}
		}
	}
	if len(psu.Names()) != 12 || !strings.Contains(text, "`"+psu.Names()[0]+"` and the eleven other") {
		t.Errorf("%s: there are %d PSU headers", configurationFile, len(psu.Names()))
	}
}

// The control headers have a heading each.
func TestControlHeaders(t *testing.T) {
	anchors := parse(t, configurationFile).anchors()
	for _, name := range []string{sidecar.HeaderGrant, sidecar.HeaderFallback} {
		if !anchors[slug(name)] {
			t.Errorf("%s does not explain %s", configurationFile, name)
		}
	}
}
