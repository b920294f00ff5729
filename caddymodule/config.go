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
	// Profile names the bank profile, such as bpce, or a variant of one, such as
	// bpce/client-id.
	Profile string `json:"profile"`
	// BaseURL is the bank's https address that the app's paths are appended to.
	BaseURL string `json:"base_url"`
	// Identity names the identity to use. It may be left out only if the
	// profile's client_certificate is not "required".
	Identity string `json:"identity,omitempty"`
	// ClientCertificate replaces the profile's client_certificate: "required",
	// "optional" or "none".
	ClientCertificate string `json:"client_certificate,omitempty"`
	// Scope is the OAuth2 scope. Default: the profile's.
	Scope string `json:"scope,omitempty"`
	// ClientID is the client_id. Default: the certificate's organizationIdentifier.
	ClientID string `json:"client_id,omitempty"`
	// TokenEndpoint is the token endpoint's URL, or its path on the host of
	// base_url. Default: the profile's.
	TokenEndpoint string `json:"token_endpoint,omitempty"`
	// ClientSecret is the secret for client_secret_basic and client_secret_post,
	// and for the token grant "basic".
	// It must be a placeholder, {file./path} or {env.NAME}, and is resolved
	// whenever it is used.
	ClientSecret string `json:"client_secret,omitempty"`
	// ClientKey is the PEM file of the key for private_key_jwt, for the token
	// grant "jwt" and for signed request objects. Default: the identity's QSEAL key.
	ClientKey string `json:"client_key,omitempty"`
	// ClientKeyPassphrase decrypts an encrypted ClientKey: a placeholder like
	// ClientSecret.
	ClientKeyPassphrase string `json:"client_key_passphrase,omitempty"`
	// RedirectURI is the public address that the bank sends PSUs back to, as
	// registered there. tpp_callback answers at it, behind whatever host it is.
	// A code that the app exchanges must come with it as well.
	RedirectURI string `json:"redirect_uri,omitempty"`
	// ReturnURLs are the addresses of the app that a PSU may be sent on to
	// after the callback: origin and path prefix.
	ReturnURLs []string `json:"return_urls,omitempty"`
	// HideTokens answers the app's code exchange without the tokens' values.
	// Default off: the app gets the bank's answer.
	HideTokens bool `json:"hide_tokens,omitempty"`
	// TrustPool lists PEM files with the certification authorities that may
	// have issued the bank's certificate. Default: the system's.
	TrustPool []string `json:"trust_pool,omitempty"`
	// MaxBody is the largest request body in bytes. Default 1 MiB.
	MaxBody int64 `json:"max_body,omitempty"`
	// Fallback lets the app ask for the bank's fallback interface (RTS article
	// 33) with Sidecar-Fallback. Default off.
	Fallback bool `json:"fallback,omitempty"`
	// RewriteLinks lets links in the bank's answers that lead back to it lead to
	// the sidecar, in the places that the profile's links section names. Default
	// off.
	RewriteLinks bool `json:"rewrite_links,omitempty"`
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
	// Responses overrides parts of the profile's responses section.
	Responses json.RawMessage `json:"responses,omitempty"`
	// Links overrides parts of the profile's links section.
	Links json.RawMessage `json:"links,omitempty"`
	// ApplicationSignature overrides parts of the profile's signature section
	// for the request of an application token only.
	ApplicationSignature json.RawMessage `json:"application_signature,omitempty"`
}

// Vault is where the tokens of PSUs are kept: in Caddy's storage, encrypted.
// Without it the sidecar holds no grants.
type Vault struct {
	// Keys are the encryption keys. The first encrypts; all decrypt, so that
	// keys can be changed while running. At least one.
	Keys []VaultKey `json:"keys"`
	// Recheck is how old what is known of a grant may be before the storage is
	// asked again: so long a revocation on another instance can take to be seen
	// here. Default 5s.
	Recheck caddy.Duration `json:"recheck,omitempty"`
	// Hot is how many grants are kept in memory, those used last. Default 100000.
	Hot int `json:"hot,omitempty"`
	// Parallel is how many tokens are renewed ahead of their end at a time.
	// Default 16.
	Parallel int `json:"parallel,omitempty"`
}

// VaultKey is a key of the vault.
type VaultKey struct {
	// ID is the key's name. It stands in clear beside what it encrypts, and must
	// never be given to another key.
	ID string `json:"id"`
	// Secret is where the key is: {file./path} or {env.NAME}, with 32 bytes in
	// base64 or hexadecimal, as caddy tpp vault key prints them.
	Secret string `json:"secret"`
}
