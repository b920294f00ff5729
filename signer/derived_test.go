package signer

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

// TestDerived signs whole requests after published recipes.
func TestDerived(t *testing.T) {
	var file struct {
		Vectors []struct {
			Name, Method, Target, Body string
			Headers                    map[string]string
			SigningString              string   `json:"signing_string"`
			KeyID                      string   `json:"keyId"`
			Signed                     []string `json:"signed_headers"`
			HeaderValue                string   `json:"header_value"`
		}
	}
	if err := json.Unmarshal(loadFile(t, "derived", "derived.json"), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) != 4 {
		t.Fatalf("%d vectors", len(file.Vectors))
	}
	cred := Credentials{Key: loadKey(t, "derived", "key.pem"), Certificate: loadCertificate(t, "derived", "cert.pem")}
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			spec := Spec{Signed: v.Signed, Digest: Digest{Empty: "hash"}}
			header := make(http.Header)
			for name, value := range v.Headers {
				switch name {
				case "digest": // signing makes it
				case "tpp-signature-certificate":
					spec.Certificate.Header = "TPP-Signature-Certificate"
				default:
					header.Set(name, value)
				}
			}
			if v.Name == "socgen-ais" {
				spec.KeyID = KeyID{Form: "certificate-url", URL: "https://tpp.example/{fingerprint}.pem", Fingerprint: "sha-512/160", FingerprintColons: true}
			}
			s := mustCompile(t, spec, cred)
			if s.KeyID() != v.KeyID {
				t.Errorf("keyId %s, expected %s", s.KeyID(), v.KeyID)
			}
			msg := &Message{Method: v.Method, Target: v.Target, Header: header, Body: []byte(v.Body)}
			text, _, err := s.SigningString(msg, time.Now())
			if err != nil || text != v.SigningString {
				t.Errorf("%v, signing string\n%q\nexpected\n%q", err, text, v.SigningString)
			}
			if err := s.Sign(msg, time.Now()); err != nil {
				t.Fatal(err)
			}
			if got := header["Signature"][0]; got != v.HeaderValue {
				t.Errorf("Signature\n%s\nexpected\n%s", got, v.HeaderValue)
			}
			if got := header["Digest"][0]; got != v.Headers["digest"] {
				t.Errorf("Digest %s, expected %s", got, v.Headers["digest"])
			}
			if got := header[spec.Certificate.Header]; spec.Certificate.Header != "" && got[0] != v.Headers["tpp-signature-certificate"] {
				t.Errorf("certificate header %s", got[0])
			}
		})
	}
}
