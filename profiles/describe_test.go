package profiles

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func describe(t *testing.T, set *Set, name string) *Description {
	t.Helper()
	d, err := set.Describe(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDescribe(t *testing.T) {
	set := loadGroup(t)
	for name, want := range map[string]string{
		"bank": `file bank.json, inherits [], variants [bank/client bank/plain], why ""
signature.signed [date x-request-id]: own, bank.json:4:28
signature.key_id.form literal: own, bank.json:4:73
signature.key_id.value stand-in: own, bank.json:4:93
signature.digest.empty hash: own, bank.json:4:126
headers.set.X-Key stand-in: own, bank.json:3:33
headers.set.X.Dotted stand-in: own, bank.json:3:57
`,
		"child/client": `file child.json, inherits [child bank], variants [], why "all of them"
signature.signed [date x-request-id]: inherited from bank, bank.json:4:28
signature.sort true: variant, child.json:3:87
signature.key_id.form client-id: variant, inherited from bank, bank.json:13:30
headers.set.X-Key known: inherited from child, child.json:2:33
headers.set.X.Dotted stand-in: inherited from bank, bank.json:3:57
`,
		"of-variant": `file of-variant.json, inherits [bank/client bank], variants [], why ""
signature.signed [date x-request-id]: inherited from bank, bank.json:4:28
signature.key_id.form client-id: inherited from bank/client, bank.json:13:30
signature.key_id.charset iso-8859-1: own, of-variant.json:2:40
headers.set.X-Key stand-in: inherited from bank, bank.json:3:33
headers.set.X.Dotted stand-in: inherited from bank, bank.json:3:57
`,
	} {
		d := describe(t, set, name)
		if d.Builtin || d.Profile.Name != name || d.Content["name"] != name {
			t.Errorf("%s: %+v", name, d)
		}
		var got strings.Builder
		fmt.Fprintf(&got, "file %s, inherits %v, variants %v, why %q\n", d.File, d.Inherits, d.Variants, d.Why)
		for _, s := range d.Settings {
			fmt.Fprintf(&got, "%s %v: %s, %s:%d:%d\n", s.Path, s.Value, s.Origin, s.Place.File, s.Place.Line, s.Place.Column)
		}
		if got.String() != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, &got, want)
		}
	}
	if _, err := set.Describe("bank/clint"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if d := describe(t, set, "bpce-v1"); !d.Builtin || d.File != "profiles/data/bpce-v1.json" || !slices.Equal(d.Inherits, []string{"bpce"}) {
		t.Errorf("bpce-v1: %+v", d)
	}
}

// Every value of every profile has a place, in a file that there is.
func TestEverySettingHasAPlace(t *testing.T) {
	set := loadGroup(t)
	for _, name := range set.Names() {
		for _, s := range describe(t, set, name).Settings {
			if s.Origin == "" || s.Place.Line == 0 || s.Place.Column == 0 || s.Place.File == "" || s.Place.Profile == "" {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
}

func TestDiff(t *testing.T) {
	set := loadGroup(t)
	var got strings.Builder
	for _, c := range Diff(describe(t, set, "bank"), describe(t, set, "child/client")) {
		fmt.Fprintf(&got, "%s: %v, %v\n", c.Path, c.Was, c.Is)
	}
	want := `signature.key_id.form: literal, client-id
signature.key_id.value: stand-in, <nil>
signature.digest.empty: hash, <nil>
signature.sort: <nil>, true
headers.set.X-Key: stand-in, known
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &got, want)
	}
	if changes := Diff(describe(t, set, "bank"), describe(t, set, "bank")); changes != nil {
		t.Errorf("a profile differs from itself in %v", changes)
	}
}

func TestLoadFile(t *testing.T) {
	dir := t.TempDir()
	for name, member := range group() {
		if err := os.WriteFile(filepath.Join(dir, name), member.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "wrong.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := LoadFile(filepath.Join(dir, "of-variant.json"))
	if err != nil {
		t.Fatal(err)
	}
	mustGet(t, set, "of-variant")
	if _, err := set.Get("child"); err == nil {
		t.Error("read a file that the one asked for does not inherit")
	}
	for file, want := range map[string]string{"wrong.json": "/wrong.json:1:", "none.json": "/none.json: ", "bank.yaml": "bank.yaml: a profile's file ends in .json"} {
		if _, err := LoadFile(filepath.Join(dir, file)); !errors.Is(err, ErrProfile) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", file, err)
		}
	}
}
