package profiles

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/caddy-tpp/caddy-tpp/headers"
	"github.com/caddy-tpp/caddy-tpp/psu"
)

func get(t testing.TB, name string) *Profile {
	t.Helper()
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	p, err := set.Get(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestBuiltin(t *testing.T) {
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"berlin-group", "bpce", "bpce-v1"}; !slices.Equal(set.Names(), want) {
		t.Errorf("names %q, want %q", set.Names(), want)
	}
	for _, name := range set.Names() {
		p := get(t, name)
		if len(p.Sources) == 0 || len(p.OpenQuestions) == 0 || p.Standard == "" {
			t.Errorf("%s says not what it rests on", name)
		}
	}
}

func TestBPCE(t *testing.T) {
	p, v1 := get(t, "bpce"), get(t, "bpce-v1")
	if p.Scope != "cbpii" || v1.Scope != "piisp" || v1.Standard != "STET 1.4.0" || v1.Title == p.Title {
		t.Errorf("scopes %q %q, standard %q, title %q", p.Scope, v1.Scope, v1.Standard, v1.Title)
	}
	if !slices.Equal(v1.Signature.Signed, p.Signature.Signed) || v1.Token != p.Token || v1.Fallback.Header != "fallback" {
		t.Error("bpce-v1 does not inherit signature, token and fallback")
	}
	if p.Token.Endpoint != "/stet/psd2/oauth/token" || p.Token.Sign || p.Token.FromApp {
		t.Errorf("token: %+v", p.Token)
	}
	for _, c := range []struct{ method, path, v142, v140 string }{
		{"GET", "/accounts", "accounts", "accounts"},
		{"GET", "/accounts/038-CPT30019654051/balances", "balances", "balances"},
		{"GET", "/accounts/x/transactions", "transactions", "transactions"},
		{"PUT", "/consents", "consents", "consents"},
		{"POST", "/funds-confirmations", "funds-confirmations", "funds-confirmations"},
		{"GET", "/funds-confirmations", "other", "other"},
		{"GET", "/trusted-beneficiaries", "trusted-beneficiaries", "trusted-beneficiaries"},
		{"GET", "/end-user-identity", "end-user-identity", "other"},
		{"POST", "/payment-requests/42/o-confirmation", "o-confirmation", "other"},
	} {
		for profile, want := range map[*Profile]string{p: c.v142, v1: c.v140} {
			m, err := CompileOperations(profile.Operations)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Match(c.method, c.path); got != want {
				t.Errorf("%s: %s %s is %q, want %q", profile.Name, c.method, c.path, got, want)
			}
		}
	}
}

func TestRequiredRoles(t *testing.T) {
	bpce, berlin := get(t, "bpce"), get(t, "berlin-group")
	for _, c := range []struct {
		p     *Profile
		scope string
		want  []string
	}{
		{bpce, "", nil},
		{bpce, "cbpii", []string{"PSP_IC"}},
		{bpce, "piisp", []string{"PSP_IC"}},
		{bpce, "aisp extended_transaction_history", []string{"PSP_AI"}},
		{bpce, " pisp  aisp cbpii ", []string{"PSP_AI", "PSP_IC", "PSP_PI"}},
		{bpce, "openid", nil},
		{berlin, "AIS:1234-wertiq-983 offline_access", []string{"PSP_AI"}},
		{berlin, "PIS:7", []string{"PSP_PI"}},
	} {
		if got := c.p.RequiredRoles(c.scope); !slices.Equal(got, c.want) {
			t.Errorf("%s %q: %q, want %q", c.p.Name, c.scope, got, c.want)
		}
	}
}

func TestGetUnknownListsNearestFirst(t *testing.T) {
	set, _ := Builtin()
	_, err := set.Get("bpce-v2")
	if !errors.Is(err, ErrUnknown) || !strings.HasSuffix(err.Error(), `"bpce-v2"; known are bpce-v1, bpce, berlin-group`) {
		t.Error(err)
	}
}

// The headers package keeps its own list because the two do not know each other.
func TestHeadersKnowThePSUContext(t *testing.T) {
	for _, name := range psu.Names() {
		if !headers.IsForbidden(name) {
			t.Errorf("%s of the application could pass by the PSU check", name)
		}
	}
}

// minimal is the smallest profile there is, with room for more fields.
func minimal(name, more string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(`{"schema": 1, "name": "` + name + `", "title": "t", "signature": {"signed": ["date"]}` + more + "}")}
}

