package sidecar_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// resettingBank speaks HTTP/2, takes each request to its end, and then ends the
// stream with a code instead of an answer. processed counts what it took.
func resettingBank(t *testing.T, code http2.ErrCode) (addr string, processed func() int) {
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{serverCertificate(t, testpki.Profile{})}, ClientAuth: tls.RequireAndVerifyClientCert,
		ClientCAs: authority().Pool(), MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	n := 0
	var wg sync.WaitGroup
	serve := func(conn net.Conn) {
		defer conn.Close()
		if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		framer := http2.NewFramer(conn, conn)
		framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		_ = framer.WriteSettings()
		var body bytes.Buffer
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				return
			}
			switch frame := frame.(type) {
			case *http2.SettingsFrame:
				if !frame.IsAck() {
					_ = framer.WriteSettingsAck()
				}
			case *http2.DataFrame:
				body.Write(frame.Data())
				if frame.StreamEnded() {
					mu.Lock()
					n++
					mu.Unlock()
					_ = framer.WriteRSTStream(frame.StreamID, code)
				}
			}
		}
	}
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { serve(conn) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return l.Addr().String(), func() int { mu.Lock(); defer mu.Unlock(); return n }
}

// A PROTOCOL_ERROR says nothing of what the bank has done: what it may have
// processed is not sent again, nor called unsent.
func TestH2ProtocolErrorIsNoRefusal(t *testing.T) {
	addr, processed := resettingBank(t, http2.ErrCodeProtocol)
	r := newRig(t, options{overrides: overrideToken(appAuthorizes), config: func(c *sidecar.Config) { c.BaseURL, c.HTTP2 = "https://"+addr, true }})
	a := r.call("POST", "/payment-requests", `{"a":1}`, "Authorization", "Bearer x")
	r.refused(a, sidecar.CodeBankConnectionLost)
	if n := processed(); n != 1 || !strings.Contains(a.body, `"reached_bank":"maybe"`) {
		t.Errorf("the payment was sent %d times: %s", n, a.body)
	}
}

// A refresh is repeated once, where the old token survives, and never as if
// nothing had been sent.
func TestH2ProtocolErrorAfterRefresh(t *testing.T) {
	for token, want := range map[string]struct {
		sent int
		code sidecar.Code
	}{
		`{"refresh_survives": true}`:  {2, sidecar.CodeTokenUnavailable},
		`{"refresh_survives": false}`: {1, sidecar.CodeGrantQuarantined},
	} {
		addr, processed := resettingBank(t, http2.ErrCodeProtocol)
		o := withGrants()
		o.overrides = overrideToken(token)
		o.config = func(c *sidecar.Config) {
			aisp(c)
			c.HTTP2, c.BaseURL = true, "https://"+addr
		}
		r := newRig(t, o)
		r.check(r.grants.Import(t.Context(), grants.ID{ASPSP: "bank", Name: "k"}, r.aspsp.Client(),
			grants.Import{RefreshToken: "r0", AuthorizedAt: time.Now().Add(-time.Hour)}))
		r.refused(r.accounts("k"), want.code)
		if n := processed(); n != want.sent {
			t.Errorf("%s: the refresh token was sent %d times, want %d", token, n, want.sent)
		}
	}
}
