package signer

import "slices"

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Spec says how a bank wants its requests signed. It is the "signature"
// section of a bank profile and of an ASPSP's configuration.
//
// The zero value of each field means the default that its comment names.
type Spec struct {
	// Container is the form and place of the signature:
	//   "signature"          the Signature header (draft-cavage-10, default)
	//   "authorization"      Authorization: Signature … (the same, section 3.1)
	//   "jws"                a detached JWS of the body in a header (RFC 7515
	//                        appendix F), as UK Open Banking and PolishAPI want it
	//   "http-headers-jws"   a detached JWS of headers (ETSI TS 119 182-1 section
	//                        5.2.8.2; Open Banking Europe's JWS profile)
	//   "jwt"                the whole body as a signed JWT (RFC 7519)
	//   "message-signature"  Signature-Input and Signature (RFC 9421)
	//   "none"               nothing is signed; Digest and certificate header are
	//                        left out too
	Container string `json:"container,omitempty"`

	// Only limits signing to these operations of the profile, or HTTP methods in
	// capitals. All else goes out unsigned, without Digest and certificate
	// header. Default: everything is signed. Containers "jws" and "jwt" never
	// sign a request without a body.
	Only []string `json:"only,omitempty"`

	// Signed lists what is signed, in order. An entry is a header name in lower
	// case, or one of the pseudo-headers "(request-target)", "(created)",
	// "(expires)". An entry that ends in "?" is signed only if the header is
	// present; without "?" its absence refuses the request. The entry "psu-*"
	// stands for every PSU-* header present, in alphabetical order, except
	// those that are listed by name; "*" likewise for every header that the
	// sidecar sends, but for Host and Content-Length, which are signed only by
	// name. Container "message-signature" takes the derived components
	// "@method", "@target-uri", "@authority", "@scheme", "@request-target",
	// "@path" and "@query" instead of pseudo-headers (RFC 9421 section 2.2).
	// Required, except where Container is "none", "jws" or "jwt".
	Signed []string `json:"signed,omitempty"`

	// SignedByOperation replaces Signed for single operations. A key is an
	// operation of the profile ("funds-confirmations", "token") or an HTTP
	// method in capitals; the operation wins over the method. A list is never
	// empty: a bank that wants an operation unsigned needs a profile of its own.
	SignedByOperation map[string][]string `json:"signed_by_operation,omitempty"`

	// Sort puts the signed entries into alphabetical order (by name, as listed
	// in the headers parameter) instead of the order of Signed.
	Sort bool `json:"sort,omitempty"`

	// RequestTarget says what (request-target) covers: "path-and-query"
	// (default, draft-cavage-10 section 2.3) or "path".
	RequestTarget string `json:"request_target,omitempty"`

	// Algorithm is the algorithm really used: "rsa-sha256", "rsa-sha384",
	// "rsa-sha512" (PKCS#1 v1.5), "rsa-pss-sha256", "rsa-pss-sha384",
	// "rsa-pss-sha512" (salt as long as the hash), "ecdsa-sha256" (P-256),
	// "ecdsa-sha384" (P-384), "ecdsa-sha512" (P-521), "ed25519", or "auto"
	// (default): for an RSA key rsa-sha256, or rsa-pss-sha256 in a JWS or JWT,
	// otherwise what the key is made for.
	Algorithm string `json:"algorithm,omitempty"`

	// AlgorithmLabel is the text of the algorithm parameter, which is not
	// always the name of the real one ("SHA256withRSA", "hs2019"). Default:
	// draft-cavage's name of the real algorithm, which is "hs2019" for RSA-PSS
	// (draft-cavage-12 section 2.1 and appendix E; it names no RSA-PSS
	// algorithm of its own). Container "message-signature": the name that RFC 9421
	// registers, as "rsa-v1_5-sha256". "none" leaves the parameter out. A JWS
	// always says its algorithm as RFC 7518 has it.
	AlgorithmLabel string `json:"algorithm_label,omitempty"`

	// ECDSAEncoding is "der" (default: ASN.1 SEQUENCE) or "raw" (r and s side
	// by side, each as long as the curve's order).
	ECDSAEncoding string `json:"ecdsa_encoding,omitempty"`

	// Parameters is the order of the parameters. Default: keyId, algorithm,
	// headers, signature, with created and expires (if signed) before headers.
	// keyId, headers and signature must be there; algorithm may be left out.
	Parameters []string `json:"parameters,omitempty"`

	// ParameterNames renames parameters on the wire, for banks that want
	// "keyid" or "(created)".
	ParameterNames map[string]string `json:"parameter_names,omitempty"`

	// Separator stands between parameters: "," (default) or ", ".
	Separator string `json:"separator,omitempty"`

	// Unquoted lists the parameters written without quotation marks: any of
	// created, expires and algorithm. Default: created, expires
	// (draft-cavage-12 section 2.1); an empty list quotes everything.
	Unquoted []string `json:"unquoted,omitempty"`

	// ExpiresSeconds is how long after (created) a signature expires. Default 60.
	ExpiresSeconds int `json:"expires_seconds,omitempty"`

	// KeyID says how the keyId parameter is made.
	KeyID KeyID `json:"key_id,omitzero"`

	// Digest says how the Digest header is made.
	Digest Digest `json:"digest,omitzero"`

	// Certificate says whether and how the QSEAL certificate is sent along.
	Certificate CertificateHeader `json:"certificate,omitzero"`

	// JWS is the form of containers "jws", "http-headers-jws" and "jwt".
	JWS JWS `json:"jws,omitzero"`

	// MessageSignature is the form of container "message-signature".
	MessageSignature MessageSignature `json:"message_signature,omitzero"`
}

