package tokens

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// answerWith is a bank that always answers so.
func answerWith(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

// answerNothing is a bank that never finishes, after some part of its answer.
func answerNothing(part string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if part != "" {
			_, _ = io.WriteString(w, part)
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = io.Copy(io.Discard, r.Body) // so that the server notices the other side leaving
		<-r.Context().Done()
	}
}

func TestNetworkFailures(t *testing.T) {
	tests := map[string]struct {
		handler http.HandlerFunc
		change  func(*Endpoint, *httptest.Server)
		is      error
		text    string
	}{
		"timeout before the answer": {
			handler: answerNothing(""),
			change:  func(ep *Endpoint, _ *httptest.Server) { ep.Timeout = 100 * time.Millisecond },
			is:      context.DeadlineExceeded, text: "token endpoint unavailable: timeout",
		},
		"timeout within the body": {
			handler: answerNothing(goodBody[:30]),
			change:  func(ep *Endpoint, _ *httptest.Server) { ep.Timeout = 100 * time.Millisecond },
			is:      context.DeadlineExceeded, text: "token endpoint unavailable: timeout",
		},
		"truncated": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "500")
				_, _ = io.WriteString(w, goodBody)
			},
			is: io.ErrUnexpectedEOF, text: "closed before the answer was complete",
		},
		"no answer": {
			handler: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			is:      io.EOF, text: "closed before the answer was complete",
		},
		"answer is not HTTP": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
					_, _ = io.WriteString(conn, goodBody+"\r\n\r\n")
					_ = conn.Close()
				}
			},
			text: "token endpoint unavailable: the exchange failed",
		},
		"connection refused": {
			change: func(ep *Endpoint, _ *httptest.Server) { ep.URL = "https://127.0.0.1:1/token" },
			is:     syscall.ECONNREFUSED, text: "connection refused",
		},
		"unknown bank certificate": {
			change: func(ep *Endpoint, _ *httptest.Server) { ep.Do = new(http.Transport).RoundTrip },
			text:   "certificate signed by unknown authority",
		},
		"no client certificate": {
			change: func(_ *Endpoint, server *httptest.Server) {
				server.Client().Transport.(*http.Transport).TLSClientConfig.Certificates = nil
			},
			text: "certificate required",
		},
		"no common TLS version": {
			change: func(_ *Endpoint, server *httptest.Server) {
				server.TLS.MinVersion = tls.VersionTLS13
				server.Client().Transport.(*http.Transport).TLSClientConfig.MaxVersion = tls.VersionTLS12
			},
			text: "protocol version not supported",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.handler == nil {
				tt.handler = answerWith(goodBody)
			}
			ep, server, _ := newServer(t, tt.handler)
			if tt.change != nil {
				tt.change(ep, server)
			}
			_, err := newTestCache(t, CacheOptions{}).Token(t.Context(), testKey, ep)
			if !errors.Is(err, ErrUnavailable) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Fatalf("got %#v", err)
			}
			if !strings.Contains(err.Error(), tt.text) || strings.Contains(err.Error(), "2Yotn") {
				t.Errorf("text: %q", err)
			}
			var timeout net.Error
			isTimeout := errors.As(err, &timeout) && timeout.Timeout()
			if isTimeout != (tt.is == context.DeadlineExceeded) {
				t.Errorf("Timeout() = %v", isTimeout)
			}
		})
	}
}

