package links

import (
	"strings"
	"testing"
)

// A page of 100 transactions with two links each.
func BenchmarkBody(b *testing.B) {
	entry := `{"amount":{"currency":"EUR","amount":"12.45"},"remittance":"a text of some length, as they are","_links":{"details":{"href":"/stet/psd2/v1.4.2/x/1"},"other":{"href":"https://elsewhere.example/"}}},`
	body := []byte(`{"list":[` + strings.Repeat(entry, 100) + `{}]}`)
	w := rewriter(b, bank, []string{"_links.*.href"}, nil)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, n := w.Body(body, sidecarAt); n != 100 {
			b.Fatal(n)
		}
	}
}
