package sandbox

import (
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
)

// assertionType is the only client_assertion_type (RFC 7523 section 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

func badClient(format string, args ...any) *problem {
	return refuse(http.StatusUnauthorized, "invalid_client", format, args...)
}

// credentials are what a request brings to authenticate its client.
type credentials struct {
	id        string // client_id, wherever it is
	method    string
	secret    string
	assertion *jwt
}

// authenticateClient finds out which client sends a request, and that it is
// the one: by its QWAC, and in the way that it registered, and in no other.
func (c *call) authenticateClient(form url.Values) *problem {
	creds, p := c.credentials(form)
	if p != nil {
		return p
	}
	client := c.bank.client(creds.id)
	switch {
	case creds.method == AuthCertificate:
		if client = c.bank.byCertificate(c.qwac.OrgID); client == nil {
			return badClient("client_id is not the organizationIdentifier of the QWAC: it is missing")
		}
	case client == nil && creds.id == c.qwac.OrgID:
		client = implicit(creds.id)
	case client == nil:
		return badClient("client_id is not the organizationIdentifier of the QWAC, nor that of a registered client")
	case client.Organization != c.qwac.OrgID:
		return badClient("client_id is not the organizationIdentifier of the QWAC: the client is of another organization")
	}
	if client.Auth != creds.method {
		return badClient("the client is registered for %s, but authenticates with %s", client.Auth, creds.method)
	}
	if client.Secret != "" && subtle.ConstantTimeCompare([]byte(client.Secret), []byte(creds.secret)) != 1 {
		return badClient("the client_secret is wrong")
	}
	if client.Auth == AuthJWT {
		if p := c.checkAssertion(client, creds.assertion); p != nil {
			return p
		}
	}
	c.clientID = client.ID
	return nil
}

// credentials reads them. More than one way in a request is none (RFC 6749
// section 2.3).
func (c *call) credentials(form url.Values) (credentials, *problem) {
	creds := credentials{id: form.Get("client_id"), method: AuthTLS}
	ways := 0
	if value, ok := c.msg.first("authorization"); ok {
		id, secret, p := basic(value)
		if p != nil {
			return creds, p
		}
		if creds.id != "" && creds.id != id {
			return creds, badClient("client_id in the body is not that in Authorization")
		}
		creds.id, creds.secret, creds.method = id, secret, AuthBasic
		ways++
	}
	if form.Has("client_secret") {
		creds.secret, creds.method = form.Get("client_secret"), AuthPost
		ways++
	}
	if form.Has("client_assertion") || form.Has("client_assertion_type") {
		if p := creds.assert(form); p != nil {
			return creds, p
		}
		ways++
	}
	if ways > 1 {
		return creds, refuse(http.StatusBadRequest, "invalid_request", "the client authenticates in more than one way")
	}
	if ways == 0 && creds.id == "" {
		creds.method = AuthCertificate
	}
	return creds, nil
}

func (creds *credentials) assert(form url.Values) *problem {
	creds.method = AuthJWT
	if form.Get("client_assertion_type") != assertionType {
		return badClient("client_assertion_type is not %s", assertionType)
	}
	parsed, err := parseJWT(form.Get("client_assertion"))
	if err != nil {
		return badClient("client_assertion: %v", err)
	}
	if creds.id != "" && creds.id != parsed.claims.Subject {
		return badClient("client_id is not the sub of client_assertion")
	}
	creds.id, creds.assertion = parsed.claims.Subject, parsed
	return nil
}

// basic reads Authorization: Basic. Both parts are form-encoded before they
// are joined (RFC 6749 section 2.3.1).
func basic(value string) (id, secret string, p *problem) {
	encoded, ok := strings.CutPrefix(value, "Basic ")
	if !ok {
		return "", "", badClient("the header Authorization is not Basic")
	}
	joined, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return "", "", badClient("the header Authorization is no base64")
	}
	first, second, ok := strings.Cut(string(joined), ":")
	if !ok {
		return "", "", badClient("the header Authorization has no colon between client_id and secret")
	}
	id, err1 := url.QueryUnescape(first)
	secret, err2 := url.QueryUnescape(second)
	if err1 != nil || err2 != nil {
		return "", "", badClient("client_id or secret in Authorization is not form-encoded")
	}
	return id, secret, nil
}

// checkAssertion judges the assertion of private_key_jwt (RFC 7523 section 3,
// OpenID Connect Core section 9).
func (c *call) checkAssertion(client *Client, j *jwt) *problem {
	if err := j.verify(c.bank.keysOf(client), client.Algorithms); err != nil {
		return badClient("client_assertion: %v", err)
	}
	want := wanted{issuer: client.ID, subject: client.ID, audiences: c.audiences(c.endpoint.path), now: c.bank.now(), single: true}
	if err := j.claims.check(want); err != nil {
		return badClient("client_assertion: %v", err)
	}
	if !c.bank.jwtIDs.remember(client.ID + " " + j.claims.ID) {
		return badClient("client_assertion: its jti was used before")
	}
	return nil
}

// audiences are the names that the bank knows itself by: its issuer, the token
// endpoint (RFC 9126 section 2), and the endpoint asked.
func (c *call) audiences(path []string) []string {
	here := "https://" + c.r.Host + "/"
	return []string{c.bank.issuer(), c.bank.URL() + stetPrefix + "oauth/token", here + stetPrefix[1:] + "oauth/token", here + strings.Join(path, "/")}
}
