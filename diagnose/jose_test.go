package diagnose

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// token is a request with a JWS, made by hand so that anything can be wrong.
type token struct {
	craft
	members map[string]any
	pars    []string
	payload string // what is signed after the dot
	sealed  func(text string) []byte
	where   string
}

// obie is a correct request of the profile obie.
func obie() *token {
	c := bpce()
	return &token{craft: *c, where: "x-jws-signature", members: map[string]any{
		"alg": "PS256", "kid": "kid-1", "typ": "JOSE", "cty": "application/json", "http://openbanking.org.uk/iat": now.Unix() - 5, "http://openbanking.org.uk/iss": "C=GB, CN=x",
		"http://openbanking.org.uk/tan": "openbanking.org.uk",
		"crit":                          []string{"http://openbanking.org.uk/iat", "http://openbanking.org.uk/iss", "http://openbanking.org.uk/tan"}},
		payload: base64.RawURLEncoding.EncodeToString([]byte(c.body)), sealed: pss(c.seal.key, crypto.SHA256, 32)}
}

// ing is a correct request of the profile ing-jws.
func ing() *token {
	k := obie()
	k.where, k.pars = "X-JWS-Signature", []string{"(request-target)", "content-type", "digest"}
	k.members = map[string]any{"alg": "PS256", "b64": false, "x5t#S256": thumbprint(k.seal.cert), "sigT": now.Format("2006-01-02T15:04:05Z"), "crit": []string{"sigT", "sigD", "b64"}}
	return k
}

func thumbprint(cert *x509.Certificate) string {
	h := sha256.Sum256(cert.Raw)
	return base64.RawURLEncoding.EncodeToString(h[:])
}

func (k *token) finish(t *testing.T, encode func([]byte) string) (protected string, value string) {
	t.Helper()
	payload := k.payload
	if k.pars != nil {
		k.members["sigD"] = map[string]any{"pars": k.pars, "mId": httpHeadersID}
		k.list = k.pars
		if payload = k.text(); k.payload == "encoded" {
			payload = base64.RawURLEncoding.EncodeToString([]byte(payload))
		}
	}
	protected = base64.RawURLEncoding.EncodeToString(must(json.Marshal(k.members)))
	return protected, protected + ".." + encode(k.sealed(protected+"."+payload))
}

