package certs

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestUsable(t *testing.T) {
	r := newRig(t)
	g := r.identity().Current()
	tests := []struct {
		name string
		g    *Generation
		now  time.Time
		want string // empty: usable
	}{
		{"in between", g, noon, ""},
		{"nothing configured", new(Generation), noon, ""},
		{"over", g, noon.AddDate(2, 0, 0), "QWAC " + r.config.QWAC.CertFile + " expired"},
		{"QSEAL over", &Generation{QSEAL: g.QSEAL}, noon.AddDate(2, 0, 0), "QSEAL " + r.config.QSEAL.CertFile + " expired"},
		{"too early", g, noon.AddDate(0, 0, -1), "is not valid before"},
	}
	for _, test := range tests {
		err := test.g.Usable(test.now)
		if test.want == "" && err != nil || test.want != "" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
}
