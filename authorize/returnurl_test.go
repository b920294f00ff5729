package authorize

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

var allowedReturns = []string{
	"https://app.example/bank",
	"https://app.example/dir/",
	"https://other.example:8443",
	"http://localhost:3000/done",
	"http://127.0.0.1/done",
	"http://[::1]:3000/",
}

func TestMatchReturnURL(t *testing.T) {
	for raw, want := range map[string]string{
		"https://app.example/bank":                     "https://app.example/bank",
		"https://app.example/bank/":                    "https://app.example/bank/",
		"https://app.example/bank/done?x=1&y=a%20b":    "https://app.example/bank/done?x=1&y=a%20b",
		"HTTPS://APP.example:443/bank":                 "https://app.example/bank",
		"https://app.example/x/../bank/./done":         "https://app.example/bank/done",
		"https://app.example/x/%2E%2e/bank":            "https://app.example/bank",
		"https://app.example/../../bank":               "https://app.example/bank",
		"https://app.example/bank?next=//evil.example": "https://app.example/bank?next=//evil.example",
		"https://app.example/dir/":                     "https://app.example/dir/",
		"https://app.example/dir/x":                    "https://app.example/dir/x",
		"https://other.example:8443":                   "https://other.example:8443/",
		"https://other.example:8443/any/path?":         "https://other.example:8443/any/path",
		"http://localhost:3000/done":                   "http://localhost:3000/done",
		"http://127.0.0.1:80/done":                     "http://127.0.0.1/done",
		"http://[0:0::1]:3000/done":                    "http://[::1]:3000/done",
	} {
		got, err := matchReturnURL(raw, allowedReturns)
		if err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", raw, got, err, want)
		}
	}
}

func TestMatchReturnURLRefuses(t *testing.T) {
	for _, raw := range []string{
		"",
		"/bank",
		"//app.example/bank",
		"https:/app.example/bank",
		"https:app.example/bank",
		"https:///app.example/bank",
		"javascript:alert(1)",
		"data:text/html,x",
		"http://app.example/bank",
		"https://app.example",
		"https://app.example/",
		"https://app.example/bankrupt",
		"https://app.example/bank;x",
		"https://app.example/Bank",
		"https://app.example/dir",
		"https://app.example:444/bank",
		"https://app.example:/bank",
		"https://app.example:0443/bank",
		"https://app.example:65536/bank",
		"https://app.example.evil.example/bank",
		"https://app.example./bank",
		"https://evil.example/https://app.example/bank",
		"https://app.example@evil.example/bank",
		"https://app.example:x@evil.example/bank",
		"https://@app.example/bank",
		"https://:@app.example/bank",
		"https://app.example\\@evil.example/bank",
		"https://evil.example\\.app.example/bank",
		"https:\\\\app.example\\bank",
		"https://app.example/bank#x",
		"https://app.example/bank#",
		"https://app.example/bank\r\nSet-Cookie: x=1",
		"https://app.example/bank\t",
		" https://app.example/bank",
		"https://app.example/bank ",
		"https://app.example/bank/\x00",
		"https://app.example/bank/é",
		"https://ａpp.example/bank",
		"https://app.example/bank/..",
		"https://app.example/bank/../admin",
		"https://app.example/bank/%2e%2e/admin",
		"https://app.example/bank/.%2e/admin",
		"https://app.example/bank/..;/admin",
		"https://app.example/bank/%2e%2e;x/admin",
		"https://app.example/bank/..%3bx/admin",
		"https://app.example/bank/..%2fadmin",
		"https://app.example/bank/..%5cadmin",
		"https://app.example/bank/%252e%252e/admin",
		"https://app.example/bank/%c0%ae%c0%ae/admin",
		"https://app.example/bank/%0d%0a",
		"https://app.example/bank//evil.example",
		"https://app.example//bank",
		"https://app.example/bank/%zz",
		"https://other.example:8443//evil.example",
		"https://app.example/bank?sidecar_result=granted",
		"https://app.example/bank?SIDECAR.result=granted",
		"https://app.example/bank?%20sidecar%5Fresult=granted",
		"https://app.example/bank?x=1;sidecar_result=granted",
		"https://app.example/bank?x=%zz",
		"http://127.1/done",
		"http://2130706433/done",
		"http://0x7f.1/done",
		"http://0177.0.0.1/done",
		"http://[::1%25lo]:3000/",
		"http://[::ffff:127.0.0.1]/done",
		"http://localhost.evil.example:3000/done",
		"https://" + strings.Repeat("a", maxReturnURL),
	} {
		if got, err := matchReturnURL(raw, allowedReturns); !errors.Is(err, ErrReturnURL) {
			t.Errorf("%q is allowed as %q (%v)", raw, got, err)
		}
	}
}

