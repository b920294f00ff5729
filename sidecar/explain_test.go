package sidecar_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// explained is a call of the app, and what the sidecar says of it.
func explained(r *rig, options sidecar.ExplainOptions, change func(*http.Request)) *sidecar.Explanation {
	req := httptest.NewRequest("POST", "/funds-confirmations", strings.NewReader(fundsBody))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("PSU-IP-Address", publicIP)
	req.Header.Set("X-Request-ID", "95126d8f-ae9d-4ac3-ac9e-c357dcd78811")
	req.Header.Set("Cookie", "session=secret-cookie")
	if change != nil {
		change(req)
	}
	return sidecar.Route{ASPSP: r.aspsp}.Explain(req, func(string) string { return "" }, options)
}

// TestExplanationIsWhatIsSent compares an explanation with the real call.
func TestExplanationIsWhatIsSent(t *testing.T) {
	r := newRig(t, options{})
	e := explained(r, sidecar.ExplainOptions{}, nil)
	if e.Refusal != nil {
		t.Fatalf("%+v", e.Refusal)
	}
	if n := len(r.bank.Records()); n > 0 {
		t.Fatalf("explaining made %d calls to the bank", n)
	}
	answer := r.call("POST", "/funds-confirmations", fundsBody, "Content-Type", "application/json", "PSU-IP-Address", publicIP,
		"X-Request-ID", "95126d8f-ae9d-4ac3-ac9e-c357dcd78811", "Cookie", "session=secret-cookie", "User-Agent", "")
	record := r.accepted(answer, http.StatusOK)
	head, body, _ := strings.Cut(e.Request, "\r\n\r\n")
	if body != fundsBody {
		t.Errorf("body %q", body)
	}
	masked := func(head string) []string {
		var lines []string
		for line := range strings.SplitSeq(head, "\r\n") {
			name, _, _ := strings.Cut(line, ": ")
			switch name {
			case "Date", "Authorization", "Signature", "Accept", "Accept-Encoding":
				line = name // another one each time
			}
			if line != "Accept" && line != "Accept-Encoding" && line != "" {
				lines = append(lines, line)
			}
		}
		slices.Sort(lines)
		return lines
	}
	if got, want := masked(head), masked(string(record.RawHead)); !slices.Equal(got, want) {
		t.Errorf("explained\n%s\nsent\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if e.Operation != "funds-confirmations" || e.Profile != "bpce" || len(e.Sources) == 0 {
		t.Errorf("%+v", e)
	}
	s := e.Signature
	if s == nil || !strings.HasPrefix(s.Text, "(request-target): post /stet/psd2/v1.4.2/funds-confirmations\ndate: ") ||
		s.Digest == nil || s.Digest.InputLength != len(fundsBody) || !strings.HasPrefix(s.KeyIDFrom, "SN= and the QSEAL") {
		t.Errorf("%+v", s)
	}
	if !strings.Contains(e.Request, "Authorization: Bearer [access token]\r\n") {
		t.Error(e.Request)
	}
	for _, h := range e.Out {
		if h.Reason == "" {
			t.Errorf("%s leaves without a reason", h.Name)
		}
	}
	if i := slices.IndexFunc(e.In, func(h sidecar.ExplainedHeader) bool { return h.Name == "Cookie" }); i < 0 || e.In[i].Passes || e.In[i].Value != "" {
		t.Errorf("%+v", e.In)
	}
}

func TestExplanationHides(t *testing.T) {
	r := newRig(t, options{})
	e := explained(r, sidecar.ExplainOptions{Hide: true}, func(req *http.Request) { req.Header.Set("PSU-User-Agent", "Mozilla/odd") })
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{publicIP, "Mozilla/odd", "FR7613807008043001965405255", "instructedAmount", "secret-cookie"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("it shows %q: %s", secret, text)
		}
	}
	for _, want := range []string{"psu-ip-address: [PSU-IP-Address]", `signature=\"[signature not made]\"`, "[body, 153 bytes]", "nothing was signed"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing in %s", want, text)
		}
	}
}

func TestExplanationRefuses(t *testing.T) {
	r := newRig(t, options{})
	e := explained(r, sidecar.ExplainOptions{}, func(req *http.Request) { req.Header.Set("PSU-IP-Address", "192.168.1.7") })
	if e.Refusal == nil || e.Refusal.Code != sidecar.CodePSUInvalid || e.Refusal.Remedy == "" || e.Request != "" {
		t.Errorf("%+v", e)
	}
	e = explained(r, sidecar.ExplainOptions{}, func(req *http.Request) { req.Header.Set("Authorization", "Bearer of-the-app") })
	if e.Refusal == nil || e.Refusal.Code != sidecar.CodeAuthorizationRefused {
		t.Errorf("%+v", e.Refusal)
	}
}

// TestExplanationOfSecrets: what is configured as a secret stays one, and it is
// said if that changes the signature.
func TestExplanationOfSecrets(t *testing.T) {
	resolved := false
	r := newRig(t, options{
		overrides: profiles.Overrides{
			Headers:   []byte(`{"set":{"X-Api-Key":"{env.KEY}"}}`),
			Signature: []byte(`{"signed":["(request-target)","x-api-key","authorization"]}`),
		},
		config: func(c *sidecar.Config) {
			c.ResolveSecret = func(string) (string, error) { resolved = true; return "the-secret", nil }
		},
	})
	e := explained(r, sidecar.ExplainOptions{}, nil)
	if e.Refusal != nil || resolved || !strings.Contains(e.Request, "X-Api-Key: {env.KEY}\r\n") {
		t.Errorf("resolved: %t, %+v", resolved, e)
	}
	if len(e.Notes) != 2 || !strings.Contains(strings.Join(e.Notes, " "), "X-Api-Key is signed, and something stands in") {
		t.Errorf("%q", e.Notes)
	}
}

// TestExplanationOfJWS: the protected header can be read, and hiding hides the
// body in it.
func TestExplanationOfJWS(t *testing.T) {
	r := newRig(t, options{overrides: profiles.Overrides{
		Signature: []byte(`{"container":"jws","signed":null,"key_id":"client-id","jws":{"members":{"kid":"{key_id}"}}}`)}})
	for _, hide := range []bool{false, true} {
		e := explained(r, sidecar.ExplainOptions{Hide: hide}, nil)
		if e.Refusal != nil || e.Signature == nil {
			t.Fatalf("%+v", e)
		}
		if got, want := string(e.Signature.Protected), `{"alg":"RS256","kid":"`+organization+`"}`; got != want {
			t.Errorf("protected header %s, expected %s", got, want)
		}
		if _, payload, _ := strings.Cut(e.Signature.Text, "."); strings.HasPrefix(payload, "[payload, ") != hide {
			t.Errorf("hidden: %t, payload %q", hide, payload)
		}
	}
}
