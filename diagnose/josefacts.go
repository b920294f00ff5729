package diagnose

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"time"
)

// judgeThumbprint compares x5t#S256 with the certificate.
func (c *check) judgeThumbprint(j *webSignature) {
	cert := c.certificate()
	if j.thumbprint == "" || cert == nil {
		return
	}
	digest := sha256.Sum256(cert.Raw)
	want := base64.RawURLEncoding.EncodeToString(digest[:])
	if j.thumbprint == want {
		return
	}
	ofPEM := sha256.Sum256(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	digits := hex.EncodeToString(digest[:])
	for form, what := range map[string]string{
		base64.URLEncoding.EncodeToString(digest[:]): "base64url with padding", base64.StdEncoding.EncodeToString(digest[:]): "base64, not base64url",
		digits: "hexadecimal", strings.ToUpper(digits): "hexadecimal", base64.RawURLEncoding.EncodeToString([]byte(digits)): "base64url of hexadecimal digits",
		base64.RawURLEncoding.EncodeToString([]byte(strings.ToUpper(digits))): "base64url of hexadecimal digits", base64.RawURLEncoding.EncodeToString(ofPEM[:]): "of the PEM file, not of the DER",
	} {
		if j.thumbprint == form {
			c.add(stageKeyID, finding(ThumbprintOther, fmt.Sprintf("x5t#S256 is of the right certificate, but %s; it has to be base64url of the SHA-256 of its DER.", what), "found", printable(j.thumbprint), "expected", want))
			return
		}
	}
	c.add(stageKeyID, finding(ThumbprintOther, fmt.Sprintf("x5t#S256 is not that of the certificate (%s).", c.certificateSource(cert)), "found", printable(j.thumbprint), "expected", want))
}

func (c *check) certificateSource(cert *x509.Certificate) string {
	for _, k := range c.keys {
		if k.cert == cert {
			return k.source
		}
	}
	return ""
}

// judgeSigningTime compares sigT and iat with the clock.
func (c *check) judgeSigningTime(j *webSignature) {
	if j.sigT != "" {
		at, err := time.Parse(time.RFC3339, j.sigT)
		if err != nil {
			c.add(stageTime, finding(SignatureMalformed, fmt.Sprintf("sigT (%s) is no time as RFC 3339 has it.", printable(j.sigT))))
			return
		}
		if !c.in.At.IsZero() && c.in.At.Sub(at) > time.Minute {
			c.add(stageTime, finding(TimePast, fmt.Sprintf("sigT is %s before the time of judgement; banks take one minute.", c.in.At.Sub(at).Round(time.Second))))
		}
		c.judgeLifetime(at, true, time.Time{}, false)
	}
	for name, raw := range j.members {
		var seconds int64
		if strings.HasSuffix(name, "iat") && json.Unmarshal(raw, &seconds) == nil {
			c.judgeLifetime(time.Unix(seconds, 0), true, time.Time{}, false)
		}
	}
}

// judgeClaims looks at the times of a JWT.
func (c *check) judgeClaims(j *webSignature) {
	data, err := base64.RawURLEncoding.DecodeString(j.payload)
	var claims struct {
		IssuedAt *json.Number `json:"iat"`
		Expires  *json.Number `json:"exp"`
	}
	if err != nil || json.Unmarshal(data, &claims) != nil {
		return
	}
	seconds := func(n *json.Number) (time.Time, bool) {
		if n == nil {
			return time.Time{}, false
		}
		s, err := n.Int64()
		return time.Unix(s, 0), err == nil
	}
	issued, hasIssued := seconds(claims.IssuedAt)
	expires, hasExpires := seconds(claims.Expires)
	c.judgeLifetime(issued, hasIssued, expires, hasExpires)
}
