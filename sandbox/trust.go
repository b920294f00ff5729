package sandbox

import (
	"crypto/sha256"
	"crypto/x509"
	"sync"
	"time"
)

// trust verifies chains of QSEAL certificates. A chain that verified is good
// for as long as all its certificates are valid; only such chains are kept.
type trust struct {
	roots *x509.CertPool

	mu   sync.Mutex
	good map[[sha256.Size]byte]period
}

type period struct{ from, until time.Time }

func newTrust(roots *x509.CertPool) *trust {
	return &trust{roots: roots, good: map[[sha256.Size]byte]period{}}
}

func (t *trust) verify(q *qualified, now time.Time) error {
	t.mu.Lock()
	known, ok := t.good[q.Thumbprint]
	t.mu.Unlock()
	if ok && !now.Before(known.from) && !now.After(known.until) {
		return nil
	}
	between := x509.NewCertPool()
	for _, issuer := range q.Issuers {
		between.AddCert(issuer)
	}
	chains, err := q.Cert.Verify(x509.VerifyOptions{
		Roots: t.roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return err
	}
	p := period{q.Cert.NotBefore, q.Cert.NotAfter}
	for _, cert := range chains[0] {
		if cert.NotBefore.After(p.from) {
			p.from = cert.NotBefore
		}
		if cert.NotAfter.Before(p.until) {
			p.until = cert.NotAfter
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.good[q.Thumbprint] = p
	return nil
}
