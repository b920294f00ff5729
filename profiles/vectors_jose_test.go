package profiles

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// checkDetached checks a detached JWS. The order of the protected header's
// members is the signer's own matter, so that the header is compared as JSON and
// what is signed is put together from the header that was sent.
func (v *vector) checkDetached(t *testing.T, r *signing) {
	t.Helper()
	name := ""
	for expected := range v.Expect {
		if strings.EqualFold(expected, "x-jws-signature") {
			name = expected
		}
	}
	v.sign(t, r, name)
	parts := strings.Split(header(r.msg.Header, name), ".")
	if len(parts) != 3 || parts[1] != "" {
		t.Fatalf("%s is not a detached JWS: %q", name, parts)
	}
	v.checkJWS(t, r.cred.Key.Public(), parts[0], parts[2], v.Payload)
	v.verifyOpenSSL(t, r)
}

// checkBody checks a body that became a JWT.
func (v *vector) checkBody(t *testing.T, r *signing) {
	t.Helper()
	v.sign(t, r)
	parts := strings.Split(string(r.msg.Body), ".")
	if len(parts) != 3 {
		t.Fatalf("the body is no JWS: %s", r.msg.Body)
	}
	payload, err := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	if got := claimsOf(t, payload); !reflect.DeepEqual(got, v.Claims) {
		t.Errorf("claims\n%v\nexpected\n%v", got, v.Claims)
	}
	v.checkJWS(t, r.cred.Key.Public(), parts[0], parts[2], string(payload))
	r.msg.Body = []byte(v.Body)
	v.verifyOpenSSL(t, r)
}

var uuid4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// claimsOf decodes claims, with "{uuid}" for what is another one each time.
func claimsOf(t *testing.T, payload []byte) map[string]any {
	t.Helper()
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	for name, value := range claims {
		if text, _ := value.(string); uuid4.MatchString(text) && name == "jti" {
			claims[name] = "{uuid}"
		}
	}
	return claims
}

// checkJWS checks the protected header against the expected one and the
// signature over payload.
func (v *vector) checkJWS(t *testing.T, public crypto.PublicKey, head, signature, payload string) {
	t.Helper()
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	var protected map[string]any
	if err := json.Unmarshal(decoded, &protected); err != nil {
		t.Fatal(err)
	}
	if got, want := sortedCrit(protected), sortedCrit(v.Protected); !reflect.DeepEqual(got, want) {
		t.Errorf("protected header\n%v\nexpected\n%v", got, want)
	}
	if b64, ok := protected["b64"].(bool); !ok || b64 {
		payload = base64.RawURLEncoding.EncodeToString([]byte(payload))
	}
	sig, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	if !plainVerify(public, v.Protected["alg"].(string), head+"."+payload, sig) {
		t.Errorf("the signature is not one over %s.%s", head, payload)
	}
}

// sortedCrit gives a header with crit, which is a set, in alphabetical order.
func sortedCrit(protected map[string]any) map[string]any {
	if crit, ok := protected["crit"].([]any); ok {
		slices.SortFunc(crit, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	}
	return protected
}

// plainVerify verifies with the standard library alone.
func plainVerify(public crypto.PublicKey, algorithm, text string, signature []byte) bool {
	sum256, sum512 := sha256.Sum256([]byte(text)), sha512.Sum512([]byte(text))
	switch algorithm {
	case "RS256":
		return rsa.VerifyPKCS1v15(public.(*rsa.PublicKey), crypto.SHA256, sum256[:], signature) == nil
	case "PS256":
		return rsa.VerifyPSS(public.(*rsa.PublicKey), crypto.SHA256, sum256[:], signature, &rsa.PSSOptions{SaltLength: 32}) == nil
	case "PS512":
		return rsa.VerifyPSS(public.(*rsa.PublicKey), crypto.SHA512, sum512[:], signature, &rsa.PSSOptions{SaltLength: 64}) == nil
	case "ES256":
		return len(signature) == 64 && ecdsa.Verify(public.(*ecdsa.PublicKey), sum256[:],
			new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	}
	return false
}

// checkMessageSignature checks the two headers of RFC 9421.
func (v *vector) checkMessageSignature(t *testing.T, r *signing) {
	t.Helper()
	v.sign(t, r, "Signature")
	_, value, _ := strings.Cut(header(r.msg.Header, "Signature"), "=")
	value, start := strings.CutPrefix(value, ":")
	value, end := strings.CutSuffix(value, ":")
	sig, err := base64.StdEncoding.Strict().DecodeString(value)
	if !start || !end || err != nil {
		t.Fatalf("Signature is no byte sequence: %v", r.msg.Header)
	}
	algorithm := map[string]string{"rsa": "PS512", "p256": "ES256"}[v.Identity]
	if !plainVerify(r.cred.Key.Public(), algorithm, v.SigningString, sig) {
		t.Errorf("the signature is not one over\n%s", v.SigningString)
	}
	v.verifyOpenSSL(t, r)
}
