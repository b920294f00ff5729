package caddymodule

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// isPlaceholder reports whether a value is nothing but a placeholder for a
// secret that lies elsewhere. {$NAME} would not be: Caddy replaces it while
// adapting, which leaves the secret in the adapted configuration.
func isPlaceholder(value string) bool {
	return strings.HasSuffix(value, "}") &&
		(strings.HasPrefix(value, "{file.") || strings.HasPrefix(value, "{env.")) &&
		strings.Count(value, "{") == 1 && strings.Count(value, "}") == 1
}

// resolvePassphrase reads a secret at the moment it is needed. A line end after
// it belongs to the file, not to the secret.
func resolvePassphrase(placeholder string) ([]byte, error) {
	value, err := caddy.NewReplacer().ReplaceOrErr(placeholder, true, true)
	if err != nil {
		return nil, fmt.Errorf("resolving %s: %w", placeholder, err)
	}
	return bytes.TrimRight([]byte(value), "\r\n"), nil
}

// resolveHeader replaces placeholders in a fixed header's value.
func resolveHeader(value string) (string, error) {
	if !strings.Contains(value, "{") {
		return value, nil
	}
	resolved, err := caddy.NewReplacer().ReplaceOrErr(value, true, true)
	return strings.TrimRight(resolved, "\r\n"), err
}

// standsInClear reports whether a fixed header looks like a secret that is
// written in the configuration itself, where backups and autosave copy it.
func standsInClear(name, value string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"secret", "password", "api-key", "apikey", "token", "credential"} {
		if strings.Contains(name, word) {
			return value != "" && !strings.Contains(value, "{")
		}
	}
	return false
}