func TestCheckReturnURLs(t *testing.T) {
	if err := CheckReturnURLs(allowedReturns); err != nil {
		t.Error(err)
	}
	for _, entry := range []string{"", "app.example", "http://app.example/", "https://*.app.example/", "https://app.example/?x=1", "https://app.example/#x",
		"https://127.1/", "https://[127.0.0.1]/", "https://app.example:0443/", "https://app.example:0/", "https://0x7f.1/", "https://app.0x7f/", "https://[fe80::1%25lo]/", "https://app.example/" + strings.Repeat("a", maxReturnURL)} {
		if err := CheckReturnURLs([]string{entry}); !errors.Is(err, ErrReturnURL) {
			t.Errorf("%q: %v", entry, err)
		}
		if got, err := matchReturnURL("https://app.example/", []string{entry}); err == nil {
			t.Errorf("%q allows %q", entry, got)
		}
	}
}

func TestReturnTo(t *testing.T) {
	for _, c := range []struct{ canonical, grant, code, want string }{
		{"https://app.example/", "g 1&2", "", "https://app.example/?sidecar_grant=g%201%262&sidecar_result=granted"},
		{"https://app.example/?x=1", "g", "a", "https://app.example/?x=1&sidecar_grant=g&sidecar_result=granted&sidecar_error=a"},
		{"https://app.example/?x=1&", "g", "", "https://app.example/?x=1&sidecar_grant=g&sidecar_result=granted"},
	} {
		if got := returnTo(c.canonical, c.grant, Granted, c.code); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

// Whatever is allowed leads, in its canonical form, to an origin and path that
// the allow-list names, and is allowed again unchanged.
func FuzzMatchReturnURL(f *testing.F) {
	for _, seed := range []string{
		"https://app.example/bank", "https://app.example/bank/../bank/%2e?x=1", "https://other.example:8443/a;b/c?d",
		"https://app.example\\@evil.example/bank", "http://[::1]:3000/x", "https://app.example/bank//x", "https://app.example/dir/..;/",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := matchReturnURL(raw, allowedReturns)
		if err != nil {
			if got != "" || !errors.Is(err, ErrReturnURL) {
				t.Fatalf("%q with %v", got, err)
			}
			if strings.Contains(raw, "evil") && strings.Contains(err.Error(), "evil") {
				t.Fatalf("the refusal quotes the URL: %v", err)
			}
			return
		}
		again, err := matchReturnURL(got, allowedReturns)
		if err != nil || again != got {
			t.Fatalf("%q becomes %q, and that %q (%v)", raw, got, again, err)
		}
		u, err := url.Parse(returnTo(got, "g", Denied, "access_denied"))
		if err != nil || u.User != nil || u.Fragment != "" || u.Query().Get("sidecar_result") != "denied" || len(u.Query()["sidecar_result"]) != 1 {
			t.Fatalf("%q: %v", got, err)
		}
		allowed := map[string]string{
			"https://app.example": "/", "https://other.example:8443": "/", "http://localhost:3000": "/done",
			"http://127.0.0.1": "/done", "http://[::1]:3000": "/",
		}
		prefix, ok := allowed[u.Scheme+"://"+u.Host]
		path := u.Path
		if u.Host == "app.example" && !(path == "/bank" || strings.HasPrefix(path, "/bank/") || strings.HasPrefix(path, "/dir/")) {
			ok = false
		}
		if !ok || !strings.HasPrefix(path, prefix) || strings.Contains(path+"/", "/../") || strings.Contains(path, "//") || strings.ContainsAny(got, "\\ \t\r\n#@") && !strings.Contains(path+u.RawQuery, "@") {
			t.Fatalf("%q leads to %q", raw, got)
		}
	})
}
