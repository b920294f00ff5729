package profiles

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// group is a folder with a bank that has variants, and profiles that start
// from it in different ways.
func group() fstest.MapFS {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(`{"schema": 1, ` + text + "}")} }
	return fstest.MapFS{
		"bank.json": file(`"name": "bank", "title": "Bank", "certainty": "read", "country": "FR BE", "banks": ["A", "B"],
			"sources": [{"title": "general", "certainty": "read"}], "open_questions": ["who?"],
			"headers": {"set": {"X-Key": "stand-in", "X.Dotted": "stand-in"}},
			"signature": {"signed": ["date", "x-request-id"], "key_id": {"form": "literal", "value": "stand-in"}, "digest": {"empty": "hash"}},
			"requires": [
				{"setting": "signature.key_id.value", "why": "ask the portal"},
				{"setting": "headers.set.X-Key", "why": "bought"},
				{"setting": "headers.set.X.Dotted", "why": "given"},
				{"setting": "client_secret", "why": "mailed"}],
			"variants": {
				"client": {"title": "Bank by client_id", "why": "an older gateway", "certainty": "one-client",
					"sources": [{"title": "code", "certainty": "one-client"}], "open_questions": ["which?"],
					"signature": {"key_id": "client-id", "digest": {"empty": null}}},
				"plain": {"title": "Bank unsigned", "why": "its test system", "client_certificate": "none", "requires": [],
					"signature": {"container": "none"}}}`),
		"child.json": file(`"name": "child", "inherits": "bank", "title": "Child",
			"headers": {"set": {"X-Key": "known"}},
			"variants": {"plain": null, "client": {"why": "all of them", "signature": {"sort": true}}}`),
		"alone.json": file(`"name": "alone", "inherits": "bank", "title": "Without variants", "variants": null`),
		"of-variant.json": file(`"name": "of-variant", "inherits": "bank/client", "title": "Of a variant",
			"signature": {"key_id": {"charset": "iso-8859-1"}}`),
	}
}

