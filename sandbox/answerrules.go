package sandbox

import (
	"fmt"
	"slices"
)

// Values of AnswerRules.Wrong.
const (
	AnswerWrongBody     = "body"      // the body is another one than was signed and digested
	AnswerWrongKey      = "key"       // signed by a key nobody knows, under the right name
	AnswerWrongKid      = "kid"       // under a name that nobody knows
	AnswerWrongMissing  = "missing"   // no signature at all, and no digest
	AnswerWrongDigest   = "digest"    // the digest, though signed, is of another body
	AnswerWrongNoDigest = "no_digest" // no digest, neither sent nor signed
	AnswerWrongHeader   = "header"    // Content-Type is another one than was signed
	AnswerWrongStatus   = "status"    // the status is another one than was signed
	AnswerWrongCritical = "crit"      // crit names a member that nobody knows
	AnswerWrongEncoding = "b64"       // b64 is the other way round than the standard has it
	AnswerWrongTime     = "time"      // signed a day ago
	AnswerWrongChain    = "chain"     // the certificate in x5c is of an unknown authority
	AnswerWrongNone     = "alg_none"  // alg is none, and the signature empty
	AnswerWrongForm     = "form"      // the signature cannot be read
)

// AnswerRules are how the bank signs the answers that its standard has it
// sign: Open Banking's payments, Open Banking Europe's JWS, signed bodies, RFC
// 9421. Answers of an injected Fault with Status are never signed.
type AnswerRules struct {
	// Algorithm is PS256, RS256 or ES256. Default: that of the standard. For RFC
	// 9421 they stand for rsa-pss-sha512, rsa-v1_5-sha256, ecdsa-p256-sha256.
	Algorithm string `json:"algorithm,omitempty"`
	// Wrong is what is wrong with them, "" if nothing. What a standard does not
	// have is not wrong in its answers.
	Wrong string `json:"wrong,omitempty"`
	// Digest adds Digest to the answers of STET and the Berlin Group, which are
	// not signed.
	Digest bool `json:"digest,omitempty"`
	// All signs every answer of Open Banking, not only those about payments.
	All bool `json:"all,omitempty"`
}

func (r AnswerRules) validate() error {
	if r.Algorithm != "" && !slices.Contains([]string{"PS256", "RS256", "ES256"}, r.Algorithm) {
		return fmt.Errorf("answers.algorithm must be one of %q", []string{"PS256", "RS256", "ES256"})
	}
	known := []string{"", AnswerWrongBody, AnswerWrongKey, AnswerWrongKid, AnswerWrongMissing, AnswerWrongDigest, AnswerWrongNoDigest,
		AnswerWrongHeader, AnswerWrongStatus, AnswerWrongCritical, AnswerWrongEncoding, AnswerWrongTime, AnswerWrongChain,
		AnswerWrongNone, AnswerWrongForm}
	if !slices.Contains(known, r.Wrong) {
		return fmt.Errorf("answers.wrong must be one of %q", known[1:])
	}
	return nil
}
