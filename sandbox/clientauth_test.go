package sandbox

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func basicHeader(id, secret string) [2]string {
	return [2]string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))}
}

// TestClientAuthentication: each client has one way, and each single
// deviation has its own sentence.
func TestClientAuthentication(t *testing.T) {
	const secret = "s:é+%"
	w := newWorld(t, func(o *Options) {
		o.Clients = []Client{
			{ID: "basic", Organization: orgID, Auth: AuthBasic, Secret: secret},
			{ID: "post", Organization: orgID, Auth: AuthPost, Secret: secret},
			{ID: "tls", Organization: orgID},
			{ID: "jwt", Organization: orgID, Auth: AuthJWT},
			{ID: "bare", Organization: "PSDFR-ACPR-99999", Auth: AuthCertificate},
		}
	})
	escaped := url.QueryEscape(secret)
	form := func(more ...string) url.Values {
		return values(append([]string{"grant_type", "client_credentials", "scope", "cbpii"}, more...)...)
	}
	for name, test := range map[string]struct {
		form     url.Values
		header   [][2]string
		status   int
		sentence string
	}{
		"basic":                 {form(), [][2]string{basicHeader("basic", escaped)}, 200, ""},
		"basic with client_id":  {form("client_id", "basic"), [][2]string{basicHeader("basic", escaped)}, 200, ""},
		"basic, another id":     {form("client_id", "post"), [][2]string{basicHeader("basic", escaped)}, 401, "not that in Authorization"},
		"basic, not encoded":    {form(), [][2]string{basicHeader("basic", secret)}, 401, "is not form-encoded"},
		"basic, wrong secret":   {form(), [][2]string{basicHeader("basic", "x")}, 401, "client_secret is wrong"},
		"basic, no base64":      {form(), [][2]string{{"Authorization", "Basic ***"}}, 401, "no base64"},
		"basic, no colon":       {form(), [][2]string{{"Authorization", "Basic eA=="}}, 401, "no colon"},
		"bearer":                {form("client_id", "tls"), [][2]string{{"Authorization", "Bearer x"}}, 401, "is not Basic"},
		"basic as post":         {form("client_id", "basic", "client_secret", secret), nil, 401, "registered for client_secret_basic, but authenticates with client_secret_post"},
		"basic by nothing":      {form("client_id", "basic"), nil, 401, "authenticates with tls_client_auth"},
		"post":                  {form("client_id", "post", "client_secret", secret), nil, 200, ""},
		"post, wrong secret":    {form("client_id", "post", "client_secret", escaped), nil, 401, "client_secret is wrong"},
		"post, empty secret":    {form("client_id", "post", "client_secret", ""), nil, 401, "client_secret is wrong"},
		"post as basic":         {form(), [][2]string{basicHeader("post", escaped)}, 401, "registered for client_secret_post"},
		"both":                  {form("client_secret", secret), [][2]string{basicHeader("basic", escaped)}, 400, "more than one way"},
		"tls":                   {form("client_id", "tls"), nil, 200, ""},
		"tls with secret":       {form("client_id", "tls", "client_secret", "x"), nil, 401, "registered for tls_client_auth"},
		"unknown":               {form("client_id", "nobody"), nil, 401, "nor that of a registered client"},
		"of somebody else":      {form("client_id", "bare"), nil, 401, "of another organization"},
		"jwt without assertion": {form("client_id", "jwt"), nil, 401, "registered for private_key_jwt"},
		"nobody":                {form(), nil, 401, "it is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t, w.pki, w.bank}
			resp := w.form(w.qwac, test.form, test.header...)
			w.expect(resp, test.status, test.sentence)
			if challenged := resp.header.Get("WWW-Authenticate") == "Basic"; challenged != (test.status == 401 && test.header != nil) {
				t.Errorf("WWW-Authenticate: %v", resp.header)
			}
		})
	}
	w.expect(w.form(w.foreignQWAC, form()), 200, "")
	w.expect(w.form(w.foreignQWAC, form("client_id", "bare")), 401, "registered for certificate, but authenticates with tls_client_auth")
}

