package tokens

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

// Whatever a bank answers: nothing panics, the same answer is always judged the
// same, also after it was stored, what is granted can be sent and lives no
// longer than allowed, and no error shows any of it.
func FuzzJudge(f *testing.F) {
	for _, body := range []string{
		pairBody, pairBody[:len(pairBody)-1], pairBody[:40], goodBody + goodBody, `{"error":"invalid_grant"}`, `{"error":"invalid_grant`,
		`{"error":"tGzv3JOkF0XG5Qx2TlKWIA","refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA"}`, `{"access_token":"a","access_token":1}`,
		`{"access_token":"` + access + `","expires_in":1e999,"refresh_token":"` + refresh + `"`, "\xef\xbb\xbf<html>", `[[[[`, `null`, ``,
	} {
		for _, status := range []int{200, 302, 400, 429, 503} {
			f.Add(status, []byte(body), status == 400)
		}
	}
	f.Fuzz(func(t *testing.T, status int, body []byte, truncated bool) {
		a := &Answer{Status: status, Body: body, Truncated: truncated, AskedAt: time.Now()}
		verdict, pair, err := a.Judge(&Spec{})
		checkVerdict(t, a, verdict, pair, err)
		stored, failed := json.Marshal(a)
		var again Answer
		if failed != nil || json.Unmarshal(stored, &again) != nil {
			t.Fatalf("cannot be stored: %v", failed)
		}
		verdict2, pair2, err2 := again.Judge(&Spec{})
		if verdict2 != verdict || refreshOf(pair2) != refreshOf(pair) || (err == nil) != (err2 == nil) {
			t.Fatalf("%s %v, after storing %s %v", verdict, err, verdict2, err2)
		}
		if refreshed := refreshOf(pair); err != nil && len(refreshed) > 12 && strings.Contains(err.Error(), refreshed) {
			t.Fatalf("%q shows the refresh token", err)
		}
		_ = a.judgeRevocation() // must not panic
	})
}

func checkVerdict(t *testing.T, a *Answer, verdict Verdict, pair *Pair, err error) {
	t.Helper()
	if (verdict == VerdictGranted) != (err == nil) {
		t.Fatalf("%s with %v", verdict, err)
	}
	if verdict != VerdictGranted {
		if pair != nil && (pair.Access != nil || pair.Refresh == "" || verdict != VerdictUnclear) {
			t.Fatalf("%s with tokens", verdict)
		}
		if err != nil {
			checkErrorText(t, err, a.Body)
		}
		return
	}
	if a.Status < 200 || a.Status > 299 {
		t.Fatalf("HTTP %d was granted", a.Status)
	}
	if !headerSafe(pair.Access.Value()) || pair.Access.Value() == "" {
		t.Fatal("granted what cannot be sent")
	}
	if pair.Lifetime < 0 || pair.Lifetime > 24*time.Hour {
		t.Fatalf("lifetime %v", pair.Lifetime)
	}
	if pair.Refresh == "" && !salvage(a.Body).complete {
		t.Fatal("granted though a refresh token may have been lost")
	}
}

// What a salvaged object holds is what the whole object would have held.
func FuzzSalvage(f *testing.F) {
	f.Add([]byte(pairBody), 40)
	f.Add([]byte(`{"a":1.5e3,"b":[{}],"c":"\"}","a":null}`), 12)
	f.Fuzz(func(t *testing.T, body []byte, cut int) {
		var whole map[string]json.RawMessage
		if json.Unmarshal(body, &whole) != nil || whole == nil {
			return
		}
		if m := salvage(body); !m.complete || len(m.values) != len(whole) {
			t.Fatalf("%q: complete %v, %d members, want %d", body, m.complete, len(m.values), len(whole))
		}
		if cut < 0 || cut >= len(body) {
			return
		}
		all := map[string]bool{}
		collect(body, all)
		for name, value := range salvage(body[:cut]).values {
			if !all[name+"="+string(value)] {
				t.Fatalf("%q cut at %d: %s=%s", body, cut, name, value)
			}
		}
	})
}

// collect notes every member of an object, duplicates included.
func collect(body []byte, into map[string]bool) {
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	_, err := decoder.Token()
	for err == nil && decoder.More() {
		name, _ := decoder.Token()
		var value json.RawMessage
		err = decoder.Decode(&value)
		into[name.(string)+"="+string(value)] = true
	}
}

// Whatever a server publishes about itself: nothing panics, and no request goes
// to a host that was not allowed.
func FuzzMetadata(f *testing.F) {
	f.Add([]byte(metadataBody))
	f.Add([]byte(`{"issuer":"https://bank.example","token_endpoint":"https://bank.example@evil.example/","mtls_endpoint_aliases":[]}`))
	f.Add([]byte(`{"issuer":"https://bank.example/","jwks_uri":"https://bank.example\\@evil.example/","mtls_endpoint_aliases":{"token_endpoint":7}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		d := &Discovery{URL: "https://bank.example/.well-known/openid-configuration", Hosts: []string{"mtls.bank.example"}}
		m, err := parseMetadata(body, d.URL, "")
		if err != nil {
			if !errors.Is(err, ErrMetadata) {
				t.Fatalf("unknown error %v", err)
			}
			return
		}
		if m.issuer != "https://bank.example" && m.issuer != "https://bank.example/" {
			t.Fatalf("issuer %q", m.issuer)
		}
		for member := range m.urls {
			found, err := d.allowed(&Endpoint{}, m, member)
			if host := hostOf(found); err == nil && host != "bank.example" && host != "mtls.bank.example" {
				t.Fatalf("%s is on %q", member, host)
			}
		}
	})
}

func FuzzKeySet(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB"},{"kty":"oct","k":"AA"},null,{}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := parseKeys(body)
		if err != nil {
			if !errors.Is(err, ErrMetadata) {
				t.Fatalf("unknown error %v", err)
			}
			return
		}
		for _, key := range *keys {
			if !key.IsPublic() || len(*keys) > maxKeys {
				t.Fatal("not a public key, or too many")
			}
		}
	})
}

// No id_token holds but the bank's.
func FuzzIDToken(f *testing.F) {
	key := rsaKey()
	p := &publisher{status: 200, body: `{"keys":[]}`}
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add(signID(f, key, "", "k", idClaims(nil)))
	f.Add(`{"payload":"e30","signatures":[]}`)
	f.Fuzz(func(t *testing.T, raw string) {
		ep := &Endpoint{Do: p.do, Issuer: "https://bank.example", KeysURL: "https://bank.example/keys"}
		err := ValidateIDToken(t.Context(), ep, raw, Expect{ClientID: testKey.ClientID})
		if !errors.Is(err, ErrIDToken) && !errors.Is(err, ErrMetadata) {
			t.Fatalf("got %v", err)
		}
	})
}

// Claims that anyone can make up are judged without a panic.
func FuzzIDTokenClaims(f *testing.F) {
	f.Add([]byte(`{"iss":"https://bank.example","sub":"s","aud":["c"],"exp":4e9,"iat":1,"nbf":1.5,"nonce":"n","at_hash":"x"}`))
	f.Add([]byte(`{"aud":null,"exp":-1,"azp":7}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var claims idTokenClaims
		if json.Unmarshal(payload, &claims) != nil {
			return
		}
		now := time.Unix(1_800_000_000, 0)
		if err := claims.check(now, "https://bank.example", Expect{ClientID: "c", Nonce: "n"}); err != nil && !errors.Is(err, ErrIDToken) {
			t.Fatalf("got %v", err)
		}
		_ = claims.checkAccessToken(access, "PS256") // must not panic
	})
}
