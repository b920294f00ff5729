package links

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

const bank = "https://bank.example/stet/psd2/v1.4.2"

func rewriter(t testing.TB, base string, fields, headers []string) *Rewriter {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	w, err := Compile(Policy{Fields: fields, Headers: headers}, u)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

var sidecarAt = Address{Origin: "http://sidecar:8080", Path: "/bpgo"}

// One link in every form, and what becomes of it.
var linkTests = []struct{ name, link, want string }{
	{"absolute", bank + "/accounts?page=2", "http://sidecar:8080/bpgo/accounts?page=2"},
	{"default port", "https://bank.example:443/stet/psd2/v1.4.2/accounts", "http://sidecar:8080/bpgo/accounts"},
	{"host in capitals", "HTTPS://Bank.Example/stet/psd2/v1.4.2/accounts", "http://sidecar:8080/bpgo/accounts"},
	{"without scheme", "//bank.example/stet/psd2/v1.4.2/accounts", "http://sidecar:8080/bpgo/accounts"},
	{"absolute path", "/stet/psd2/v1.4.2/accounts?page=2#x", "/bpgo/accounts?page=2#x"},
	{"base itself", bank, "http://sidecar:8080/bpgo"},
	{"base with query", bank + "?x=1", "http://sidecar:8080/bpgo?x=1"},
	{"escapes kept", bank + "/a%20b/%2F?q=%C3%A9+x", "http://sidecar:8080/bpgo/a%20b/%2F?q=%C3%A9+x"},
	{"dots in query", bank + "/accounts?from=../x", "http://sidecar:8080/bpgo/accounts?from=../x"},
	{"letters of Unicode in query", bank + "/accounts?name=é", "http://sidecar:8080/bpgo/accounts?name=é"},

	{"another host", "https://other.example/stet/psd2/v1.4.2/accounts", ""},
	{"another port", "https://bank.example:8443/stet/psd2/v1.4.2/accounts", ""},
	{"bank as user", "https://bank.example@evil.example/stet/psd2/v1.4.2/accounts", ""},
	{"user", "https://me@bank.example/stet/psd2/v1.4.2/accounts", ""},
	{"host as prefix", "https://bank.example.evil.example/stet/psd2/v1.4.2", ""},
	{"plain http", "http://bank.example/stet/psd2/v1.4.2/accounts", ""},
	{"beside the base", "https://bank.example/authorize?x=1", ""},
	{"path as prefix", bank + "9/accounts", ""},
	{"relative", "accounts/1", ""},
	{"query only", "?page=2", ""},
	{"relative to base only", "/accounts?page=2", ""},
	{"dots", bank + "/../secret", ""},
	{"hidden dots", bank + "/%2e%2E/secret", ""},
	{"hidden slash", bank + "/..%2fsecret", ""},
	{"hidden backslash", bank + "/..%5csecret", ""},
	{"parameters after dots", bank + "/..;x/secret", ""},
	{"backslash", bank + `/..\secret`, ""},
	{"two slashes", bank + "//evil.example/x", ""},
	{"blank", bank + "/a b", ""},
	{"letter like k", "https://ban\u212a.example/stet/psd2/v1.4.2/accounts", ""},
	{"empty", "", ""},
}

func TestBodyLinks(t *testing.T) {
	w := rewriter(t, bank, []string{"_links.*.href"}, nil)
	for _, test := range linkTests {
		t.Run(test.name, func(t *testing.T) {
			text, err := json.Marshal(test.link)
			if err != nil {
				t.Fatal(err)
			}
			before, after := `{"amount":1.00,"_links":{"next":{"href":`, `,"x":"`+strings.ReplaceAll(bank, "/", `\/`)+`"}}}`
			got, n := w.Body([]byte(before+string(text)+after), sidecarAt)
			want := string(text)
			if test.want != "" {
				wanted, _ := json.Marshal(test.want)
				want = string(wanted)
			}
			if string(got) != before+want+after || (n == 1) != (test.want != "") {
				t.Errorf("%d:\n%s", n, got)
			}
		})
	}
}

func TestHeaderLinks(t *testing.T) {
	w := rewriter(t, bank, nil, []string{"location", "Link", "Content-Location"})
	for _, test := range linkTests {
		want, n := test.want, 1
		if want == "" {
			want, n = test.link, 0
		}
		for _, name := range []string{"Location", "Content-Location"} {
			h := http.Header{name: {test.link}, "X-Other": {test.link}}
			if got := w.Header(201, h, sidecarAt); got != n || h.Get(name) != want || h.Get("X-Other") != test.link {
				t.Errorf("%s: %s: %q (%d)", test.name, name, h.Get(name), got)
			}
		}
		if strings.ContainsAny(test.link, " ") {
			continue
		}
		h := http.Header{"Link": {`<https://other.example/?a,b>; rel="x"; title="<` + bank + `>, \"", <` + test.link + `>; rel="next"`}}
		wanted := `<https://other.example/?a,b>; rel="x"; title="<` + bank + `>, \"", <` + want + `>; rel="next"`
		if got := w.Header(200, h, sidecarAt); got != n || h.Get("Link") != wanted {
			t.Errorf("%s: %q (%d)", test.name, h.Get("Link"), got)
		}
	}
}

// A redirect is for the PSU's browser.
func TestRedirectStays(t *testing.T) {
	w := rewriter(t, bank, nil, []string{"Location"})
	for _, status := range []int{301, 302, 303, 307, 308, 400} {
		h := http.Header{"Location": {bank + "/accounts"}}
		if n := w.Header(status, h, sidecarAt); n != 0 || h.Get("Location") != bank+"/accounts" {
			t.Errorf("%d: %q", status, h.Get("Location"))
		}
	}
}

func TestPlaces(t *testing.T) {
	const l, r = `"` + bank + `/x"`, `"http://sidecar:8080/bpgo/x"`
	tests := []struct {
		name     string
		fields   []string
		in, want string
	}{
		{"by name", []string{"href"}, `{"href":` + l + `,"other":` + l + `}`, `{"href":` + r + `,"other":` + l + `}`},
		{"by name, deep", []string{"href"}, `[{"a":[[{"href":` + l + `}]]},` + l + `]`, `[{"a":[[{"href":` + r + `}]]},` + l + `]`},
		{"by path", []string{"_links.next.href"}, `{"_links":{"next":{"href":` + l + `},"prev":{"href":` + l + `}}}`, `{"_links":{"next":{"href":` + r + `},"prev":{"href":` + l + `}}}`},
		{"a path's end", []string{"_links.*.href"}, `{"accounts":[{"_links":{"t":{"href":` + l + `}}}],"href":` + l + `}`, `{"accounts":[{"_links":{"t":{"href":` + r + `}}}],"href":` + l + `}`},
		{"any member", []string{"Links.*"}, `{"Links":{"Self":` + l + `,"Next":` + l + `},"Self":` + l + `}`, `{"Links":{"Self":` + r + `,"Next":` + r + `},"Self":` + l + `}`},
		{"lists", []string{"links"}, `{"links":[` + l + `,` + l + `]}`, `{"links":[` + r + `,` + r + `]}`},
		{"taken out", []string{"_links.*.href", "!_links.sign.href"}, `{"_links":{"sign":{"href":` + l + `},"self":{"href":` + l + `}}}`, `{"_links":{"sign":{"href":` + l + `},"self":{"href":` + r + `}}}`},
		{"for the browser", []string{"_links.*.href", "href"}, `{"_links":{"scaRedirect":{"href":` + l + `},"consentApproval":{"href":` + l + `}}}`, ``},
		{"names are no values", []string{"href"}, `{` + l + `:{"href":1}}`, ``},
		{"escaped name", []string{"href"}, `{"hr\u0065f":` + l + `}`, `{"hr\u0065f":` + r + `}`},
		{"after a nested object", []string{"a.href"}, `{"a":{"b":{"c":1},"href":` + l + `},"href":` + l + `}`, `{"a":{"b":{"c":1},"href":` + r + `},"href":` + l + `}`},
		{"escaped slashes", []string{"href"}, `{"href":"https:\/\/bank.ex\u0061mple\/stet\/psd2\/v1.4.2\/a\/\u00e9\/b"}`, `{"href":"http://sidecar:8080/bpgo\/a\/\u00e9\/b"}`},
		{"no link at all", []string{"href"}, `{"href":null,"x":[true,1e5,{}]}`, ``},
		{"text alone", []string{"href"}, l, ``},
		{"no JSON", []string{"href"}, `{"href":` + l, ``},
		{"two texts", []string{"href"}, `{"href":` + l + `} {}`, ``},
		{"spaces and numbers stay", []string{"href"}, "{ \"n\" : 1.00 ,\n\"href\":\t" + l + " }\n", "{ \"n\" : 1.00 ,\n\"href\":\t" + r + " }\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := test.want
			if want == "" {
				want = test.in
			}
			got, _ := rewriter(t, bank, test.fields, nil).Body([]byte(test.in), sidecarAt)
			if string(got) != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// Where the app's address and the bank's are alike, or one of them has no path.
func TestAddresses(t *testing.T) {
	tests := []struct {
		name, base string
		to         Address
		link, want string
	}{
		{"proxy for plain HTTP", bank, Address{"http://bank.example", "/stet/psd2/v1.4.2"}, bank + "/a", "http://bank.example/stet/psd2/v1.4.2/a"},
		{"its paths are right", bank, Address{"http://bank.example", "/stet/psd2/v1.4.2"}, "/stet/psd2/v1.4.2/a", "/stet/psd2/v1.4.2/a"},
		{"no prefix", bank, Address{"http://sidecar", ""}, "/stet/psd2/v1.4.2/a", "/a"},
		{"no prefix, base itself", bank, Address{"http://sidecar", ""}, "/stet/psd2/v1.4.2?x", "/?x"},
		{"base without path", "https://bank.example", Address{"http://sidecar", "/b"}, "/a", "/b/a"},
		{"base without path, absolute", "https://bank.example/", Address{"http://sidecar", "/b"}, "https://bank.example/a", "http://sidecar/b/a"},
		{"neither has a path", "https://bank.example", Address{"http://sidecar", ""}, "/a", "/a"},
		{"another port", "https://bank.example:8443/v1", Address{"http://[::1]:80", "/b"}, "https://bank.example:8443/v1/a", "http://[::1]:80/b/a"},
		{"no address", bank, Address{}, bank + "/a", bank + "/a"},
		{"an address that would need quotes", bank, Address{`http://a"b`, ""}, bank + "/a", bank + "/a"},
		{"a path that would need quotes", bank, Address{"http://a", `/"`}, bank + "/a", bank + "/a"},
		{"a path that is a host", bank, Address{"http://a", "//evil.example"}, bank + "/a", bank + "/a"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := rewriter(t, test.base, []string{"href"}, []string{"Location"})
			got, _ := w.Body([]byte(`{"href":"`+test.link+`"}`), test.to)
			if want := `{"href":"` + test.want + `"}`; string(got) != want {
				t.Errorf("got %s, want %s", got, want)
			}
			h := http.Header{"Location": {test.link}}
			if w.Header(201, h, test.to); h.Get("Location") != test.want {
				t.Errorf("got %s", h.Get("Location"))
			}
		})
	}
}

func TestValidate(t *testing.T) {
	for _, policy := range []Policy{{Fields: []string{""}}, {Fields: []string{"a..b"}}, {Fields: []string{"*"}}, {Fields: []string{"!"}},
		{Fields: []string{"*.*"}}, {Headers: []string{"Set-Cookie"}}} {
		if err := policy.Validate(); !errors.Is(err, ErrPolicy) {
			t.Errorf("%v: %v", policy, err)
		}
	}
	if _, err := Compile(Policy{}, &url.URL{Scheme: "http", Host: "a"}); !errors.Is(err, ErrPolicy) {
		t.Error(err)
	}
	if (Policy{}).Empty() != true || (Policy{Fields: []string{"href"}}).Empty() {
		t.Error("Empty")
	}
}

// masked gives a JSON value with every text under href blanked.
func masked(value any, under bool) any {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			v[name] = masked(inner, name == "href")
		}
	case []any:
		for i := range v {
			v[i] = masked(v[i], under)
		}
	case string:
		if under {
			return ""
		}
	}
	return value
}

// Whatever the body: it stays JSON or no JSON, only texts under the named member
// change, and each that changes led to the bank and leads to the sidecar now.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{`{"href":"` + bank + `/a"}`, `{"href":["` + bank + `"],"n":1.00}`, `{"a":{"href":"\/stet\/psd2\/v1.4.2\/x"}}`,
		`[]`, `{`, `"x"`, `{"href":{"href":"//bank.example/stet/psd2/v1.4.2"}}`, `{"href":"\ud800"}`} {
		f.Add([]byte(seed))
	}
	w := rewriter(f, bank, []string{"href"}, nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		before := string(body)
		got, n := w.Body(body, sidecarAt)
		if string(body) != before {
			t.Fatal("it wrote into the body")
		}
		if n == 0 && string(got) != before || json.Valid(got) != json.Valid(body) {
			t.Fatalf("%d of %q: %q", n, body, got)
		}
		if n == 0 {
			return
		}
		var was, is any
		if json.Unmarshal(body, &was) != nil || json.Unmarshal(got, &is) != nil {
			t.Fatal("no JSON")
		}
		if !reflect.DeepEqual(masked(was, false), masked(is, false)) {
			t.Fatalf("of %q: %q", body, got)
		}
		if again, m := w.Body(got, sidecarAt); m != 0 {
			t.Fatalf("twice: %q", again)
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add(`<` + bank + `/a>; rel="next"`)
	f.Add(`<a>;x="\"", </stet/psd2/v1.4.2>`)
	w := rewriter(f, bank, nil, []string{"Link", "Location"})
	f.Fuzz(func(t *testing.T, value string) {
		for _, name := range []string{"Link", "Location"} {
			h := http.Header{name: {value}}
			if n := w.Header(200, h, sidecarAt); (n == 0) != (h.Get(name) == value) {
				t.Fatalf("%d of %q: %q", n, value, h.Get(name))
			}
			if n := w.Header(200, h, sidecarAt); n != 0 {
				t.Fatalf("twice: %q", h.Get(name))
			}
		}
	})
}
