package profiles

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// Whatever is wrong, the error leads to the line that says so, in the file that
// says so.
func TestFaultsLeadToTheLine(t *testing.T) {
	const head = "{\"schema\": 1, \"name\": \"x\",\n\"title\": \"t\",\n"
	const signed = "\"signature\": {\"signed\": [\"date\"]},\n"
	for name, c := range map[string]struct{ text, want string }{
		"own check":               {head + signed + "\"roles\": {\n  \"aisp\": \"AISP\"}}", `x.json:5:11: roles.aisp: "AISP" is no PSD2 role`},
		"missing":                 {"{\"schema\": 1, \"name\": \"x\",\n" + signed + "\"scope\": \"a\"}", "x.json:1:1: title: is missing"},
		"missing in an object":    {head + signed + "\"fallback\": {\n \"value\": \"1\"}}", "x.json:4:13: fallback.header: is missing"},
		"missing in a section":    {head + "\"signature\":\n {\"algorithm\": \"auto\"}}", "x.json:4:2: signature: "},
		"list element":            {head + signed + "\"sources\": [\n {\"title\": \"a\", \"certainty\": \"read\"},\n {\"title\": \"b\", \"certainty\": \"sure\"}]}", "x.json:6:30: sources[1].certainty: "},
		"signer":                  {head + "\"signature\": {\"signed\": [\"date\"],\n \"digest\": {\n  \"empty\": \"maybe\"}}}", "x.json:5:12: signature: "},
		"signer, missing":         {head + "\"signature\": {\"signed\": [\"date\"],\n \"key_id\":\n {\"form\": \"certificate-url\"}}}", "x.json:5:2: signature: "},
		"signer, list element":    {head + "\"signature\": {\"signed\": [\"date\",\n \"Host!\"]}}", "x.json:4:2: signature: "},
		"signed but never there":  {head + "\"signature\": {\"signed\":\n [\"client-id\"]}}", "x.json:4:3: signature.signed: "},
		"application_signature":   {head + signed + "\"application_signature\": {\"signed\": [\"date\"],\n\"request_target\": \"url\"}}", "x.json:5:19: application_signature: "},
		"headers.allow":           {head + signed + "\"headers\": {\"allow\": [\"X-A\",\n\n\"Cookie\"]}}", "x.json:6:1: headers: "},
		"headers.set":             {head + signed + "\"headers\": {\"set\": {\"X-A\": \"1\",\n\"Cookie\": \"1\"}}}", "x.json:5:11: headers: "},
		"psu.rule":                {head + signed + "\"psu\": {\n\"rule\": \"maybe\"}}", "x.json:5:9: psu: "},
		"psu.operations":          {head + signed + "\"psu\": {\"operations\": {\n\"acounts\": \"strip\"}}}", "x.json:5:12: psu: "},
		"psu.operations, value":   {head + signed + "\"psu\": {\"operations\": {\n\"other\": \"maybe\"}}}", "x.json:5:10: psu: "},
		"token":                   {head + signed + "\"token\": {\n\"grant\": \"password\"}}", "x.json:5:10: token: "},
		"token, nested":           {head + signed + "\"token\": {\"authorize\": {\n\"endpoint\": \"ftp://x\"}}}", "x.json:5:13: token: "},
		"operations":              {head + signed + "\"operations\": [{\"name\": \"a\", \"path\": \"/a\"},\n{\"name\": \"token\", \"path\": \"/t\"}]}", "x.json:5:1: operations: token: "},
		"requires":                {head + signed + "\"requires\": [\n{\"setting\": \"psu.rul\", \"why\": \"w\"}]}", "x.json:5:13: requires[0].setting: "},
		"variant of itself":       {head + signed + "\"variants\": {\n\"a\": {\"title\": \"t\"}}}", "x.json:5:6: variants.a.why: "},
		"variant's section":       {head + signed + "\"variants\": {\"a\": {\"title\": \"t\", \"why\": \"w\",\n\"psu\": {\"rule\": \"maybe\"}}}}", "x.json:5:17: psu: "},
		"unknown parent":          {head + signed + "\"inherits\":\n\"bcpe\"}", `x.json:5:1: inherits: unknown profile "bcpe"`},
		"name":                    {"{\"schema\": 1,\n \"name\": \"y\"}", `x.json:2:10: name must be "x"`},
		"later schema":            {"{\n \"schema\": 2}", "x.json:2:2: schema 2 is not known"},
		"both of what disagrees":  {head + "\"signature\": {\"signed\": [\"date\"],\n\"certificate\": {\"header\": \"X-Seal\"}},\n\"headers\": {\"allow\": [\"x-seal\"]}}", "x.json:4:27: signature.certificate.header: "},
		"inherited from built-in": {head + "\"inherits\": \"berlin-group\",\n\"operations\": null}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(fstest.MapFS{"x.json": {Data: []byte(c.text)}})
			if !errors.Is(err, ErrProfile) {
				t.Fatalf("got %v", err)
			}
			faults := Faults(err)
			if len(faults) == 0 || faults[0].Error() != strings.Split(err.Error(), "\n")[0] {
				t.Errorf("%q is made of the faults %v", err, faults)
			}
			if !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if c.want == "" && (!strings.HasPrefix(err.Error(), "profiles/data/berlin-group.json:") || !strings.HasSuffix(err.Error(), "(in x.json)")) {
				t.Errorf("does not lead to the built-in profile: %v", err)
			}
		})
	}
}