func TestJOSE(t *testing.T) {
	url := base64.RawURLEncoding.EncodeToString
	drop := func(name string) func(*token) { return func(k *token) { delete(k.members, name) } }
	set := func(name string, value any) func(*token) { return func(k *token) { k.members[name] = value } }
	for name, test := range map[string]struct {
		make    func() *token
		profile string
		sign    func(*token)
		encode  func([]byte) string
		send    func(*token)
		code    Code
		says    string
	}{
		"OBIE":               {make: obie, profile: "obie", code: Valid, says: "as obie wants it"},
		"ING":                {make: ing, profile: "ing-jws", code: Valid, says: "as ing-jws wants it"},
		"body changed":       {make: obie, send: func(k *token) { k.setBody(`{"amount": "2.00"}`) }, code: ContentChanged, says: "the body"},
		"body with line end": {make: obie, send: func(k *token) { k.setBody(k.body + "\n") }, code: DigestNewline, says: "The signature is over the body without the line end after it."},
		"body rewritten":     {make: obie, send: func(k *token) { k.setBody(`{"amount":"1.00"}`) }, code: DigestJSON, says: "the same JSON"},
		"body not encoded":   {make: obie, sign: func(k *token) { k.payload = k.body }, code: PayloadForm, says: "b64 is not false, so the body has to be signed in base64url, but it was signed as it is"},
		"body encoded":       {make: obie, sign: func(k *token) { k.members["b64"] = false; k.members["crit"] = []string{"b64"} }, code: PayloadForm, says: "b64 is false, so the body has to be signed as it is, but it was signed in base64url"},
		"b64 not critical":   {make: obie, sign: func(k *token) { k.members["b64"], k.payload = false, k.body }, code: CriticalMembers, says: "crit does not name b64"},
		"b64 at OBIE 3.1.5": {make: obie, profile: "obie", sign: func(k *token) {
			k.members["b64"], k.payload, k.members["crit"] = false, k.body, append([]string{"b64"}, k.members["crit"].([]string)...)
		}, code: PayloadForm, says: "obie wants the body signed in base64url"},
		"crit of nothing": {make: obie, sign: drop("http://openbanking.org.uk/tan"), code: CriticalMembers, says: "crit names http://openbanking.org.uk/tan, which is not in the protected header"},
		"member missing": {make: obie, profile: "obie", sign: func(k *token) {
			delete(k.members, "http://openbanking.org.uk/tan")
			k.members["crit"] = []string{"http://openbanking.org.uk/iat", "http://openbanking.org.uk/iss"}
		}, code: MemberMissing, says: "no http://openbanking.org.uk/tan"},
		"RS256 for PS256": {make: obie, sign: func(k *token) { k.sealed = pkcs1(k.seal.key, crypto.SHA256) }, code: AlgorithmLabel, says: "algorithm says PS256, but the signature was made with RSA PKCS#1 v1.5"},
		"salt":            {make: obie, sign: func(k *token) { k.sealed = pss(k.seal.key, crypto.SHA256, 20) }, code: SaltLength, says: "20 bytes"},
		"RS256 at OBIE":   {make: obie, profile: "obie", sign: func(k *token) { k.sealed, k.members["alg"] = pkcs1(k.seal.key, crypto.SHA256), "RS256" }, code: AlgorithmOther, says: "obie wants rsa-pss-sha256"},
		"base64":          {make: obie, encode: base64.StdEncoding.EncodeToString, code: SignatureBase64, says: "it has to be base64url"},
		"ECDSA as DER": {make: obie, sign: func(k *token) {
			k.seal = seals()["p256"]
			k.members["alg"], k.sealed = "ES256", pkcs1(k.seal.key, crypto.SHA256)
		}, code: ECDSAEncoding, says: "RFC 7518"},
		"another key":          {make: obie, sign: func(k *token) { k.sealed = pss(seals()["other"].key, crypto.SHA256, 32) }, code: KeyOther, says: "Another key"},
		"iat in the future":    {make: obie, sign: set("http://openbanking.org.uk/iat", now.Unix()+3600), code: TimeFuture, says: "1h0m0s after"},
		"header":               {make: obie, profile: "obie", sign: func(k *token) { k.where = "X-Bank-JWS-Signature" }, code: ContainerOther, says: "obie wants it in x-jws-signature"},
		"thumbprint in hex":    {make: ing, sign: func(k *token) { h := sha256.Sum256(k.seal.cert.Raw); k.members["x5t#S256"] = hex.EncodeToString(h[:]) }, code: ThumbprintOther, says: "hexadecimal"},
		"another's thumbprint": {make: ing, sign: set("x5t#S256", thumbprint(seals()["other"].cert)), code: ThumbprintOther, says: "x5t#S256 is not that of the certificate (qseal.pem)"},
		"sigT old":             {make: ing, sign: set("sigT", "2026-03-04T05:00:00Z"), code: TimePast, says: "sigT is 6m7s before"},
		"sigT missing":         {make: ing, sign: func(k *token) { delete(k.members, "sigT"); k.members["crit"] = []string{"sigD", "b64"} }, code: MemberMissing, says: "no sigT"},
		"sigD not critical":    {make: ing, sign: set("crit", []string{"sigT", "b64"}), code: CriticalMembers, says: "crit does not name sigD"},
		"lines encoded":        {make: ing, sign: func(k *token) { k.payload = "encoded" }, code: PayloadForm, says: "over the lines in base64url"},
		"path alone":           {make: ing, sign: func(k *token) { k.signedAs["(request-target)"] = "post /v1/payments/sepa" }, code: TargetForm, says: "the path without the query"},
		"digest":               {make: ing, send: func(k *token) { k.setBody("{}") }, code: DigestOther, says: "does not belong to the body"},
		"digest not signed":    {make: ing, profile: "ing-jws", sign: func(k *token) { k.pars = k.pars[:2] }, code: HeaderNotSigned, says: "digest is not signed, but ing-jws wants it signed"},
		"payload attached":     {make: obie, send: func(k *token) { k.set("x-jws-signature", strings.Replace(k.get("x-jws-signature"), "..", ".e30.", 1)) }, code: SignatureMalformed, says: "has to be detached"},
		"two parts":            {make: obie, send: func(k *token) { k.set("x-jws-signature", "a.b") }, code: SignatureMalformed, says: "no JWS in compact form"},
	} {
		t.Run(name, func(t *testing.T) {
			k := test.make()
			k.craft.headers = append(k.craft.headers[:0:0], k.craft.headers...)
			if test.sign != nil {
				test.sign(k)
			}
			if test.encode == nil {
				test.encode = url
			}
			_, value := k.finish(t, test.encode)
			k.set(k.where, value)
			if test.send != nil {
				test.send(k)
			}
			if test.make != nil && k.pars == nil {
				k.drop("Digest")
			}
			in := Input{Request: k.raw(t), Dialects: dialects(), Profile: test.profile, At: now, Certificates: []Certificate{{"qseal.pem", k.seal.cert}}}
			got := Check(in)
			if got.Code != test.code || !strings.Contains(got.Sentence, test.says) || got.Valid != (test.code == Valid) {
				t.Errorf("got %s: %s\nwant %s: %s\nalso %v, notes %q", got.Code, got.Sentence, test.code, test.says, got.Also, got.Notes)
			}
			if len(got.Also) > 0 {
				t.Errorf("more than the one mistake: %+v", got.Also)
			}
		})
	}
}

