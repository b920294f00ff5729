package tokens

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// notSentError is what Do returns when it knows.
type notSentError bool

func (notSentError) Error() string   { return "no" }
func (e notSentError) NotSent() bool { return bool(e) }

func TestUnanswered(t *testing.T) {
	tests := map[string]struct {
		err     error
		notSent bool
	}{
		"known":           {notSentError(true), true},
		"known not to be": {errors.Join(notSentError(false), &net.OpError{Op: "dial", Err: errors.New("x")}), false},
		"dial":            {&net.OpError{Op: "dial", Err: errors.New("connection refused")}, true},
		"name":            {&net.DNSError{Err: "no such host", Name: "bank.example"}, true},
		"certificate":     {&tls.CertificateVerificationError{Err: errors.New("unknown authority")}, true},
		"read":            {&net.OpError{Op: "read", Err: errors.New("connection reset")}, false},
		"alert":           {&net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}, false},
		"end":             {io.ErrUnexpectedEOF, false},
		"quoting":         {errors.New("malformed HTTP response " + strconv.Quote(pairBody)), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			calls := 0
			ep := (&recorder{}).endpoint(Spec{})
			ep.Do = func(*http.Request) (*http.Response, error) { calls++; return nil, tt.err }
			answer, err := ep.Ask(t.Context(), refreshRequest)
			var unanswered *UnansweredError
			if answer != nil || !errors.As(err, &unanswered) || !errors.Is(err, ErrUnavailable) || !errors.Is(err, tt.err) {
				t.Fatalf("got %v, %v", answer, err)
			}
			if unanswered.NotSent != tt.notSent || NotSent(err) != tt.notSent {
				t.Errorf("NotSent = %v", unanswered.NotSent)
			}
			if calls != 1 {
				t.Errorf("asked %d times", calls)
			}
			if strings.Contains(err.Error(), "2Yotn") {
				t.Errorf("%q shows the token", err)
			}
		})
	}
}

func TestPanicIsNoProofThatNothingWasSent(t *testing.T) {
	ep := (&recorder{}).endpoint(Spec{})
	ep.Do = func(*http.Request) (*http.Response, error) { panic("token=2Yotn") }
	_, err := ep.Ask(t.Context(), refreshRequest)
	if !errors.Is(err, ErrUnavailable) || NotSent(err) || strings.Contains(err.Error(), "2Yotn") {
		t.Errorf("got %v", err)
	}
	if NotSent(nil) || NotSent(&RefusedError{Status: 400}) {
		t.Error("an answer is no proof either")
	}
}

func TestCallerThatHasGoneSendsNothing(t *testing.T) {
	var r recorder
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.endpoint(Spec{}).Ask(ctx, refreshRequest)
	if !NotSent(err) || !errors.Is(err, context.Canceled) || len(r.seen) != 0 {
		t.Errorf("got %v after %d requests", err, len(r.seen))
	}
}

func TestZeroUnansweredError(t *testing.T) {
	err := error(&UnansweredError{})
	if !errors.Is(err, ErrUnavailable) || err.Error() != ErrUnavailable.Error() || NotSent(err) {
		t.Errorf("%v, NotSent %v", err, NotSent(err))
	}
	if err := error(&ApplicationError{ErrMalformed}); !errors.Is(err, ErrMalformed) || !NotSent(err) {
		t.Errorf("%v, NotSent %v", err, NotSent(err))
	}
}