// KeyID is the form of the keyId parameter. In JSON a plain string is short
// for {"form": string}.
type KeyID struct {
	// Form is one of
	//   "serial-issuer"   SN=<serial>,CA=<distinguished name>  (default)
	//   "serial"          the serial number alone
	//   "serial-prefixed" SN=<serial>, as ING's application token call wants it
	//   "client-id"       the client_id
	//   "certificate-url" URL, with {fingerprint} replaced
	//   "certificate"     base64 of the certificate's DER
	//   "thumbprint"      fingerprint of the certificate alone
	//   "x5t#S256"        base64url of the SHA-256 of the certificate's DER
	//   "literal"         Value as it is: a kid or app id given at registration
	Form string `json:"form,omitempty"`

	// Serial is the serial number's form: "hex" (default: lower case, minimal),
	// "hex-upper", "hex-padded" (lower case, whole bytes), "hex-upper-padded"
	// (as OpenSSL prints it), "hex-der" (bytes of the DER integer, lower case,
	// so that a leading 00 can appear), "hex-upper-der" or "decimal".
	Serial string `json:"serial,omitempty"`

	// Name is whose distinguished name CA= carries: "issuer" (default) or "subject".
	Name string `json:"name,omitempty"`

	// DN is the rendering of the distinguished name: "rfc2253-jdk" (default:
	// what X500Principal.getName() gives, which bank gateways compare with),
	// "rfc2253-jdk-keyword" (the same with organizationIdentifier=text),
	// "rfc1779", "jdk-tostring", "openssl" (-nameopt RFC2253), "openssl-utf8"
	// (-nameopt RFC2253,utf8,-esc_msb), "openssl-oneline" (OpenSSL 3's default),
	// "rfc4514" (2.5.4.97=text), or "literal" (Value is the name).
	DN string `json:"dn,omitempty"`

	// Reverse turns the order of the RDNs round (to the certificate's own).
	Reverse bool `json:"reverse,omitempty"`

	// Charset is how non-ASCII characters of the keyId are written: "utf-8"
	// (default) or "iso-8859-1", for gateways that read headers as Latin-1.
	Charset string `json:"charset,omitempty"`

	// Spaces says what becomes of spaces in the distinguished name: "keep"
	// (default), "remove" or "percent" (%20).
	Spaces string `json:"spaces,omitempty"`

	// PercentCommas writes the distinguished name's commas as %2C.
	PercentCommas bool `json:"percent_commas,omitempty"`

	// URL is the certificate's address for form "certificate-url";
	// "{fingerprint}" is replaced by the fingerprint.
	URL string `json:"url,omitempty"`

	// Fingerprint is the hash of the certificate: "sha-256" (default),
	// or "sha-512/160" (FIPS 180-4 SHA-512/t). SHA-1 is not offered.
	Fingerprint string `json:"fingerprint,omitempty"`

	// FingerprintOf is what is hashed: "der" (default) or "pem".
	FingerprintOf string `json:"fingerprint_of,omitempty"`

	// FingerprintColons puts a colon between the bytes.
	FingerprintColons bool `json:"fingerprint_colons,omitempty"`

	// Value is the keyId of form "literal", or the distinguished name of DN "literal".
	Value string `json:"value,omitempty"`

	// Escape says how a quotation mark or backslash in the keyId, as in
	// CA=O=ACME\, Inc., is written between the parameter's quotation marks:
	// "quoted-string" (default) puts a backslash before it, as RFC 7235 section
	// 2.1 and RFC 7230 section 3.2.6 have it. "none" writes backslashes as they
	// are, for gateways that cut the value out without undoing the escape and
	// compare it with a name of their own; a keyId with a quotation mark is
	// then refused, since nothing could tell where it ends.
	Escape string `json:"escape,omitempty"`
}

