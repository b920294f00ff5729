package signer

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
)

// Digest returns the value of the digest header (RFC 3230 or RFC 9530) for body,
// or "" if such a request gets none: the Spec says so, or nothing is signed at all.
func (s *Signer) Digest(body []byte) string {
	if len(body) == 0 {
		return s.emptyDigest
	}
	return s.spec.digest(body)
}

// digest is the header's value for a body that is there, or "".
func (s *Spec) digest(body []byte) string {
	if !s.sendsDigest() {
		return ""
	}
	var buf [128]byte
	out := append(buf[:0], s.Digest.Prefix...)
	out = append(out, '=')
	if s.Digest.Header == contentDigest {
		out = append(out, ':')
	}
	switch s.Digest.Algorithm {
	case "SHA-512":
		sum := sha512.Sum512(body)
		out = base64.StdEncoding.AppendEncode(out, sum[:])
	case "SHA-384":
		sum := sha512.Sum384(body)
		out = base64.StdEncoding.AppendEncode(out, sum[:])
	default:
		sum := sha256.Sum256(body)
		out = base64.StdEncoding.AppendEncode(out, sum[:])
	}
	if s.Digest.Header == contentDigest {
		out = append(out, ':')
	}
	return string(out)
}

// contentDigest is the header of RFC 9530, whose values are byte sequences of
// structured fields.
const contentDigest = "Content-Digest"

// sendsDigest says whether there is a digest header at all.
func (s *Spec) sendsDigest() bool {
	return s.signsHeaders() && s.Digest.Algorithm != none
}

// digestOfNothing is the header's value for a request without a body, or "".
// "braces" is what WSO2 gateways compare with: they take a missing body for "{}".
func (s *Spec) digestOfNothing() string {
	switch s.Digest.Empty {
	case "hash":
		return s.digest(nil)
	case "braces":
		return s.digest([]byte("{}"))
	default:
		return ""
	}
}
