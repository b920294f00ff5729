package sidecar_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// refusingBank speaks HTTP/2 frame by frame: it answers the first stream of its
// first connection and refuses the next one unprocessed.
type refusingBank struct {
	listener net.Listener
	goAway   bool
	// silent makes the first connection fall silent after its first answer instead.
	silent bool

	mu      sync.Mutex
	streams []map[string]string // the headers of each
	wg      sync.WaitGroup
}

func newRefusingBank(t *testing.T, goAway, silent bool) *refusingBank {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{serverCertificate(t, testpki.Profile{})}, ClientAuth: tls.RequireAndVerifyClientCert,
		ClientCAs: authority().Pool(), MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	b := &refusingBank{listener: l, goAway: goAway, silent: silent}
	b.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			b.wg.Go(func() { b.serve(conn) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); b.wg.Wait() })
	return b
}

func (b *refusingBank) serve(conn net.Conn) {
	defer conn.Close()
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_ = framer.WriteSettings()
	for answered := false; ; {
		if b.silent && answered && b.count() == 1 {
			_, _ = io.Copy(io.Discard, conn) // takes all and says nothing, until it is closed
			return
		}
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = framer.WriteSettingsAck()
			}
		case *http2.MetaHeadersFrame:
			headers := map[string]string{}
			for _, field := range frame.Fields {
				headers[field.Name] = field.Value
			}
			b.mu.Lock()
			b.streams = append(b.streams, headers)
			nth := len(b.streams)
			b.mu.Unlock()
			if frame.StreamEnded() {
				b.answer(framer, frame.StreamID, nth)
				answered = true
			}
		case *http2.DataFrame:
			if frame.StreamEnded() {
				b.answer(framer, frame.StreamID, b.count())
				answered = true
			}
		}
	}
}

func (b *refusingBank) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.streams)
}

func (b *refusingBank) answer(framer *http2.Framer, stream uint32, nth int) {
	if nth == 2 && b.goAway && !b.silent {
		_ = framer.WriteGoAway(stream-2, http2.ErrCodeNo, nil)
		return
	}
	if nth == 2 && !b.silent {
		_ = framer.WriteRSTStream(stream, http2.ErrCodeRefusedStream)
		return
	}
	var block bytes.Buffer
	_ = hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
}

// TestRefusedStreamIsRepeatedSignedAnew holds that a request which an HTTP/2
// bank refuses before processing it goes out again, but never as it was.
func TestRefusedStreamIsRepeatedSignedAnew(t *testing.T) {
	for _, goAway := range []bool{false, true} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			for _, body := range []string{"", `{"a":1}`} {
				b := newRefusingBank(t, goAway, false)
				r := newRig(t, options{overrides: overrideToken(appAuthorizes), config: func(c *sidecar.Config) {
					c.BaseURL, c.HTTP2 = "https://"+b.listener.Addr().String(), true
				}})
				for range 2 {
					if a := r.call(method, "/x", body, "Authorization", "Bearer x"); a.status != 200 {
						t.Errorf("%s %q, GOAWAY %t: %d %s", method, body, goAway, a.status, a.body)
					}
				}
				b.mu.Lock()
				if len(b.streams) != 3 {
					t.Errorf("%s %q, GOAWAY %t: %d streams", method, body, goAway, len(b.streams))
				} else if b.streams[1]["x-request-id"] == b.streams[2]["x-request-id"] || b.streams[1]["signature"] == b.streams[2]["signature"] {
					t.Errorf("%s %q, GOAWAY %t: the same request appeared twice", method, body, goAway)
				}
				b.mu.Unlock()
			}
		}
	}
}

// TestSilentConnectionDoesNotTakeTheBankDown holds that a dead HTTP/2
// connection is noticed, and later calls use another one.
func TestSilentConnectionDoesNotTakeTheBankDown(t *testing.T) {
	b := newRefusingBank(t, false, true)
	r := newRig(t, options{overrides: overrideToken(appAuthorizes), config: func(c *sidecar.Config) {
		c.BaseURL, c.HTTP2 = "https://"+b.listener.Addr().String(), true
		c.ConnectTimeout, c.AnswerTimeout = 200*time.Millisecond, 2*time.Second
	}})
	var got []int
	for range 3 {
		got = append(got, r.call("GET", "/x", "", "Authorization", "Bearer x").status)
	}
	if got[0] != 200 || got[2] != 200 {
		t.Errorf("statuses %v", got)
	}
}
