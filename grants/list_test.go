package grants

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestList(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		var want []string
		for i := range 57 {
			id := ID{"bank", fmt.Sprintf("psu-%d", i)}
			w.imported(s.Store, id, 0)
			want = append(want, id.Name)
		}
		w.imported(s.Store, ID{"other", "psu-x"}, 0)
		var got, order []string
		for after, pages := "", 0; ; pages++ {
			states, next, err := s.List(t.Context(), "bank", after, 10)
			if err != nil || len(states) > 10 || pages > 6 {
				t.Fatal(len(states), pages, err)
			}
			for _, state := range states {
				got = append(got, state.Name)
				order = append(order, state.Fingerprint)
			}
			text, err := json.Marshal(states)
			if err != nil {
				t.Fatal(err)
			}
			w.clean(string(text), states)
			if after = next; next == "" {
				break
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) || !slices.IsSorted(order) {
			t.Errorf("listed %v", got)
		}
		for _, after := range []string{"x", strings.Repeat("g", 64), "../../etc"} {
			if _, _, err := s.List(t.Context(), "bank", after, 1); !errors.Is(err, ErrCursor) {
				t.Errorf("cursor %q: %v", after, err)
			}
		}
		if states, next, err := s.List(t.Context(), "nowhere", "", 1); len(states) != 0 || next != "" || err != nil {
			t.Error(states, next, err)
		}
	})
}
