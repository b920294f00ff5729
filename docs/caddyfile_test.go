package docs_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// Parts that a block may lack.
const (
	identityPart = "identity acme {\nqwac /run/tpp/qwac.pem /run/tpp/qwac-key.pem\nqseal /run/tpp/qseal.pem /run/tpp/qseal-key.pem\n}\n"
	aspspOptions = "profile bpce\nbase_url https://bank.example/stet/psd2/v1.4.2\nidentity acme\n"
	aspspPart    = "aspsp bpgo {\n" + aspspOptions + "}\n"
	sitePart     = ":8080 {\nbind 127.0.0.1\ntpp_proxy bpgo\n}\n"
)

// whole puts a block into a whole configuration, by its first word, so that a
// document need show no more than what it speaks of.
func whole(text string) (config, kind string) {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		if trimmed := strings.TrimSpace(line); trimmed != "" && !strings.HasPrefix(trimmed, "#") {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return "", "empty"
	}
	first, _, _ := strings.Cut(lines[0], " ")
	options := func(tpp string) string { return "{\ntpp {\n" + tpp + "}\n}\n" }
	switch {
	case first == "{":
		return text, "file"
	case strings.HasPrefix(first, ":"):
		return options(identityPart+aspspPart) + text, "site"
	case first == "tpp":
		return "{\n" + text + "}\n" + sitePart, "option"
	case first == "vault":
		return options(text+identityPart+aspspPart) + sitePart, "vault"
	case first == "identity":
		return options(text+aspspPart) + sitePart, "identity"
	case first == "aspsp":
		if !strings.Contains(text, "\tprofile ") {
			text = strings.Replace(text, "{\n", "{\n"+aspspOptions, 1)
		}
		name := strings.Fields(lines[0])[1]
		return options(identityPart+text) + strings.Replace(sitePart, "bpgo", name, 1), "aspsp"
	default:
		return options(identityPart+aspspPart) + ":8080 {\nbind 127.0.0.1\n" + text + "}\n", "directive"
	}
}

// Every Caddyfile in the documentation loads.
func TestCaddyfiles(t *testing.T) {
	isolate(t)
	dir := writeCertificates(t)
	kinds := make(map[string]int)
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			if b.language() != "caddyfile" || b.attribute("file") != "" { // a file is saved and run by TestAddABank
				continue
			}
			text, kind := whole(b.text)
			kinds[kind]++
			if said := b.attribute("fragment"); said != "" && said != kind {
				t.Errorf("%s:%d: fragment=%s, but its first word makes it a %s", d.name, b.line, said, kind)
			}
			if err := validateCaddyfile(provide(t, dir, text)); err != nil {
				t.Errorf("%s:%d: %v in\n%s", d.name, b.line, err, b.text)
			}
		}
	}
	for _, kind := range []string{"file", "site", "identity", "aspsp"} {
		if kinds[kind] == 0 {
			t.Errorf("no block is a %s: is it recognised?", kind)
		}
	}
}

// The check above can fail.
func TestWrongCaddyfilesFail(t *testing.T) {
	isolate(t)
	dir := writeCertificates(t)
	for name, text := range map[string]string{
		"option":      "aspsp x {\n\tsignatures {\n\t}\n}\n",
		"value":       "aspsp x {\n\tpsu {\n\t\trule never\n\t}\n}\n",
		"file":        "identity acme {\n\tqwac /run/tpp/none.pem\n}\n",
		"directive":   "tpp_proxy bpgo {\n\tto other\n}\n",
		"unknown":     "tpp_proxy nobody\n",
		"certificate": "identity acme {\n\tqwac /run/tpp/qseal.pem /run/tpp/qseal-key.pem\n}\n",
	} {
		config, _ := whole(text)
		if err := validateCaddyfile(strings.ReplaceAll(config, certificateDir, dir)); err == nil {
			t.Errorf("%s: a wrong Caddyfile loads", name)
		}
	}
}

// isolate keeps Caddy's own files out of the user's folders.
func isolate(t *testing.T) {
	t.Helper()
	for _, name := range []string{"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		t.Setenv(name, t.TempDir())
	}
}

func validateCaddyfile(text string) error {
	config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		if !strings.Contains(w.Message, "not formatted") {
			return fmt.Errorf("warning: %s", w.Message)
		}
	}
	return validateJSON(config)
}

func validateJSON(text []byte) error {
	config := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(text, config); err != nil {
		return err
	}
	quiet := &caddy.CustomLog{BaseLog: caddy.BaseLog{Level: "ERROR"}}
	if config.Logging == nil {
		config.Logging = &caddy.Logging{Logs: map[string]*caddy.CustomLog{"default": quiet}}
	}
	return caddy.Validate(config)
}

// Every JSON block is JSON, and a configuration if it has apps.
func TestJSON(t *testing.T) {
	isolate(t)
	dir := writeCertificates(t)
	configurations := 0
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			if b.language() != "json" {
				continue
			}
			text := []byte(provide(t, dir, b.text))
			if !json.Valid(text) {
				t.Errorf("%s:%d: not JSON", d.name, b.line)
				continue
			}
			if _, ok := decodeObject(t, text)["apps"]; !ok {
				continue
			}
			configurations++
			if err := validateJSON(text); err != nil {
				t.Errorf("%s:%d: %v", d.name, b.line, err)
			}
		}
	}
	if configurations == 0 {
		t.Error("no block is a configuration")
	}
}

// The Caddyfiles beside README load.
func TestCaddyfileExample(t *testing.T) {
	isolate(t)
	dir := writeCertificates(t)
	names, err := filepath.Glob(filepath.Join(root, "Caddyfile*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text := read(t, filepath.Base(name))
		if err := validateCaddyfile(provide(t, dir, text)); err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
		}
	}
}
