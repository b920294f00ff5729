package signer

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Verify checks msg as a strict bank would that holds the public key: the
// signature header is there once and has the algorithm spec says, exactly the
// headers that spec wants are signed, Digest belongs to the body, a certificate
// sent along holds pub, and the signature fits. Of a JWS and a message signature
// the header or parameters must be of the form that spec gives; a JWT's claims
// are not compared with anything. Errors wrap [ErrSpec],
// [ErrKey], [ErrHeaderMissing], [ErrHeaderValue] or [ErrSignature].
//
// It does not compare the keyId, which only says where to find pub, and knows
// no time: whether (expires) or Date are past is the caller's to judge.
// BodyDigest is not looked at. Where spec signs nothing there is nothing to verify.
func Verify(pub crypto.PublicKey, spec Spec, msg *Message) error {
	return verify(pub, spec, msg, minRSABits)
}

func verify(pub crypto.PublicKey, spec Spec, msg *Message, minBits int) error {
	if err := spec.Validate(); err != nil {
		return err
	}
	spec = spec.withDefaults()
	if !spec.signs(msg) {
		return nil
	}
	alg, err := spec.algorithmFor(pub, minBits)
	if err != nil {
		return err
	}
	switch {
	case spec.isJOSE():
		return spec.verifyJOSE(pub, alg, msg)
	case spec.Container == containerMessage:
		return spec.verifyMessage(pub, alg, msg)
	}
	return spec.verifyCavage(pub, alg, msg)
}

// verifyCavage checks a signature of draft-cavage.
func (s *Spec) verifyCavage(pub crypto.PublicKey, alg *algorithm, msg *Message) error {
	spec := *s
	params, err := spec.parameters(msg.Header)
	if err != nil {
		return err
	}
	if want, got := spec.label(alg), params["algorithm"]; got != want && spec.writes("algorithm") {
		return fmt.Errorf("%w: algorithm is %q, expected %q", ErrSignature, got, want)
	}
	if params["keyId"] == "" {
		return fmt.Errorf("%w: keyId is missing or empty", ErrSignature)
	}
	f, err := spec.receivedFacts(pub, msg, params)
	if err != nil {
		return err
	}
	plans := newPlans(&spec)
	var sc scratch
	if err := plans.find(msg).build(&sc, &spec, msg, &f); err != nil {
		return err
	}
	// Without the parameter the draft takes "date" for signed (draft-cavage-10
	// section 2.1.6); no bank is known to leave that unsaid.
	if list := params["headers"]; list != string(sc.list) {
		return fmt.Errorf("%w: signed are %q, expected %q", ErrSignature, list, sc.list)
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(params["signature"])
	if err != nil || strings.ContainsAny(params["signature"], "\r\n") {
		return fmt.Errorf("%w: signature is not base64", ErrSignature)
	}
	return alg.verify(pub, sc.text, signature, spec.ECDSAEncoding == "raw")
}

// writes says whether parameter p is written at all.
func (s *Spec) writes(p string) bool {
	if s.Parameters == nil {
		return true
	}
	for _, name := range s.Parameters {
		if name == p {
			return true
		}
	}
	return false
}

// parameters reads the signature header, with the parameters called by the
// names of the draft.
func (s *Spec) parameters(h http.Header) (map[string]string, error) {
	header := "Signature"
	if s.Container == containerAuthorization {
		header = "Authorization"
	}
	value, err := received(h, header)
	if err != nil {
		return nil, err
	}
	if value == "" {
		return nil, fmt.Errorf("%w: %s", ErrHeaderMissing, strings.ToLower(header))
	}
	if s.Container == containerAuthorization {
		const scheme = "signature "
		if !hasPrefixFold(value, scheme) {
			return nil, fmt.Errorf("%w: Authorization is not of scheme Signature", ErrSignature)
		}
		value = value[len(scheme):]
	}
	wire, err := ParseSignature(value)
	if err != nil {
		return nil, err
	}
	params := make(map[string]string, len(parameterNames))
	for _, p := range parameterNames {
		if v, ok := wire[s.parameterName(p)]; ok {
			params[p] = v
		}
	}
	return params, nil
}

// received returns the only value of a header in any spelling, or "".
func received(h http.Header, name string) (string, error) {
	found, n := "", 0
	for key, values := range h {
		if equalFold(name, key) && len(values) > 0 {
			n += len(values)
			found = values[0]
		}
	}
	if n > 1 {
		return "", fmt.Errorf("%w: header %s is there %d times", ErrHeaderValue, strings.ToLower(name), n)
	}
	return found, nil
}

// receivedFacts takes from msg what Sign would have made, and checks it.
func (s *Spec) receivedFacts(pub crypto.PublicKey, msg *Message, params map[string]string) (facts, error) {
	var f facts
	want := s.digestOfNothing()
	if len(msg.Body) > 0 {
		want = s.digest(msg.Body)
	}
	var err error
	if f.digest, err = received(msg.Header, s.Digest.Header); err != nil {
		return f, err
	}
	if f.digest != want {
		return f, fmt.Errorf("%w: %s does not belong to the body", ErrSignature, s.Digest.Header)
	}
	if s.Certificate.Header != "" {
		if f.certificate, err = received(msg.Header, s.Certificate.Header); err != nil {
			return f, err
		}
		if err := s.Certificate.holds(pub, f.certificate); err != nil {
			return f, err
		}
	}
	if f.created, err = seconds(params, "created"); err != nil {
		return f, err
	}
	f.expires, err = seconds(params, "expires")
	return f, err
}

// seconds reads a parameter that is a number of seconds since 1970.
func seconds(params map[string]string, p string) (int64, error) {
	text, ok := params[p]
	if !ok {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != text {
		return 0, fmt.Errorf("%w: %s is not a number of seconds", ErrSignature, p)
	}
	return n, nil
}

// holds checks that a certificate header carries the certificate of pub.
func (h *CertificateHeader) holds(pub crypto.PublicKey, value string) error {
	text, pemLine := strings.CutPrefix(value, pemBegin)
	if pemLine {
		text, pemLine = strings.CutSuffix(text, pemEnd)
	}
	if pemLine != (h.Form == "pem-line") {
		return fmt.Errorf("%w: %s is missing or not of form %q", ErrSignature, h.Header, h.Form)
	}
	der, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return fmt.Errorf("%w: %s is not base64", ErrSignature, h.Header)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("%w: %s holds no certificate", ErrSignature, h.Header)
	}
	if k, ok := pub.(interface{ Equal(crypto.PublicKey) bool }); !ok || !k.Equal(cert.PublicKey) {
		return fmt.Errorf("%w: %s holds another key's certificate", ErrSignature, h.Header)
	}
	return nil
}
