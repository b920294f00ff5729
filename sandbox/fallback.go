package sandbox

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
)

// fallback answers the request for the fallback interface (RTS article 33) as
// BPCE does: a redirect into online banking that carries a JWT, and a page of
// HTML. The JWT has the right shape and is signed by no one.
func (c *call) fallback(form url.Values, values []string) (*answer, *problem) {
	switch {
	case c.bank.opts.NoFallback:
		return nil, refuse(http.StatusForbidden, "unauthorized_client", "this bank is exempt from offering a fallback interface")
	case len(values) != 1 || values[0] != "1":
		return nil, refuse(http.StatusBadRequest, "invalid_request", "the header fallback is not 1")
	case form.Get("grant_type") != "client_credentials":
		return nil, refuse(http.StatusBadRequest, "unsupported_grant_type", "the fallback is asked for with client_credentials")
	case form.Get("scope") != "aisp":
		return nil, refuse(http.StatusBadRequest, "invalid_scope", "the fallback is asked for with scope aisp")
	}
	if p := c.coversScope("aisp"); p != nil {
		return nil, p
	}
	location := "https://www.ibps.bpgo.banquepopulaire.example/se-connecter/sso?service=cyber&cdetab=13807&fallback=" + c.fallbackJWT()
	page := "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n<title>302 Found</title>\n</head><body>\n" +
		"<h1>Found</h1>\n<p>The document has moved <a href=\"" + location + "\">here</a>.</p>\n</body></html>\n"
	a := newAnswer(http.StatusFound, "text/html; charset=iso-8859-1", []byte(page))
	a.header.Set("Location", location)
	a.header.Set("Connection", "close")
	return a, nil
}

// fallbackJWT has the header fields of the one printed on the product page,
// in its order, and claims of the sandbox's own.
func (c *call) fallbackJWT() string {
	encode := base64.RawURLEncoding.EncodeToString
	now := c.bank.now().Unix()
	signature := make([]byte, 256)
	rand.Read(signature)
	return encode(fmt.Appendf(nil, `{"typ":"JWT","alg":"RS256","x5t":%q}`, encode(c.qwac.Thumbprint[:20]))) +
		"." + encode(fmt.Appendf(nil, `{"sub":%q,"iat":%d,"exp":%d}`, c.qwac.OrgID, now, now+300)) +
		"." + encode(signature)
}
