package signer

import (
	"crypto"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

var testTime = time.Unix(1_700_000_000, 0)

func literalSpec(signed ...string) Spec {
	return Spec{Signed: signed, KeyID: KeyID{Form: "literal", Value: "k"}}
}

func TestSignRefuses(t *testing.T) {
	cred := testCredentials(t, "p256")
	header := func(pairs ...string) http.Header {
		h := make(http.Header)
		for i := 0; i < len(pairs); i += 2 {
			h[pairs[i]] = append(h[pairs[i]], pairs[i+1])
		}
		return h
	}
	for name, test := range map[string]struct {
		signed []string
		msg    Message
		want   error
		names  string // what the error must name
	}{
		"absent":               {[]string{"date"}, Message{}, ErrHeaderMissing, "date"},
		"no value":             {[]string{"date"}, Message{Header: http.Header{"Date": nil}}, ErrHeaderMissing, "date"},
		"no host":              {[]string{"host"}, Message{}, ErrHeaderMissing, "host"},
		"no digest":            {[]string{"digest"}, Message{}, ErrHeaderMissing, `digest: the request has no body; list "digest?"`},
		"no length":            {[]string{"content-length"}, Message{}, ErrHeaderMissing, "content-length"},
		"nothing there":        {[]string{"a?", "psu-*"}, Message{}, ErrHeaderMissing, "none of"},
		"CR LF":                {[]string{"x"}, Message{Header: header("X", "a\r\nb: c")}, ErrHeaderValue, "x"},
		"LF in a second value": {[]string{"x"}, Message{Header: header("X", "a", "X", "b\n")}, ErrHeaderValue, "x"},
		"NUL":                  {[]string{"x?"}, Message{Header: header("X", "a\x00")}, ErrHeaderValue, "x"},
		"DEL":                  {[]string{"x"}, Message{Header: header("X", "\x7f")}, ErrHeaderValue, "x"},
		"LF in PSU":            {[]string{"psu-*"}, Message{Header: header("PSU-ID", "a\nb")}, ErrHeaderValue, "psu-id"},
		"PSU name no token":    {[]string{"psu-*"}, Message{Header: header("PSU-I D", "a")}, ErrHeaderValue, "PSU-I D"},
		"PSU name with LF":     {[]string{"psu-*"}, Message{Header: header("PSU-ID: x\nA", "a")}, ErrHeaderValue, "token"},
		"two spellings":        {[]string{"x-a"}, Message{Header: header("X-A", "1", "x-a", "2")}, ErrHeaderValue, "x-a"},
		"two PSU spellings":    {[]string{"psu-*"}, Message{Header: header("PSU-ID", "1", "Psu-Id", "2")}, ErrHeaderValue, "psu-id"},
		"space in target":      {[]string{"(request-target)"}, Message{Method: "GET", Target: "/a b"}, ErrHeaderValue, "request-target"},
		"LF in target":         {[]string{"(request-target)"}, Message{Method: "GET", Target: "/a\nb"}, ErrHeaderValue, "request-target"},
		"no target":            {[]string{"(request-target)"}, Message{Method: "GET"}, ErrHeaderValue, "request-target"},
		"no method":            {[]string{"(request-target)"}, Message{Target: "/"}, ErrHeaderValue, "method"},
		"LF in method":         {[]string{"(request-target)"}, Message{Method: "G\n", Target: "/"}, ErrHeaderValue, "method"},
		"LF in host":           {[]string{"host"}, Message{Host: "a\nb"}, ErrHeaderValue, "host"},
		"LF in the digest":     {[]string{"x"}, Message{Header: header("X", "a"), BodyDigest: "a\nb"}, ErrHeaderValue, "digest"},
	} {
		t.Run(name, func(t *testing.T) {
			s := mustCompile(t, literalSpec(test.signed...), cred)
			before := test.msg.Header.Clone()
			err := s.Sign(&test.msg, testTime)
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.names) {
				t.Errorf("%v, expected %v naming %s", err, test.want, test.names)
			}
			if !reflect.DeepEqual(before, test.msg.Header) {
				t.Errorf("changed headers: %v", test.msg.Header)
			}
		})
	}
}

func TestSignSortedRequiresPSU(t *testing.T) {
	spec := literalSpec("psu-*", "psu-id", "date")
	spec.Sort = true
	s := mustCompile(t, spec, testCredentials(t, "p256"))
	err := s.Sign(&Message{Header: http.Header{"Date": {"x"}, "Psu-Accept": {"y"}}}, testTime)
	if !errors.Is(err, ErrHeaderMissing) || !strings.Contains(err.Error(), "psu-id") {
		t.Error(err)
	}
}

