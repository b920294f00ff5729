package sandbox

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// check runs every check of the endpoint's dialect and collects what failed.
func (c *call) check() {
	if c.endpoint.shop() {
		c.checkShop()
		return
	}
	c.checkCertificate()
	c.checkLeaks()
	c.checkRepeats()
	switch c.endpoint.dialect {
	case dialectToken, dialectAuthorize:
		c.checkOptionalSignature()
		c.checkMethod()
		return
	case dialectING:
		c.checkING()
		return
	case dialectSTET:
		c.checkSTETSignature()
	case dialectBerlin:
		c.checkBerlinSignature()
	default:
		c.checkMessage()
		return
	}
	c.checkContent()
	c.checkDate()
	c.checkRequestID()
	c.checkPSU()
	c.checkToken()
	c.checkAccept()
	c.checkMethod()
	c.checkQuery()
	c.checkUnattended()
}

// checkCertificate looks at the QWAC again: a connection can outlive it.
func (c *call) checkCertificate() {
	if c.rec.ClientCert == nil {
		c.fail(http.StatusForbidden, codeCertificate, "no client certificate (QWAC) was presented")
		return
	}
	q, err := inspect(c.rec.ClientCert)
	c.qwac = q
	if err != nil {
		c.fail(http.StatusForbidden, codeCertificate, "QWAC: %v", err)
		return
	}
	if now := c.bank.now(); now.After(q.Cert.NotAfter) || now.Before(q.Cert.NotBefore) {
		c.fail(http.StatusForbidden, codeCertificate, "the client certificate (QWAC) is outside its period of validity")
	}
}

// leaked names headers that tell of the inside of a TPP's network, or that
// belong to a hop before the bank. An entry that ends in "-" is a prefix.
func leaked(name string) bool {
	for _, l := range []string{"x-forwarded-", "sidecar-", "x-envoy-", "x-b3-", "x-amzn-", "proxy-"} {
		if strings.HasPrefix(name, l) {
			return true
		}
	}
	return slices.Contains([]string{"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "traceparent",
		"tracestate", "baggage", "cookie", "early-data", "expect", "upgrade", "te", "trailer", "keep-alive"}, name)
}

func (c *call) checkLeaks() {
	for _, f := range c.msg.Fields {
		if leaked(f.Lower) {
			c.fail(http.StatusBadRequest, codeRequest, "the header %s must not reach the bank", f.Name)
		}
		if f.Lower == "fallback" && c.endpoint.name != operationToken {
			c.fail(http.StatusBadRequest, codeRequest, "the header fallback is only taken at the token endpoint")
		}
	}
	if c.msg.Method == http.MethodConnect || c.msg.Method == http.MethodTrace {
		c.fail(http.StatusMethodNotAllowed, codeVerb, "the method %s is not served", c.msg.Method)
	}
}

// checkRepeats refuses a second line of headers that must be single.
func (c *call) checkRepeats() {
	for _, name := range []string{"Host", "Signature", "Digest", "Date", "Authorization", "X-Request-ID", "Content-Type",
		"Content-Length", "TPP-Signature-Certificate", "Consent-ID", "PSU-IP-Address", "X-JWS-Signature", "Signature-Input",
		"Content-Digest", "X-Idempotency-Key", "X-FAPI-Interaction-ID", "X-FAPI-Customer-IP-Address", "X-FAPI-Auth-Date"} {
		if len(c.msg.values(strings.ToLower(name))) > 1 {
			c.fail(http.StatusBadRequest, codeRequest, "the header %s is there more than once", name)
		}
	}
}

// checkContent looks at Digest and Content-Type of what was received.
func (c *call) checkContent() {
	if value, ok := c.msg.first("digest"); ok {
		if err := checkDigest(value, c.body); err != nil {
			c.fail(http.StatusBadRequest, codeRequest, "%v", err)
		}
	} else if len(c.body) > 0 || c.endpoint.dialect == dialectBerlin {
		c.fail(http.StatusBadRequest, codeRequest, "the header Digest is missing")
	}
	if len(c.body) == 0 {
		return
	}
	value, ok := c.msg.first("content-type")
	media, _, err := mime.ParseMediaType(value)
	if !ok || err != nil || media != "application/json" {
		c.fail(http.StatusBadRequest, codeRequest, "the header Content-Type is not application/json")
	}
}

