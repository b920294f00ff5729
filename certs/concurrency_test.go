package certs

import (
	"crypto"
	"crypto/x509"
	"sync"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// Readers under rotation never see a certificate with another's key, nor a
// generation older than one they have seen.
func TestConcurrentRotation(t *testing.T) {
	r := newRig(t)
	i := r.identity()
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			var last uint64
			for {
				select {
				case <-done:
					return
				default:
				}
				g := i.Current()
				if g.Number < last || !belongs(g.QWAC) || !belongs(g.QSEAL) {
					t.Errorf("generation %d after %d, or a foreign key", g.Number, last)
					return
				}
				last = g.Number
			}
		})
	}
	readers.Go(func() { // a second source of reloads, such as the admin API
		for {
			select {
			case <-done:
				return
			default:
				i.Reload()
			}
		}
	})
	var last *testpki.Issued
	for range 20 {
		last = r.issue(testpki.QWAC)
		write(t, r.path("qwac.pem"), last.CertPEM)
		i.Reload()
		write(t, r.path("qwac-key.pem"), last.KeyPEM)
		i.Reload()
		r.store("qseal", r.issue(testpki.QSEAL))
		i.Reload()
	}
	close(done)
	readers.Wait()
	if g := i.Current(); !g.QWAC.Leaf().Equal(last.Certificate) || g.Number != 41 {
		t.Errorf("ended at generation %d", g.Number)
	}
}

func belongs(p *Pair) bool {
	return p.Key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(p.Leaf().PublicKey)
}

func BenchmarkCurrent(b *testing.B) {
	i := newRig(b).identity()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if i.Current().QWAC == nil {
				b.Fatal("no QWAC")
			}
		}
	})
}

func TestCurrentDoesNotAllocate(t *testing.T) {
	i := newRig(t).identity()
	var leaf *x509.Certificate
	if n := testing.AllocsPerRun(100, func() { leaf = i.Current().QWAC.Leaf() }); n != 0 || leaf == nil {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkReloadUnchanged(b *testing.B) {
	i := newRig(b).identity()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := i.Reload(); err != nil {
			b.Fatal(err)
		}
	}
}
