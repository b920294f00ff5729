package signer

import (
	"errors"
	"strings"
	"testing"
)

func TestValidateAccepts(t *testing.T) {
	for _, text := range []string{
		`{"container":"none"}`,
		`{"signed":["date"]}`,
		`{"signed":["(request-target)","x?","psu-*"],"signed_by_operation":{"token":["date"],"POST":["digest"]}}`,
		`{"signed":["(created)"],"parameters":["keyId","created","headers","signature"],"unquoted":[]}`,
	} {
		spec := parseSpec(t, text)
		if err := spec.Validate(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestValidateRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                                   `signature.signed: nothing is listed`,
		`{"signed":["date"],"separator":"; "}`: `signature.separator: "; " is not one of ",", ", "`,
		`{"signed":["date"],"container":"x"}`:  `signature.container: "x" is not one of "signature", "authorization", "jws", "http-headers-jws", "jwt", "message-signature", "none"`,
		`{"signed":["Date"]}`:                  `signature.signed: "Date" is not a header name in lower case`,
		`{"signed":["a b"]}`:                   `signature.signed: "a b"`,
		`{"signed":["x-*"]}`:                   `signature.signed: "x-*"`,
		`{"signed":["?"]}`:                     `signature.signed: "?"`,
		`{"signed":["(method)"]}`:              `signature.signed: "(method)"`,
		`{"signed":["date","date?"]}`:          `signature.signed: "date" is listed twice`,
		`{"signed":["psu-*?"]}`:                `signature.signed: "psu-*" takes no "?"`,
		`{"signed":["signature"]}`:             `signature.signed: "signature" carries the signature`,
		`{"signed":["connection"]}`:            `signature.signed: "connection" ends at the next hop`,
		`{"signed":["authorization"],"container":"authorization"}`:                          `"authorization" carries the signature`,
		`{"signed":["date"],"signed_by_operation":{"token":[]}}`:                            `signature.signed_by_operation.token: nothing is listed`,
		`{"signed":["date"],"signed_by_operation":{"Post":["date"]}}`:                       `signature.signed_by_operation.Post: is neither`,
		`{"signed":["date"],"signed_by_operation":{"token":["D"]}}`:                         `signature.signed_by_operation.token: "D"`,
		`{"signed":["(created)"],"parameters":["keyId","headers","signature"]}`:             `parameters does not list "created"`,
		`{"signed":["date"],"parameters":["keyId","headers"]}`:                              `signature.parameters: "signature" is missing`,
		`{"signed":["date"],"parameters":["keyId","headers","signature","keyId"]}`:          `signature.parameters: "keyId" is listed twice`,
		`{"signed":["date"],"parameters":["keyId","headers","signature","nonce"]}`:          `signature.parameters: "nonce" is not one of`,
		`{"signed":["date"],"parameter_names":{"keyId":"key\"id"}}`:                         `signature.parameter_names.keyId`,
		`{"signed":["date"],"parameter_names":{"keyId":"headers"}}`:                         `signature.parameter_names: keyId and headers are both called "headers"`,
		`{"signed":["date"],"parameter_names":{"kid":"x"}}`:                                 `signature.parameter_names: "kid" is not one of`,
		`{"signed":["date"],"unquoted":["keyId"]}`:                                          `signature.unquoted: "keyId" is not one of`,
		`{"signed":["date"],"unquoted":["algorithm"],"algorithm_label":"a b"}`:              `signature.algorithm_label: "a b" is not a token`,
		`{"signed":["date"],"algorithm_label":"a\"b"}`:                                      `signature.algorithm_label`,
		`{"signed":["date"],"algorithm":"rsa-sha1"}`:                                        `signature.algorithm: "rsa-sha1" is not one of "auto", "rsa-sha256"`,
		`{"signed":["date"],"ecdsa_encoding":"p1363"}`:                                      `signature.ecdsa_encoding: "p1363" is not one of "der", "raw"`,
		`{"signed":["date"],"request_target":"full"}`:                                       `signature.request_target`,
		`{"signed":["date"],"expires_seconds":-1}`:                                          `signature.expires_seconds: -1 is negative`,
		`{"signed":["date"],"digest":{"algorithm":"MD5"}}`:                                  `signature.digest.algorithm: "MD5"`,
		`{"signed":["date"],"digest":{"prefix":"a b"}}`:                                     `signature.digest.prefix: "a b" is not a token`,
		`{"signed":["date"],"digest":{"empty":"null"}}`:                                     `signature.digest.empty: "null"`,
		`{"signed":["digest"],"digest":{"algorithm":"none"}}`:                               `"digest" is signed but digest.algorithm is "none"`,
		`{"signed":["date"],"certificate":{"form":"pem-line"}}`:                             `signature.certificate.header: is missing`,
		`{"signed":["date"],"certificate":{"header":"a b"}}`:                                `signature.certificate.header: "a b" is not a header name`,
		`{"signed":["date"],"certificate":{"header":"Digest"}}`:                             `signature.certificate.header: "Digest" has another use`,
		`{"signed":["date"],"certificate":{"header":"X","form":"der"}}`:                     `signature.certificate.form: "der"`,
		`{"signed":["date"],"key_id":"x5t"}`:                                                `signature.key_id.form: "x5t" is not one of "serial-issuer"`,
		`{"signed":["date"],"key_id":{"serial":"octal","name":"me","dn":"x","spaces":"x"}}`: `signature.key_id.spaces: "x" is not one of "keep", "remove", "percent"`,
		`{"signed":["date"],"key_id":{"dn":"literal"}}`:                                     `signature.key_id.value: is missing`,
		`{"signed":["date"],"key_id":{"escape":"url"}}`:                                     `signature.key_id.escape: "url" is not one of "quoted-string", "none"`,
	} {
		spec := parseSpec(t, text)
		if err := spec.Validate(); !errors.Is(err, ErrSpec) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v\nexpected …%s…", text, err, want)
		}
		if _, err := Compile(spec, testCredentials(t, "p256")); !errors.Is(err, ErrSpec) {
			t.Errorf("%s: compiled, %v", text, err)
		}
		if err := Verify(testCredentials(t, "p256").Key.Public(), spec, &Message{}); !errors.Is(err, ErrSpec) {
			t.Errorf("%s: verified, %v", text, err)
		}
	}
}

// TestValidateNamesAll wants a configuration mended in one go.
func TestValidateNamesAll(t *testing.T) {
	spec := Spec{Container: "x", Separator: "y", Signed: []string{"Z"}}
	err := spec.Validate()
	for _, field := range []string{"signature.container", "signature.separator", "signature.signed"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named: %v", field, err)
		}
	}
}
