package profiles

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/psu"
)

func TestWith(t *testing.T) {
	p := get(t, "bpce")
	before, _ := json.Marshal(p)
	q, err := p.With(Overrides{
		Signature: json.RawMessage(`{"key_id": {"form": "certificate-url", "url": "https://tpp.example/qseal_{fingerprint}"}, "digest": {"empty": null}}`),
		Headers:   json.RawMessage(`{"allow": ["X-Bank"], "set": {"X-Key": "{env.KEY}"}}`),
		PSU:       json.RawMessage(`{"operations": {"balances": "strip"}}`),
		Token:     json.RawMessage(`{"expiry_margin": "10s"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if q.Signature.KeyID.Form != "certificate-url" || q.Signature.KeyID.Serial != "hex" || q.Signature.Digest.Empty != "" || q.Signature.Digest.Algorithm != "SHA-256" {
		t.Errorf("signature: %+v", q.Signature)
	}
	if q.Headers.Set["X-Key"] != "{env.KEY}" || q.PSU.Rule != psu.Allow || q.PSU.Operations["balances"] != psu.Strip || q.Token.Grant != "client_credentials" {
		t.Errorf("headers %+v, psu %+v, token %+v", q.Headers, q.PSU, q.Token)
	}
	if after, _ := json.Marshal(p); string(after) != string(before) {
		t.Error("With changed the profile itself")
	}
	same, err := p.With(Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	if after, _ := json.Marshal(same); string(after) != string(before) {
		t.Error("With without overrides changes something")
	}
}

// An empty list can mean something else than none: here that everything is quoted.
func TestWithKeepsEmptyLists(t *testing.T) {
	p, err := get(t, "bpce").With(Overrides{Signature: json.RawMessage(`{"unquoted": []}`)})
	if err != nil {
		t.Fatal(err)
	}
	if p, err = p.With(Overrides{Signature: json.RawMessage(`{"sort": true}`)}); err != nil {
		t.Fatal(err)
	}
	if p.Signature.Unquoted == nil || !p.Signature.Sort {
		t.Errorf("%+v", p.Signature)
	}
}

// The three keyId forms that BPCE may want differ by one setting.
func TestKeyIDVariants(t *testing.T) {
	p := get(t, "bpce")
	for setting, form := range map[string]string{
		`{"key_id": "client-id"}`:     "client-id",
		`{"key_id": "serial-issuer"}`: "serial-issuer",
		`{"key_id": {"form": "certificate-url", "url": "https://tpp.example/q_{fingerprint}"}}`: "certificate-url",
	} {
		q, err := p.With(Overrides{Signature: json.RawMessage(setting)})
		if err != nil {
			t.Fatal(err)
		}
		if q.Signature.KeyID.Form != form {
			t.Errorf("%s: form %q", setting, q.Signature.KeyID.Form)
		}
	}
}

func TestWithRefuses(t *testing.T) {
	p := get(t, "bpce")
	for want, o := range map[string]Overrides{
		"signature.key_id.forms: unknown field":             {Signature: json.RawMessage(`{"key_id": {"forms": "x"}}`)},
		"signature.signed[0]: must be a text":               {Signature: json.RawMessage(`{"signed": [1]}`)},
		"key_id.url":                                        {Signature: json.RawMessage(`{"key_id": "certificate-url"}`)},
		"headers.alow: unknown field; known here are allow": {Headers: json.RawMessage(`{"alow": []}`)},
		"headers: must be an object":                        {Headers: json.RawMessage(`[]`)},
		"psu: must be an object, not null":                  {PSU: json.RawMessage(`null`)},
		"psu: is no JSON":                                   {PSU: json.RawMessage(`{`)},
		"psu: PSU policy invalid: rule":                     {PSU: json.RawMessage(`{"rule": "maybe"}`)},
		"token.grant: must be a text":                       {Token: json.RawMessage(`{"grant": true}`)},
		"token: ":                                           {Token: json.RawMessage(`{"grant": "password"}`)},
	} {
		_, err := p.With(o)
		if !errors.Is(err, ErrProfile) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// RFC 7396 appendix A, as far as the results are objects or values.
func TestMergePatch(t *testing.T) {
	for _, c := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	} {
		var target, patch any
		_ = json.Unmarshal([]byte(c[0]), &target)
		_ = json.Unmarshal([]byte(c[1]), &patch)
		got, _ := json.Marshal(mergePatch(target, patch))
		if string(got) != c[2] {
			t.Errorf("%s with %s gives %s, want %s", c[0], c[1], got, c[2])
		}
		if still, _ := json.Marshal(target); string(still) != c[0] {
			t.Errorf("the target became %s", still)
		}
	}
}
