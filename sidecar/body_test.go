package sidecar_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// noise is n bytes of every value.
func noise(n int) []byte {
	b := make([]byte, n)
	random := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

func digestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return "SHA-256=" + base64.StdEncoding.EncodeToString(sum[:])
}

const bearer = "Authorization: Bearer of-the-app\r\n"

func TestBodyArrivesByteForByte(t *testing.T) {
	b := newRawBank(t, nil, answerOK)
	r := b.toward(t, options{})
	for _, size := range []int{1, 500, 64 << 10, 1 << 20} {
		body := noise(size)
		for _, chunked := range []bool{false, true} {
			for _, method := range []string{"POST", "PUT", "PATCH", "GET", "DELETE"} {
				if size > 500 && method != "POST" {
					continue
				}
				req, err := http.NewRequest(method, r.app.URL+"/x", bytes.NewReader(body))
				r.check(err)
				if chunked {
					req.ContentLength = -1
				}
				req.Header.Set("Authorization", "Bearer of-the-app")
				req.Header.Set("Content-Type", "application/octet-stream")
				if a := r.do(req); a.status != 200 {
					t.Fatalf("%s of %d bytes: %d %s", method, size, a.status, a.body)
				}
				got := b.last(t)
				if !bytes.Equal(got.body, body) || got.Method != method {
					t.Errorf("%s of %d bytes (chunked %t): %s of %d bytes arrived", method, size, chunked, got.Method, len(got.body))
				}
				wantLine(t, got.head, "Content-Length: "+strconv.Itoa(size))
				wantLine(t, got.head, "Digest: "+digestOf(body))
				wantNo(t, got.head, "Transfer-Encoding", "Trailer", "Expect")
			}
		}
	}
}

// wantLine fails unless the head holds this line once.
func wantLine(t testing.TB, head, line string) {
	t.Helper()
	if n := strings.Count(head, "\r\n"+line+"\r\n"); n != 1 {
		t.Errorf("%q is there %d times in\n%s", line, n, head)
	}
}

// wantNo fails if the head holds one of these header fields.
func wantNo(t testing.TB, head string, names ...string) {
	t.Helper()
	for _, name := range names {
		if strings.Contains(strings.ToLower(head), "\r\n"+strings.ToLower(name)+":") {
			t.Errorf("%s is there:\n%s", name, head)
		}
	}
}

func TestFramingOfRequestsWithoutBody(t *testing.T) {
	b := newRawBank(t, nil, answerOK)
	r := b.toward(t, options{})
	for _, sent := range []string{"", "Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n"} {
		for method, length := range map[string]bool{"GET": false, "HEAD": false, "OPTIONS": false, "DELETE": false, "POST": true, "PUT": true, "PATCH": true} {
			end := "\r\n"
			if strings.HasPrefix(sent, "Transfer") {
				end += "0\r\n\r\n"
			}
			a := r.raw(method + " /x HTTP/1.1\r\nHost: s\r\nConnection: close\r\n" + bearer + sent + end)
			if a.status != 200 {
				t.Fatalf("%s with %q: %d %s", method, sent, a.status, a.body)
			}
			head := b.last(t).head
			wantNo(t, head, "Transfer-Encoding", "Digest")
			if length {
				wantLine(t, head, "Content-Length: 0")
			} else {
				wantNo(t, head, "Content-Length")
			}
		}
	}
}

func TestSandboxAcceptsTheSignatureOverBodies(t *testing.T) {
	r := newRig(t, options{})
	for name, request := range map[string]string{
		"HTTP/1.0":     "POST /funds-confirmations HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		"Expect":       "POST /funds-confirmations HTTP/1.1\r\nHost: s\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		"chunked":      "POST /funds-confirmations HTTP/1.1\r\nHost: s\r\nConnection: close\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n%x\r\n%s\r\n0\r\nX-T: 1\r\n\r\n",
		"no type":      "POST /funds-confirmations HTTP/1.1\r\nHost: s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s",
		"absolute URL": "POST http://bank.test/funds-confirmations HTTP/1.1\r\nHost: s\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
	} {
		a := r.raw(fmt.Sprintf(request, len(fundsBody), fundsBody))
		if name == "no type" {
			// The bank's own complaint, not one about the signature.
			if last := r.bank.Last(); a.status != 400 || !last.SignatureOK {
				t.Errorf("%s: %d, %q", name, a.status, last.Problems)
			}
			continue
		}
		record := r.accepted(a, 200)
		if string(record.Body) != fundsBody {
			t.Errorf("%s: body %q", name, record.Body)
		}
		wantNo(t, string(record.RawHead), "X-T", "Trailer", "Transfer-Encoding", "Expect")
	}
}

