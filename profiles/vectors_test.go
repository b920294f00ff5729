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
	for _, v := range loadVectors(t) {
		t.Run(v.Profile+" "+v.Name, func(t *testing.T) {
			p := v.profile(t)
			r := &signing{spec: v.spec(t, p), cred: vectorCredentials(t, v.Identity, v.ClientID), msg: v.message(t, p)}
			var err error
			if r.signer, err = signer.Compile(r.spec, r.cred); err != nil {
				t.Fatal(err)
			}
			before := maps.Clone(r.msg.Header)
			switch v.Container {
			case "none":
				err := r.signer.Sign(r.msg, v.now())
				if err != nil || !maps.EqualFunc(r.msg.Header, before, slices.Equal) || string(r.msg.Body) != v.Request.Body {
					t.Fatalf("%v; headers %v, expected %v", err, r.msg.Header, before)
				}
			case "signature", "authorization":
				v.checkHeaderSignature(t, r)
			case "jws", "http-headers-jws":
				v.checkDetached(t, r)
			case "jwt":
				v.checkBody(t, r)
			case "message-signature":
				v.checkMessageSignature(t, r)
			default:
				t.Fatalf("container %q", v.Container)
			}
		})
	}
}

// signing is a request and what it is signed with.
type signing struct {
	spec   signer.Spec
	cred   signer.Credentials
	signer *signer.Signer
	msg    *signer.Message
}

// sign signs, and checks that there are no headers but those expected. Those that
// hold a signature are the caller's to check, the others are compared.
func (v *vector) sign(t *testing.T, r *signing, signatures ...string) {
	t.Helper()
	if err := r.signer.Sign(r.msg, v.now()); err != nil {
		t.Fatal(err)
	}
	for name, want := range v.Expect {
		if got := r.msg.Header[name]; len(got) != 1 || got[0] != want && !slices.Contains(signatures, name) {
			t.Errorf("%s\n%q\nexpected\n%s", name, got, want)
		}
	}
	for name := range r.msg.Header {
		if v.Expect[name] == "" && v.Request.Headers[name] == "" {
			t.Errorf("header %s is not expected", name)
		}
	}
	if err := signer.Verify(r.cred.Key.Public(), r.spec, r.msg); err != nil {
		t.Errorf("own signature: %v", err)
	}
}

// verifyOpenSSL puts OpenSSL's signature in the place of the own one.
func (v *vector) verifyOpenSSL(t *testing.T, r *signing) {
	t.Helper()
	for name, value := range v.Expect {
		r.msg.Header[name] = []string{value}
	}
	if err := signer.Verify(r.cred.Key.Public(), r.spec, r.msg); err != nil {
		t.Errorf("OpenSSL's signature: %v", err)
	}
}

// checkHeaderSignature checks the containers of draft-cavage.
func (v *vector) checkHeaderSignature(t *testing.T, r *signing) {
	t.Helper()
	text, _, err := r.signer.SigningString(r.msg, v.now())
	if err != nil {
		t.Fatal(err)
	}
	if text != v.SigningString {
		t.Fatalf("signing string\n%s\nexpected\n%s", text, v.SigningString)
	}
	name := "Signature"
	if v.Container == "authorization" {
		name = "Authorization"
	}
	v.sign(t, r, name)
	got, want := header(r.msg.Header, name), v.Expect[name]
	if !v.Deterministic {
		got, want = withoutSignature(got), withoutSignature(want)
	}
	if got != want {
		t.Errorf("%s\n%s\nexpected\n%s", name, got, want)
	}
	v.verifyOpenSSL(t, r)
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

// A profile that signs has vectors: of a request without and of one with a body,
// and of the application token's if that is signed in another way.
func TestProfilesHaveVectors(t *testing.T) {
	covered := make(map[string]bool)
	for _, v := range loadVectors(t) {
		covered[v.Profile+" "+v.Request.Method+v.Section] = true
	}
	for _, name := range vectorProfiles(t) {
		if p := get(t, name); !sameSpec(p.SignatureOfApplication(), p.Signature) && !covered[name+" POSTapplication_signature"] {
			t.Errorf("%s signs the request of an application token, and has no vector of it", name)
		}
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
