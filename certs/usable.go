package certs

import (
	"fmt"
	"time"
)

// Usable refuses a generation whose certificates are outside their validity at
// the time now. It is cheap enough for every request: a certificate that was
// sound when it was loaded may have expired since, and a bank's refusal of it
// would be less clear.
func (g *Generation) Usable(now time.Time) error {
	for _, pair := range [...]*Pair{g.QWAC, g.QSEAL} {
		if pair == nil {
			continue
		}
		switch leaf := pair.Leaf(); {
		case now.After(leaf.NotAfter):
			return fmt.Errorf("%w: %s %s expired on %s", ErrRefused, pair.Slot, pair.Source.CertFile, leaf.NotAfter.UTC().Format(time.DateOnly))
		case now.Before(leaf.NotBefore):
			return fmt.Errorf("%w: %s %s is not valid before %s", ErrRefused, pair.Slot, pair.Source.CertFile, leaf.NotBefore.UTC().Format(time.RFC3339))
		}
	}
	return nil
}
