package sandbox

import (
	"bytes"
	"strings"
	"testing"
)

func TestParseHeadRefuses(t *testing.T) {
	for _, head := range []string{
		"", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\n\n", "GET /  HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
		"GET / HTTP/1.1\r\nA : b\r\n\r\n", "GET / HTTP/1.1\r\nA: b\nB: c\r\n\r\n", "GET / HTTP/1.1\r\nA: b\x00\r\n\r\n",
		"GET / HTTP/1.1\r\n: b\r\n\r\n", "\r\n\r\n",
	} {
		if m, err := parseHead([]byte(head)); err == nil {
			t.Errorf("%q: %+v", head, m)
		}
	}
}

func TestHeadSplitter(t *testing.T) {
	one := "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\n"
	two := "GET /b HTTP/1.1\r\n\r\n"
	three := "PUT /c HTTP/1.1\r\ncontent-length:2\r\nX: y\r\n\r\n"
	stream := one + "\r\n\r\nx" + two + three + "hi" + two
	for step := 1; step <= len(stream); step++ {
		var s headSplitter
		for rest := []byte(stream); len(rest) > 0; {
			n := min(step, len(rest))
			s.feed(rest[:n])
			rest = rest[n:]
		}
		for i, want := range []string{one, two, three, two, ""} {
			if got := string(s.next()); got != want {
				t.Fatalf("step %d, head %d: %q, want %q", step, i, got, want)
			}
		}
	}
	for _, stop := range []string{
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
	} {
		var s headSplitter
		s.feed([]byte(stop + two))
		if string(s.next()) != stop || s.next() != nil {
			t.Errorf("%q: went on where the body's end is unknown", stop)
		}
	}
	var s headSplitter
	s.feed(bytes.Repeat([]byte("a"), maxHead+2))
	if !s.stopped {
		t.Error("a head without end is kept")
	}
}

func FuzzHeadSplitter(f *testing.F) {
	f.Add([]byte("POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n\r\n"), 7)
	f.Add([]byte("GET / HTTP/1.1\nHost: a\n\n"), 1)
	f.Fuzz(func(t *testing.T, stream []byte, cut int) {
		// Where reads happen to end must not matter.
		var whole, parts headSplitter
		whole.feed(stream)
		if cut < 0 || cut > len(stream) {
			cut = len(stream) / 2
		}
		parts.feed(stream[:cut])
		for _, b := range stream[cut:] {
			parts.feed([]byte{b})
		}
		for {
			a, b := whole.next(), parts.next()
			if !bytes.Equal(a, b) {
				t.Fatalf("%q and %q", a, b)
			}
			if a == nil {
				return
			}
			if m, err := parseHead(a); err == nil && (m.Method == "" || m.Target == "" || strings.ContainsAny(m.Target, " \r\n")) {
				t.Fatalf("%q: %+v", a, m)
			}
		}
	})
}
