package tokens

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const delivery = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef01"

// deliverer is a bank that posts tokens when asked.
type deliverer struct {
	inbox  *Inbox
	asked  atomic.Int64
	answer func() (*http.Response, error)
	// post is called with the number of the asking before it is answered.
	post func(nth int64)
}

func (d *deliverer) do(r *http.Request) (*http.Response, error) {
	nth := d.asked.Add(1)
	if d.post != nil {
		d.post(nth)
	}
	if d.answer != nil {
		return d.answer()
	}
	return answered(200, `{"response_code":0,"response_message":"OK"}`)()
}

func answered(status int, body string) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func (d *deliverer) endpoint() *Endpoint {
	d.inbox = NewInbox()
	return &Endpoint{URL: "https://bank.example/token", Do: d.do, Inbox: d.inbox, Timeout: 5 * time.Second,
		Spec: Spec{Grant: GrantDelivered, Delivered: Delivered{Wait: Duration(200 * time.Millisecond), Lifetime: Duration(time.Hour)}}}
}

func TestDeliveryBeforeTheAnswer(t *testing.T) {
	d := &deliverer{}
	ep := d.endpoint()
	d.post = func(int64) {
		if err := d.inbox.Take(delivery); err != nil {
			t.Error(err)
		}
		if err := d.inbox.Take("another"); !errors.Is(err, ErrDeliveryRepeated) {
			t.Errorf("a second delivery: %v", err)
		}
	}
	c := newTestCache(t, CacheOptions{})
	token := mustToken(t, c, testKey, ep)
	if token.Value() != delivery || time.Until(token.Expiry()) < 59*time.Minute {
		t.Errorf("%q until %v", token.Value(), token.Expiry())
	}
	if again := mustToken(t, c, testKey, ep); again != token || d.asked.Load() != 1 {
		t.Errorf("asked %d times", d.asked.Load())
	}
	if err := d.inbox.Take(delivery); !errors.Is(err, ErrDeliveryRepeated) {
		t.Errorf("a repetition afterwards: %v", err)
	}
	if err := d.inbox.Take("another"); !errors.Is(err, ErrDeliveryUnexpected) {
		t.Errorf("an unexpected delivery: %v", err)
	}
}

// However many calls wait, one asks, and all of them get the token.
func TestDeliveryAfterTheAnswer(t *testing.T) {
	d := &deliverer{}
	ep := d.endpoint()
	d.post = func(int64) {
		time.AfterFunc(50*time.Millisecond, func() {
			if err := d.inbox.Take(delivery); err != nil {
				t.Error(err)
			}
		})
	}
	c := newTestCache(t, CacheOptions{})
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() {
			if token, err := c.Token(t.Context(), testKey, ep); err != nil || token.Value() != delivery {
				t.Errorf("%v", err)
			}
		})
	}
	calls.Wait()
	if d.asked.Load() != 1 {
		t.Errorf("asked %d times", d.asked.Load())
	}
}

func TestUndelivered(t *testing.T) {
	d := &deliverer{}
	ep := d.endpoint()
	var events []FetchEvent
	c := newTestCache(t, CacheOptions{OnFetch: func(e FetchEvent) { events = append(events, e) }})
	began := time.Now()
	_, err := c.Token(t.Context(), testKey, ep)
	if !errors.Is(err, ErrUndelivered) || time.Since(began) < 200*time.Millisecond || time.Since(began) > 3*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	if err := d.inbox.Take(delivery); !errors.Is(err, ErrDeliveryUnexpected) {
		t.Errorf("a late delivery: %v", err)
	}
	c.Close()
	if len(events) != 1 || events[0].Outcome != OutcomeUndelivered || d.asked.Load() != 1 {
		t.Errorf("%+v, asked %d times", events, d.asked.Load())
	}
}

