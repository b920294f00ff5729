package profiles

import (
	"github.com/caddy-tpp/caddy-tpp/answers"
	"github.com/caddy-tpp/caddy-tpp/headers"
	"github.com/caddy-tpp/caddy-tpp/links"
	"github.com/caddy-tpp/caddy-tpp/psu"
	"github.com/caddy-tpp/caddy-tpp/signer"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// SchemaVersion is the version of the profile schema this package reads.
const SchemaVersion = 1

// Profile describes how one bank, or one family of banks, wants to be called.
// It is data; each section belongs to the package that acts on it.
type Profile struct {
	// SchemaFile is where editors find the JSON Schema of this structure. It
	// has no effect.
	SchemaFile string `json:"$schema,omitempty"`
	// Schema is the version of this structure: 1.
	Schema int `json:"schema"`
	// Name is the profile's name in configurations: lower-case letters,
	// digits and hyphens. It is the file's name without ".json". That of a
	// variant is the profile's, a slash, and the variant's.
	Name string `json:"name"`
	// Inherits names the profile, or a profile's variant ("bank/variant"),
	// whose content this one starts from. Objects are merged key by key,
	// everything else is replaced; a null removes (RFC 7396).
	Inherits string `json:"inherits,omitempty"`
	// Title says in a line which bank and which standard. It is not inherited.
	Title string `json:"title"`
	// Standard is the API standard and version, such as "STET 1.4.2".
	Standard string `json:"standard,omitempty"`
	// Country is where the banks are: ISO 3166-1 codes of two capitals,
	// separated by blanks. It is not inherited.
	Country string `json:"country,omitempty"`
	// Banks are the names of the banks that the profile is for. They are not
	// inherited.
	Banks []string `json:"banks,omitempty"`
	// Certainty is how sure the profile is as a whole: "verified", "read",
	// "one-client", "general-knowledge" or "open-question". It is not inherited.
	Certainty string `json:"certainty,omitempty"`
	// Sources are what the profile's facts rest on.
	Sources []Source `json:"sources,omitempty"`
	// OpenQuestions are points to ask the bank about before going live.
	OpenQuestions []string `json:"open_questions,omitempty"`
	// Variants are other ways to call the same bank, by name, where sources
	// disagree or banks of one group do. Each is used as a profile under
	// "profile/variant". They are inherited, but not from a variant.
	Variants map[string]Variant `json:"variants,omitempty"`

	Sections
}

// Variant says what is different from the profile that it belongs to.
type Variant struct {
	// Title says in a line what this variant is.
	Title string `json:"title"`
	// Why says why there is another way, and when to use it.
	Why string `json:"why"`
	// Certainty is how sure the variant is. Default: the profile's.
	Certainty string `json:"certainty,omitempty"`
	// Sources are what the variant rests on, before the profile's own.
	Sources []Source `json:"sources,omitempty"`
	// OpenQuestions are points to ask the bank about, before the profile's own.
	OpenQuestions []string `json:"open_questions,omitempty"`

	// Sections are partial sections, merged into the profile's (RFC 7396).
	Sections
}

// Sections are what a profile says of its bank, and what a variant may change.
type Sections struct {
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
	// Responses says how the bank signs its answers, and how that is verified.
	Responses answers.Policy `json:"responses,omitzero"`
	// Links says where answers hold links that lead back to the bank. They are
	// rewritten only if the ASPSP's configuration wants it (rewrite_links).
	Links links.Policy `json:"links,omitzero"`

	// Requires lists settings for which no profile can have the right value,
	// such as an id that the bank gives to each TPP. The profile holds a
	// stand-in, which an ASPSP's configuration must override. An entry that an
	// inheriting file or a variant sets is no longer required.
	Requires []Requirement `json:"requires,omitempty"`
}

// Requirement is a setting that has to be made before a profile can be used.
type Requirement struct {
	// Setting is the setting's path, such as "signature.key_id.value" or
	// "headers.set.merchant_id": in a section that can be overridden, or one of
	// client_id, client_key, client_secret, redirect_uri and scope of the ASPSP.
	Setting string `json:"setting"`
	// Why says what the bank wants there, and where to get it.
	Why string `json:"why"`
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
