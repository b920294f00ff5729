package answers

import (
	"crypto"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The same signature by another library.
func TestJoseLibrary(t *testing.T) {
	for _, b64 := range []bool{true, false} {
		options := (&jose.SignerOptions{}).WithBase64(b64).WithHeader("kid", "k1")
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.PS256, Key: rsaKey()}, options)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := signer.Sign([]byte(payment))
		if err != nil {
			t.Fatal(err)
		}
		text, err := signed.DetachedCompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		v := verifier(t, Policy{Container: ContainerJWS, Unencoded: !b64, Header: "x-signed"}, public(rsaKey()))
		expect(t, v.judge(said(payment, "X-Signed", text)), Valid, "")
	}
}

// RFC 9421 appendix B.2.4.
func TestPublishedMessageSignature(t *testing.T) {
	keys := Keys{}
	if err := keys.addPEM([]byte("-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf\n" +
		"w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==\n-----END PUBLIC KEY-----\n")); err != nil {
		t.Fatal(err)
	}
	v, err := Compile(Policy{Verify: Report, Container: ContainerMessageSignature, Certificates: []string{"x"}, Signed: []string{"@status", "content-digest"}}, keys,
		Options{Now: func() time.Time { return time.Unix(1618884473, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	a := &Answer{Status: 200, Body: []byte(`{"message": "good dog"}`), Header: http.Header{
		"Content-Type": {"application/json"}, "Content-Length": {"23"},
		"Content-Digest":  {"sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:"},
		"Signature-Input": {`sig-b24=("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256"`},
		"Signature":       {"sig-b24=:wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==:"},
	}}
	expect(t, v.judge(a), Valid, "")
}

// RFC 7515 appendix A.2, sent as a body.
func TestPublishedJWT(t *testing.T) {
	key := jose.JSONWebKey{}
	if err := key.UnmarshalJSON([]byte(`{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}`)); err != nil {
		t.Fatal(err)
	}
	const token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
	for at, outcome := range map[int64]Outcome{1300819380: Valid, 1300819380 + 3600: Invalid} {
		v, err := Compile(Policy{Verify: Report, Container: ContainerJWT, Certificates: []string{"x"}}, Keys{Public: []crypto.PublicKey{key.Key}},
			Options{Now: func() time.Time { return time.Unix(at, 0) }})
		if err != nil {
			t.Fatal(err)
		}
		a := said(token)
		a.Header.Set("Content-Type", "application/jwt")
		expect(t, v.judge(a), outcome, "")
	}
}
