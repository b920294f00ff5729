package caddymodule

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
)

// Identity is a TPP's pair of qualified certificates. All ASPSPs that name it
// use the same certificates; several identities can be served side by side.
type Identity struct {
	// QWAC is the certificate for mutual TLS, and its key.
	QWAC KeyPair `json:"qwac"`
	// QSEAL is the certificate for signatures, and its key. It may be left out
	// only if no ASPSP of this identity wants signatures.
	QSEAL *KeyPair `json:"qseal,omitempty"`
}

// KeyPair is a certificate and its private key in PEM files. Changed files are
// picked up while running.
type KeyPair struct {
	// Certificate is the file with the certificate, followed by its chain.
	Certificate string `json:"certificate"`
	// Key is the file with the private key: PKCS#8 (encrypted or not), PKCS#1 or
	// SEC 1. Default: the certificate's file.
	Key string `json:"key,omitempty"`
	// Passphrase decrypts an encrypted key. It must be a placeholder,
	// {file./path} or {env.NAME}, and is resolved whenever the key is read.
	Passphrase string `json:"passphrase,omitempty"`
}

// ASPSP is a bank, reached with one identity under one profile.
type ASPSP struct {
	// Profile names the bank profile: bpce, bpce-v1, berlin-group.
	Profile string `json:"profile"`
	// BaseURL is the bank's https address that the app's paths are appended to.
	BaseURL string `json:"base_url"`
	// Identity names the identity to use.
	Identity string `json:"identity"`
	// Scope is the OAuth2 scope. Default: the profile's.
	Scope string `json:"scope,omitempty"`
	// ClientID is the client_id. Default: the certificate's organizationIdentifier.
	ClientID string `json:"client_id,omitempty"`
	// TokenEndpoint is the token endpoint's URL, or its path on the host of
	// base_url. Default: the profile's.
	TokenEndpoint string `json:"token_endpoint,omitempty"`
	// TrustPool lists PEM files with the certification authorities that may
	// have issued the bank's certificate. Default: the system's.
	TrustPool []string `json:"trust_pool,omitempty"`
	// MaxBody is the largest request body in bytes. Default 1 MiB.
	MaxBody int64 `json:"max_body,omitempty"`
	// Fallback lets the app ask for the bank's fallback interface (RTS article
	// 33) with Sidecar-Fallback. Default off.
	Fallback bool `json:"fallback,omitempty"`
	// ConnectTimeout bounds connecting and the TLS handshake, each. Default 5s.
	ConnectTimeout caddy.Duration `json:"connect_timeout,omitempty"`
	// AnswerTimeout bounds the wait for the bank's answer to begin. Default 30s.
	AnswerTimeout caddy.Duration `json:"answer_timeout,omitempty"`
	// Versions are the HTTP versions to speak with the bank: "1.1", "2". Default 1.1.
	Versions []string `json:"versions,omitempty"`
	// IdleConns is how many idle connections to keep. Default 256.
	IdleConns int `json:"idle_conns,omitempty"`

	// Signature overrides parts of the profile's signature section.
	Signature json.RawMessage `json:"signature,omitempty"`
	// Headers overrides parts of the profile's headers section.
	Headers json.RawMessage `json:"headers,omitempty"`
	// PSU overrides parts of the profile's psu section.
	PSU json.RawMessage `json:"psu,omitempty"`
	// Token overrides parts of the profile's token section.
	Token json.RawMessage `json:"token,omitempty"`
}
