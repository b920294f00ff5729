package sandbox

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"
)

// checkContentDigest compares a Content-Digest field (RFC 9530 section 2) with
// the body's raw bytes. Every digest in it must be right.
func checkContentDigest(value string, body []byte) error {
	members, err := parseDictionary(value)
	if err != nil {
		return fmt.Errorf("header Content-Digest: %w", err)
	}
	if len(members) == 0 {
		return errors.New("header Content-Digest is empty")
	}
	for _, m := range members {
		var want []byte
		switch m.name {
		case "sha-256":
			sum := sha256.Sum256(body)
			want = sum[:]
		case "sha-512":
			sum := sha512.Sum512(body)
			want = sum[:]
		default:
			return fmt.Errorf("header Content-Digest uses %.20q, which is neither sha-256 nor sha-512", m.name)
		}
		if m.item.kind != sfBytes {
			return errors.New("header Content-Digest holds something other than a byte sequence between colons")
		}
		if subtle.ConstantTimeCompare(m.item.bytes, want) != 1 {
			return errors.New("header Content-Digest does not match the body received")
		}
	}
	return nil
}
