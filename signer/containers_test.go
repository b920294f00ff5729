package signer

import (
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// containerSpecs are one Spec for each container that is not of draft-cavage,
// and the key to sign with.
var containerSpecs = map[string]struct{ key, spec string }{
	"detached JWS": {"rsa", `{"container":"jws","key_id":{"form":"literal","value":"kid-1"},"jws":{
		"members":{"kid":"{key_id}","typ":"JOSE","http://openbanking.org.uk/iat":"{unix_time}","http://openbanking.org.uk/iss":"org/ssa","http://openbanking.org.uk/tan":"openbanking.org.uk"},
		"critical":["http://openbanking.org.uk/iat","http://openbanking.org.uk/iss","http://openbanking.org.uk/tan"]}}`},
	"detached JWS, body unencoded": {"p256", `{"container":"jws","jws":{"header":"X-JWS-SIGNATURE","unencoded":true,"members":{"x5c":"{x5c}"}}}`},
	"JWS of headers": {"rsa", `{"container":"http-headers-jws","signed":["(request-target)","host","content-type?","digest","psu-*"],
		"digest":{"empty":"hash"},"jws":{"members":{"x5t#S256":"{x5t#S256}"}}}`},
	"JWS of headers, P-384": {"p384", `{"container":"http-headers-jws","signed":["(request-target)","content-digest?"],"digest":{"header":"Content-Digest","algorithm":"SHA-384"}}`},
	"JWT":                   {"rsa", `{"container":"jwt","jws":{"members":{"kid":"k","typ":"JWT"},"claims":{"aud":"{audience}","iss":"{client_id}","jti":"{uuid}","iat":"{unix_time}"}}}`},
	"message signature": {"p256", `{"container":"message-signature","signed":["@method","@target-uri","@authority","@path","@query","content-digest?","content-type?","x-request-id","psu-*"],
		"digest":{"header":"Content-Digest","algorithm":"SHA-512"},"key_id":{"form":"literal","value":"a \"b\""},
		"message_signature":{"label":"bank","parameters":["created","expires","nonce","keyid","alg","tag"],"tag":"fapi-2-request"}}`},
	"message signature, bare": {"rsa", `{"container":"message-signature","signed":["@request-target","@scheme","date?"],"digest":{"algorithm":"none"}}`},
}

func containerMessageOf(s *Signer) *Message {
	msg := &Message{
		Method: "POST", Target: "/v3.1/pisp/domestic-payments?a=b%20c", Host: "Bank.example", Operation: "payments",
		Header: http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {" 95126d8f-ae9d-4ac3-ac9e-c357dcd78811"},
			"Date": {"Tue, 07 Jun 2022 20:51:35 GMT"}, "Accept": {"a", "b "}, "PSU-IP-Address": {"8.8.8.8"}},
		Body: []byte(`{"Data": {"Amount": 1.00, "Text": "a.b"}}`),
	}
	msg.BodyDigest = s.Digest(msg.Body)
	return msg
}

func TestContainers(t *testing.T) {
	for name, c := range containerSpecs {
		t.Run(name, func(t *testing.T) {
			spec, cred := parseSpec(t, c.spec), testCredentials(t, c.key)
			s := mustCompile(t, spec, cred)
			msg := containerMessageOf(s)
			text, _, err := s.SigningString(msg, testTime)
			if err != nil || text == "" {
				t.Fatalf("%q, %v", text, err)
			}
			if err := s.Sign(msg, testTime); err != nil {
				t.Fatal(err)
			}
			if err := Verify(cred.Key.Public(), spec, msg); err != nil {
				t.Fatal(err)
			}
			if Verify(testCredentials(t, map[string]string{"rsa": "p256", "p256": "rsa", "p384": "rsa"}[c.key]).Key.Public(), spec, msg) == nil {
				t.Error("another key verifies")
			}
			carried := func(m *Message) []*string { // what carries the signature
				var list []*string
				for _, header := range []string{"Signature", "Signature-Input", s.Spec().JWS.Header} {
					if values := m.Header[header]; len(values) == 1 {
						list = append(list, &values[0])
					}
				}
				return list
			}
			for n, whole := range carried(msg) {
				for i := range *whole {
					m := cloneMessage(msg)
					*carried(m)[n] = flip(*whole, i)
					if Verify(cred.Key.Public(), spec, m) == nil {
						t.Errorf("%q at %d: change not noticed", *whole, i)
					}
				}
			}
			if spec.Container != containerMessage || spec.Digest.Algorithm != none {
				for i := range msg.Body {
					m := cloneMessage(msg)
					m.Body[i] ^= 1
					if Verify(cred.Key.Public(), spec, m) == nil {
						t.Errorf("body at %d: change not noticed", i)
					}
				}
			}
		})
	}
}

