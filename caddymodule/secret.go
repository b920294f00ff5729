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
		strings.Count(value, "{") == 1
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

// resolveHeader replaces placeholders in a fixed header's value. A secret that
// cannot be read gives an empty value, which omits the header; the bank then
// says what is missing.
func resolveHeader(value string) string {
	if !strings.Contains(value, "{") {
		return value
	}
	return strings.TrimRight(caddy.NewReplacer().ReplaceAll(value, ""), "\r\n")
}
