package answers

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
)

// DigestHeaders are the headers, in net/http's spelling, that speak of a body's
// bytes: RFC 3230, RFC 9530, and RFC 1864.
func DigestHeaders() []string {
	return []string{"Digest", "Content-Digest", "Repr-Digest", "Content-Md5"}
}

// checkDigests judges the digests of an answer that are looked at even if no
// signature covers them.
func (v *Verifier) checkDigests(answer *Answer) error {
	if v.policy.Digest == digestOff {
		return nil
	}
	known := false
	for _, name := range []string{"digest", "content-digest"} {
		if len(answer.Header[http.CanonicalHeaderKey(name)]) == 0 {
			continue
		}
		understood, err := checkDigest(answer, name)
		if err != nil {
			return err
		}
		known = known || understood
	}
	if known || v.policy.Digest == digestIfPresent && v.policy.Container != ContainerDigest {
		return nil
	}
	if v.policy.Digest == digestIfPresent && len(answer.Body) == 0 {
		return nil
	}
	if v.policy.Container == ContainerDigest {
		return missing("there is no digest")
	}
	return invalid("there is no digest, which responses.digest requires")
}

// covered checks the digest that a signature covers: a digest of an algorithm
// that nobody understands would leave the body open.
func coveredDigest(answer *Answer, name string) error {
	understood, err := checkDigest(answer, name)
	if err == nil && !understood {
		err = invalid(name + " has no algorithm that is accepted")
	}
	return err
}

// checkDigest compares a digest header with the body. understood is false if it
// has no algorithm that is known to be good.
func checkDigest(answer *Answer, name string) (understood bool, err error) {
	value := strings.Join(answer.Header[http.CanonicalHeaderKey(name)], ",")
	for entry := range strings.SplitSeq(value, ",") {
		algorithm, sum, ok := strings.Cut(strings.Trim(entry, " \t"), "=")
		if !ok {
			return false, invalid(name + " cannot be read")
		}
		if name == "content-digest" {
			// A byte sequence of RFC 8941 section 3.3.5.
			if len(sum) < 2 || sum[0] != ':' || sum[len(sum)-1] != ':' {
				return false, invalid(name + " cannot be read")
			}
			sum = sum[1 : len(sum)-1]
		} else {
			algorithm = strings.ToLower(algorithm) // RFC 3230 section 4.1.1
		}
		expected := hashOf(algorithm, answer.Body)
		if expected == nil {
			continue
		}
		got, err := base64.StdEncoding.Strict().DecodeString(sum)
		if err != nil || subtle.ConstantTimeCompare(got, expected) != 1 {
			return false, invalid(name + " does not belong to the body" + codedNote(answer))
		}
		understood = true
	}
	return understood, nil
}

// codedNote adds to a reason what a bank's gateway does most often.
func codedNote(answer *Answer) string {
	if coding := answer.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return ", which was sent compressed"
	}
	return ""
}

func hashOf(algorithm string, body []byte) []byte {
	switch algorithm {
	case "sha-256":
		sum := sha256.Sum256(body)
		return sum[:]
	case "sha-384":
		sum := sha512.Sum384(body)
		return sum[:]
	case "sha-512":
		sum := sha512.Sum512(body)
		return sum[:]
	}
	return nil
}
