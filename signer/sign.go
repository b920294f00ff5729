package signer

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Sign signs msg: it sets Digest (if the request gets one), the certificate
// header (if configured) and Signature or Authorization, replacing what was
// there in whatever spelling. A signed value with white space round it is
// written back trimmed, so that what goes out is what was signed. Date and
// X-Request-ID are the caller's to set beforehand.
//
// Errors wrap [ErrHeaderMissing], [ErrHeaderValue] or [ErrKey]; msg is then
// unchanged. With container "none" Sign does nothing.
func (s *Signer) Sign(msg *Message, now time.Time) error {
	if !s.SignsAnything() {
		return nil
	}
	sc := s.pool.Get().(*scratch)
	defer func() { sc.reset(); s.pool.Put(sc) }()
	p := s.plans.find(msg)
	f := s.facts(msg, now)
	if err := p.build(sc, &s.spec, msg, &f); err != nil {
		return err
	}
	if hasControl(f.digest, false) {
		return fmt.Errorf("%w: header digest holds a control character", ErrHeaderValue)
	}
	signature, err := s.key.Sign(rand.Reader, s.algorithm.sum(&sc.sum, sc.text), s.options)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	if s.algorithm.curve != nil && s.spec.ECDSAEncoding == "raw" {
		if signature, err = rawSignature(signature, s.algorithm.curve); err != nil {
			return err
		}
	}
	sc.value = p.appendValue(sc.value, &f, sc.list, signature)
	s.commit(sc, msg, &f)
	return nil
}

// SigningString returns what Sign would sign, and the headers parameter as a
// list. It needs no key and leaves msg as it is. With container "none" both are
// empty. The text holds header values: it is not for logs.
func (s *Signer) SigningString(msg *Message, now time.Time) (text string, signed []string, err error) {
	if !s.SignsAnything() {
		return "", nil, nil
	}
	var sc scratch
	f := s.facts(msg, now)
	if err := s.plans.find(msg).build(&sc, &s.spec, msg, &f); err != nil {
		return "", nil, err
	}
	return string(sc.text), strings.Fields(string(sc.list)), nil
}

func (s *Signer) facts(msg *Message, now time.Time) facts {
	f := facts{digest: msg.BodyDigest, certificate: s.certificate, created: now.Unix()}
	f.expires = f.created + int64(s.spec.ExpiresSeconds)
	if f.digest == "" {
		f.digest = s.Digest(msg.Body)
	}
	return f
}

// commit writes the result into msg's headers.
func (s *Signer) commit(sc *scratch, msg *Message, f *facts) {
	if msg.Header == nil {
		msg.Header = make(http.Header, 3)
	}
	sc.writeTrimmed(msg.Header)
	container := "Signature"
	if s.spec.Container == containerAuthorization {
		container = "Authorization"
	}
	certificate := s.spec.Certificate.Header
	for key := range msg.Header {
		if equalFold("digest", key) || equalFold(container, key) || certificate != "" && equalFold(certificate, key) {
			delete(msg.Header, key)
		}
	}
	values := make([]string, 3) // one allocation for three headers
	set := func(i int, key, value string) {
		values[i] = value
		msg.Header[key] = values[i : i+1 : i+1]
	}
	set(0, container, string(sc.value))
	if f.digest != "" {
		set(1, "Digest", f.digest)
	}
	if certificate != "" {
		set(2, certificate, f.certificate)
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
