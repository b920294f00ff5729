package signer

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
)

// Digest returns the value of the Digest header (RFC 3230) for body, or "" if
// such a request gets none: the Spec says so, or nothing is signed at all.
func (s *Signer) Digest(body []byte) string {
	if len(body) == 0 {
		return s.emptyDigest
	}
	return s.spec.digest(body)
}

// digest is the header's value for a body that is there, or "".
func (s *Spec) digest(body []byte) string {
	var buf [128]byte
	out := append(buf[:0], s.Digest.Prefix...)
	out = append(out, '=')
	switch {
	case s.Container == none || s.Digest.Algorithm == none:
		return ""
	case s.Digest.Algorithm == "SHA-512":
		sum := sha512.Sum512(body)
		out = base64.StdEncoding.AppendEncode(out, sum[:])
	default:
		sum := sha256.Sum256(body)
		out = base64.StdEncoding.AppendEncode(out, sum[:])
	}
	return string(out)
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
