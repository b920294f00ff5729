package answers

import (
	"crypto/sha512"
	"testing"
)

func TestDigest(t *testing.T) {
	sum512, sum384 := sha512.Sum512([]byte(payment)), sha512.Sum384([]byte(payment))
	good := "SHA-256=" + sha(payment)
	tests := []struct {
		name, mode, header, value string
		body                      string
		outcome                   Outcome
		reason                    string
	}{
		{"right", "", "Digest", good, payment, Valid, ""},
		{"lower case", "", "Digest", "sha-256=" + sha(payment), payment, Valid, ""},
		{"SHA-512", "", "Digest", "SHA-512=" + std(sum512[:]), payment, Valid, ""},
		{"SHA-384", "", "Digest", "SHA-384=" + std(sum384[:]), payment, Valid, ""},
		{"two", "", "Digest", "MD5=x, " + good, payment, Valid, ""},
		{"two, one wrong", "", "Digest", good + ",SHA-512=" + std(sum384[:]), payment, Invalid, "digest does not belong"},
		{"of nothing", "", "Digest", "SHA-256=" + sha(""), "", Valid, ""},
		{"wrong", "", "Digest", "SHA-256=" + sha("x"), payment, Invalid, "digest does not belong"},
		{"no base64", "", "Digest", "SHA-256=!", payment, Invalid, "digest does not belong"},
		{"no digest", "", "Digest", "x", payment, Invalid, "digest cannot be read"},
		{"bad algorithm only", "", "Digest", "MD5=x", payment, Missing, "there is no digest"},
		{"none", "", "X", "", payment, Missing, "there is no digest"},
		{"none, no body", "", "X", "", "", Valid, ""},
		{"none, no body, required", "require", "X", "", "", Missing, "there is no digest"},
		{"content-digest", "", "Content-Digest", "sha-256=:" + sha(payment) + ":", payment, Valid, ""},
		{"content-digest, wrong", "", "Content-Digest", "sha-256=:" + sha("x") + ":", payment, Invalid, "content-digest does not belong"},
		{"content-digest without colons", "", "Content-Digest", "sha-256=" + sha(payment), payment, Invalid, "content-digest cannot be read"},
		{"content-digest in capitals", "", "Content-Digest", "SHA-256=:" + sha(payment) + ":", payment, Missing, "there is no digest"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := verifier(t, Policy{Container: ContainerDigest, Digest: test.mode}, Keys{})
			expect(t, v.judge(said(test.body, test.header, test.value)), test.outcome, test.reason)
		})
	}
}

// A digest beside a signature that does not cover it.
func TestDigestBesideSignature(t *testing.T) {
	f := forms()[0]
	for _, test := range []struct {
		mode, digest string
		outcome      Outcome
		reason       string
	}{
		{"", "", Valid, ""},
		{"", "SHA-256=" + sha(payment), Valid, ""},
		{"", "SHA-256=" + sha("x"), Invalid, "digest does not belong"},
		{"off", "SHA-256=" + sha("x"), Valid, ""},
		{"require", "", Invalid, "there is no digest"},
		{"require", "SHA-256=" + sha(payment), Valid, ""},
	} {
		a := f.make(t, "PS256", rsaKey(), nil)
		if test.digest != "" {
			a.Header.Set("Digest", test.digest)
		}
		policy := f.policy
		policy.Digest = test.mode
		expect(t, verifier(t, policy, public(rsaKey())).judge(a), test.outcome, test.reason)
	}
	// One that is signed always counts, and must be of a good algorithm.
	f = forms()[4]
	f.policy.Digest, f.policy.Signed = "off", nil
	a := f.make(t, "PS256", rsaKey(), nil)
	a.Body = []byte("x")
	expect(t, verifier(t, f.policy, public(rsaKey())).judge(a), Invalid, "digest does not belong")
	a.Header.Set("Digest", "MD5=x")
	expect(t, verifier(t, f.policy, public(rsaKey())).judge(a), Invalid, "no algorithm that is accepted")
}
