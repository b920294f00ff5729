package profiles

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/signer"
)

// Every profile signs as OpenSSL did after the recipe that was written for the
// bank without looking at the profile.
func TestVectors(t *testing.T) {
	known := vectorProfiles(t)
	for _, v := range loadVectors(t) {
		if !slices.Contains(known, v.Profile) {
			continue // TestVectorsHaveProfiles tells
		}
		t.Run(v.Profile+" "+v.Name, func(t *testing.T) {
			p := v.profile(t)
			spec := v.spec(t, p)
			cred := vectorCredentials(t, v.Identity, v.ClientID)
			s, err := signer.Compile(spec, cred)
			if err != nil {
				t.Fatal(err)
			}
			msg := v.message(t, p)
			before := maps.Clone(msg.Header)
			if v.Container == "none" {
				if err := s.Sign(msg, v.now()); err != nil || !maps.EqualFunc(msg.Header, before, slices.Equal) {
					t.Fatalf("%v; headers %v, expected %v", err, msg.Header, before)
				}
				return
			}
			v.checkHeaderSignature(t, s, spec, cred, msg, len(before))
		})
	}
}

// checkHeaderSignature checks the containers of draft-cavage.
func (v *vector) checkHeaderSignature(t *testing.T, s *signer.Signer, spec signer.Spec, cred signer.Credentials, msg *signer.Message, before int) {
	t.Helper()
	text, _, err := s.SigningString(msg, v.now())
	if err != nil {
		t.Fatal(err)
	}
	if text != v.SigningString {
		t.Fatalf("signing string\n%s\nexpected\n%s", text, v.SigningString)
	}
	if err := s.Sign(msg, v.now()); err != nil {
		t.Fatal(err)
	}
	for name, want := range v.Expect {
		got := header(msg.Header, name)
		if isSignature := name == "Signature" || name == "Authorization"; isSignature && !v.Deterministic {
			got, want = withoutSignature(got), withoutSignature(want)
		}
		if got != want {
			t.Errorf("%s\n%s\nexpected\n%s", name, got, want)
		}
		delete(msg.Header, name) // and no second one in another spelling
		if header(msg.Header, name) != "" {
			t.Errorf("%s is there twice: %v", name, msg.Header)
		}
		msg.Header[name] = []string{want}
	}
	for name := range msg.Header {
		if v.Expect[name] == "" && v.Request.Headers[name] == "" {
			t.Errorf("header %s is not expected", name)
		}
	}
	v.verify(t, spec, cred, msg)
}

// verify checks OpenSSL's signature and one of this module's.
func (v *vector) verify(t *testing.T, spec signer.Spec, cred signer.Credentials, msg *signer.Message) {
	t.Helper()
	for name, value := range v.Expect {
		msg.Header[name] = []string{value}
	}
	if err := signer.Verify(cred.Key.Public(), spec, msg); err != nil {
		t.Errorf("OpenSSL's signature: %v", err)
	}
	s, err := signer.Compile(spec, cred)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Sign(msg, v.now()); err != nil {
		t.Fatal(err)
	}
	if err := signer.Verify(cred.Key.Public(), spec, msg); err != nil {
		t.Errorf("own signature: %v", err)
	}
}

func withoutSignature(value string) string {
	head, _, _ := strings.Cut(value, `signature="`)
	return head
}

// vectorProfiles lists all profiles and their variants.
func vectorProfiles(t testing.TB) []string {
	t.Helper()
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return set.Names()
}

// A profile that signs has vectors: of a request without and of one with a body.
func TestProfilesHaveVectors(t *testing.T) {
	covered := make(map[string]bool)
	for _, v := range loadVectors(t) {
		covered[v.Profile+" "+v.Request.Method] = true
	}
	for _, name := range vectorProfiles(t) {
		if get(t, name).Signature.Container == "none" {
			continue
		}
		for _, method := range []string{"GET", "POST"} {
			if !covered[name+" "+method] {
				t.Errorf("%s signs, and has no vector of a %s", name, method)
			}
		}
	}
}
