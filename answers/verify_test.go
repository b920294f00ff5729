package answers

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// Each container with each algorithm; and never with another key.
func TestValid(t *testing.T) {
	for _, f := range forms() {
		for i := range algorithms {
			alg := algorithms[i].jose
			if f.policy.Container == ContainerMessageSignature && algorithms[i].message == "" {
				continue
			}
			t.Run(f.name+" "+alg, func(t *testing.T) {
				key, other := keyFor(t, alg), keyFor(t, "ES256")
				a := f.make(t, alg, key, nil)
				expect(t, verifier(t, f.policy, public(other, key)).judge(a), Valid, "")
				expect(t, verifier(t, f.policy, public(other)).judge(a), Invalid, reasonWrong)
				policy := f.policy
				policy.Algorithms = []string{algorithms[(i+1)%len(algorithms)].name}
				if got := verifier(t, policy, public(key)).judge(a); got.Outcome != Invalid {
					t.Errorf("with another algorithm: %s", got)
				}
				policy.Algorithms = []string{alg}
				expect(t, verifier(t, policy, public(key)).judge(a), Valid, "")
			})
		}
	}
}

func clone(a *Answer) *Answer {
	b := *a
	b.Header, b.Body = a.Header.Clone(), bytes.Clone(a.Body)
	return &b
}

// Every change of a single byte of what is signed is noticed, and of the
// signature itself.
func TestEveryByteCounts(t *testing.T) {
	for _, f := range forms() {
		t.Run(f.name, func(t *testing.T) {
			key := keyFor(t, "ES256")
			good := f.make(t, "ES256", key, nil)
			v := verifier(t, f.policy, public(key))
			expect(t, v.judge(good), Valid, "")
			try := func(what string, a *Answer) {
				if got := v.judge(a); got.Outcome == Valid {
					t.Errorf("%s: valid", what)
				}
			}
			for i := range good.Body {
				for _, flip := range []byte{1, 0x20, 0x80} {
					a := clone(good)
					a.Body[i] ^= flip
					try("body", a)
				}
			}
			longer, shorter := clone(good), clone(good)
			longer.Body, shorter.Body = append(longer.Body, '\n'), shorter.Body[:len(shorter.Body)-1]
			try("longer body", longer)
			try("shorter body", shorter)
			if slices.Contains(f.covered, "X-Request-Id") {
				a := clone(good)
				a.Status = 200
				try("status", a)
			}
			for _, name := range f.covered {
				value := good.Header.Get(name)
				for i := range len(value) {
					for _, c := range []byte{value[i] ^ 1, value[i] ^ 0x20, ' ', '.', '='} {
						if c == value[i] {
							continue
						}
						a := clone(good)
						a.Header.Set(name, value[:i]+string(rune(c))+value[i+1:])
						try(name+" "+a.Header.Get(name), a)
					}
				}
				a := clone(good)
				a.Header.Add(name, value)
				try(name+" twice", a)
				a.Header.Del(name)
				try(name+" gone", a)
			}
		})
	}
}

