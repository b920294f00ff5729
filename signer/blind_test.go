package signer

import (
	"strings"
	"testing"
)

// TestBlind: everything is there but the signature, and the key is not used.
func TestBlind(t *testing.T) {
	specs := map[string]struct{ key, spec string }{
		"cavage":     {"rsa", `{"signed":["(request-target)","digest?"],"certificate":{"header":"TPP-Signature-Certificate"}}`},
		"cavage raw": {"p256", `{"signed":["date"],"ecdsa_encoding":"raw"}`},
		"none":       {"rsa", `{"container":"none"}`},
	}
	for name, c := range containerSpecs {
		specs[name] = c
	}
	for name, c := range specs {
		t.Run(name, func(t *testing.T) {
			cred := testCredentials(t, c.key)
			s := mustCompile(t, parseSpec(t, c.spec), cred)
			blind, err := s.Blind()
			if err != nil {
				t.Fatal(err)
			}
			signed, unsigned := containerMessageOf(s), containerMessageOf(s)
			if err := s.Sign(signed, testTime); err != nil {
				t.Fatal(err)
			}
			if err := blind.Sign(unsigned, testTime); err != nil {
				t.Fatal(err)
			}
			count := strings.Count(string(unsigned.Body), NotSigned)
			for header, values := range signed.Header {
				got := unsigned.Header[header]
				if len(got) != len(values) {
					t.Fatalf("%s: %q", header, got)
				}
				count += strings.Count(got[0], NotSigned)
			}
			if want := 1; s.SignsAnything() && count != want || !s.SignsAnything() && count != 0 {
				t.Errorf("%q stands %d times in %v %s", NotSigned, count, unsigned.Header, unsigned.Body)
			}
		})
	}
}

func TestKeyIDText(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: "SN= and the QSEAL certificate's serial number in lower-case hexadecimal, CA= and its issuer's name, as Java's X500Principal.getName() writes it",
		`{"serial":"decimal","name":"subject","spaces":"remove"}`:                                                          "SN= and the QSEAL certificate's serial number in decimal, CA= and its subject's name, as Java's X500Principal.getName() writes it, without blanks",
		`{"form":"certificate-url","url":"https://x/{fingerprint}","fingerprint":"sha-512/160","fingerprint_colons":true}`: "the configured address of the QSEAL certificate, with the SHA-512/160 of its DER in hexadecimal, with colons",
		`{"form":"serial","serial":"hex-upper-padded"}`:                                                                    "the QSEAL certificate's serial number in upper-case hexadecimal, in whole bytes",
	} {
		if got := parseSpec(t, `{"signed":["date"],"key_id":`+text+`}`).KeyID.Text(); got != want {
			t.Errorf("%s\n%s\nexpected\n%s", text, got, want)
		}
	}
	for _, form := range []string{"literal", "client-id", "certificate", "x5t#S256", "thumbprint", "serial-prefixed"} {
		if (KeyID{Form: form}).Text() == "" {
			t.Error(form)
		}
	}
}
