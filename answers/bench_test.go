package answers

import (
	"crypto"
	"testing"
)

// Beside each form, the check of its signature alone.
func BenchmarkVerify(b *testing.B) {
	key := keyFor(b, "ES256")
	for _, f := range forms() {
		a := f.make(b, "ES256", key, nil)
		v := verifier(b, f.policy, Keys{Public: []crypto.PublicKey{key.Public()}})
		b.Run(f.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got := v.judge(a); got.Outcome != Valid {
					b.Fatal(got)
				}
			}
		})
	}
	text := []byte(payment)
	sig := sign(b, "ES256", key, payment)
	b.Run("signature alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !algorithmNamed("ES256").verify(key.Public(), text, sig, false) {
				b.Fatal("not valid")
			}
		}
	})
}