// What is wrong with an answer, and what is said of it.
func TestFaults(t *testing.T) {
	set := func(pairs ...any) func(map[string]any) {
		return func(m map[string]any) {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i+1] == nil {
					delete(m, pairs[i].(string))
					continue
				}
				m[pairs[i].(string)] = pairs[i+1]
			}
		}
	}
	sigD := func(mid string, pars ...string) map[string]any { return map[string]any{"mId": mid, "pars": pars} }
	pars := []string{"(response-status)", "x-request-id", "content-type", "digest"}
	tests := []struct {
		form   string
		alter  func(map[string]any)
		reason string
	}{
		{"OBIE", set("alg", "none"), "its algorithm is not accepted"},
		{"OBIE", set("alg", "HS256"), "its algorithm is not accepted"},
		{"OBIE", set("alg", nil), "its algorithm is not accepted"},
		{"OBIE", set("crit", append([]string{"exp"}, obCrit...), "exp", 1), "crit lists a member that is not understood"},
		{"OBIE", set("crit", []string{}), "crit is empty"},
		{"OBIE", set("crit", "b64"), "cannot be read"},
		{"OBIE", set("crit", append(obCrit, obIAT)), "crit lists a member twice"},
		{"OBIE", set(obTAN, nil), "crit lists a member that is not there"},
		{"OBIE", set("crit", obCrit[:2]), "crit does not list what responses.critical demands"},
		{"OBIE", set("crit", nil), "crit does not list what responses.critical demands"},
		{"OBIE", set(obIAT, now.Add(10*time.Minute).Unix()), "iat"},
		{"OBIE", set(obIAT, now.Add(-10*time.Minute).Unix()), "iat"},
		{"OBIE", set(obIAT, "now"), "iat"},
		{"OBIE", set(obISS, ""), "iss"},
		{"OBIE", set(obTAN, "evil.example"), "tan"},
		{"OBIE", set("b64", false), "b64 is false, but not in crit"},
		{"OBIE", set("b64", false, "crit", append([]string{"b64"}, obCrit...)), "b64 is not what responses.unencoded says"},
		{"OBIE", set("sigD", sigD(mechanismHTTPHeaders, pars...)), "sigD says that it signs something else"},
		{"OBIE", set("b64", "false"), "cannot be read"},
		{"OBIE", set("x5c", []string{}), "x5c has no certificate"},
		{"OBIE", set("x5c", []string{"!"}), "x5c is not base64"},
		{"OBIE", set("x5c", []string{"AAAA"}), "x5c holds no certificate"},
		{"OBIE 3.1.3", set("b64", nil, "crit", obCrit), "b64 is not what responses.unencoded says"},
		{"HTTP headers", set("b64", true), "b64 is not false"},
		{"HTTP headers", set("sigD", nil, "crit", []string{"sigT", "b64"}), "sigD does not say"},
		{"HTTP headers", set("sigD", sigD("http://uri.etsi.org/19182/ObjectIdByURI", pars...)), "sigD does not say"},
		{"HTTP headers", set("sigD", sigD(mechanismHTTPHeaders)), "sigD does not say"},
		{"HTTP headers", set("sigD", sigD(mechanismHTTPHeaders, "x-request-id", "content-type", "digest")), "does not cover (response-status)"},
		{"HTTP headers", set("sigD", sigD(mechanismHTTPHeaders, "(response-status)", "x-request-id", "digest")), "does not cover content-type"},
		{"HTTP headers", set("sigD", sigD(mechanismHTTPHeaders, "(response-status)", "x-request-id", "content-type")), "does not cover digest"},
		{"HTTP headers", set("sigD", sigD(mechanismHTTPHeaders, append(pars, "digest")...)), "covers a header twice"},
		{"HTTP headers", set("sigD", sigD(mechanismHTTPHeaders, append(pars, "x-none")...)), "covers a header that the answer does not have"},
		{"HTTP headers", set("sigD", sigD(mechanismHTTPHeaders, append(pars, "Date")...)), "in capitals"},
		{"HTTP headers", set("crit", []string{"b64"}), "sigD is not in crit"},
		{"HTTP headers", set("sigT", now.Add(-6*time.Minute).Format(time.RFC3339)), "sigT"},
		{"HTTP headers", set("sigT", now.Add(6*time.Minute).Format(time.RFC3339)), "sigT"},
		{"HTTP headers", set("sigT", nil, "crit", []string{"sigD", "b64"}), "sigT"},
		{"JWT", set("b64", true), "no place in a JWT"},
		{"JWT", set("alg", "none"), "its algorithm is not accepted"},
		{"cavage", set("algorithm", "hmac-sha256"), "its algorithm is not accepted"},
		{"cavage", set("created", now.Add(-time.Hour).Unix()), "created"},
		{"cavage", set("created", "soon"), "created"},
		{"cavage", set("headers", ""), "does not say what it covers"},
		{"cavage", set("headers", "x-request-id"), "does not cover digest"},
		{"cavage", set("headers", "digest"), "does not cover x-request-id"},
		{"cavage", set("headers", "digest x-request-id (expires)"), "covers a header that the answer does not have"},
		{"RFC 9421", set("params", ";created=1;keyid=\"k1\""), "created"},
		{"RFC 9421", set("params", ";expires=1"), "expires"},
		{"RFC 9421", set("params", `;alg="hmac-sha256"`), "its algorithm is not accepted"},
		{"RFC 9421", set("params", `;alg="`), "signature-input cannot be read"},
		{"RFC 9421", set("list", `("@status" "content-type" "x-request-id")`), "does not cover content-digest"},
		{"RFC 9421", set("list", `("content-digest" "content-type" "x-request-id")`), "does not cover @status"},
		{"RFC 9421", set("list", `("@status" "@status" "content-digest")`), "covers a component twice"},
		{"RFC 9421", set("list", `("@status";req "content-digest")`), "not understood"},
		{"RFC 9421", set("list", `("@status" "content-digest" "@method")`), "not understood"},
		{"RFC 9421", set("list", `("@status" "content-digest";sf)`), "in a way that is not understood"},
		{"RFC 9421", set("list", `("@status" "content-digest" "x-none")`), "covers a header that the answer does not have"},
	}
	all := forms()
	for _, test := range tests {
		t.Run(test.form+" "+test.reason, func(t *testing.T) {
			f := all[slices.IndexFunc(all, func(f form) bool { return f.name == test.form })]
			expect(t, verifier(t, f.policy, public(rsaKey())).judge(f.make(t, "PS256", rsaKey(), test.alter)), Invalid, test.reason)
		})
	}
}

