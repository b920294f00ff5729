package diagnose

import (
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/capture"
)

// Whatever is captured, a verdict is given, and none is valid that was not signed.
func FuzzCheck(f *testing.F) {
	for _, head := range []string{
		"Signature: keyId=\"SN=1,CA=CN=x\",algorithm=\"rsa-sha256\",headers=\"(request-target) date (created)\",signature=\"AAAA\"",
		"Authorization: Signature keyId=\"a\",created=1,headers=\"Digest\",signature=\"AA==\"\r\nDigest: SHA-256=x",
		"x-jws-signature: eyJhbGciOiJQUzI1NiIsImI2NCI6ZmFsc2V9..AAAAAAAAAAAAAAAAAAAAAA",
		"x-jws-signature: eyJhbGciOiJQUzI1NiIsInNpZ0QiOnsicGFycyI6WyJob3N0Il19fQ..AAAAAAAAAAAAAAAAAAAAAA",
		"Signature-Input: sig1=(\"@method\" \"date\";bs);created=1;alg=\"ed25519\"\r\nSignature: sig1=:AAAA:",
	} {
		f.Add([]byte("POST /a?b HTTP/1.1\r\nHost: c\r\n" + head + "\r\n\r\n{}"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := capture.ParseRaw(data)
		if err != nil {
			return
		}
		in := Input{Request: r, At: now, Certificates: []Certificate{{"qseal.pem", seals()["tpp"].cert}}}
		if got := Check(in); got.Code == "" || got.Sentence == "" || got.Valid {
			t.Errorf("%+v", got)
		}
	})
}

func FuzzParseParameters(f *testing.F) {
	f.Add(`keyId="a\"b", algorithm=x ,headers="(request-target) date",signature="AA=="`)
	f.Fuzz(func(t *testing.T, value string) {
		list, err := parseParameters(value)
		if err == nil && len(list) == 0 {
			t.Error("nothing, and no error")
		}
		for _, p := range list {
			if p.name == "" || !strings.Contains(value, p.raw) {
				t.Errorf("%+v", p)
			}
		}
	})
}

func FuzzParseMessageInput(f *testing.F) {
	f.Add(`sig1=("@method" "@query-param";name="Pet" "date");created=1;keyid="a\"b", sig2=()`)
	f.Fuzz(func(t *testing.T, value string) {
		m, err := parseMessageInput(value)
		if err == nil && (m.label == "" || !strings.HasPrefix(m.params, "(") || !strings.Contains(value, m.params)) {
			t.Errorf("%+v", m)
		}
	})
}

func FuzzParseJOSE(f *testing.F) {
	f.Add("eyJhbGciOiJQUzI1NiIsImNyaXQiOlsiYjY0Il0sIng1YyI6WyJNSUlCIl19..AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if j := parseJOSE("h", text); j.malformed == "" && (j.members == nil || j.protected+"."+j.payload+"."+j.signature != text) {
			t.Errorf("%+v", j)
		}
	})
}
