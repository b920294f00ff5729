package capture

import (
	"errors"
	"strings"
	"testing"
)

// show writes a request down for comparison: request line, host, fields with
// raw values, body.
func show(r *Request) string {
	var out strings.Builder
	out.WriteString(r.Method + " " + r.Target + " @" + r.Host + "\n")
	for _, f := range r.Fields {
		out.WriteString(f.Name + ":" + f.Raw + "\n")
	}
	return out.String() + "\n" + string(r.Body)
}

func codes(r *Request) string {
	var list []string
	for _, w := range r.Warnings {
		list = append(list, w.Code)
	}
	return strings.Join(list, " ")
}

type parseTest struct{ input, want, warnings string }

func runTable(t *testing.T, form Form, tests map[string]parseTest) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := Parse([]byte(test.input), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := show(r); got != test.want {
				t.Errorf("got\n%q\nwant\n%q", got, test.want)
			}
			if got := codes(r); got != test.warnings {
				t.Errorf("warnings %q, want %q: %v", got, test.warnings, r.Warnings)
			}
			if r.Form != form {
				t.Errorf("form %q", r.Form)
			}
		})
	}
}

func TestParseRaw(t *testing.T) {
	runTable(t, FormRaw, map[string]parseTest{
		"CRLF": {"POST /a?b=%2F HTTP/1.1\r\nHost: bank.example\r\nContent-Length: 2\r\n\r\n{}",
			"POST /a?b=%2F @bank.example\nHost: bank.example\nContent-Length: 2\n\n{}", ""},
		"LF, and the editor's newline": {"POST /a HTTP/1.1\nhost:bank.example\nContent-Length: 2\n\n{}\n",
			"POST /a @bank.example\nhost:bank.example\nContent-Length: 2\n\n{}", "lf final-newline"},
		"mixed line ends": {"GET /a HTTP/1.1\r\nHost: b\n\n", "GET /a @b\nHost: b\n\n", "mixed-line-ends"},
		"spelling and spaces are kept": {"GET /A//b?c HTTP/1.1\r\nX-REQUEST-id:  1 \r\n\r\n",
			"GET /A//b?c @\nX-REQUEST-id:  1 \n\n", ""},
		"no body, but empty lines": {"GET /a HTTP/1.1\r\nHost: b\r\n\r\n\r\n", "GET /a @b\nHost: b\n\n", ""},
		"chunks": {"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
			"POST /a @\nTransfer-Encoding: chunked\n\nabcde", "chunked"},
		"chunks with LF": {"POST /a HTTP/1.1\nTransfer-Encoding: chunked\n\n3\nabc\n0\n\n",
			"POST /a @\nTransfer-Encoding: chunked\n\nabc", "lf chunked"},
		"chunks undone already": {"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{\"a\":1}",
			"POST /a @\nTransfer-Encoding: chunked\n\n{\"a\":1}", "chunked no-length"},
		"body shorter than said": {"POST /a HTTP/1.1\r\nContent-Length: 9\r\n\r\n{}", "POST /a @\nContent-Length: 9\n\n{}", "content-length"},
		"body longer than said":  {"POST /a HTTP/1.1\r\nContent-Length: 1\r\n\r\n{}", "POST /a @\nContent-Length: 1\n\n{}", "content-length"},
		"no length":              {"POST /a HTTP/1.1\r\n\r\n{}\n", "POST /a @\n\n{}\n", "no-length"},
		"two requests": {"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}POST /b HTTP/1.1\r\n\r\n",
			"POST /a @\nContent-Length: 2\n\n{}", "more"},
		"HTTP/2": {":method: POST\n:path: /a?b\n:authority: bank.example\n:scheme: https\nx-request-id: 1\n\n",
			"POST /a?b @bank.example\nx-request-id: 1\n\n", "pseudo-headers lf"},
		"HTTP/2 request line": {"GET /a HTTP/2\r\nHost: b\r\n\r\n", "GET /a @b\nHost: b\n\n", ""},
		"a whole URL":         {"GET https://bank.example/a?b#c HTTP/1.1\r\n\r\n", "GET /a?b @bank.example\n\n", "absolute-target"},
		"no version":          {"GET /a\nHost: b\n", "GET /a @b\nHost: b\n\n", "no-version lf"},
		"folded":              {"GET /a HTTP/1.1\r\nSignature: a,\r\n\tb\r\n\r\n", "GET /a @\nSignature: a, b\n\n", "folded"},
		"a line that is none": {"GET /a HTTP/1.1\r\nnothing\r\nHost: b\r\n\r\n", "GET /a @b\nHost: b\n\n", "malformed"},
		"space before colon":  {"GET /a HTTP/1.1\r\nHost : b\r\n\r\n", "GET /a @b\nHost: b\n\n", "malformed"},
		"byte order mark":     {"\ufeff\r\nGET /a HTTP/1.1\r\nHost: b\r\n\r\n", "GET /a @b\nHost: b\n\n", ""},
	})
}

func TestParseRefuses(t *testing.T) {
	for _, input := range []string{"", " \n", "hello", "hello world", "GET\n", "{}", "[1,2", "POST /a b HTTP/1.1\r\n\r\n", "GET https:///a HTTP/1.1\r\n\r\n"} {
		if r, err := Parse([]byte(input), Options{}); !errors.Is(err, ErrCapture) {
			t.Errorf("%q: %+v, %v", input, r, err)
		}
	}
	if _, err := ParseRaw(make([]byte, MaxSize+1)); !errors.Is(err, ErrCapture) {
		t.Error(err)
	}
}

func TestAccess(t *testing.T) {
	r, err := ParseRaw([]byte("GET /a HTTP/1.1\r\nhost: b:8443\r\nX-A: 1\r\nx-a:\t2 \r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(r.Values("X-a"), "|"); got != "1|2" {
		t.Error(got)
	}
	if second := r.Fields[2].Name; r.URL() != "https://b:8443/a" || len(r.Header()) != 2 || r.Header()[second][0] != "2" {
		t.Errorf("%s %v", r.URL(), r.Header())
	}
}

func FuzzParseRaw(f *testing.F) {
	f.Add([]byte("POST /a?b HTTP/1.1\r\nHost: c\r\nContent-Length: 2\r\n\r\n{}"))
	f.Add([]byte(":method: GET\n:path: /\n\n"))
	f.Add([]byte("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n1\na\n0\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseRaw(data)
		sound(t, r, err)
	})
}

// sound holds for whatever is read from hostile input.
func sound(t *testing.T, r *Request, err error) {
	t.Helper()
	if err != nil {
		if !errors.Is(err, ErrCapture) {
			t.Fatalf("%v is no ErrCapture", err)
		}
		return
	}
	if !isToken(r.Method) || r.Target == "" || strings.ContainsAny(r.Target, " \r\n\x00") {
		t.Fatalf("method %q, target %q", r.Method, r.Target)
	}
	for _, f := range r.Fields {
		if !isToken(f.Name) || strings.ContainsAny(f.Raw, "\n") {
			t.Fatalf("field %q", f)
		}
	}
}
