package answers

import (
	"bytes"
	"testing"
)

// No answer but the one that was signed is valid, whatever its headers, and no
// header makes the verifier fail.
func FuzzVerify(f *testing.F) {
	var (
		verifiers []*Verifier
		signed    []*Answer
	)
	for i, form := range forms() {
		a := form.make(f, "PS512", rsaKey(), nil)
		verifiers, signed = append(verifiers, verifier(f, form.policy, public(rsaKey()))), append(signed, a)
		f.Add(i, a.Status, a.Header.Get("X-Jws-Signature"), a.Header.Get("Signature"), a.Header.Get("Signature-Input"), a.Header.Get("Digest"), a.Header.Get("Content-Digest"), a.Body)
	}
	f.Fuzz(func(t *testing.T, which, status int, jws, signature, input, digest, contentDigest string, body []byte) {
		which = int(uint(which) % uint(len(signed)))
		a, good := clone(signed[which]), signed[which]
		a.Status, a.Body = status, body
		for name, value := range map[string]string{"X-Jws-Signature": jws, "Signature": signature, "Signature-Input": input, "Digest": digest, "Content-Digest": contentDigest} {
			a.Header.Del(name)
			if value != "" {
				a.Header.Set(name, value)
			}
		}
		got := verifiers[which].judge(a)
		if got.Outcome == Valid && !bytes.Equal(a.Body, good.Body) {
			t.Fatalf("another body is valid: %q", a.Body)
		}
		if got.Outcome != Valid && got.Reason == "" {
			t.Fatal("no reason")
		}
	})
}

func FuzzSignatureInput(f *testing.F) {
	f.Add(`sig1=("@status" "content-digest";req);created=1;keyid="a\"b", s2=()`, `sig1=:AA==:, s2=::`)
	f.Fuzz(func(t *testing.T, input, values string) {
		members, ok := parseInput(input)
		if !ok {
			return
		}
		for _, m := range members {
			if m.label == "" || m.raw == "" || m.raw[0] != '(' {
				t.Fatalf("%+v", m)
			}
			again, ok := parseInput(m.label + "=" + m.raw)
			if !ok || len(again) != 1 || again[0].raw != m.raw || len(again[0].items) != len(m.items) {
				t.Fatalf("%q is read in another way alone", m.raw)
			}
		}
		_, _ = parseSignatures(values)
	})
}
