package grants

import (
	"testing"
	"time"
)

// One call of the bank is measured once, whatever it comes to; a wait for nothing
// is no call.
func TestDurationOnce(t *testing.T) {
	for wrong, kinds := range map[fault][2]EventKind{
		fine:        {EventRefreshed, ""},
		busy:        {EventRefreshFailed, ""},
		lostAnswer:  {EventRefreshFailed, EventQuarantined},
		refuseGrant: {EventRefreshFailed, EventRefused},
	} {
		inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
			w.imported(s.Store, psu1, 0)
			w.bank.slow(time.Second)
			w.bank.failNext(wrong)
			s.usableOrNot(psu1, w.client)
			measured := 0
			for _, e := range w.events {
				if e.Duration != 0 {
					measured++
					if e.Kind != kinds[0] || e.Duration != time.Second {
						t.Errorf("%s took %v", e.Kind, e.Duration)
					}
				}
			}
			if measured != 1 || kinds[1] != "" && w.happened(kinds[1]) != 1 {
				t.Errorf("measured %d times: %v", measured, w.kinds())
			}
		})
	}
}