// TestJWSHeader looks at the protected header as a bank would, with go-jose.
func TestJWSHeader(t *testing.T) {
	c := containerSpecs["detached JWS"]
	spec, cred := parseSpec(t, c.spec), testCredentials(t, c.key)
	s := mustCompile(t, spec, cred)
	for i := range 3 { // the header is made again when the second is over
		now := testTime.Add(time.Duration(i) * 700 * time.Millisecond)
		msg := containerMessageOf(s)
		if err := s.Sign(msg, now); err != nil {
			t.Fatal(err)
		}
		signed, err := jose.ParseDetached(msg.Header[s.Spec().JWS.Header][0], msg.Body, []jose.SignatureAlgorithm{jose.PS256})
		if err != nil {
			t.Fatal(err)
		}
		extra := signed.Signatures[0].Protected.ExtraHeaders
		if got := extra["http://openbanking.org.uk/iat"]; got != float64(now.Unix()) {
			t.Errorf("iat is %v, expected %d", got, now.Unix())
		}
		if _, there := extra["b64"]; there || signed.Signatures[0].Protected.KeyID != "kid-1" {
			t.Errorf("header %+v", signed.Signatures[0].Protected)
		}
		if msg.Header.Get("Digest") != "" {
			t.Error("a Digest went along")
		}
	}
}

func TestHTTPHeadersJWS(t *testing.T) {
	c := containerSpecs["JWS of headers"]
	spec, cred := parseSpec(t, c.spec), testCredentials(t, c.key)
	s := mustCompile(t, spec, cred)
	msg := containerMessageOf(s)
	if err := s.Sign(msg, testTime); err != nil {
		t.Fatal(err)
	}
	protected, _, _ := strings.Cut(msg.Header[s.Spec().JWS.Header][0], ".")
	text, err := base64.RawURLEncoding.DecodeString(protected)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"alg":"PS256","b64":false,"crit":["sigT","sigD","b64"],"sigD":{"pars":["(request-target)","host","content-type","digest","psu-ip-address"],"mId":"http://uri.etsi.org/19182/HttpHeaders"},"sigT":"` +
		testTime.UTC().Format(time.RFC3339) + `","x5t#S256":`
	if !strings.HasPrefix(string(text), want) {
		t.Errorf("protected header\n%s\nexpected\n%s…", text, want)
	}
	input, signed, err := s.SigningString(msg, testTime)
	if err != nil || len(signed) != 5 {
		t.Fatal(signed, err)
	}
	wantLines := "(request-target): post /v3.1/pisp/domestic-payments?a=b%20c\nhost: Bank.example\ncontent-type: application/json\ndigest: " + msg.Header["Digest"][0] + "\npsu-ip-address: 8.8.8.8"
	if _, lines, _ := strings.Cut(input, "."); lines != wantLines {
		t.Errorf("lines\n%s\nexpected\n%s", lines, wantLines)
	}
}

