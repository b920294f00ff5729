package signer

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"
)

// The key of the draft's tests has 1024 bits, which Go and this package refuse;
// both let the tests have it.
func TestCavageAppendixC(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	var versions []struct {
		Version, Body, Digest string
		Tests                 []struct {
			Name          string
			SigningString string `json:"signing_string"`
			Signature     string
			Algorithm     string
			KeyID         string
		}
	}
	if err := json.Unmarshal(loadFile(t, "cavage", "cavage.json"), &versions); err != nil {
		t.Fatal(err)
	}
	signed := map[string][]string{
		"default":     {"date"},
		"basic":       {"(request-target)", "host", "date"},
		"all-headers": {"(request-target)", "host", "date", "content-type", "digest", "content-length"},
	}
	key := loadKey(t, "cavage", "rsa-test-priv.pem")
	ran := 0
	for _, version := range versions {
		for _, test := range version.Tests {
			t.Run(version.Version+"/"+test.Name, func(t *testing.T) {
				ran++
				spec := Spec{Signed: signed[test.Name], KeyID: KeyID{Form: "literal", Value: test.KeyID}}
				if _, err := Compile(spec, Credentials{Key: key}); !errors.Is(err, ErrKey) {
					t.Fatalf("a key of 1024 bits: %v", err)
				}
				s, err := compile(spec, Credentials{Key: key}, 1024)
				if err != nil {
					t.Fatal(err)
				}
				msg := &Message{
					Method: "POST", Target: "/foo?param=value&pet=dog", Host: "example.com", Body: []byte(version.Body),
					Header: http.Header{"Date": {"Sun, 05 Jan 2014 21:31:40 GMT"}, "Content-Type": {"application/json"}},
				}
				text, _, err := s.SigningString(msg, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				if text != test.SigningString {
					t.Errorf("signing string\n%q\nexpected\n%q", text, test.SigningString)
				}
				if err := s.Sign(msg, time.Now()); err != nil {
					t.Fatal(err)
				}
				params, err := ParseSignature(msg.Header["Signature"][0])
				if err != nil {
					t.Fatal(err)
				}
				if params["signature"] != test.Signature || params["algorithm"] != test.Algorithm || params["keyId"] != test.KeyID {
					t.Errorf("got %v, expected %+v", params, test)
				}
				if got := msg.Header["Digest"][0]; got != version.Digest {
					t.Errorf("Digest %s, expected %s", got, version.Digest)
				}
				if err := verify(key.Public(), spec, msg, 1024); err != nil {
					t.Error(err)
				}
			})
		}
	}
	if ran != 6 {
		t.Errorf("%d tests ran, expected 6", ran)
	}
}
