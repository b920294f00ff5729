package sandbox

import (
	"net/http/httptest"
	"testing"
)

// BenchmarkCheckSeal is what judging the QSEAL certificate of a call costs, without
// TLS and HTTP: the far side of a load test must not be its bottleneck.
func BenchmarkCheckSeal(b *testing.B) {
	p, err := issuePKI()
	if err != nil {
		b.Fatal(err)
	}
	bank, err := New(Options{ClientCAs: p.ca.Pool(), Certificate: p.server.TLSCertificate()})
	if err != nil {
		b.Fatal(err)
	}
	q, err := inspect(p.qseal.Certificate)
	if err != nil {
		b.Fatal(err)
	}
	c := &call{bank: bank, r: httptest.NewRequest("POST", fundsPath, nil), endpoint: &endpoint{dialect: dialectSTET}, rec: &Record{}}
	b.ReportAllocs()
	for b.Loop() {
		c.checkSeal(q)
	}
	if len(c.problems) > 0 {
		b.Fatal(c.problems[0])
	}
}