func TestLoad(t *testing.T) {
	set, err := Load(fstest.MapFS{
		"mine.json":     {Data: []byte(`{"schema":1,"name":"mine","inherits":"bpce","title":"My bank","roles":{"pisp":null},"signature":{"key_id":"client-id"}}`)},
		"child.json":    {Data: []byte(`{"schema":1,"name":"child","inherits":"mine","title":"Its child","signature":{"digest":{"empty":"hash"},"signed":["date"]}}`)},
		"alone.json":    minimal("alone", ""),
		"README.md":     {Data: []byte("not a profile")},
		"sub/deep.json": {Data: []byte("not read")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"alone", "berlin-group", "bpce", "bpce-v1", "child", "mine"}; !slices.Equal(set.Names(), want) {
		t.Errorf("names %q", set.Names())
	}
	mine, _ := set.Get("mine")
	if _, ok := mine.Roles["pisp"]; ok || mine.Roles["cbpii"] != "PSP_IC" || mine.Signature.KeyID.Form != "client-id" || mine.Scope != "cbpii" {
		t.Errorf("mine: %+v", mine)
	}
	child, _ := set.Get("child")
	if child.Signature.KeyID.Form != "client-id" || child.Signature.Digest.Empty != "hash" || child.Signature.Digest.Algorithm != "SHA-256" ||
		!slices.Equal(child.Signature.Signed, []string{"date"}) {
		t.Errorf("child: %+v", child.Signature)
	}
	if p := get(t, "bpce"); p.Roles["pisp"] != "PSP_PI" || p.Signature.KeyID.Form != "serial-issuer" {
		t.Error("loading changed a built-in profile")
	}
}

func TestLoadRefuses(t *testing.T) {
	file := func(text string) fstest.MapFS { return fstest.MapFS{"x.json": {Data: []byte(text)}} }
	with := func(more string) fstest.MapFS { return fstest.MapFS{"x.json": minimal("x", more)} }
	cases := []struct {
		name string
		fsys fstest.MapFS
		want string
	}{
		{"no JSON", file("{\n  \"schema\": 1,\n  oops\n}"), "x.json:3:3: is no JSON"},
		{"empty", file(""), "x.json:1:1"},
		{"two values", file("{}{}"), "x.json:1:3"},
		{"a list", file("[]"), "x.json:1:1: must be an object"},
		{"null", file("null"), "x.json:1:1: must be an object"},
		{"not UTF-8", file("{\"schema\":1,\"title\":\"\xff\"}"), "is not UTF-8"},
		{"unknown field", file("{\"schema\": 1,\n \"nmae\": \"x\"}"), "x.json:2:2: nmae: unknown field; known here are name"},
		{"unknown nested field", with(",\n\"psu\": {\n  \"rules\": \"allow\"}"), "x.json:3:3: psu.rules: unknown field; known here are rule"},
		{"unknown field of key_id", file(`{"schema":1,"name":"x","title":"t","signature":{"signed":["date"],"key_id":{"forms":"x"}}}`), "signature.key_id.forms: unknown field; known here are form"},
		{"wrong case", file(`{"Schema": 1}`), "Schema: unknown field"},
		{"duplicate key", with(",\n\"scope\": \"a\",\n\"scope\": \"b\""), "x.json:3:1: scope: is given twice"},
		{"duplicate map key", with(`,"roles":{"a":"PSP_AI","a":"PSP_PI"}`), "roles.a: is given twice"},
		{"number for text", with(`,"scope":1`), "scope: must be a text"},
		{"text for bool", file(`{"schema":1,"name":"x","title":"t","signature":{"sort":"yes"}}`), "signature.sort: must be true or false"},
		{"text for list", file(`{"schema":1,"name":"x","title":"t","signature":{"signed":"date"}}`), "signature.signed: must be a list"},
		{"number in list", file(`{"schema":1,"name":"x","title":"t","signature":{"signed":["date",2]}}`), "signature.signed[1]: must be a text"},
		{"list for object", with(`,"psu":[]`), "psu: must be an object"},
		{"fraction", file(`{"schema":1,"name":"x","title":"t","signature":{"expires_seconds":1.5}}`), "signature.expires_seconds: must be a whole number"},
		{"list for key_id", file(`{"schema":1,"name":"x","title":"t","signature":{"key_id":["client-id"]}}`), "signature.key_id: must be a text or an object"},
		{"wrong duration", with(`,"token":{"expiry_margin":"soon"}`), "token.expiry_margin: time: invalid duration"},
		{"number as duration", with(`,"token":{"expiry_margin":30}`), "token.expiry_margin: must be a text"},
		{"later schema", file(`{"schema":2,"name":"x","title":"t","new":1}`), "schema 2 is not known"},
		{"no schema", file(`{"name":"x","title":"t","signature":{"signed":["date"]}}`), "schema: must be 1"},
		{"other name", fstest.MapFS{"x.json": minimal("y", "")}, `name must be "x"`},
		{"wrong name", fstest.MapFS{"X_1.json": minimal("X_1", "")}, "lower-case letters"},
		{"no title", file(`{"schema":1,"name":"x","signature":{"signed":["date"]}}`), "title: is missing"},
		{"title is not inherited", file(`{"schema":1,"name":"x","inherits":"bpce"}`), "title: is missing"},
		{"built-in name", fstest.MapFS{"bpce.json": minimal("bpce", "")}, "built-in"},
		{"unknown parent", file(`{"schema":1,"name":"x","inherits":"bcpe","title":"t"}`), `unknown profile "bcpe"; known are bpce`},
		{"own parent", file(`{"schema":1,"name":"x","inherits":"x","title":"t"}`), "x → x"},
		{"circle", fstest.MapFS{
			"a.json": minimal("a", `,"inherits":"b"`), "b.json": minimal("b", `,"inherits":"c"`), "c.json": minimal("c", `,"inherits":"a"`),
		}, "a → b → c → a"},
		{"wrong role", with(`,"roles":{"aisp":"AISP"}`), "roles.aisp"},
		{"two scopes in one", with(`,"roles":{"a b":"PSP_AI"}`), "single scope"},
		{"wrong certainty", with(`,"sources":[{"title":"x","certainty":"sure"}]`), "sources[0].certainty"},
		{"source without title", with(`,"sources":[{"certainty":"read"}]`), "sources[0].title"},
		{"psu of an unknown operation", with(`,"psu":{"operations":{"acounts":"strip"}}`), `psu: PSU policy invalid: operations: "acounts"`},
		{"signing of an unknown operation", file(`{"schema":1,"name":"x","title":"t","signature":{"signed":["date"],"signed_by_operation":{"acounts":["date"]}}}`), "acounts"},
		{"wrong signature", file(`{"schema":1,"name":"x","title":"t","signature":{"signed":["date"],"container":"box"}}`), "container"},
		{"nothing signed", file(`{"schema":1,"name":"x","title":"t"}`), "signed"},
		{"wrong header", with(`,"headers":{"allow":["Cookie"]}`), "Cookie"},
		{"wrong grant", with(`,"token":{"grant":"password"}`), "grant"},
		{"unprovided signed header", file(`{"schema":1,"name":"x","title":"t","signature":{"signed":["date","client-id"]}}`), `"client-id" can never be present`},
		{"certificate header let through", file(`{"schema":1,"name":"x","title":"t","signature":{"signed":["date"],"certificate":{"header":"X-Seal"}},"headers":{"allow":["x-seal"]}}`), "signature.certificate.header"},
		{"fallback header let through", with(`,"fallback":{"header":"X-Fallback","value":"1"},"headers":{"set":{"x-fallback":"1"}}`), "fallback.header"},
		{"fallback without value", with(`,"fallback":{"header":"fallback"}`), "fallback.value"},
		{"fallback without header", with(`,"fallback":{"value":"1"}`), "fallback.header"},
		{"fallback in another's header", with(`,"fallback":{"header":"Digest","value":"1"}`), "fallback.header"},
		{"fallback of an unknown operation", with(`,"fallback":{"header":"fallback","value":"1","operations":["x"]}`), "fallback.operations"},
		{"reserved operation", with(`,"operations":[{"name":"token","path":"/t"}]`), "reserved"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(c.fsys)
			if !errors.Is(err, ErrProfile) {
				t.Fatalf("got %v, want ErrProfile", err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q lacks %q", err, c.want)
			}
			if !strings.Contains(err.Error(), ".json") {
				t.Errorf("%q does not name the file", err)
			}
		})
	}
}

func TestLoadBoundsTheFile(t *testing.T) {
	fsys := fstest.MapFS{"x.json": {Data: []byte(strings.Repeat(" ", maxFile+1))}}
	if _, err := Load(fsys); !errors.Is(err, ErrProfile) || !strings.Contains(err.Error(), "larger") {
		t.Error(err)
	}
}

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