func TestPrivateKeyJWT(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Clients = []Client{{ID: "jwt", Organization: orgID, Auth: AuthJWT}} })
	endpoint := w.bank.URL() + "/stet/psd2/oauth/token"
	now := time.Now().Unix()
	fresh := func(pairs ...any) map[string]any {
		return with(map[string]any{"iss": "jwt", "sub": "jwt", "aud": endpoint, "jti": uuid.NewString(), "iat": now, "exp": now + 60}, pairs...)
	}
	sign := func(claims map[string]any) string { return makeJWT(t, "PS256", w.qseal.Key, nil, claims) }
	used := sign(fresh())
	form := func(assertion string, more ...string) url.Values {
		return values(append([]string{"grant_type", "client_credentials", "scope", "cbpii", "client_assertion_type", assertionType,
			"client_assertion", assertion}, more...)...)
	}
	w.expect(w.form(w.qwac, form(used)), 200, "")
	noType := form(sign(fresh()))
	noType.Del("client_assertion_type")
	forged := sign(fresh())
	for name, test := range map[string]struct {
		form     url.Values
		sentence string
	}{
		"good":           {form(sign(fresh()), "client_id", "jwt"), ""},
		"EC key":         {form(makeJWT(t, "ES256", w.qsealEC.Key, nil, fresh())), ""},
		"for the issuer": {form(sign(fresh("aud", []string{w.bank.URL()}))), ""},
		"used":           {form(used), "jti was used before"},
		"no type":        {noType, "client_assertion_type is not"},
		"no JWT":         {form("x"), "not a signed JWT"},
		"another client": {form(sign(fresh()), "client_id", "tls"), "client_id is not the sub"},
		"another iss":    {form(sign(fresh("iss", orgID))), "iss is not the client_id"},
		"another aud":    {form(sign(fresh("aud", "https://bank.example/token"))), "aud does not name this bank"},
		"expired":        {form(sign(fresh("exp", now-1))), "exp is over"},
		"no expiry":      {form(sign(fresh("exp", nil))), "exp is missing"},
		"no jti":         {form(sign(fresh("jti", nil))), "jti is missing"},
		"RS256":          {form(makeJWT(t, "RS256", w.qseal.Key, nil, fresh())), `alg "RS256" of the JWT is none of`},
		"foreign key":    {form(makeJWT(t, "ES256", w.foreignQSEAL.Key, nil, fresh())), "does not verify"},
		"forged":         {form(forged[:len(forged)-8] + "AAAAAAAA"), "does not verify"},
		"with a secret":  {form(sign(fresh()), "client_secret", "x"), "more than one way"},
		"not registered": {form(makeJWT(t, "PS256", w.qseal.Key, nil, fresh("iss", orgID, "sub", orgID))), "registered for tls_client_auth"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t, w.pki, w.bank}
			status := 401
			switch test.sentence {
			case "":
				status = 200
			case "more than one way":
				status = 400
			}
			w.expect(w.form(w.qwac, test.form), status, test.sentence)
		})
	}
}

func TestClientsAreChecked(t *testing.T) {
	w := newWorld(t)
	for _, bad := range []Client{{}, {Organization: "x", Auth: "mtls"}, {Organization: "x", Auth: AuthBasic}, {Organization: "x", Secret: "s"},
		{Organization: "x", Algorithms: []string{"HS256"}}} {
		if err := w.bank.Register(bad); err == nil || strings.Contains(err.Error(), "%!") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// TestTokensBelongToTheClient: two clients of one TPP cannot use each other's.
func TestTokensBelongToTheClient(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Clients = []Client{{ID: "tls", Organization: orgID}} })
	_, r := w.psuToken("aisp", marc)
	w.expectOf(w.form(w.qwac, values("client_id", "tls", "grant_type", "refresh_token", "refresh_token", r)), 400, "invalid_grant", "to another client")
	w.expectOf(w.form(w.qwac, values("client_id", "tls", "grant_type", "authorization_code", "code", w.code("aisp", marc), "redirect_uri", callback)),
		400, "invalid_grant", "to another client")
}