// An answer without what the policy looks for.
func TestMissing(t *testing.T) {
	for _, f := range forms() {
		v := verifier(t, f.policy, public(rsaKey()))
		expect(t, v.judge(said(payment)), Missing, "")
		expect(t, v.judge(said("")), Missing, "")
		head := f.make(t, "PS256", rsaKey(), nil)
		head.Request.Method = http.MethodHead
		expect(t, v.judge(head), Unchecked, "HEAD")
	}
	expect(t, verifier(t, forms()[5].policy, public(rsaKey())).judge(said(payment, "Signature-Input", `a=("@status")`, "Signature", `b=:AA==:`)), Invalid, "lacks")
}

// A signed answer to another call is no answer to this one.
func TestOtherCall(t *testing.T) {
	for _, f := range forms()[2:] {
		if f.policy.Container == ContainerJWT {
			continue
		}
		a := f.make(t, "PS256", rsaKey(), nil)
		a.Request.ID = "id-2"
		expect(t, verifier(t, f.policy, public(rsaKey())).judge(a), Invalid, "x-request-id is another call's")
	}
	f := forms()[5]
	a := f.make(t, "PS512", rsaKey(), nil)
	a.Request.Target = "/v1/payments?a=c"
	expect(t, verifier(t, f.policy, public(rsaKey())).judge(a), Invalid, reasonWrong)
}

// A date that is signed is the answer's own.
func TestSignedDate(t *testing.T) {
	for value, reason := range map[string]string{now.Format(http.TimeFormat): "", now.Add(-time.Hour).Format(http.TimeFormat): "date is not of this time", "today": "date is not of this time"} {
		text := "date: " + value + "\ndigest: SHA-256=" + sha(payment)
		a := said(payment, "Date", value, "Digest", "SHA-256="+sha(payment), "Signature", `keyId="k1",algorithm="rsa-sha256",headers="date digest",signature="`+std(sign(t, "RS256", rsaKey(), text))+`"`)
		outcome := Invalid
		if reason == "" {
			outcome = Valid
		}
		expect(t, verifier(t, Policy{Container: ContainerSignature}, public(rsaKey())).judge(a), outcome, reason)
	}
}

// A body of any size must be covered.
func TestOpenBody(t *testing.T) {
	f := forms()[5]
	f.policy.Signed = nil
	list := func(m map[string]any) { m["list"] = `("@status")` }
	a := f.make(t, "PS512", rsaKey(), list)
	expect(t, verifier(t, f.policy, public(rsaKey())).judge(a), Invalid, "covers no digest")
}

// Compression by a gateway is named where it may be why nothing fits.
func TestCompressed(t *testing.T) {
	for _, f := range forms()[:3] {
		a := f.make(t, "PS256", rsaKey(), nil)
		a.Header.Set("Content-Encoding", "gzip")
		v := verifier(t, f.policy, public(rsaKey()))
		expect(t, v.judge(a), Valid, "") // what is verified is what was sent
		a.Body = []byte("\x1f\x8b something else")
		expect(t, v.judge(a), Invalid, "compressed")
	}
}

// A JWS with two spellings of a member could be read in two ways.
func TestTwiceInHeader(t *testing.T) {
	for _, text := range []string{`{"alg":"PS256","alg":"PS256"}`, `{"alg":"PS256"}{}`, `[]`, `{"alg":null}`, `{"Alg":"PS256"}`, ``, `{"alg":"PS256"`, `{"alg":"PS256"} x`} {
		protected := b64([]byte(text))
		a := said(payment, "X-Jws-Signature", protected+".."+b64(sign(t, "PS256", rsaKey(), protected+"."+b64([]byte(payment)))))
		if got := verifier(t, Policy{Container: ContainerJWS}, public(rsaKey())).judge(a); got.Outcome != Invalid {
			t.Errorf("%s: %s", text, got)
		}
	}
	long := said(payment, "X-Jws-Signature", strings.Repeat("a", maxHeader+1))
	expect(t, verifier(t, Policy{Container: ContainerJWS}, public(rsaKey())).judge(long), Invalid, "too long")
}