// The bank gives an idle connection up just when the next token is due.
func TestDeadConnectionIsTriedAgainOnce(t *testing.T) {
	var requests, abort atomic.Int32
	ids := make(chan string, 8)
	ep, _, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		ids <- r.Header.Get("X-Request-ID")
		if abort.Add(-1) >= 0 {
			panic(http.ErrAbortHandler)
		}
		answerWith(goodBody)(w, r)
	})
	c := newTestCache(t, CacheOptions{})
	first := mustToken(t, c, testKey, ep)

	c.Drop(testKey, first)
	abort.Store(1)
	second := mustToken(t, c, testKey, ep)
	if requests.Load() != 3 {
		t.Errorf("%d requests, want 3", requests.Load())
	}
	if a, b, again := <-ids, <-ids, <-ids; a == b || b == again {
		t.Error("an X-Request-ID went out twice")
	}

	// A bank that keeps failing is asked twice, not for ever: once on the kept
	// connection and once on a new one.
	c.Drop(testKey, second)
	abort.Store(100)
	if _, err := c.Token(t.Context(), testKey, ep); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if requests.Load() != 5 {
		t.Errorf("%d requests, want 5", requests.Load())
	}

	// There is no kept connection any more to blame.
	other := testKey
	other.Scope = "aisp"
	if _, err := c.Token(t.Context(), other, ep); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if requests.Load() != 6 {
		t.Errorf("%d requests, want 6", requests.Load())
	}
}

// What is returned for a connection closed at the deadline need not be a
// timeout by itself; it must be one for those who answer 504.
func TestErrorAtTheDeadlineIsATimeout(t *testing.T) {
	ep := (&bank{}).endpoint()
	ep.Timeout = time.Millisecond
	cause := errors.New("use of closed connection")
	ep.Do = func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, cause
	}
	_, err := newTestCache(t, CacheOptions{}).Token(t.Context(), testKey, ep)
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, cause) {
		t.Errorf("got %#v", err)
	}
}

// An answer that stops at the deadline was cut off, even if it stops in good
// order; one that is complete by then is as good as any.
func TestAnswerAtTheDeadline(t *testing.T) {
	for body, want := range map[string]error{goodBody[:30]: context.DeadlineExceeded, goodBody: nil} {
		ep := (&bank{}).endpoint()
		ep.Timeout = time.Millisecond
		ep.Do = func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body))}, nil
		}
		_, err := newTestCache(t, CacheOptions{}).Token(t.Context(), testKey, ep)
		if !errors.Is(err, want) || errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v, want %v", body, err, want)
		}
	}
}

// A request's context can hold hooks that act on the app's response, such as
// reverse_proxy's for 1xx answers; the token endpoint must not trigger them.
func TestFetchHasAContextOfItsOwn(t *testing.T) {
	ep, _, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</internal>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		answerWith(goodBody)(w, r)
	})
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { t.Error("the caller's trace hook ran") },
	})
	do := ep.Do
	ep.Do = func(r *http.Request) (*http.Response, error) {
		if left, ok := r.Context().Deadline(); !ok || time.Until(left) > defaultTimeout {
			t.Error("the fetch has no timeout")
		}
		return do(r)
	}
	if _, err := newTestCache(t, CacheOptions{}).Token(ctx, testKey, ep); err != nil {
		t.Fatal(err)
	}
}

func TestUnusableEndpointSendsNothing(t *testing.T) {
	b := &bank{lifetime: 60}
	tests := map[string]struct {
		key    Key
		change func(*Endpoint)
		text   string
	}{
		"http":         {testKey, func(ep *Endpoint) { ep.URL = "http://bank.example/token" }, "https"},
		"no URL":       {testKey, func(ep *Endpoint) { ep.URL = "" }, "https"},
		"broken URL":   {testKey, func(ep *Endpoint) { ep.URL = "https://bank.example:hunter2/" }, "URL"},
		"no Do":        {testKey, func(ep *Endpoint) { ep.Do = nil }, "no way"},
		"no grant":     {testKey, func(ep *Endpoint) { ep.Spec.Grant = "" }, "client_credentials"},
		"no client_id": {Key{ASPSP: "bpgo"}, func(*Endpoint) {}, "client_id is empty"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ep := b.endpoint()
			tt.change(ep)
			_, err := newTestCache(t, CacheOptions{}).Token(t.Context(), tt.key, ep)
			if !errors.Is(err, ErrSpec) || !strings.Contains(err.Error(), tt.text) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := newTestCache(t, CacheOptions{}).Token(t.Context(), testKey, nil); !errors.Is(err, ErrSpec) {
		t.Errorf("nil endpoint: %v", err)
	}
	if b.count() != 0 {
		t.Errorf("%d requests were sent", b.count())
	}
}
