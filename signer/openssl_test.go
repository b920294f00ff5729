package signer

import (
	"maps"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// opensslVector is one file that testdata/openssl/regenerate.sh wrote.
type opensslVector struct {
	key, kind string
	spec      Spec
	msg       Message
	now       time.Time
	expect    http.Header // what signing sets, but for the signature
	text      string      // the signing string
	container string      // name of the header that carries the signature
	value     string      // and its value
}

func loadVector(t *testing.T, name string) opensslVector {
	t.Helper()
	sections := make(map[string]string)
	for part := range strings.SplitSeq("\n"+string(loadFile(t, "openssl", "vectors", name)), "\n== ") {
		title, body, _ := strings.Cut(part, "\n")
		sections[title] = strings.TrimSuffix(body, "\n")
		if title != "header" { // the last one keeps its own line end
			sections[title] = body
		}
	}
	request := strings.Fields(sections["request"])
	if len(request) != 5 {
		t.Fatalf("request line %q", sections["request"])
	}
	unix, err := strconv.ParseInt(request[3], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	v := opensslVector{
		key: sections["key"], kind: sections["kind"], spec: parseSpec(t, sections["spec"]),
		msg:    Message{Method: request[0], Target: request[1], Host: request[2], Operation: request[4], Header: parseHeaders(sections["headers"]), Body: []byte(sections["body"])},
		now:    time.Unix(unix, 0),
		expect: parseHeaders(sections["expect"]),
		text:   sections["string"],
	}
	v.container, v.value, _ = strings.Cut(sections["header"], ": ")
	return v
}

// parseHeaders keeps the spelling of names and the space round values.
func parseHeaders(text string) http.Header {
	h := make(http.Header)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); ok {
			h[name] = append(h[name], value)
		}
	}
	return h
}

func TestOpenSSLVectors(t *testing.T) {
	files, err := filepath.Glob("testdata/openssl/vectors/*.txt")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d vectors, %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			v := loadVector(t, name)
			cred := testCredentials(t, v.key)
			s := mustCompile(t, v.spec, cred)

			text, signed, err := s.SigningString(&v.msg, v.now)
			if err != nil {
				t.Fatal(err)
			}
			if text != v.text {
				t.Fatalf("signing string\n%q\nexpected\n%q", text, v.text)
			}
			if lines := strings.Count(text, "\n") + 1; lines != len(signed) {
				t.Errorf("%d lines, %d names", lines, len(signed))
			}
			before := maps.Clone(v.msg.Header)
			if err := s.Sign(&v.msg, v.now); err != nil {
				t.Fatal(err)
			}
			for name, values := range v.expect {
				if got := v.msg.Header[name]; len(got) != 1 || got[0] != values[0] {
					t.Errorf("%s: %q, expected %q", name, got, values)
				}
			}
			if got, want := len(v.msg.Header), len(before)+len(v.expect)+1; got != want {
				t.Errorf("%d headers, expected %d: %v", got, want, v.msg.Header)
			}
			v.checkSignature(t, cred)
		})
	}
}

// checkSignature compares the signature header with OpenSSL's: byte for byte
// where the algorithm is deterministic, otherwise all but the signature. Both
// must verify.
func (v *opensslVector) checkSignature(t *testing.T, cred Credentials) {
	t.Helper()
	got := v.msg.Header[v.container][0]
	if err := Verify(cred.Key.Public(), v.spec, &v.msg); err != nil {
		t.Errorf("own signature: %v", err)
	}
	if v.kind == "pkcs1" {
		if got != v.value {
			t.Errorf("%s\n%s\nexpected\n%s", v.container, got, v.value)
		}
		return
	}
	cut := func(s string) string { head, _, _ := strings.Cut(s, `signature="`); return head }
	if cut(got) != cut(v.value) {
		t.Errorf("%s\n%s\nexpected\n%s", v.container, cut(got), cut(v.value))
	}
	v.msg.Header[v.container] = []string{v.value}
	if err := Verify(cred.Key.Public(), v.spec, &v.msg); err != nil {
		t.Errorf("OpenSSL's signature: %v", err)
	}
}
