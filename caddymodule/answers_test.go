package caddymodule_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rawRig is a rig whose bank answers as the test wants.
func rawRig(t *testing.T, handler http.HandlerFunc) *rig {
	t.Helper()
	r := newRig(t)
	r.bankURL = newRawBank(t, "127.0.0.1:0", handler).url()
	r.load(parts{})
	return r
}

// TestAnswerPassesByteForByte holds that status, content headers and body are
// the bank's own, also where the app or Caddy could have made others of them.
func TestAnswerPassesByteForByte(t *testing.T) {
	r := rawRig(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/hal+json; charset=utf-8")
		w.Header().Set("Content-Encoding", "gzip") // the bytes are not, and nobody may care
		w.Header().Set("Digest", "SHA-256=xyz")
		w.Header().Set("Server", "Bank/1")
		w.Header().Set("Location", "https://bank.example/x?y=1#z")
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.Header().Set("X-Request-ID", "the-bank's-own")
		w.Header().Set("Sidecar-Error", "forged")
		w.WriteHeader(302)
		_, _ = io.WriteString(w, "{ \"odd\" :  1}\r\n")
	})
	a := r.call("GET", "/bpgo/accounts", "")
	if a.status != 302 || a.body != "{ \"odd\" :  1}\r\n" {
		t.Errorf("%d %q", a.status, a.body)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/hal+json; charset=utf-8", "Content-Encoding": "gzip", "Digest": "SHA-256=xyz",
		"Location": "https://bank.example/x?y=1#z", "Set-Cookie": "a=1, b=2", "Server": "Bank/1", "Sidecar-Error": "", "Sidecar-Bank-Request-ID": "the-bank's-own",
		// RFC 9110 section 7.6.3 wants a proxy to name itself on the way back; nothing goes to the bank.
		"Via": "1.1 Caddy",
	} {
		if got := strings.Join(a.header.Values(name), ", "); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestHEAD(t *testing.T) {
	r := rawRig(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("X-Method", req.Method)
		w.Header().Set("Content-Length", "1234")
	})
	a := r.call("HEAD", "/bpgo/accounts", "")
	if a.status != 200 || a.body != "" || a.header.Get("X-Method") != "HEAD" || a.header.Get("Content-Length") != "1234" {
		t.Errorf("%d %v %q", a.status, a.header, a.body)
	}
}

// TestLargeAnswerStreams holds that an answer reaches the app while the bank
// is still sending, and that its size is no matter.
func TestLargeAnswerStreams(t *testing.T) {
	const size = 64 << 20
	more := make(chan struct{})
	r := rawRig(t, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Query().Get("size") != "" {
			w.Header().Set("Content-Length", strconv.Itoa(size))
			_, _ = io.CopyN(w, zeros{}, size)
			return
		}
		_, _ = io.WriteString(w, "first")
		w.(http.Flusher).Flush()
		<-more
		_, _ = io.WriteString(w, "second")
	})
	response, err := plain().Do(r.request("GET", "/bpgo/accounts?size=1", ""))
	r.check(err)
	got, err := io.Copy(io.Discard, response.Body)
	response.Body.Close()
	if got != size || err != nil {
		t.Errorf("%d bytes, %v", got, err)
	}
	response, err = plain().Do(r.request("GET", "/bpgo/accounts", ""))
	r.check(err)
	defer response.Body.Close()
	first := make([]byte, 5)
	if _, err := io.ReadFull(response.Body, first); err != nil || string(first) != "first" {
		t.Errorf("%q, %v", first, err)
	}
	close(more)
	rest, err := io.ReadAll(response.Body)
	if string(rest) != "second" || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// TestInformationalAnswers holds that 1xx answers neither end a call nor count as its outcome.
func TestInformationalAnswers(t *testing.T) {
	r := rawRig(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Link", "</x>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusProcessing)
		w.Header().Del("Link")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "final")
	})
	var hints []int
	req := r.request("POST", "/bpgo/payment-requests", "{}")
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
			hints = append(hints, code)
			return nil
		},
	}))
	if a := r.do(plain(), req); a.status != 201 || a.body != "final" {
		t.Errorf("%d %q", a.status, a.body)
	}
	if len(hints) == 0 || hints[0] != http.StatusEarlyHints {
		t.Errorf("the app got %v before the answer", hints)
	}
}

// TestExpectContinue holds that an app that waits before it sends its body is
// told to go on.
func TestExpectContinue(t *testing.T) {
	r := newRig(t)
	r.load(parts{})
	conn, err := net.DialTimeout("tcp", r.app, time.Second)
	r.check(err)
	defer conn.Close()
	r.check(conn.SetDeadline(time.Now().Add(10 * time.Second)))
	fmt.Fprintf(conn, "POST /bpgo/funds-confirmations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+
		"PSU-IP-Address: %s\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", publicIP, len(fundsBody))
	reader := bufio.NewReader(conn)
	line, err := reader.ReadString('\n')
	r.check(err)
	if !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("%q", line)
	}
	_, err = reader.ReadString('\n')
	r.check(err)
	_, err = io.WriteString(conn, fundsBody)
	r.check(err)
	response, err := http.ReadResponse(reader, nil)
	r.check(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	r.check(err)
	r.compliant(answer{response.StatusCode, response.Header, string(body)})
}

// TestAnswerWithoutContentTypeStaysSo holds that none is guessed.
func TestAnswerWithoutContentTypeStaysSo(t *testing.T) {
	r := newRig(t)
	r.bankURL = newRawBank(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		_, _ = io.WriteString(w, "<html>")
	}).url()
	r.load(parts{})
	a := r.funds()
	if _, guessed := a.header["Content-Type"]; a.status != 200 || a.body != "<html>" || guessed {
		t.Errorf("%d %q %v", a.status, a.body, a.header)
	}
}