func TestContentEncodingPassesUntouched(t *testing.T) {
	b := newRawBank(t, nil, answerOK)
	r := b.toward(t, options{})
	packed := append([]byte{0x1f, 0x8b, 8}, noise(100)...)
	a := r.call("POST", "/x", string(packed), "Authorization", "Bearer x", "Content-Encoding", "gzip", "Content-Language", "fr")
	if got := b.last(t); a.status != 200 || !bytes.Equal(got.body, packed) {
		t.Errorf("status %d, body %x", a.status, got.body)
	}
	wantLine(t, b.last(t).head, "Content-Encoding: gzip")
	wantNo(t, b.last(t).head, "Accept-Encoding")
}

func TestBodyRefused(t *testing.T) {
	r := newRig(t, options{config: func(c *sidecar.Config) { c.MaxBody = 1000 }})
	const head = "POST /funds-confirmations HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n"
	cases := map[string]struct {
		request string
		code    sidecar.Code
	}{
		"Content-Length over the limit": {head + "Content-Length: 1001\r\n\r\n" + strings.Repeat("x", 1001), sidecar.CodeBodyTooLarge},
		"announced only":                {head + "Expect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n", sidecar.CodeBodyTooLarge},
		"chunks over the limit":         {head + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + strings.Repeat("x", 1001) + "\r\n0\r\n\r\n", sidecar.CodeBodyTooLarge},
		"shorter than announced":        {head + "Content-Length: 900\r\n\r\nabc", sidecar.CodeBodyUnreadable},
		"broken chunk":                  {head + "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", sidecar.CodeBodyUnreadable},
		"chunks break off":              {head + "Transfer-Encoding: chunked\r\n\r\n10\r\nabc", sidecar.CodeBodyUnreadable},
	}
	for name, c := range cases {
		a, err := r.tryRaw(c.request, c.code == sidecar.CodeBodyUnreadable)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r.refused(a, c.code)
		if want := map[sidecar.Code]int{sidecar.CodeBodyTooLarge: 413, sidecar.CodeBodyUnreadable: 400}[c.code]; a.status != want {
			t.Errorf("%s: status %d, want %d", name, a.status, want)
		}
	}
	if n := len(r.bank.Records()); n > 0 {
		t.Errorf("%d requests reached the bank", n)
	}
	// The limit itself is allowed, in either framing.
	for _, request := range []string{
		head + "Connection: close\r\nContent-Length: 1000\r\n\r\n" + strings.Repeat("x", 1000),
		head + "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + strings.Repeat("x", 1000) + "\r\n0\r\n\r\n",
	} {
		if a := r.raw(request); a.header.Get(sidecar.ErrorHeader) != "" || len(r.bank.Last().Body) != 1000 {
			t.Errorf("1000 bytes refused: %s", a.body)
		}
	}
}

func TestAnswersOfTheBankPassByteForByte(t *testing.T) {
	body := string(noise(70000))
	answers := []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Odd:  a \r\nX-Odd: b\r\nDigest: SHA-256=x\r\nContent-Encoding: gzip\r\n\r\nabc",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 201 Created\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.test/?a=b\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11170\r\n" + body + "\r\n0\r\n\r\n",
		"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer error=\"invalid_token\"\r\nContent-Length: 2\r\n\r\nno",
	}
	var next string
	b := newRawBank(t, nil, func(conn *tls.Conn, _ *rawRequest, _ int) { write(conn, next) })
	r := b.toward(t, options{})
	for _, next = range answers {
		a := r.call("GET", "/x", "", "Authorization", "Bearer x")
		want, wantBody, _ := strings.Cut(next[strings.LastIndex(next, "HTTP/1.1 "):], "\r\n\r\n")
		if strings.Contains(want, "chunked") {
			wantBody = body
		}
		if got := strconv.Itoa(a.status); got != want[9:12] || a.body != wantBody {
			t.Errorf("status %s, %d bytes of body for\n%.200s", got, len(a.body), next)
		}
		for line := range strings.SplitSeq(want, "\r\n") {
			if name, value, ok := strings.Cut(line, ": "); ok && !strings.Contains(strings.Join(a.header.Values(name), "\n"), strings.TrimSpace(value)) && name != "Transfer-Encoding" {
				t.Errorf("%s is %q, want %q", name, a.header.Values(name), value)
			}
		}
	}
	if n := len(b.received()); n != len(answers) {
		t.Errorf("%d requests for %d answers", n, len(answers))
	}
}
