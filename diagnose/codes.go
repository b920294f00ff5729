package diagnose

import "strconv"

// Code names a kind of finding.
type Code string

// Codes of results and findings, in the order in which a bank meets them.
const (
	Valid Code = "valid"

	SignatureMissing   Code = "signature-missing"   // no container was found
	SignatureMalformed Code = "signature-malformed" // it cannot be read
	ContainerOther     Code = "container-other"     // the profile wants another container
	ParameterMissing   Code = "parameter-missing"   // keyId, headers, alg … is not there
	SignatureBase64    Code = "signature-base64"    // base64 and base64url are exchanged, or it is neither
	CriticalMembers    Code = "critical-members"    // crit of a JWS is wrong
	SignatureTwice     Code = "signature-twice"     // the header is there more than once

	CertificateMissing     Code = "certificate-missing" // nothing to verify with
	CertificateHeader      Code = "certificate-header"  // it holds no certificate, or in another form
	CertificateOther       Code = "certificate-other"   // the request's is not the one that signed
	CertificateExpired     Code = "certificate-expired" // at the time of judgement
	CertificateNotYetValid Code = "certificate-not-yet-valid"
	KeyOther               Code = "key-other"        // another key made the signature
	SignatureLength        Code = "signature-length" // no signature of this key can be that long
	ThumbprintOther        Code = "thumbprint-other" // x5t#S256 is of another certificate, or made otherwise

	KeyIDForm        Code = "keyid-form"        // another kind of keyId is wanted
	KeyIDOther       Code = "keyid-other"       // it names another certificate
	KeyIDSerial      Code = "keyid-serial"      // decimal for hexadecimal and so on
	KeyIDName        Code = "keyid-name"        // subject for issuer or the reverse
	KeyIDOrder       Code = "keyid-order"       // the name is in the other order
	KeyIDDialect     Code = "keyid-dialect"     // another tool's rendering of the name
	KeyIDSpaces      Code = "keyid-spaces"      // kept, removed or %20
	KeyIDCommas      Code = "keyid-commas"      // , or %2C
	KeyIDFingerprint Code = "keyid-fingerprint" // of another certificate, or made otherwise
	KeyIDEscape      Code = "keyid-escape"      // backslashes before quotation marks and commas
	KeyIDCharset     Code = "keyid-charset"     // Latin-1 for UTF-8 or the reverse

	HeaderAbsent    Code = "header-absent"     // signed but not sent
	HeaderTwice     Code = "header-twice"      // listed twice
	HeaderCapitals  Code = "header-capitals"   // listed with capitals
	HeaderNotSigned Code = "header-not-signed" // the profile wants it signed
	HeaderExtra     Code = "header-extra"      // the profile wants it unsigned
	HeaderOrder     Code = "header-order"      // signed in another order

	DigestMissing    Code = "digest-missing"
	DigestUnwanted   Code = "digest-unwanted"
	DigestMalformed  Code = "digest-malformed"
	DigestAlgorithm  Code = "digest-algorithm"    // its label and hash do not belong together, or the profile wants another
	DigestHex        Code = "digest-hex"          // of hexadecimal text
	DigestEncoding   Code = "digest-encoding"     // base64url, no padding
	DigestCompressed Code = "digest-compressed"   // of the compressed body
	DigestPlain      Code = "digest-uncompressed" // of the body before compression
	DigestNewline    Code = "digest-newline"      // with or without a last line end
	DigestLineEnds   Code = "digest-line-ends"    // CRLF for LF or the reverse
	DigestEmpty      Code = "digest-empty"        // of nothing
	DigestBraces     Code = "digest-braces"       // of {}
	DigestJSON       Code = "digest-json"         // of the same JSON, written otherwise
	DigestCharset    Code = "digest-charset"      // of the body in another character set
	DigestOther      Code = "digest-other"        // of something else
	ContentLength    Code = "content-length"      // is not the body's

	TargetForm     Code = "target-form"     // another form of (request-target) was signed
	MethodForm     Code = "method-form"     // the method in capitals, or another one
	HeaderSpaces   Code = "header-spaces"   // signed with other white space
	HeaderCase     Code = "header-case"     // signed in another case
	HeaderValues   Code = "header-values"   // several values joined otherwise
	HeaderEncoding Code = "header-encoding" // another encoding of the same value
	HeaderDropped  Code = "header-dropped"  // listed, but its line was not signed
	HeaderAdded    Code = "header-added"    // signed, but not listed
	HeaderEmpty    Code = "header-empty"    // empty when it was signed
	HeaderChanged  Code = "header-changed"  // another value was signed, and which is known
	TextForm       Code = "text-form"       // line ends, colons and the like of the signing string
	PayloadForm    Code = "payload-form"    // b64 of a JWS says otherwise than what was signed
	ContentChanged Code = "content-changed" // the key fits but the text is not found
	NotVerified    Code = "not-verified"    // wrong key or other text, which cannot be told

	AlgorithmLabel Code = "algorithm-label" // does not name what was used
	AlgorithmOther Code = "algorithm-other" // the profile wants another
	SaltLength     Code = "salt-length"     // of RSA-PSS
	ECDSAEncoding  Code = "ecdsa-encoding"  // DER or raw

	Separator      Code = "separator"       // a space after a comma, or none
	ParameterOrder Code = "parameter-order" // or one that is not wanted
	ParameterName  Code = "parameter-name"  // keyid for keyId and so on
	ParameterQuote Code = "parameter-quote" // quotation marks where none are wanted, or the reverse
	MemberMissing  Code = "member-missing"  // the profile wants it in the protected header or the claims

	TimePast   Code = "time-past"   // expired, or older than a bank takes
	TimeFuture Code = "time-future" // made later than the bank looked at it
)

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
