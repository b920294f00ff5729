package caddymodule

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// FuzzGlobalOption holds that whatever stands in the global option is either
// refused or gives JSON that the app reads back as it was.
func FuzzGlobalOption(f *testing.F) {
	files, err := filepath.Glob("testdata/adapt/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds (%v)", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if _, rest, found := strings.Cut(string(content), "\ttpp {\n"); found {
			inner, _, _ := strings.Cut(rest, "\n\t}\n")
			f.Add(inner)
		}
	}
	f.Add("identity a {\nqwac {\npassphrase {\n}\n}\n}")
	f.Add("aspsp b {\nsignature x\nheaders {\nset {\nA {\n}\n}\n}\n}")
	f.Fuzz(func(t *testing.T, inner string) {
		parse := func(existing any) (httpcaddyfile.App, error) {
			parsed, err := parseApp(caddyfile.NewTestDispenser("tpp {\n"+inner+"\n}"), existing)
			if err != nil {
				if err.Error() == "" {
					t.Error("an error without a word")
				}
				return httpcaddyfile.App{}, err
			}
			return parsed.(httpcaddyfile.App), nil
		}
		first, err := parse(nil)
		if err != nil {
			return
		}
		var app App
		if err := json.Unmarshal(first.Value, &app); err != nil {
			t.Fatalf("%s: %v", first.Value, err)
		}
		second, err := parse(first)
		if err == nil && len(app.Identities)+len(app.ASPSPs) > 0 {
			t.Errorf("the same block was taken twice: %s", second.Value)
		}
	})
}
