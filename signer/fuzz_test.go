package signer

import (
	"net/http"
	"strings"
	"testing"
)

// FuzzSigningString signs arbitrary requests and expects of those that are not
// refused: one line per name of the headers parameter, nothing that could start
// a header or line of its own, and that the signature verifies.
func FuzzSigningString(f *testing.F) {
	cred := testCredentials(f, "p256")
	type bank struct {
		spec Spec
		s    *Signer
	}
	var banks []bank
	for _, text := range []string{
		`{"signed":["(request-target)","host","date","x-request-id?","digest?","content-length?","psu-*"]}`,
		`{"signed":["x-request-id?","psu-*","psu-id?","(created)","tpp-redirect-uri?","digest"],"sort":true,"separator":", ","digest":{"empty":"hash"},"certificate":{"header":"TPP-Signature-Certificate"}}`,
		`{"container":"authorization","signed":["(expires)","date"],"parameter_names":{"expires":"(expires)"},"request_target":"path","ecdsa_encoding":"raw"}`,
	} {
		spec := parseSpec(f, text)
		banks = append(banks, bank{spec, mustCompile(f, spec, cred)})
	}
	f.Add("POST", "/a?b=c", "bank.example", "PSU-ID", "x", "Date", "y", []byte("body"))
	f.Add("GET", "/", "h", "Psu-Ip-Address", " 192.0.2.1\t", "psu-ip-address", "192.0.2.2", []byte(nil))
	f.Add("GET", "/ HTTP/1.1\r\nX: y", "h\r\n", "X-Request-ID", "1\r\nSignature: x", "PSU-A:\n", "", []byte(nil))
	f.Add("G", "/", "h", "Digest", "forged", "SIGNATURE", "forged", []byte("{}"))
	f.Fuzz(func(t *testing.T, method, target, host, name1, value1, name2, value2 string, body []byte) {
		for _, b := range banks {
			msg := &Message{Method: method, Target: target, Host: host, Body: body, Header: http.Header{"Date": {"now"}}}
			msg.Header[name1] = append(msg.Header[name1], value1)
			msg.Header[name2] = append(msg.Header[name2], value2)
			text, signed, err := b.s.SigningString(msg, testTime)
			signErr := b.s.Sign(msg, testTime)
			if (err == nil) != (signErr == nil) {
				t.Fatalf("SigningString: %v, Sign: %v", err, signErr)
			}
			if err != nil {
				continue
			}
			lines := strings.Split(text, "\n")
			if len(lines) != len(signed) {
				t.Fatalf("%d lines for %q", len(lines), signed)
			}
			seen := make(map[string]bool)
			for i, name := range signed {
				if !strings.HasPrefix(lines[i], name+": ") || seen[name] || hasControl(lines[i], true) {
					t.Fatalf("line %q of %q", lines[i], signed)
				}
				seen[name] = true
			}
			made := []string{"Signature", "Digest"}
			if b.spec.Container == containerAuthorization {
				made[0] = "Authorization"
			}
			if b.spec.Certificate.Header != "" {
				made = append(made, b.spec.Certificate.Header)
			}
			for _, name := range made {
				if v := msg.Header[name]; len(v) > 1 || len(v) == 1 && hasControl(v[0], false) {
					t.Fatalf("%s: %q", name, v)
				}
			}
			if err := Verify(cred.Key.Public(), b.spec, msg); err != nil {
				t.Fatalf("%v\n%q\n%q", err, text, msg.Header)
			}
		}
	})
}