// A value that is inherited is in another file than what it is wrong in.
func TestFaultsOfWhatIsInherited(t *testing.T) {
	_, err := Load(fstest.MapFS{
		"base.json": {Data: []byte("{\"schema\": 1, \"name\": \"base\", \"title\": \"t\",\n\"operations\": [{\"name\": \"a\", \"path\": \"/a\"}],\n\"psu\": {\"operations\": {\"a\": \"strip\"}},\n" +
			"\"signature\": {\"signed\": [\"date\", \"x-a\"]}, \"headers\": {\"allow\": [\"X-A\"]},\n" +
			"\"variants\": {\"less\": {\"title\": \"t\", \"why\": \"w\", \"headers\": {\"allow\": []}}}}")},
		"child.json": {Data: []byte("{\"schema\": 1, \"name\": \"child\", \"title\": \"t\", \"inherits\": \"base\",\n\"variants\": {\"less\": null}}")},
	})
	for _, want := range []string{
		"base.json:4:34: signature.signed: \"x-a\" can never be present",
		"(in the variant less)",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %s", err, want)
		}
	}
	// What inherits something wrong is not reported beside it.
	if faults := Faults(err); len(faults) != 1 {
		t.Errorf("%d faults: %v", len(faults), err)
	}
	_, err = Load(fstest.MapFS{
		"base.json":  {Data: []byte("{\"schema\": 1, \"name\": \"base\", \"title\": \"t\", \"signature\": {\"signed\": [\"date\"]},\n\"operations\": [{\"name\": \"a\", \"path\": \"/a\"}],\n\"psu\": {\"operations\": {\"a\": \"strip\"}}}")},
		"child.json": {Data: []byte("{\"schema\": 1, \"name\": \"child\", \"title\": \"t\", \"inherits\": \"base\",\n\"operations\": [{\"name\": \"b\", \"path\": \"/b\"}]}")},
	})
	if err == nil || !strings.HasPrefix(err.Error(), "base.json:3:29: psu: ") || !strings.HasSuffix(err.Error(), "(in child.json)") {
		t.Error(err)
	}
}

func TestLoadDirReportsEveryFile(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.json": "{\n!}",
		"b.json": `{"schema": 1, "name": "b", "title": "t", "inherits": "a"}`,
		"c.json": "{\"schema\": 1, \"name\": \"c\", \"title\": \"t\", \"inherits\": \"bpce\",\n\"scopes\": 1}",
		"d.json": "{\"schema\": 1, \"name\": \"d\", \"inherits\": \"bpce\",\n\"title\": \"\", \"certainty\": \"sure\"}",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := LoadDir(dir)
	faults := Faults(err)
	want := []string{"a.json:2:1: ", "c.json:2:1: scopes: unknown field", "d.json:2:10: title: ", "d.json:2:27: certainty: "}
	if len(faults) != len(want) {
		t.Fatalf("%d faults, want %d: %v", len(faults), len(want), err)
	}
	for i, fault := range faults {
		if !strings.HasPrefix(fault.Error(), filepath.ToSlash(dir)+"/"+want[i]) {
			t.Errorf("got %v, want %s", fault, want[i])
		}
	}
	if _, err := LoadDir(filepath.Join(dir, "none")); !errors.Is(err, ErrProfile) || !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "none") {
		t.Error(err)
	}
}
