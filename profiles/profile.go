package profiles

import (
	"github.com/caddy-tpp/caddy-tpp/headers"
	"github.com/caddy-tpp/caddy-tpp/psu"
	"github.com/caddy-tpp/caddy-tpp/signer"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// SchemaVersion is the version of the profile schema this package reads.
const SchemaVersion = 1

// Profile describes how one bank, or one family of banks, wants to be called.
// It is data; each section belongs to the package that acts on it.
type Profile struct {
	// Schema is the version of this structure: 1.
	Schema int `json:"schema"`
	// Name is the profile's name in configurations: lower-case letters,
	// digits and hyphens. It is the file's name without ".json".
	Name string `json:"name"`
	// Inherits names the profile whose content this one starts from.
	// Objects are merged key by key, everything else is replaced; a null
	// removes (RFC 7396).
	Inherits string `json:"inherits,omitempty"`
	// Title says in a line which bank and which standard.
	Title string `json:"title"`
	// Standard is the API standard and version, such as "STET 1.4.2".
	Standard string `json:"standard,omitempty"`
	// Sources are what the profile's facts rest on.
	Sources []Source `json:"sources,omitempty"`
	// OpenQuestions are points to ask the bank about before going live.
	OpenQuestions []string `json:"open_questions,omitempty"`

	// Scope is the OAuth2 scope asked for unless configured otherwise.
	Scope string `json:"scope,omitempty"`
	// Roles gives for each scope the PSD2 role that the certificates must
	// hold: PSP_AI, PSP_PI, PSP_IC or PSP_AS.
	Roles map[string]string `json:"roles,omitempty"`

	// Operations are the bank's endpoints, relative to base_url. The first
	// match wins. A request that matches none is operation "other".
	Operations []Operation `json:"operations,omitempty"`

	// ClientCertificate says whether the TPP shows its certificate in the TLS
	// handshake: "required" (default), "optional" (if an identity is configured),
	// or "none" (never; an identity's QSEAL may still sign).
	ClientCertificate string `json:"client_certificate,omitempty"`

	// Signature says how requests are signed.
	Signature signer.Spec `json:"signature,omitzero"`
	// ApplicationSignature says how the request of an application token is
	// signed (token.application_token, token.sign). Default: like all others.
	ApplicationSignature signer.Spec `json:"application_signature,omitzero"`
	// Headers says what else may leave.
	Headers headers.Policy `json:"headers,omitzero"`
	// PSU says what happens to the end user's context.
	PSU psu.Policy `json:"psu,omitzero"`
	// Token says how access tokens are obtained.
	Token tokens.Spec `json:"token,omitzero"`
	// Fallback describes the bank's fallback interface (RTS article 33).
	Fallback Fallback `json:"fallback,omitzero"`
}

// Source is one origin of a profile's facts.
type Source struct {
	// Title names the document.
	Title string `json:"title"`
	// URL is where it can be found, if public.
	URL string `json:"url,omitempty"`
	// Covers says which part of the profile rests on it.
	Covers string `json:"covers,omitempty"`
	// Certainty is "verified", "read", "one-client", "general-knowledge" or "open-question".
	Certainty string `json:"certainty"`
}

// Operation is one endpoint of the bank.
type Operation struct {
	// Name is the operation's name in rules, metrics and logs, such as
	// "funds-confirmations". "token" and "other" are reserved.
	Name string `json:"name"`
	// Method is the HTTP method, or empty for all.
	Method string `json:"method,omitempty"`
	// Path is relative to base_url. A segment in braces, such as {id},
	// matches any one segment; a last segment of "*" matches any rest.
	Path string `json:"path"`
}

// Fallback describes how the bank's fallback interface is asked for.
type Fallback struct {
	// Header and Value are what the request carries: "fallback" and "1".
	// An empty Header means the bank offers none.
	Header string `json:"header,omitempty"`
	Value  string `json:"value,omitempty"`
	// Operations are those that may carry it; empty means all.
	Operations []string `json:"operations,omitempty"`
}
