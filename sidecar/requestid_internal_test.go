package sidecar

import (
	"encoding/json"
	"testing"
)

// FuzzMemberAt holds that what is found at a path is what a whole decoding finds.
func FuzzMemberAt(f *testing.F) {
	for _, seed := range []string{`{"a":{"b":"x"}}`, `{"a":null}`, `{"a":{"b":{}},"a":{"b":1}}`, `[]`, `{"a":"b"}`, ``, `{"a":{"b":"\u0000"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		var got string
		found := json.Unmarshal(memberAt(document, []string{"a", "b"}), &got) == nil && got != ""
		var whole map[string]any
		if err := json.Unmarshal(document, &whole); err != nil {
			if found {
				t.Errorf("%q found in what is no JSON object", got)
			}
			return
		}
		inner, _ := whole["a"].(map[string]any)
		if want, _ := inner["b"].(string); want != got {
			t.Errorf("found %q, want %q", got, want)
		}
	})
}