func loadGroup(t *testing.T) *Set {
	t.Helper()
	set, err := Load(group())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func mustGet(t *testing.T, set *Set, name string) *Profile {
	t.Helper()
	p, err := set.Get(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestVariant(t *testing.T) {
	set := loadGroup(t)
	names := slices.DeleteFunc(set.Names(), func(name string) bool {
		bank, _ := splitName(name)
		return !slices.Contains([]string{"alone", "bank", "child", "of-variant"}, bank)
	})
	if want := []string{"alone", "bank", "bank/client", "bank/plain", "child", "child/client", "of-variant"}; !slices.Equal(names, want) {
		t.Errorf("names %q, want %q", names, want)
	}
	v := mustGet(t, set, "bank/client")
	if v.Name != "bank/client" || v.Title != "Bank by client_id" || v.Certainty != "one-client" || v.Country != "FR BE" || len(v.Banks) != 2 || v.Variants != nil {
		t.Errorf("the variant says of itself %+v", v)
	}
	if len(v.Sources) != 2 || v.Sources[0].Title != "code" || !slices.Equal(v.OpenQuestions, []string{"which?", "who?"}) {
		t.Errorf("it rests on %+v, asks %q", v.Sources, v.OpenQuestions)
	}
	if v.Signature.KeyID.Form != "client-id" || v.Signature.KeyID.Value != "" || v.Signature.Digest.Empty != "" || len(v.Signature.Signed) != 2 {
		t.Errorf("signature %+v", v.Signature)
	}
	if p := mustGet(t, set, "bank/plain"); p.ClientCertificate != "none" || p.Certainty != "read" || len(p.Sources) != 1 || len(p.Requires) != 0 {
		t.Errorf("plain: %+v", p)
	}
	bank := mustGet(t, set, "bank")
	if bank.Signature.KeyID.Form != "literal" || bank.Signature.Digest.Empty != "hash" || len(bank.Variants) != 2 {
		t.Errorf("the bank itself became %+v", bank)
	}
}

func TestVariantsAreInherited(t *testing.T) {
	set := loadGroup(t)
	child := mustGet(t, set, "child")
	if child.Certainty != "" || child.Country != "" || child.Banks != nil {
		t.Errorf("inherited what a file says of itself: %+v", child)
	}
	v := mustGet(t, set, "child/client")
	if v.Variants != nil || v.Signature.KeyID.Form != "client-id" || v.Signature.Digest.Empty != "" || !v.Signature.Sort ||
		v.Headers.Set["X-Key"] != "known" || child.Variants["client"].Why != "all of them" {
		t.Errorf("child/client: %+v", v)
	}
	// The short form of key_id is one to build on.
	if of := mustGet(t, set, "of-variant"); of.Signature.KeyID.Form != "client-id" || of.Signature.KeyID.Charset != "iso-8859-1" || of.Variants != nil {
		t.Errorf("of-variant: %+v", of)
	}
}

func TestUnknownVariant(t *testing.T) {
	set := loadGroup(t)
	for name, want := range map[string]string{
		"bank/clint":       "the variants of bank are bank/client, bank/plain",
		"of-variant/plain": "of-variant has no variants",
		"bnk/client":       "known are bank/client, ",
		"bank/":            "the variants of bank are ",
		"bank/client/x":    "the variants of bank are bank/client, bank/plain",
	} {
		if _, err := set.Get(name); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVariantRefuses(t *testing.T) {
	variant := func(text string) fstest.MapFS {
		return fstest.MapFS{"x.json": minimal("x", `, "variants": {`+text+`}`)}
	}
	for want, fsys := range map[string]fstest.MapFS{
		"variants.a.title: is missing":                  variant(`"a": {"why": "w"}`),
		"variants.a.why: is missing":                    variant(`"a": {"title": "t"}`),
		"variants.A_b: a name consists of":              variant(`"A_b": {"title": "t", "why": "w"}`),
		"variants.a.certainty: \"sure\" is unknown":     variant(`"a": {"title": "t", "why": "w", "certainty": "sure"}`),
		"variants.a.sources[0].title":                   variant(`"a": {"title": "t", "why": "w", "sources": [{"certainty": "read"}]}`),
		"variants.a.name: unknown field; known here":    variant(`"a": {"title": "t", "why": "w", "name": "x"}`),
		"variants.a.psu.rules: unknown field":           variant(`"a": {"title": "t", "why": "w", "psu": {"rules": "x"}}`),
		"psu: PSU policy invalid: rule":                 variant(`"a": {"title": "t", "why": "w", "psu": {"rule": "maybe"}}`),
		"inherits: unknown profile \"bpce/x\"":          {"x.json": minimal("x", `, "inherits": "bpce/x"`)},
		"x → x":                                         {"x.json": minimal("x", `, "inherits": "x/a", "variants": {"a": {"title": "t", "why": "w"}}`)},
		"country: \"fr\" is no ISO":                     {"x.json": minimal("x", `, "country": "fr"`)},
		"banks[1]: is empty":                            {"x.json": minimal("x", `, "banks": ["a", " "]`)},
		"certainty: \"sure\" is unknown":                {"x.json": minimal("x", `, "certainty": "sure"`)},
		"client_certificate: \"maybe\" is unknown; use": {"x.json": minimal("x", `, "client_certificate": "maybe"`)},
		"requires[0].why: is missing":                   {"x.json": minimal("x", `, "requires": [{"setting": "client_id"}]`)},
		"requires[0].setting: \"base_url\" is no path":  {"x.json": minimal("x", `, "requires": [{"setting": "base_url", "why": "w"}]`)},
		"requires[0].setting: \"psu\" is no path":       {"x.json": minimal("x", `, "requires": [{"setting": "psu", "why": "w"}]`)},
		"vlue is no setting; known are value":           {"x.json": minimal("x", `, "requires": [{"setting": "signature.key_id.vlue", "why": "w"}]`)},
	} {
		if _, err := Load(fsys); !errors.Is(err, ErrProfile) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestRequires(t *testing.T) {
	set := loadGroup(t)
	all := Overrides{
		Signature: json.RawMessage(`{"key_id": {"value": "mine"}}`),
		Headers:   json.RawMessage(`{"set": {"X-Key": "mine", "X.Dotted": "mine"}}`),
		Given:     []string{"client_secret"},
	}
	q, err := mustGet(t, set, "bank").With(all)
	if err != nil || q.Signature.KeyID.Value != "mine" || q.Headers.Set["X-Key"] != "mine" {
		t.Errorf("%+v, %v", q, err)
	}
	for _, c := range []struct {
		name    string
		profile string
		change  func(o *Overrides)
		missing []string
	}{
		{"nothing set", "bank", func(o *Overrides) { *o = Overrides{} },
			[]string{"signature.key_id.value: ", "headers.set.X-Key: ", "headers.set.X.Dotted: ", "client_secret: ", "the profile bank ", "ask the portal", "bought", "mailed"}},
		{"another key_id", "bank", func(o *Overrides) { o.Signature = json.RawMessage(`{"key_id": "client-id"}`) }, nil},
		{"only another part of key_id", "bank", func(o *Overrides) { o.Signature = json.RawMessage(`{"key_id": {"escape": "none"}}`) }, []string{"signature.key_id.value: "}},
		{"a header that begins alike", "bank", func(o *Overrides) { o.Headers = json.RawMessage(`{"set": {"X-Key-2": "a", "X.Dotted": "b"}}`) }, []string{"headers.set.X-Key: "}},
		{"without client_secret", "bank", func(o *Overrides) { o.Given = nil }, []string{"client_secret: "}},
		{"a variant that sets one", "bank/client", func(o *Overrides) { o.Signature = nil }, nil},
		{"a variant that requires nothing", "bank/plain", func(o *Overrides) { *o = Overrides{} }, nil},
		{"a child that sets one", "child", func(o *Overrides) { o.Headers = json.RawMessage(`{"set": {"X.Dotted": "b"}}`) }, nil},
		{"a child's variant", "child/client", func(o *Overrides) { *o = Overrides{Given: o.Given} }, []string{"headers.set.X.Dotted: "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := all
			c.change(&o)
			_, err := mustGet(t, set, c.profile).With(o)
			if (err == nil) != (c.missing == nil) || err != nil && !errors.Is(err, ErrProfile) {
				t.Fatalf("got %v", err)
			}
			for _, want := range c.missing {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
			if err != nil && len(c.missing) == 1 && strings.Count(err.Error(), "has to be configured") != 1 {
				t.Errorf("more is required than should be: %v", err)
			}
		})
	}
}

// Whatever section an override can be of, it reaches that section.
func TestEveryOverrideIsOfASection(t *testing.T) {
	for name := range overridable() {
		var o Overrides
		if err := json.Unmarshal([]byte(`{"`+name+`": {"no-such-field": 1}}`), &o); err != nil {
			t.Fatal(err)
		}
		if _, err := get(t, "bpce").With(o); err == nil || !strings.Contains(err.Error(), name+".no-such-field: unknown field") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(overridable()) < 5 {
		t.Errorf("only %v can be overridden", overridable())
	}
}
