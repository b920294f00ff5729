package diagnose

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/capture"
)

func TestTimeOf(t *testing.T) {
	protected := func(json string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(json)) + "..AAAAAAAAAAAAAAAAAAAAAA"
	}
	for head, want := range map[string]string{
		"Date: Wed, 04 Mar 2026 05:06:07 GMT":                                                "Date",
		"Date: yesterday\r\nSignature: keyId=\"a\",created=1772600767":                       "created",
		"Signature: keyId=\"a\",(created)=\"1772600767\"":                                    "created",
		"Signature: headers=\"(created) date\",created=1772600767":                           "created",
		"Signature-Input: sig1=();created=1772600767":                                        "created",
		"x-jws-signature: " + protected(`{"alg":"PS256","sigT":"2026-03-04T05:06:07Z"}`):     "sigT",
		"x-jws-signature: " + protected(`{"alg":"PS256","http://x.example/iat":1772600767}`): "iat",
		"x-jws-signature: " + protected(`{"alg":"PS256"}`):                                   "",
		"Signature: created": "",
	} {
		r, err := capture.ParseRaw([]byte("POST / HTTP/1.1\r\n" + head + "\r\n\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		at, what := TimeOf(r)
		if what != want || !at.IsZero() != (want != "") || want != "" && !at.Equal(time.Unix(1772600767, 0)) {
			t.Errorf("%s: %v %q", head, at, what)
		}
	}
}

// A value that the log leaves out is not taken for one that was changed.
func TestHiddenValues(t *testing.T) {
	for value, want := range map[string]bool{"***": true, "[REDACTED]": true, "Bearer ****1234": true, "XXXXXX": true, "xxl": false, "1": false} {
		c := berlin()
		got := judge(c.finish(t, func(c *craft) { c.set("X-Request-ID", value) }), "", c.seal.cert)
		if notes := strings.Join(got.Notes, " "); strings.Contains(notes, "hides the value of x-request-id") != want || got.Valid {
			t.Errorf("%s: %q", value, notes)
		}
	}
}

// No form of the signing string shows what is nobody's business.
func TestMasked(t *testing.T) {
	r, err := capture.ParseRaw([]byte("GET / HTTP/1.1\r\nAuthorization: Bearer secret\r\nPSU-ID: anna\r\nDate: x\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	c := &check{in: Input{Request: r}}
	for _, text := range []string{
		"authorization: Bearer secret\ndate: x\npsu-id: anna", "date: x authorization: Bearer secret psu-id: anna", "Bearer secret\nx\nanna",
		"\"authorization\": Bearer secret\n\"psu-id\";sf: anna\n\"date\": x", "eyJhbGciOi.authorization: Bearer secret\nPSU-ID: anna\ndate: x",
		"date: x\npsu-id: ANNA\nauthorization: bearer secret",
	} {
		if got := strings.ToLower(c.masked(text)); strings.Contains(got, "secret") || strings.Contains(got, "anna") || !strings.Contains(got, "x") || !strings.Contains(got, "[13 characters]") {
			t.Errorf("%q: %q", text, got)
		}
	}
}
