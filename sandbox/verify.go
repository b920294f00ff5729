package sandbox

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// signatureHeader is the Signature header of draft-cavage-http-signatures-10
// section 4.1, taken apart.
type signatureHeader struct {
	KeyID, Algorithm string
	Headers          []string
	Signature        []byte
}

// parseSignature reads a Signature header. Unlike the draft it insists on
// keyId, algorithm, headers and signature, each once and quoted, because that
// is what banks insist on, and takes no other parameter.
func parseSignature(value string) (signatureHeader, error) {
	params := map[string]string{}
	rest := value
	for {
		name, after, ok := strings.Cut(rest, `="`)
		if !ok {
			return signatureHeader{}, errors.New(`header Signature has a parameter that is not name="value"`)
		}
		if !slices.Contains([]string{"keyId", "algorithm", "headers", "signature"}, name) {
			return signatureHeader{}, fmt.Errorf("header Signature has the unexpected parameter %.40q", name)
		}
		if _, twice := params[name]; twice {
			return signatureHeader{}, fmt.Errorf("header Signature has the parameter %s twice", name)
		}
		text, left, err := quoted(after)
		if err != nil {
			return signatureHeader{}, fmt.Errorf("header Signature parameter %s: %w", name, err)
		}
		params[name] = text
		if left == "" {
			break
		}
		if rest, ok = strings.CutPrefix(left, ","); !ok {
			return signatureHeader{}, errors.New("header Signature parameters are not separated by a comma")
		}
		// One space is seen in the wild (and in the Berlin Group's example).
		rest = strings.TrimPrefix(rest, " ")
	}
	for _, name := range []string{"keyId", "algorithm", "headers", "signature"} {
		if params[name] == "" {
			return signatureHeader{}, fmt.Errorf("header Signature lacks the parameter %s", name)
		}
	}
	return assembleSignature(params)
}

// quoted reads up to the closing quotation mark. A backslash stands before a
// quotation mark or a backslash (quoted-string, RFC 9110 section 5.6.4);
// before anything else it is taken as it is, since the distinguished name in
// a keyId has backslashes of its own.
func quoted(s string) (text, rest string, err error) {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return out.String(), s[i+1:], nil
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			out.WriteByte(s[i])
		default:
			out.WriteByte(s[i])
		}
	}
	return "", "", errors.New("the closing quotation mark is missing")
}

func assembleSignature(params map[string]string) (signatureHeader, error) {
	h := signatureHeader{KeyID: params["keyId"], Algorithm: params["algorithm"]}
	h.Headers = strings.Split(params["headers"], " ")
	seen := map[string]bool{}
	for _, name := range h.Headers {
		switch {
		case name == "":
			return h, errors.New("the headers list has an empty entry: one space between names is expected")
		case name != strings.ToLower(name):
			return h, errors.New("the headers list must be in lower case")
		case seen[name]:
			return h, fmt.Errorf("the headers list names %.60q twice", name)
		}
		seen[name] = true
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(params["signature"])
	if err != nil {
		return h, errors.New("the signature parameter is not valid base64")
	}
	h.Signature = sig
	return h, nil
}

// signingString builds the text that was signed (draft-cavage-10 section 2.3)
// from the message as it arrived.
func signingString(m *message, headers []string) (string, error) {
	lines := make([]string, 0, len(headers))
	for _, name := range headers {
		switch name {
		case "(request-target)":
			lines = append(lines, name+": "+strings.ToLower(m.Method)+" "+m.Target)
		case "(created)", "(expires)":
			// draft-cavage-12 section 2.3 forbids them with rsa and ecdsa labels.
			return "", fmt.Errorf("the headers list holds %s, which rsa and ecdsa algorithms must not have", name)
		default:
			values := m.values(name)
			if len(values) == 0 {
				return "", fmt.Errorf("the headers list names %.60q, which the request does not have", name)
			}
			lines = append(lines, name+": "+strings.Join(values, ", "))
		}
	}
	return strings.Join(lines, "\n"), nil
}

// verifySignature checks sig over text with the certificate's key, by the
// algorithm's label (draft-cavage-10 appendix E).
func verifySignature(cert *x509.Certificate, algorithm, text string, sig []byte) error {
	var hash crypto.Hash
	var sum []byte
	switch algorithm {
	case "rsa-sha256", "ecdsa-sha256":
		s := sha256.Sum256([]byte(text))
		hash, sum = crypto.SHA256, s[:]
	case "rsa-sha512":
		s := sha512.Sum512([]byte(text))
		hash, sum = crypto.SHA512, s[:]
	default:
		return fmt.Errorf("the algorithm label %.40q is not one of rsa-sha256, rsa-sha512, ecdsa-sha256", algorithm)
	}
	switch key := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		if !strings.HasPrefix(algorithm, "rsa-") {
			return fmt.Errorf("the algorithm label says %s, but the QSEAL key is an RSA key", algorithm)
		}
		if err := rsa.VerifyPKCS1v15(key, hash, sum, sig); err != nil {
			return errors.New("the signature does not verify with the QSEAL certificate that keyId names")
		}
	case *ecdsa.PublicKey:
		if !strings.HasPrefix(algorithm, "ecdsa-") {
			return fmt.Errorf("the algorithm label says %s, but the QSEAL key is an EC key", algorithm)
		}
		if !ecdsa.VerifyASN1(key, sum, sig) {
			return errors.New("the signature does not verify with the QSEAL certificate that keyId names")
		}
	default:
		return errors.New("the QSEAL certificate holds a key that is neither RSA nor EC")
	}
	return nil
}
