package caddymodule

import (
	"os"
	"path/filepath"
	"testing"
)

func TestIsPlaceholder(t *testing.T) {
	for value, want := range map[string]bool{
		"{file./run/tpp/passphrase}": true, "{env.PASSPHRASE}": true,
		"": false, "letmein": false, "{letmein}": false, "{$PASSPHRASE}": false, "{http.request.header.X}": false,
		"let{env.ME}": false, "{env.ME}in": false, "{env.LET}{env.ME}": false, "{env.LET}mein}": false, "{file./x": false, "{env.{env.X}}": false,
	} {
		if isPlaceholder(value) != want {
			t.Errorf("%q: %v", value, !want)
		}
	}
}

func TestSecretsAreReadWhenNeeded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	placeholder := "{file." + file + "}"
	for _, content := range []string{"one\n", "two\r\n", " three ", "four {env.HOME} \n\n"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"one\n": "one", "two\r\n": "two", " three ": " three ", "four {env.HOME} \n\n": "four {env.HOME} "}[content]
		passphrase, err := resolvePassphrase(placeholder)
		if string(passphrase) != want || err != nil {
			t.Errorf("passphrase %q, %v, want %q", passphrase, err, want)
		}
		if got, err := resolveHeader(placeholder); got != want || err != nil {
			t.Errorf("header %q, %v, want %q", got, err, want)
		}
	}
	t.Setenv("CADDYMODULE_TEST_EMPTY", "")
	for _, missing := range []string{"{file./nowhere/secret}", "{env.CADDYMODULE_TEST_EMPTY}", "{env.CADDYMODULE_TEST_UNSET}"} {
		if passphrase, err := resolvePassphrase(missing); err == nil {
			t.Errorf("%s gave %q", missing, passphrase)
		}
		if got, err := resolveHeader(missing); err == nil {
			t.Errorf("%s gave %q", missing, got)
		}
	}
	if got, err := resolveHeader("plain"); got != "plain" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