// An answer that is no yes ends the asking at once; what is delivered after it
// is nobody's.
func TestAskingRefused(t *testing.T) {
	refused := func(code string, status int) error { return &RefusedError{OAuthError: code, Status: status} }
	for name, c := range map[string]struct {
		answer func() (*http.Response, error)
		want   error
	}{
		"created is not OK": {answered(201, `{"response_code":0}`), refused("", 201)},
		"no content":        {answered(204, ``), refused("", 204)},
		"401":               {answered(401, `{}`), refused("", 401)},
		"response_code":     {answered(200, `{"response_code":28,"response_message":"no"}`), refused("response_code_28", 200)},
		"as a text":         {answered(200, `{"response_code":"28"}`), refused("response_code_28", 200)},
		"unreadable":        {answered(200, `{"response_code":{"a":1}}`), refused("response_code_-1", 200)},
		"null":              {answered(200, `{"response_code":null}`), refused("response_code_-1", 200)},
		"a redirect":        {answered(302, ``), ErrRedirected},
		"500":               {answered(500, `{}`), ErrUnavailable},
		"busy":              {answered(429, `{}`), ErrUnavailable},
		"a page":            {answered(200, "<!DOCTYPE html><html></html>"), ErrUnavailable},
		"no connection":     {func() (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			d := &deliverer{answer: c.answer}
			ep := d.endpoint()
			began := time.Now()
			_, err := newTestCache(t, CacheOptions{}).Token(t.Context(), testKey, ep)
			var want *RefusedError
			if errors.As(c.want, &want) {
				var got *RefusedError
				if !errors.As(err, &got) || *got != *want {
					t.Errorf("%v, want %v", err, c.want)
				}
			} else if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if time.Since(began) > 150*time.Millisecond {
				t.Errorf("it took %v", time.Since(began))
			}
			if err := d.inbox.Take(delivery); !errors.Is(err, ErrDeliveryUnexpected) || d.asked.Load() != 1 {
				t.Errorf("delivery afterwards: %v; asked %d times", err, d.asked.Load())
			}
		})
	}
}

// An answer without response_code, or that is no JSON, is a yes by its status.
func TestAskingAnsweredOtherwise(t *testing.T) {
	for _, body := range []string{``, `OK`, `{"a":1}`, `{"response_code":"0"}`, `[]`} {
		d := &deliverer{answer: answered(200, body)}
		ep := d.endpoint()
		d.post = func(int64) { _ = d.inbox.Take(delivery) }
		if _, err := newTestCache(t, CacheOptions{}).Token(t.Context(), testKey, ep); err != nil {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// A lost answer costs nothing if the token is there.
func TestDeliveredThoughTheAnswerIsLost(t *testing.T) {
	d := &deliverer{answer: func() (*http.Response, error) { return nil, io.ErrUnexpectedEOF }}
	ep := d.endpoint()
	d.post = func(int64) { _ = d.inbox.Take(delivery) }
	if token := mustToken(t, newTestCache(t, CacheOptions{}), testKey, ep); token.Value() != delivery {
		t.Error("another token")
	}
}

// Askings of one ASPSP follow one another, for a delivery does not say which of
// them it answers.
func TestAskingsAreSerial(t *testing.T) {
	d := &deliverer{}
	ep := d.endpoint()
	var under, most atomic.Int64
	d.post = func(nth int64) {
		if now := under.Add(1); now > most.Load() {
			most.Store(now)
		}
		time.AfterFunc(20*time.Millisecond, func() {
			under.Add(-1)
			if err := d.inbox.Take(delivery + string(rune('a'+nth))); err != nil {
				t.Error(err)
			}
		})
	}
	c := newTestCache(t, CacheOptions{})
	values := make(chan string, 5)
	var calls sync.WaitGroup
	for _, scope := range []string{"a", "b", "c", "d", "e"} {
		calls.Go(func() {
			key := testKey
			key.Scope = scope
			token, err := c.Token(t.Context(), key, ep)
			if err != nil {
				t.Error(err)
				return
			}
			values <- token.Value()
		})
	}
	calls.Wait()
	close(values)
	seen := map[string]bool{}
	for value := range values {
		seen[value] = true
	}
	if len(seen) != 5 || most.Load() != 1 {
		t.Errorf("%d tokens for 5 askings, %d at a time", len(seen), most.Load())
	}
}

// Who waits for a turn gives up when its time is over, and leaves the turn to others.
func TestWaitingForATurnIsBounded(t *testing.T) {
	in := NewInbox()
	first, err := in.begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := in.begin(ctx); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	first.end()
	first.end()
	second, err := in.begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first.end() // does not end the second
	if err := in.Take(delivery); err != nil {
		t.Error(err)
	}
	if token, ok := second.end(); !ok || token != delivery {
		t.Error("a token that came at the last moment is lost")
	}
}

func TestInboxes(t *testing.T) {
	var s Inboxes
	one := s.For("a", "https://x")
	if one != s.For("a", "https://x") || one == s.For("b", "https://x") || one == s.For("a", "https://y") {
		t.Error("inboxes are mixed up")
	}
}