// What go-jose makes is valid, whatever the algorithm.
func TestGoJOSE(t *testing.T) {
	for name, algorithms := range map[string][]jose.SignatureAlgorithm{
		"tpp": {jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512}, "p256": {jose.ES256}, "ed25519": {jose.EdDSA},
	} {
		s := seals()[name]
		for _, algorithm := range algorithms {
			made := must(jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: s.key}, (&jose.SignerOptions{}).WithHeader("kid", "k")))
			signed := must(made.Sign([]byte(`{"amount": "1.00"}`)))
			c := berlin()
			c.headers = [][2]string{{"Content-Type", "application/json"}, {"X-JWS-Signature", must(signed.DetachedCompactSerialize())}}
			if got := judge(c.raw(t), "", s.cert); !got.Valid {
				t.Errorf("%s: %s %s", algorithm, got.Code, got.Sentence)
			}
			c.headers, c.body = [][2]string{{"Content-Type", "application/jwt"}}, must(signed.CompactSerialize())
			if got := judge(c.raw(t), "", s.cert); !got.Valid || got.Container != "jwt" {
				t.Errorf("%s: %s %s", algorithm, got.Code, got.Sentence)
			}
			c.body = c.body[:20] + "x" + c.body[21:]
			if got := judge(c.raw(t), "", s.cert); got.Valid {
				t.Errorf("%s: taken though changed", algorithm)
			}
		}
	}
}

// A chain in the request is used, and said so; it does not count as given.
func TestChainOfTheRequest(t *testing.T) {
	for name, want := range map[string]Code{"": Valid, "tpp": Valid, "other": CertificateOther} {
		k := ing()
		delete(k.members, "x5t#S256")
		k.members["x5c"] = []string{base64.StdEncoding.EncodeToString(k.seal.cert.Raw)}
		_, value := k.finish(t, base64.RawURLEncoding.EncodeToString)
		k.set(k.where, value)
		in := Input{Request: k.raw(t), Dialects: dialects(), At: now}
		if name != "" {
			in.Certificates = []Certificate{{"qseal.pem", seals()[name].cert}}
		}
		got := Check(in)
		if got.Code != want || name == "" && (got.Key != "x5c" || !strings.Contains(strings.Join(got.Notes, " "), "does not show whose it is")) {
			t.Errorf("%s: %s %s %q %q", name, got.Code, got.Sentence, got.Key, got.Notes)
		}
	}
}