// UnmarshalJSON reads a KeyID from an object, or from a string that is short
// for {"form": string} with everything else at its default. An unknown field is
// an error whatever the outer decoder's setting, which does not reach in here.
func (k *KeyID) UnmarshalJSON(data []byte) error {
	if data = bytes.TrimSpace(data); len(data) > 0 && data[0] == '"' {
		*k = KeyID{}
		return json.Unmarshal(data, &k.Form)
	}
	type object KeyID // without this method
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode((*object)(k)); err != nil {
		return fmt.Errorf("key_id: %w", err)
	}
	return nil
}

// Digest is the form of the digest header.
type Digest struct {
	// Header is "Digest" (RFC 3230, default) or "Content-Digest" (RFC 9530,
	// whose values are sha-256=:…:). It is signed as "digest" or
	// "content-digest". Containers "jws" and "jwt" send none.
	Header string `json:"header,omitempty"`

	// Algorithm is "SHA-256" (default), "SHA-384", "SHA-512", or "none": no
	// digest header, for banks that refuse one.
	Algorithm string `json:"algorithm,omitempty"`

	// Prefix is the algorithm's name as written before "=". Default: Algorithm,
	// in Content-Digest in lower case. Some banks want "sha-512".
	Prefix string `json:"prefix,omitempty"`

	// Empty says what a request without a body gets: "omit" (default, no Digest
	// header), "hash" (digest of zero bytes) or "braces" (digest of "{}").
	Empty string `json:"empty,omitempty"`
}

// CertificateHeader sends the QSEAL certificate in a header of its own.
type CertificateHeader struct {
	// Header is the header's name, such as "TPP-Signature-Certificate". Empty: none.
	Header string `json:"header,omitempty"`

	// Form is "base64-der" (default: no markers, no line ends) or "pem-line"
	// (PEM with its markers, on one line).
	Form string `json:"form,omitempty"`
}

// Lists reports whether any request may have the entry signed.
func (s *Spec) Lists(entry string) bool {
	holds := func(signed []string) bool {
		return slices.Contains(signed, entry) || slices.Contains(signed, entry+"?")
	}
	for _, signed := range s.SignedByOperation {
		if holds(signed) {
			return true
		}
	}
	return holds(s.Signed)
}
