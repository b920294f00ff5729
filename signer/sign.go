package signer

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Sign signs msg: it sets the digest header (if the request gets one), the
// certificate header (if configured) and what carries the signature, replacing
// what was there in whatever spelling. Container "jwt" replaces Body and
// Content-Type instead. A signed value with white space round it is
// written back trimmed, so that what goes out is what was signed. Date and
// X-Request-ID are the caller's to set beforehand.
//
// Errors wrap [ErrHeaderMissing], [ErrHeaderValue], [ErrBody] or [ErrKey]; msg is
// then unchanged. Where nothing is signed (see [Signer.Signs]) Sign does nothing.
func (s *Signer) Sign(msg *Message, now time.Time) error {
	if !s.Signs(msg) {
		return nil
	}
	sc := s.pool.Get().(*scratch)
	defer func() { sc.reset(); s.pool.Put(sc) }()
	if s.jose != nil {
		return s.signJOSE(sc, msg, now)
	}
	p := s.plans.find(msg)
	f := s.facts(msg, now)
	if err := p.build(sc, &s.spec, msg, &f); err != nil {
		return err
	}
	if hasControl(f.digest, false) {
		return fmt.Errorf("%w: header digest holds a control character", ErrHeaderValue)
	}
	if s.message != nil {
		s.message.finish(sc, &f)
	}
	signature, err := s.signText(sc)
	if err != nil {
		return err
	}
	if s.message != nil {
		s.commitMessage(sc, msg, &f, signature)
		return nil
	}
	sc.value = p.appendValue(sc.value, &f, sc.list, signature)
	s.commit(sc, msg, &f, []headerValue{{s.header, string(sc.value)}})
	return nil
}

// signText signs what sc.text holds.
func (s *Signer) signText(sc *scratch) ([]byte, error) {
	signature, err := s.key.Sign(rand.Reader, s.algorithm.sum(&sc.sum, sc.text), s.options)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if s.algorithm.curve != nil && (s.message != nil || s.spec.ECDSAEncoding == "raw") {
		return rawSignature(signature, s.algorithm.curve)
	}
	return signature, nil
}

// commitMessage writes the two headers of RFC 9421.
func (s *Signer) commitMessage(sc *scratch, msg *Message, f *facts, signature []byte) {
	input := s.message.label + "=" + string(sc.value)
	sc.value = append(append(sc.value[:0], s.message.label...), "=:"...)
	sc.value = append(base64Append(sc.value, signature), ':')
	s.commit(sc, msg, f, []headerValue{{"Signature", string(sc.value)}, {"Signature-Input", input}})
}

// Signs reports whether a request is signed at all: the container is not "none",
// Only does not leave the operation out, and for containers "jws" and "jwt" there
// is a body.
func (s *Signer) Signs(msg *Message) bool { return s.spec.signs(msg) }

func (s *Spec) signs(msg *Message) bool {
	switch s.Container {
	case none:
		return false
	case containerJWS, containerJWT:
		if len(msg.Body) == 0 {
			return false
		}
	}
	return len(s.Only) == 0 || slices.Contains(s.Only, msg.Method) || msg.Operation != "" && slices.Contains(s.Only, msg.Operation)
}

// SigningString returns what Sign would sign, and the names of the headers in
// it. It uses no key and leaves msg as it is. Where nothing is signed both are
// empty. The text holds header values, or the body: it is not for logs.
func (s *Signer) SigningString(msg *Message, now time.Time) (text string, signed []string, err error) {
	if !s.Signs(msg) {
		return "", nil, nil
	}
	if s.jose != nil {
		return s.joseInput(msg, now)
	}
	var sc scratch
	f := s.facts(msg, now)
	if err := s.plans.find(msg).build(&sc, &s.spec, msg, &f); err != nil {
		return "", nil, err
	}
	names := strings.Fields(strings.ReplaceAll(string(sc.list), `"`, ""))
	if s.message != nil {
		s.message.finish(&sc, &f)
	}
	return string(sc.text), names, nil
}

func (s *Signer) facts(msg *Message, now time.Time) facts {
	f := facts{digest: msg.BodyDigest, certificate: s.certificate, created: now.Unix()}
	f.expires = f.created + int64(s.spec.ExpiresSeconds)
	if f.digest == "" {
		f.digest = s.Digest(msg.Body)
	}
	if s.message != nil && s.nonce {
		f.nonce = newNonce()
	}
	return f
}

// headerValue is a header that signing makes.
type headerValue struct{ name, value string }

// commit writes the result into msg's headers: what carries the signature, the
// digest and the certificate.
func (s *Signer) commit(sc *scratch, msg *Message, f *facts, signature []headerValue) {
	if msg.Header == nil {
		msg.Header = make(http.Header, 4)
	}
	sc.writeTrimmed(msg.Header)
	var list [4]headerValue
	made := append(list[:0], signature...)
	if f.digest != "" && s.spec.sendsDigest() {
		made = append(made, headerValue{s.spec.Digest.Header, f.digest})
	}
	if s.spec.Certificate.Header != "" {
		made = append(made, headerValue{s.spec.Certificate.Header, f.certificate})
	}
	for key := range msg.Header {
		if equalFold("digest", key) || slices.ContainsFunc(made, func(h headerValue) bool { return equalFold(h.name, key) }) {
			delete(msg.Header, key)
		}
	}
	values := make([]string, len(made)) // one allocation for all headers
	for i, h := range made {
		if values[i] = h.value; s.blind {
			values[i] = s.withoutSignature(h.value)
		}
		msg.Header[h.name] = values[i : i+1 : i+1]
	}
}

// writeTrimmed puts values that were signed without their outer white space
// into header as they were signed.
func (sc *scratch) writeTrimmed(header http.Header) {
	for _, fields := range [...][]field{sc.found, sc.psu} {
		for i := range fields {
			if f := &fields[i]; f.trimmed {
				values := make([]string, len(f.values)) // the old slice may be shared
				for j, v := range f.values {
					values[j] = trim(v)
				}
				header[f.key] = values
			}
		}
	}
}

func base64Append(dst, src []byte) []byte { return base64.StdEncoding.AppendEncode(dst, src) }