func TestJWTBody(t *testing.T) {
	cred := testCredentials(t, "rsa")
	spec := parseSpec(t, containerSpecs["JWT"].spec)
	s := mustCompile(t, spec, cred)
	msg := containerMessageOf(s)
	if err := s.Sign(msg, testTime); err != nil {
		t.Fatal(err)
	}
	if got := msg.Header["Content-Type"]; len(got) != 1 || got[0] != "application/jwt" {
		t.Errorf("Content-Type %q", got)
	}
	signed, err := jose.ParseSigned(string(msg.Body), []jose.SignatureAlgorithm{jose.PS256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := signed.Verify(cred.Key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(payload), `,"Data": {"Amount": 1.00, "Text": "a.b"}}`) {
		t.Errorf("the body's text changed: %s", payload)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	if claims["aud"] != "https://Bank.example/v3.1/pisp/domestic-payments?a=b%20c" || claims["iss"] != cred.ClientID || claims["iat"] != float64(testTime.Unix()) {
		t.Errorf("claims %v", claims)
	}
	for body, says := range map[string]string{
		`x`: "no JSON", `[1]`: "no JSON object", `{"iss":"me"}`: `a member "iss"`,
	} {
		if err := s.Sign(&Message{Method: "POST", Target: "/", Host: "h", Body: []byte(body)}, testTime); !errors.Is(err, ErrBody) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", body, err)
		}
	}
	spec.JWS.Data = "data"
	msg = &Message{Method: "POST", Target: "/", Host: "h", Body: []byte(`[1.0]`)}
	if err := mustCompile(t, spec, cred).Sign(msg, testTime); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(msg.Body), ".")
	middle, _, _ := strings.Cut(rest, ".")
	if text, err := base64.RawURLEncoding.DecodeString(middle); err != nil || !strings.HasSuffix(string(text), `,"data":[1.0]}`) {
		t.Errorf("%s, %v", text, err)
	}
	for _, body := range []string{"{}", " { } "} {
		msg := &Message{Method: "POST", Target: "/", Host: "h", Body: []byte(body)}
		if err := s.Sign(msg, testTime); err != nil {
			t.Error(err)
		}
	}
}

func TestMessageSignatureHeaders(t *testing.T) {
	c := containerSpecs["message signature"]
	s := mustCompile(t, parseSpec(t, c.spec), testCredentials(t, c.key))
	msg := containerMessageOf(s)
	if err := s.Sign(msg, testTime); err != nil {
		t.Fatal(err)
	}
	input := msg.Header["Signature-Input"][0]
	if want := `bank=("@method" "@target-uri" "@authority" "@path" "@query" "content-digest" "content-type" "x-request-id" "psu-ip-address");created=`; !strings.HasPrefix(input, want) {
		t.Errorf("%s\nexpected\n%s…", input, want)
	}
	if !strings.HasSuffix(input, `;keyid="a \"b\"";alg="ecdsa-p256-sha256";tag="fapi-2-request"`) {
		t.Error(input)
	}
	text, _, err := s.SigningString(msg, testTime)
	if err != nil {
		t.Fatal(err)
	}
	want := `"@method": POST
"@target-uri": https://Bank.example/v3.1/pisp/domestic-payments?a=b%20c
"@authority": bank.example
"@path": /v3.1/pisp/domestic-payments
"@query": ?a=b%20c
"content-digest": ` + msg.Header["Content-Digest"][0] + `
"content-type": application/json
"x-request-id": 95126d8f-ae9d-4ac3-ac9e-c357dcd78811
"psu-ip-address": 8.8.8.8
"@signature-params": ("@method"`
	if !strings.HasPrefix(text, want) {
		t.Errorf("base\n%s\nexpected\n%s…", text, want)
	}
	if got := msg.Header["Content-Digest"][0]; !strings.HasPrefix(got, "sha-512=:") || !strings.HasSuffix(got, ":") {
		t.Error(got)
	}
}

// TestOnly: what is left out goes as it came.
func TestOnly(t *testing.T) {
	for _, only := range []string{`["payments"]`, `["POST"]`} {
		spec := parseSpec(t, `{"signed":["date"],"only":`+only+`,"key_id":"client-id"}`)
		s := mustCompile(t, spec, testCredentials(t, "p256"))
		signed, plain := containerMessageOf(s), containerMessageOf(s)
		plain.Method, plain.Operation = "GET", "accounts"
		for _, msg := range []*Message{signed, plain} {
			if err := s.Sign(msg, testTime); err != nil {
				t.Fatal(err)
			}
		}
		if !s.Signs(signed) || len(signed.Header["Signature"]) != 1 {
			t.Errorf("%s: not signed", only)
		}
		if s.Signs(plain) || len(plain.Header["Signature"])+len(plain.Header["Digest"]) != 0 {
			t.Errorf("%s: %v", only, plain.Header)
		}
	}
	s := mustCompile(t, parseSpec(t, `{"container":"jws"}`), testCredentials(t, "rsa"))
	msg := &Message{Method: "POST", Target: "/", Host: "h"}
	if err := s.Sign(msg, testTime); err != nil || msg.Header != nil {
		t.Errorf("a JWS of nothing: %v, %v", err, msg.Header)
	}
}

// TestEveryHeader: "*" stands for all that go out and no other entry names.
func TestEveryHeader(t *testing.T) {
	spec := parseSpec(t, `{"signed":["(request-target)","date","*","digest?"],"certificate":{"header":"TPP-Signature-Certificate"}}`)
	cred := testCredentials(t, "rsa")
	s := mustCompile(t, spec, cred)
	msg := containerMessageOf(s)
	msg.Header["User-Agent"] = []string{""} // net/http sends none
	msg.Header["Authorization"] = []string{"Bearer t"}
	_, signed, err := s.SigningString(msg, testTime)
	if want := "(request-target) date accept authorization content-type psu-ip-address x-request-id digest"; err != nil || strings.Join(signed, " ") != want {
		t.Errorf("%v, %v", signed, err)
	}
	if err := s.Sign(msg, testTime); err != nil {
		t.Fatal(err)
	}
	if err := Verify(cred.Key.Public(), spec, msg); err != nil {
		t.Error(err)
	}
}

func TestEd25519AndSHA384(t *testing.T) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		`{"container":"message-signature","signed":["date"],"message_signature":{"parameters":["created","keyid","alg"]},"key_id":"client-id"}`,
		`{"container":"jws","jws":{"members":{"kid":"{key_id}"}},"key_id":"client-id"}`,
		`{"signed":["date","digest"],"digest":{"algorithm":"SHA-384"},"key_id":"client-id"}`,
	} {
		spec := parseSpec(t, text)
		s := mustCompile(t, spec, Credentials{Key: key, ClientID: "c"})
		msg := containerMessageOf(s)
		if err := s.Sign(msg, testTime); err != nil {
			t.Fatal(err)
		}
		if err := Verify(key.Public(), spec, msg); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestJOSEChoosesPSS(t *testing.T) {
	s := mustCompile(t, parseSpec(t, `{"container":"jws"}`), testCredentials(t, "rsa"))
	if s.Algorithm() != "rsa-pss-sha256" || s.AlgorithmLabel() != "PS256" {
		t.Errorf("%s, %s", s.Algorithm(), s.AlgorithmLabel())
	}
	if _, ok := s.key.Public().(*rsa.PublicKey); !ok {
		t.Error("not an RSA key")
	}
}

func TestValidateContainersRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{"container":"message-signature","signed":["(request-target)"]}`:                                                              `no component of RFC 9421`,
		`{"container":"message-signature","signed":["@nothing"]}`:                                                                      `no derived component`,
		`{"container":"message-signature","signed":["*"]}`:                                                                             `list the components`,
		`{"container":"message-signature","signed":["date"],"message_signature":{"label":"Sig"}}`:                                      `a label begins`,
		`{"container":"message-signature","signed":["date"],"message_signature":{"tag":"x"}}`:                                          `it takes both`,
		`{"container":"message-signature","signed":["date"],"message_signature":{"parameters":["x"]}}`:                                 `"x" is not one of`,
		`{"container":"message-signature","signed":["date"],"message_signature":{"parameters":["alg","alg"]}}`:                         `listed twice`,
		`{"container":"http-headers-jws","signed":["(created)"]}`:                                                                      `sigT tells the time`,
		`{"container":"http-headers-jws","signed":["x-jws-signature"]}`:                                                                `carries the signature`,
		`{"container":"http-headers-jws"}`:                                                                                             `nothing is listed`,
		`{"container":"jws","jws":{"critical":["a"]}}`:                                                                                 `not among jws.members`,
		`{"container":"jws","jws":{"critical":["b64"]}}`:                                                                               `added where it is needed`,
		`{"container":"jws","jws":{"members":{"alg":"none"}}}`:                                                                         `made by signing itself`,
		`{"container":"jws","jws":{"members":{"kid":"{nope}"}}}`:                                                                       `unknown placeholder`,
		`{"container":"jwt","jws":{"claims":{"iss":"json:"}}}`:                                                                         `no JSON value`,
		`{"container":"jwt","jws":{"unencoded":true}}`:                                                                                 `always encoded`,
		`{"container":"jws","jws":{"header":"a b"}}`:                                                                                   `no header name`,
		`{"container":"authorization","signed":["*"]}`:                                                                                 `take in Authorization`,
		`{"signed":["date"],"digest":{"header":"X"}}`:                                                                                  `"X" is not one of "Digest", "Content-Digest"`,
		`{"signed":["date"],"only":["x y"]}`:                                                                                           `signature.only`,
		`{"container":"message-signature","signed":["date","content-digest"],"digest":{"header":"Content-Digest","algorithm":"none"}}`: `digest.algorithm is "none"`,
	} {
		spec := parseSpec(t, text)
		if err := spec.Validate(); !errors.Is(err, ErrSpec) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v\nexpected …%s…", text, err, want)
		}
	}
}
