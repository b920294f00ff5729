package profiles

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/signer"
)

// FuzzSignVerify has any profile sign any request: what it does not refuse
// verifies, and no longer does after a byte of what is signed has changed.
func FuzzSignVerify(f *testing.F) {
	all := subjects(f)
	for i := range all {
		f.Add(uint(i), "POST", "/psd2/v1/accounts?a=%2F", "PSU-ID", "a, \"b\"", []byte(`{"n": 1.00}`), uint(i))
	}
	f.Add(uint(0), "GET", "/?", "psu-x", "\x80", []byte(nil), uint(3))
	f.Fuzz(func(t *testing.T, n uint, method, target, name, value string, body []byte, at uint) {
		s := all[n%uint(len(all))]
		msg := &signer.Message{Method: method, Target: target, Host: "api.bank.example", Header: s.fixedHeaders(), Body: body}
		if len(s.spec.Only) > 0 {
			msg.Operation = s.spec.Only[at%uint(len(s.spec.Only))]
		}
		if name != "" {
			msg.Header[name] = []string{value}
		}
		if err := s.signer.Sign(msg, propertyTime); err != nil {
			return
		}
		if err := signer.Verify(s.cred.Key.Public(), s.spec, msg); err != nil {
			t.Fatalf("%s: %v: %+v", s.name, err, msg)
		}
		pieces := s.pieces(t, msg)
		if len(pieces) == 0 {
			return
		}
		p := pieces[at%uint(len(pieces))]
		s.mustRefuse(t, msg, p, int(at/7)%len(p.value))
	})
}

// fixedHeaders are all that the bank may want signed.
func (s *subject) fixedHeaders() http.Header {
	h := make(http.Header)
	for _, name := range s.named() {
		name = strings.TrimSuffix(name, "?")
		h[name] = []string{"value of " + name}
	}
	return h
}