// TestSignReplaces wants what signing owns to be there once, in its spelling.
func TestSignReplaces(t *testing.T) {
	spec := literalSpec("date", "tpp-signature-certificate")
	spec.Certificate.Header = "TPP-Signature-Certificate"
	cred := testCredentials(t, "p256")
	s := mustCompile(t, spec, cred)
	msg := &Message{Method: "POST", Target: "/", Body: []byte("x"), Header: http.Header{
		"Date": {"x"}, "digest": {"forged"}, "SIGNATURE": {"forged"}, "Tpp-Signature-Certificate": {"forged"},
	}}
	if err := s.Sign(msg, testTime); err != nil {
		t.Fatal(err)
	}
	if len(msg.Header) != 4 || msg.Header["Signature"] == nil || msg.Header[spec.Certificate.Header] == nil {
		t.Errorf("%v", msg.Header)
	}
	if err := Verify(cred.Key.Public(), spec, msg); err != nil {
		t.Error(err)
	}
	msg.Header["Signature"] = append(msg.Header["Signature"], "more")
	msg.Header["Digest"] = append(msg.Header["Digest"], "more")
	if msg.Header[spec.Certificate.Header][0] != s.certificate {
		t.Error("adding to one header wrote into another")
	}
}

func TestSignTrims(t *testing.T) {
	s := mustCompile(t, literalSpec("x", "psu-*"), testCredentials(t, "p256"))
	shared := []string{" a", "b\t"}
	psuID := "PSU-ID" // as on the wire, not as net/http spells it
	msg := &Message{Header: http.Header{"X": shared, psuID: {"\t c "}, "Other": {" d "}}}
	text, _, err := s.SigningString(msg, testTime)
	if err != nil || text != "x: a, b\npsu-id: c" || msg.Header["X"][0] != " a" {
		t.Fatalf("%q, %v, %v", text, err, msg.Header)
	}
	if err := s.Sign(msg, testTime); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(msg.Header["X"], []string{"a", "b"}) || msg.Header[psuID][0] != "c" || msg.Header["Other"][0] != " d " {
		t.Errorf("%v", msg.Header)
	}
	if shared[0] != " a" {
		t.Error("wrote into a slice that others may hold")
	}
}

func TestContentLength(t *testing.T) {
	s := mustCompile(t, literalSpec("content-length?", "date"), testCredentials(t, "p256"))
	for _, test := range []struct{ method, body, want string }{
		{"POST", "", "content-length: 0\n"}, {"PUT", "", "content-length: 0\n"}, {"PATCH", "", "content-length: 0\n"},
		{"GET", "", ""}, {"DELETE", "", ""}, {"HEAD", "", ""},
		{"GET", "ab", "content-length: 2\n"}, {"POST", "abc", "content-length: 3\n"},
	} {
		msg := &Message{Method: test.method, Body: []byte(test.body), Header: http.Header{"Date": {"x"}, "Content-Length": {"99"}}}
		if text, _, err := s.SigningString(msg, testTime); err != nil || text != test.want+"date: x" {
			t.Errorf("%v: %q, %v", test, text, err)
		}
	}
}

func TestBodyDigest(t *testing.T) {
	s := mustCompile(t, literalSpec("digest"), testCredentials(t, "p256"))
	msg := &Message{Method: "POST", Target: "/", Body: []byte("abc")}
	msg.BodyDigest = s.Digest(msg.Body)
	if err := s.Sign(msg, testTime); err != nil {
		t.Fatal(err)
	}
	if got := msg.Header["Digest"][0]; got != "SHA-256=ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=" {
		t.Error(got)
	}
}

type brokenKey struct{ crypto.Signer }

var errToken = errors.New("token is gone")

func (brokenKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errToken }

type oddKey struct{ crypto.Signer }

func (oddKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return []byte{0x30, 0x00}, nil
}

func TestSignBrokenKey(t *testing.T) {
	cred := testCredentials(t, "p256")
	good := cred.Key
	spec := literalSpec("date")
	spec.ECDSAEncoding = "raw"
	msg := &Message{Header: http.Header{"Date": {"x"}}}
	cred.Key = brokenKey{good}
	if err := mustCompile(t, spec, cred).Sign(msg, testTime); !errors.Is(err, ErrKey) || !errors.Is(err, errToken) || len(msg.Header) != 1 {
		t.Errorf("%v, %v", err, msg.Header)
	}
	cred.Key = oddKey{good}
	if err := mustCompile(t, spec, cred).Sign(msg, testTime); !errors.Is(err, ErrKey) || len(msg.Header) != 1 {
		t.Errorf("%v, %v", err, msg.Header)
	}
}

// TestSignConcurrently looks for working memory that two signatures share.
func TestSignConcurrently(t *testing.T) {
	spec := literalSpec("(request-target)", "date", "psu-*", "digest?")
	cred := testCredentials(t, "p256")
	s := mustCompile(t, spec, cred)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				msg := &Message{Method: "POST", Target: "/" + strings.Repeat("x", i), Body: []byte(strings.Repeat("b", i)),
					Header: http.Header{"Date": {strings.Repeat("d", i+1)}, "Psu-Id": {strings.Repeat("p", i)}}}
				if err := s.Sign(msg, testTime); err != nil {
					t.Error(err)
				} else if err := Verify(cred.Key.Public(), spec, msg); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
