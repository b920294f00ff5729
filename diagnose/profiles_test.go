package diagnose

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/capture"
	"github.com/caddy-tpp/caddy-tpp/signer"
)

// signedAs signs a request as a profile has it, with the project's signer.
func signedAs(t *testing.T, spec signer.Spec, method, body string) *capture.Request {
	t.Helper()
	s := seals()["tpp"]
	if strings.HasPrefix(spec.Algorithm, "ecdsa") {
		s = seals()["p256"]
	}
	made, err := signer.Compile(spec, signer.Credentials{Key: s.key, Certificate: s.cert, ClientID: "PSDDE-BAFIN-123456"})
	if err != nil {
		t.Fatal(err)
	}
	msg := &signer.Message{Method: method, Target: "/v1/a%20b?c=d&e=%2F", Host: "bank.example", Body: []byte(body), Header: http.Header{
		"Date": {"Wed, 04 Mar 2026 05:06:07 GMT"}, "X-Request-Id": {"95126d8f-ae9d"}, "Psu-Ip-Address": {"192.0.2.1"}, "Content-Type": {"application/json"}}}
	for _, name := range slices.Concat(spec.Signed, slices.Concat(flat(spec.SignedByOperation)...)) {
		name = strings.TrimSuffix(name, "?")
		if !strings.ContainsAny(name, "(@*") && !slices.Contains([]string{"host", "content-length", "digest", "content-digest", strings.ToLower(spec.Certificate.Header)}, name) && len(msg.Header[http.CanonicalHeaderKey(name)]) == 0 {
			msg.Header.Set(name, "value of "+name)
		}
	}
	if err := made.Sign(msg, now); err != nil {
		t.Fatal(err)
	}
	r := &capture.Request{Method: msg.Method, Target: msg.Target, Host: msg.Host, Scheme: "https", Body: msg.Body}
	for name, values := range msg.Header {
		for _, v := range values {
			r.Fields = append(r.Fields, capture.Field{Name: name, Raw: " " + v})
		}
	}
	if len(msg.Body) > 0 {
		r.Fields = append(r.Fields, capture.Field{Name: "Content-Length", Raw: " " + strconv.Itoa(len(msg.Body))})
	}
	r.Fields = append(r.Fields, capture.Field{Name: "Host", Raw: " " + msg.Host})
	return r
}

func flat(lists map[string][]string) (all [][]string) {
	for _, list := range lists {
		all = append(all, list)
	}
	return all
}

// Whatever the signer makes for a profile is valid, and the profile is named.
func TestEveryProfile(t *testing.T) {
	for _, d := range dialects() {
		for method, body := range map[string]string{"POST": `{"amount": "1.00"}`, "GET": ""} {
			t.Run(d.Name+" "+method, func(t *testing.T) {
				if len(d.Spec.Only) > 0 {
					d.Spec.Only = nil
				}
				if body == "" && (d.Spec.Container == "jws" || d.Spec.Container == "jwt") {
					return
				}
				r := signedAs(t, d.Spec, method, body)
				cert := seals()["tpp"].cert
				if strings.HasPrefix(d.Spec.Algorithm, "ecdsa") {
					cert = seals()["p256"].cert
				}
				got := Check(Input{Request: r, Dialects: dialects(), Profile: d.Name, At: now, ClientID: "PSDDE-BAFIN-123456", Certificates: []Certificate{{"qseal.pem", cert}}})
				if !got.Valid {
					t.Errorf("%s: %s %v\nalso %v\n%q", got.Code, got.Sentence, got.Evidence, got.Also, got.SigningString)
				}
				got = Check(Input{Request: r, Dialects: dialects(), At: now, Certificates: []Certificate{{"qseal.pem", cert}}})
				if d.Spec.Container != "none" && (!got.Valid || !slices.Contains(got.Dialects, d.Name)) {
					t.Errorf("without a profile %s: %s %v", got.Code, got.Sentence, got.Dialects)
				}
			})
		}
	}
}

// A bank that takes the path alone is right in its own way, and no other is.
func TestDialectOfThePathAlone(t *testing.T) {
	own := Dialect{Name: "path-bank", Spec: spec("bpce")}
	own.Spec.RequestTarget = "path"
	for _, test := range []struct {
		signed, profile string
		code            Code
	}{
		{"post /v1/payments/sepa", "path-bank", Valid}, {"post /v1/payments/sepa", "", Valid},
		{"post /v1/payments/sepa", "bpce", TargetForm}, {"post /v1/payments/sepa?a=b%20c&d=e", "path-bank", TargetForm},
	} {
		c := bpce()
		c.signedAs["(request-target)"] = test.signed
		in := Input{Request: c.finish(t, nil), Dialects: append([]Dialect{own}, dialects()...), Profile: test.profile, At: now, Certificates: []Certificate{{"qseal.pem", c.seal.cert}}}
		got := Check(in)
		if got.Code != test.code || len(got.Also) > 0 || !strings.Contains(got.SigningString+got.Signed, test.signed+"\n") {
			t.Errorf("%+v: %s %s %v\n%s", test, got.Code, got.Sentence, got.Also, got.SigningString)
		}
		if test.profile == "" && !slices.Equal(got.Dialects, []string{"path-bank"}) {
			t.Errorf("fits %v", got.Dialects)
		}
	}
}