// checkDate wants the one form HTTP servers must write (RFC 9110 section
// 5.6.7), with the right day of the week, near the bank's clock.
func (c *call) checkDate() {
	value, ok := c.msg.first("date")
	if !ok {
		if c.endpoint.dialect == dialectSTET {
			c.fail(http.StatusBadRequest, codeRequest, "the header Date is missing")
		}
		return
	}
	t, err := time.Parse(http.TimeFormat, value)
	if err != nil || t.Format(http.TimeFormat) != value {
		c.fail(http.StatusBadRequest, codeRequest, "the header Date is not an IMF-fixdate in GMT")
		return
	}
	if off := c.bank.now().Sub(t); off > c.bank.opts.DateWindow || off < -c.bank.opts.DateWindow {
		c.fail(http.StatusBadRequest, codeRequest, "the header Date is %s away from the bank's clock; %s are allowed",
			off.Abs().Round(time.Second), c.bank.opts.DateWindow)
	}
}

func (c *call) checkRequestID() {
	value, ok := c.msg.first("x-request-id")
	switch {
	case !ok || value == "":
		c.fail(http.StatusBadRequest, codeRequest, "the header X-Request-ID is missing or empty")
		return
	case len(value) != 36 || uuid.Validate(value) != nil:
		c.fail(http.StatusBadRequest, codeRequest, "the header X-Request-ID is no UUID")
		return
	case c.qwac == nil:
		return
	}
	key := c.qwac.OrgID + " " + strings.ToLower(value)
	if !c.bank.requestIDs.remember(key) {
		c.fail(http.StatusBadRequest, codeRequest, "the X-Request-ID was used before")
		return
	}
	c.requestID = key
}

func (c *call) checkAccept() {
	accept := c.msg.values("accept")
	if len(accept) == 0 {
		return
	}
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		media, _, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err == nil && slices.Contains([]string{"*/*", "application/*", "application/json", "application/hal+json"}, media) {
			return
		}
	}
	c.fail(http.StatusNotAcceptable, codeRequest, "Accept allows neither application/hal+json nor application/json")
}

func (c *call) checkMethod() {
	switch {
	case c.endpoint.run == nil && c.endpoint.dialect != dialectSTET:
		c.fail(http.StatusNotFound, codeResource, "there is no such resource")
	case c.endpoint.run == nil:
		// An entry point that does not exist answers 400, not 404 (BPCE API reference).
		c.fail(http.StatusBadRequest, codeResource, "there is no such entry point")
	case c.msg.Method != "" && c.msg.Method != c.endpoint.method:
		c.fail(http.StatusMethodNotAllowed, codeVerb, "the method is not implemented here; %s is expected", c.endpoint.method)
	}
}

func (c *call) checkQuery() {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		c.fail(http.StatusBadRequest, codeRequest, "the query cannot be read")
	}
	for name := range values {
		if name == "" || !slices.Contains(c.endpoint.query, name) {
			c.fail(http.StatusBadRequest, codeRequest, "the query parameter %.40q is not known here", name)
		}
	}
}

// checkSeal judges a QSEAL certificate by the bank's own rules.
func (c *call) checkSeal(q *qualified) {
	status := c.signatureStatus()
	if err := c.bank.trust.verify(q, c.bank.now()); err != nil {
		c.fail(status, codeCertificate, "the QSEAL certificate is not trusted or not valid now: %v", err)
	}
	if !q.seal() {
		c.fail(status, codeCertificate, "the signing certificate's QcType is not eseal, so it is no QSEAL")
	}
	if key, ok := weakKey(q.Cert); ok {
		c.fail(status, codeCertificate, "the QSEAL key is too short: %s", key)
	}
	if c.qwac != nil && q.OrgID != c.qwac.OrgID {
		c.fail(status, codeCertificate, "QWAC and QSEAL have different organizationIdentifiers")
	}
}
