package sandbox

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strings"
)

// checkDigest compares a Digest header (RFC 3230) with the body's raw bytes.
// Only one instance digest is taken, and only SHA-256, SHA-384 or SHA-512.
func checkDigest(value string, body []byte) error {
	algorithm, encoded, ok := strings.Cut(value, "=")
	if !ok {
		return errors.New("header Digest is not algorithm=value")
	}
	var want []byte
	switch strings.ToUpper(algorithm) {
	case "SHA-256":
		sum := sha256.Sum256(body)
		want = sum[:]
	case "SHA-384":
		sum := sha512.Sum384(body)
		want = sum[:]
	case "SHA-512":
		sum := sha512.Sum512(body)
		want = sum[:]
	default:
		return errors.New("header Digest uses an algorithm other than SHA-256 and SHA-512")
	}
	got, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return errors.New("header Digest holds no valid base64")
	}
	if subtle.ConstantTimeCompare(got, want) != 1 {
		return errors.New("header Digest does not match the body received")
	}
	return nil
}
