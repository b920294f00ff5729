package profiles

import (
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

// Whatever a file holds, it is either refused with an error that says so, or a
// profile that stands its own checks and merges with nothing into itself.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"bpce", "bpce-v1", "berlin-group"} {
		data, err := fs.ReadFile(embedded, "data/"+name+".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(strings.Replace(string(data), `"name": "`+name+`"`, `"name": "x"`, 1)))
	}
	f.Add([]byte(`{"schema":1,"name":"x","title":"t","signature":{"signed":["date"],"key_id":"client-id","unquoted":[]}}`))
	f.Add([]byte(`{"schema":1,"name":"x","inherits":"bpce","title":"t","signature":null,"token":{"expiry_margin":"1s"}}`))
	f.Add([]byte(`{"schema":1e0,"name":"x","psu":{"operations":{"":null}}}`))
	f.Add([]byte("{\"a\":\n}"))
	for _, member := range group() {
		f.Add([]byte(strings.Replace(string(member.Data), `"name": "bank"`, `"name": "x"`, 1)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := Load(fstest.MapFS{"x.json": {Data: data}})
		if err != nil {
			if !errors.Is(err, ErrProfile) || !strings.Contains(err.Error(), "x.json") {
				t.Fatalf("error %v", err)
			}
			faults := Faults(err)
			for _, fault := range faults {
				if fault.File == "" || fault.What == "" || !errors.Is(fault, ErrProfile) {
					t.Fatalf("fault %#v", fault)
				}
			}
			if len(faults) == 0 {
				t.Fatalf("no faults in %v", err)
			}
			return
		}
		p, err := set.Get("x")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range set.Names() {
			if bank, _ := splitName(name); bank != "x" {
				continue
			}
			if err := mustGet(t, set, name).Validate(); err != nil {
				t.Fatal(err)
			}
		}
		p.Requires = nil // what the file requires is given by nobody here
		q, err := p.With(Overrides{Signature: []byte("{}"), Headers: []byte("{}"), PSU: []byte("{}"), Token: []byte("{}")})
		if err != nil {
			t.Fatal(err)
		}
		before, _ := json.Marshal(p)
		if after, _ := json.Marshal(q); string(after) != string(before) {
			t.Fatalf("%s became %s", before, after)
		}
	})
}

func FuzzWith(f *testing.F) {
	set, err := Builtin()
	if err != nil {
		f.Fatal(err)
	}
	p, err := set.Get("bpce")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"key_id":"client-id"}`))
	f.Add([]byte(`{"key_id":{"form":"certificate-url","url":"https://x"},"signed":["date"]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, patch []byte) {
		p.Requires = nil // what the file requires is given by nobody here
		q, err := p.With(Overrides{Signature: patch})
		if err != nil {
			if !errors.Is(err, ErrProfile) {
				t.Fatal(err)
			}
			return
		}
		if err := q.Validate(); err != nil {
			t.Fatal(err)
		}
	})
}
