package answers

import (
	"errors"
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	operations := []string{"accounts", "token", "other"}
	good := []Policy{
		{}, {Container: ContainerJWS}, {Verify: Off, Container: ContainerJWT},
		{Verify: Report, Container: ContainerDigest},
		{Verify: Enforce, Container: ContainerJWS, Keys: "/keys", Operations: []string{"accounts"}, Algorithms: []string{"PS256", "ecdsa-sha256"}, Critical: []string{"b64"}},
		{Verify: Report, Container: ContainerMessageSignature, Keys: "https://bank.example/keys?x=1", Signed: []string{"@status", "content-type?"}},
		{Verify: Report, Container: ContainerSignature, Keys: "{file./keys}", Signed: []string{"(response-status)"}},
		{Verify: Report, Container: ContainerHTTPHeadersJWS, Trust: []string{"ca.pem"}, OrganizationID: "*"},
	}
	for _, policy := range good {
		if err := policy.Validate(operations); err != nil {
			t.Errorf("%+v: %v", policy, err)
		}
	}
	bad := []struct {
		field  string
		policy Policy
	}{
		{"verify", Policy{Verify: "on"}},
		{"container", Policy{Container: "cms"}},
		{"container", Policy{Verify: Report}},
		{"keys", Policy{Verify: Report, Container: ContainerJWS}},
		{"keys", Policy{Keys: "http://bank.example/keys"}},
		{"keys", Policy{Keys: "keys"}},
		{"header", Policy{Container: ContainerJWS, Header: "a b"}},
		{"header", Policy{Container: ContainerSignature, Header: "x-signature"}},
		{"unencoded", Policy{Container: ContainerJWT, Unencoded: true}},
		{"critical", Policy{Container: ContainerJWS, Critical: []string{"exp"}}},
		{"critical", Policy{Container: ContainerSignature, Critical: []string{"b64"}}},
		{"algorithms", Policy{Algorithms: []string{"none"}}},
		{"algorithms", Policy{Algorithms: []string{"HS256"}}},
		{"signed", Policy{Container: ContainerSignature, Signed: []string{"@status"}}},
		{"signed", Policy{Container: ContainerSignature, Signed: []string{"(request-target)"}}},
		{"signed", Policy{Container: ContainerSignature, Signed: []string{"Digest"}}},
		{"signed", Policy{Container: ContainerJWS, Signed: []string{"digest"}}},
		{"digest", Policy{Digest: "on"}},
		{"digest", Policy{Container: ContainerDigest, Digest: "off"}},
		{"operations", Policy{Operations: []string{"none"}}},
		{"organization_id", Policy{Trust: []string{"ca.pem"}}},
		{"organization_id", Policy{OrganizationID: "x"}},
		{"max_body", Policy{MaxBody: -1}},
	}
	for _, test := range bad {
		if err := test.policy.Validate(operations); !errors.Is(err, ErrPolicy) || !strings.Contains(err.Error(), ": "+test.field+": ") {
			t.Errorf("%+v: %v", test.policy, err)
		}
	}
}

func TestCompile(t *testing.T) {
	if v, err := Compile(Policy{Container: ContainerJWS}, Keys{}, Options{}); v != nil || err != nil {
		t.Errorf("off: %v %v", v, err)
	}
	if _, err := Compile(Policy{Verify: Report, Container: ContainerJWS, Certificates: []string{"x"}}, Keys{}, Options{}); !errors.Is(err, ErrPolicy) {
		t.Errorf("no keys: %v", err)
	}
	v := verifier(t, Policy{Container: ContainerDigest, Verify: Report}, Keys{})
	if v.Enforces() || v.MaxBody() != DefaultMaxBody || !v.Covers("accounts") || v.Covers("token") {
		t.Error("defaults")
	}
	v = verifier(t, Policy{Container: ContainerDigest, Operations: []string{"token"}, MaxBody: 5}, Keys{})
	if !v.Enforces() || v.MaxBody() != 5 || v.Covers("accounts") || !v.Covers("token") {
		t.Error("settings")
	}
}
