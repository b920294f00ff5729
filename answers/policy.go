package answers

import "errors"

// ErrPolicy is wrapped by errors about a policy that cannot be followed, or
// about keys that do not go with it. They name the field.
var ErrPolicy = errors.New("invalid settings for signatures of answers")

// What is done with the verdict.
const (
	Off     = "off"
	Report  = "report"
	Enforce = "enforce"
)

// Forms of a bank's signature.
const (
	ContainerJWS              = "jws"
	ContainerHTTPHeadersJWS   = "http-headers-jws"
	ContainerJWT              = "jwt"
	ContainerSignature        = "signature"
	ContainerMessageSignature = "message-signature"
	ContainerDigest           = "digest"
)

// What is done with a Digest or Content-Digest header.
const (
	digestOff       = "off"
	digestIfPresent = "if-present"
	digestRequire   = "require"
)

// DefaultMaxBody is how much of an answer's body is read to be verified, in
// bytes, unless max_body says otherwise.
const DefaultMaxBody = 4 << 20

// Policy says how a bank signs its answers, and with which keys.
type Policy struct {
	// Verify is "off" (default), "report" (the app is told the verdict) or
	// "enforce" (an answer that is not valid is replaced by a refusal).
	Verify string `json:"verify,omitempty"`
	// Container is where the signature is: "jws" (detached, of the body, in a
	// header), "http-headers-jws" (detached, of header lines), "jwt" (the body is
	// a signed JWT), "signature" (draft-cavage), "message-signature" (RFC 9421) or
	// "digest" (none: only a digest of the body).
	Container string `json:"container,omitempty"`
	// Header carries the signature. Default: x-jws-signature for the detached
	// forms; the others have the names of their specifications.
	Header string `json:"header,omitempty"`
	// Unencoded says that a detached JWS signs the body as it is (b64 false, RFC
	// 7797) instead of its base64url form. http-headers-jws always is unencoded.
	Unencoded bool `json:"unencoded,omitempty"`
	// Critical are names that crit must list (RFC 7515 section 4.1.11). Whatever
	// crit lists must be understood: b64, sigT, sigD and the three of UK Open
	// Banking.
	Critical []string `json:"critical,omitempty"`
	// Algorithms are those that are accepted, by their names in a signature
	// section (rsa-pss-sha256) or in JOSE (PS256). Default: all that sign with a
	// private key. Shared secrets and "none" never count.
	Algorithms []string `json:"algorithms,omitempty"`
	// Signed are what a signature of headers must cover: header names in lower
	// case, (response-status) or @status. With "?" at its end an entry must be
	// covered only if the answer has it. A body must be covered by a digest in any
	// case.
	Signed []string `json:"signed,omitempty"`
	// Digest is "if-present" (default: a digest must belong to the body),
	// "require" (there must be one) or "off" (only one that is signed counts).
	Digest string `json:"digest,omitempty"`
	// Keys is the address of the bank's JSON Web Key Set (an https URL, or a path
	// on the host of base_url), or {file./path} with one.
	Keys string `json:"keys,omitempty"`
	// Certificates are PEM files with certificates or public keys of the bank.
	// One that has run out at the time of the answer no longer counts.
	Certificates []string `json:"certificates,omitempty"`
	// Trust are PEM files with the certification authorities that a certificate
	// in x5c may come from. It is looked at with every answer.
	Trust []string `json:"trust,omitempty"`
	// OrganizationID is the organizationIdentifier that a certificate in x5c must
	// hold, such as PSDFR-ACPR-12345: authorities certify others than the bank,
	// too. Required with Trust; "*" accepts every holder.
	OrganizationID string `json:"organization_id,omitempty"`
	// Operations are those whose answers the bank signs. Default: all but token.
	Operations []string `json:"operations,omitempty"`
	// UnsignedErrors lets an answer with a status from 400 on pass without a
	// signature under "enforce": gateways before banks do not sign what they
	// refuse. A signature that is there must hold all the same.
	UnsignedErrors bool `json:"unsigned_errors,omitempty"`
	// MaxBody bounds the body that is read to be verified, in bytes. Default 4 MiB.
	MaxBody int `json:"max_body,omitempty"`
}

func (p Policy) withDefaults() Policy {
	if p.Verify == "" {
		p.Verify = Off
	}
	if p.Header == "" {
		p.Header = "x-jws-signature"
	}
	if p.Digest == "" {
		p.Digest = digestIfPresent
	}
	if p.MaxBody == 0 {
		p.MaxBody = DefaultMaxBody
	}
	return p
}
