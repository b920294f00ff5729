package profiles

import (
	"io/fs"
	"reflect"
	"sync"
	"testing"
)

// TestShippedAreReadWhenAskedFor: one that is read alone is the same as among
// all, and the others are not read for it.
func TestShippedAreReadWhenAskedFor(t *testing.T) {
	data, err := fs.Sub(embedded, "data")
	if err != nil {
		t.Fatal(err)
	}
	all, err := (&source{fsys: data, dir: "profiles/data"}).load()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sortedNames(all.documents) {
		set := &Set{shipped: &shipped{source: source{fsys: data, dir: "profiles/data"}}}
		alone, err := set.Get(name)
		if err != nil || !reflect.DeepEqual(alone, all.documents[name].profile) {
			t.Errorf("%s, read alone, is another: %v", name, err)
		}
		if n := len(set.shipped.documents); n > 12 {
			t.Errorf("%d profiles were read for %s", n, name)
		}
	}
}

func TestShippedConcurrently(t *testing.T) {
	data, err := fs.Sub(embedded, "data")
	if err != nil {
		t.Fatal(err)
	}
	set := &Set{shipped: &shipped{source: source{fsys: data}}}
	var group sync.WaitGroup
	for _, name := range []string{"bpce", "bpce/client-id", "obie", "carrefour", "no-such-bank", "bpce/none", "ing"} {
		group.Go(func() {
			first, err := set.Get(name)
			set.Names()
			second, again := set.Get(name)
			if first != second || (err == nil) != (again == nil) {
				t.Errorf("%s: %v, %v", name, err, again)
			}
		})
	}
	group.Wait()
}
