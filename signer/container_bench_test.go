package signer

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// assemblies are the containers as banks want them, with the allocations that a
// signature may cost beside the cryptography. JOSE headers are made once a
// second; what that costs is in "a new second".
var assemblies = []struct {
	name, spec  string
	allocations float64
}{
	{"signature", `{"signed":["(request-target)","date","x-request-id","digest?","content-type?","psu-*"]}`, 2},
	{"signature, every header", `{"signed":["(request-target)","*","digest?"]}`, 2},
	{"authorization", `{"container":"authorization","signed":["(request-target)","date","digest"],"certificate":{"header":"TPP-Signature-Certificate"}}`, 2},
	{"jws", `{"container":"jws","key_id":{"form":"literal","value":"kid-1"},"jws":{
		"members":{"kid":"{key_id}","typ":"JOSE","http://openbanking.org.uk/iat":"{unix_time}","http://openbanking.org.uk/iss":"{subject_dn}","http://openbanking.org.uk/tan":"openbanking.org.uk"},
		"critical":["http://openbanking.org.uk/iat","http://openbanking.org.uk/iss","http://openbanking.org.uk/tan"]}}`, 6},
	{"jws, b64 false", `{"container":"jws","algorithm":"rsa-sha256","jws":{"unencoded":true,"members":{"kid":"{client_id}"}}}`, 5},
	{"http-headers-jws", `{"container":"http-headers-jws","signed":["(request-target)","host","x-request-id","content-type?","content-length?","digest","psu-*"],
		"digest":{"empty":"hash"},"jws":{"members":{"x5c":"{x5c}"}}}`, 6},
	{"jwt", `{"container":"jwt","jws":{"members":{"kid":"k","typ":"JWT"},"claims":{"aud":"{audience}","iss":"{client_id}","jti":"{uuid}","iat":"{unix_time}"}}}`, 56},
	{"message-signature", `{"container":"message-signature","signed":["@method","@target-uri","content-digest?","content-type?","authorization?","x-request-id"],
		"algorithm":"rsa-pss-sha512","digest":{"header":"Content-Digest"},"key_id":{"form":"literal","value":"kid-1"}}`, 3},
}

// assemblyOf signs with a key that costs nothing.
func assemblyOf(t testing.TB, spec string) func(now time.Time) {
	cred := testCredentials(t, "rsa")
	cred.Key = &instantKey{cred.Key, make([]byte, 256)}
	s := mustCompile(t, parseSpec(t, spec), cred)
	msg := benchMessage(s)
	msg.Body = []byte(`{"data":{"text":"` + strings.Repeat("x", 480) + `"}}`)
	msg.BodyDigest = s.Digest(msg.Body)
	return func(now time.Time) {
		each := *msg // a JWT takes the body's place
		if err := s.Sign(&each, now); err != nil {
			t.Fatal(err)
		}
	}
}

func TestContainerAllocations(t *testing.T) {
	for _, a := range assemblies {
		sign := assemblyOf(t, a.spec)
		if got := testing.AllocsPerRun(500, func() { sign(testTime) }); got > a.allocations+poolMisses {
			t.Errorf("%s: %v allocations, at most %v wanted", a.name, got, a.allocations)
		}
	}
}

func BenchmarkContainer(b *testing.B) {
	for _, a := range assemblies {
		b.Run(strings.ReplaceAll(a.name, ", ", "/"), func(b *testing.B) {
			sign := assemblyOf(b, a.spec)
			b.ReportAllocs()
			for b.Loop() {
				sign(testTime)
			}
		})
	}
	for _, a := range assemblies {
		if !strings.Contains(a.spec, `"jws"`) && !strings.Contains(a.spec, `"jwt"`) {
			continue
		}
		b.Run(fmt.Sprintf("%s/a new second", strings.ReplaceAll(a.name, ", ", "/")), func(b *testing.B) {
			sign := assemblyOf(b, a.spec)
			now := testTime
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Second)
				sign(now)
			}
		})
	}
}
