package sidecar_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// answering makes a bank of one answer.
func answering(text string) func(*tls.Conn, *rawRequest, int) {
	return func(conn *tls.Conn, _ *rawRequest, _ int) { write(conn, text) }
}

func TestNoFinalStatusIsNoAnswer(t *testing.T) {
	for _, status := range []string{"101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo", "101 Switching Protocols", "099 Odd", "000 Odd"} {
		b := newRawBank(t, nil, answering("HTTP/1.1 "+status+"\r\n\r\n"))
		r := b.toward(t, options{})
		r.refusedAs(r.call("POST", "/x", "{}", "Authorization", "Bearer x"), sidecar.CodeBankAnswerUnreadable, 502, "maybe")
	}
}

func TestBankCannotImitateTheSidecarAnywhere(t *testing.T) {
	b := newRawBank(t, nil, answering("HTTP/1.1 103 Early Hints\r\nSidecar-Error: body-too-large\r\nLink: </x>\r\n\r\n"+
		"HTTP/1.1 200 OK\r\nTrailer: Sidecar-Error, X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nSidecar-Error: token-refused\r\nX-Sum: 1\r\n\r\n"))
	r := b.toward(t, options{})
	interim := make(http.Header)
	r.app.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		// As reverse_proxy does: a hook in the request's context, trailers after the body.
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(_ int, header textproto.MIMEHeader) error {
				interim = http.Header(header).Clone()
				return nil
			},
		}))
		ex, err := sidecar.Route{ASPSP: r.aspsp}.Prepare(req, nil)
		r.check(err)
		response, err := ex.RoundTrip(ex.ForProxy(req, false))
		r.check(err)
		_, err = io.Copy(w, response.Body)
		r.check(err)
		r.check(response.Body.Close())
		if response.Trailer.Get("Sidecar-Error") != "" || response.Trailer.Get("X-Sum") != "1" {
			t.Errorf("trailers %v", response.Trailer)
		}
		r.check(ex.Finish(nil))
	})
	r.call("GET", "/x", "", "Authorization", "Bearer x")
	if interim.Get("Sidecar-Error") != "" || interim.Get("Link") == "" {
		t.Errorf("interim answer %v", interim)
	}
}

func TestHugeAnswerHeadIsRefused(t *testing.T) {
	b := newRawBank(t, nil, answering("HTTP/1.1 200 OK\r\nX-Filler: "+strings.Repeat("x", 300<<10)+"\r\nContent-Length: 0\r\n\r\n"))
	r := b.toward(t, options{})
	r.refusedAs(r.call("GET", "/x", "", "Authorization", "Bearer x"), sidecar.CodeBankAnswerUnreadable, 502, "maybe")
}

func TestRefusedAnswerThatNeverEndsHoldsNothingUp(t *testing.T) {
	token := `{"access_token":"t","token_type":"Bearer","expires_in":3600}`
	b := newRawBank(t, nil, func(conn *tls.Conn, r *rawRequest, nth int) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/token"):
			write(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n"+token)
		case nth < 3:
			write(conn, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 100\r\n\r\n{")
		default:
			write(conn, okAnswer)
		}
	})
	if len(token) != 60 {
		t.Fatal(len(token))
	}
	r := b.toward(t, options{overrides: overrideToken(`{"endpoint":"/token","grant":"client_credentials"}`)})
	start := time.Now()
	if a := r.call("GET", "/x", ""); a.status != 200 || time.Since(start) > 3*time.Second {
		t.Errorf("status %d after %s", a.status, time.Since(start))
	}
}

// TestLasting401DoesNotCostATokenEach holds that a bank which refuses an
// operation whatever the token is not asked for a new one at each call.
func TestLasting401DoesNotCostATokenEach(t *testing.T) {
	r := newRig(t, options{})
	r.check(r.bank.Faults().SetAPI(sandbox.Fault{Status: 401}))
	for range 5 {
		if a := r.funds(); a.status != 401 || a.header.Get(sidecar.ErrorHeader) != "" {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if n := r.bank.TokenCalls(); n != 2 {
		t.Errorf("%d token calls, want 2", n)
	}
	if n := len(r.calls()); n != 6 {
		t.Errorf("%d calls, want 6", n)
	}
}
