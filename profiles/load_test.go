package profiles

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

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
	for _, name := range []string{"alone", "berlin-group", "bpce", "bpce-v1", "child", "mine"} {
		if !slices.Contains(set.Names(), name) {
			t.Errorf("%s is not among %q", name, set.Names())
		}
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
