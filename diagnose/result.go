package diagnose

import (
	"crypto"
	"crypto/x509"
	"time"

	"github.com/caddy-tpp/caddy-tpp/capture"
	"github.com/caddy-tpp/caddy-tpp/signer"
)

// Input is a request and what to judge it by.
type Input struct {
	// Request is what the bank got.
	Request *capture.Request
	// Certificates are the TPP's signing certificates. Without any, those that
	// the request carries are used, which shows that the request is consistent
	// but not whose it is.
	Certificates []Certificate
	// PublicKeys are bare keys, for a far side that knows no certificates.
	PublicKeys []crypto.PublicKey
	// Dialects are the known ways to sign; those that fit are named.
	Dialects []Dialect
	// Profile is the name of the dialect that the bank wants. Empty: any.
	Profile string
	// ClientID is the value expected of a keyId that is the client_id. Empty:
	// such a keyId is not judged.
	ClientID string
	// At is when the bank looked at the request: certificates, created, expires
	// and the like are judged by it. Zero: no time is judged.
	At time.Time
}

// Certificate is a certificate and where it comes from.
type Certificate struct {
	// Source says where, such as a file's name.
	Source string
	// Certificate is the parsed certificate.
	Certificate *x509.Certificate
}

// Dialect is one bank's way to sign.
type Dialect struct {
	// Name is the profile's name.
	Name string
	// Spec is the profile's signature section.
	Spec signer.Spec
}

// Result is the verdict.
type Result struct {
	// Valid says that a bank would take the signature.
	Valid bool `json:"valid"`
	// Code and Sentence say what is wrong first, or that nothing is.
	Code     Code   `json:"code"`
	Sentence string `json:"sentence"`
	// Evidence is what the finding rests on.
	Evidence []Evidence `json:"evidence,omitempty"`
	// Also are further findings, in the order in which a bank would meet them.
	Also []Finding `json:"also,omitempty"`
	// Container is the form of the signature as signer.Spec names it.
	Container string `json:"container,omitempty"`
	// Algorithm is what really signed, such as "rsa-sha256", if that can be told.
	Algorithm string `json:"algorithm,omitempty"`
	// Key says which certificate made the signature, or was tried.
	Key string `json:"key,omitempty"`
	// Dialects are the profiles whose bank would take the request as it is.
	Dialects []string `json:"dialects,omitempty"`
	// Nearest is the known dialect that differs least, where none fits, with
	// what it would have otherwise.
	Nearest *Nearest `json:"nearest,omitempty"`
	// SigningString is the text that the bank checks the signature against,
	// and Signed the text that was signed, if that is another one and was found.
	// Values of Authorization, cookies and PSU-* are replaced by their length.
	SigningString string `json:"signing_string,omitempty"`
	Signed        string `json:"signed,omitempty"`
	// Notes say what was left unjudged, and what the capture leaves open.
	Notes []string `json:"notes,omitempty"`
}

// Nearest is a dialect that does not quite fit.
type Nearest struct {
	Dialect  string    `json:"dialect"`
	Findings []Finding `json:"findings"`
}

// Finding is one thing that is wrong.
type Finding struct {
	// Code is for machines; see the constants.
	Code Code `json:"code"`
	// Sentence is for people.
	Sentence string `json:"sentence"`
	// Evidence is what it rests on.
	Evidence []Evidence `json:"evidence,omitempty"`
}

// Evidence is one fact. It is never a secret or personal data.
type Evidence struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func finding(code Code, sentence string, evidence ...string) Finding {
	f := Finding{Code: code, Sentence: sentence}
	for i := 0; i+1 < len(evidence); i += 2 {
		f.Evidence = append(f.Evidence, Evidence{evidence[i], evidence[i+1]})
	}
	return f
}
