package tokens

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// However the answer breaks off: what came is kept, and it is asked for once.
func TestAnswersThatBreakOff(t *testing.T) {
	drip := func(w http.ResponseWriter, r *http.Request, pause time.Duration) {
		for i := range len(pairBody) {
			if _, err := io.WriteString(w, pairBody[i:i+1]); err != nil || http.NewResponseController(w).Flush() != nil {
				return
			}
			select {
			case <-time.After(pause):
			case <-r.Context().Done():
				return
			}
		}
	}
	tests := map[string]struct {
		handler   http.HandlerFunc
		truncated bool
		least     int
	}{
		"drip":  {func(w http.ResponseWriter, r *http.Request) { drip(w, r, 20*time.Millisecond) }, true, 1},
		"stops": {answerNothing(pairBody[:40]), true, 40},
		"cut": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "999")
			_, _ = io.WriteString(w, pairBody)
		}, true, len(pairBody)},
		"too long":    {answerWith(pairBody + strings.Repeat(" ", maxBody)), true, maxBody},
		"just enough": {answerWith(pairBody + strings.Repeat(" ", maxBody-len(pairBody))), false, maxBody},
		"half":        {answerWith(pairBody[:40]), false, 40},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var calls sync.Map
			ep, _, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Store(r.Header.Get("X-Request-ID"), true)
				tt.handler(w, r)
			})
			ep.Timeout = 300 * time.Millisecond
			started := time.Now()
			answer, err := ep.Ask(t.Context(), refreshRequest)
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(started); took > 3*time.Second {
				t.Errorf("took %v", took)
			}
			if answer.Truncated != tt.truncated || len(answer.Body) < tt.least || len(answer.Body) > maxBody {
				t.Errorf("truncated %v, %d bytes", answer.Truncated, len(answer.Body))
			}
			n := 0
			calls.Range(func(any, any) bool { n++; return true })
			if n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// net/http repeats some requests by itself when a kept connection turns out to
// be dead. Not these: the bank may have used the token up.
func TestNoReplayOnADeadConnection(t *testing.T) {
	var mu sync.Mutex
	requests, abort := 0, false
	ep, _, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		requests++
		dead := abort
		mu.Unlock()
		if dead {
			panic(http.ErrAbortHandler)
		}
		answerWith(pairBody)(w, r)
	})
	if _, err := ep.Ask(t.Context(), refreshRequest); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	abort = true
	mu.Unlock()
	if _, err := ep.Ask(t.Context(), refreshRequest); !errors.Is(err, ErrUnavailable) || NotSent(err) {
		t.Errorf("got %v", err)
	}
	if requests != 2 {
		t.Errorf("%d requests", requests)
	}
}

func TestRedirectIsAnAnswer(t *testing.T) {
	ep, server, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			_, _ = io.WriteString(w, pairBody)
			return
		}
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	})
	for name, do := range map[string]func(*http.Request) (*http.Response, error){"as told": ep.Do, "followed": server.Client().Do} {
		ep.Do = do
		answer, err := ep.Ask(t.Context(), refreshRequest)
		if err != nil || answer.Status != http.StatusSeeOther || strings.Contains(string(answer.Body), "2Yotn") {
			t.Errorf("%s: %v, %v", name, answer, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "30": 30 * time.Second, " 5 ": 5 * time.Second, "-1": 0, "x": 0, "99999999": maxRetryAfter,
		"Sun, 01 Mar 2026 12:01:00 GMT": time.Minute, "Sun, 01 Mar 2026 11:00:00 GMT": 0, "Sun, 01 Mar 2037 11:00:00 GMT": maxRetryAfter,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}
