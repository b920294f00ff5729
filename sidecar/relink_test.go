package sidecar_test

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/answers"
	"github.com/caddy-tpp/caddy-tpp/links"
	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// linking is a rig before a bank of one answer, in which BANK stands for the
// bank's address, that rewrites links.
func linking(t *testing.T, text string, change func(*options)) (*rig, *rawBank) {
	t.Helper()
	var b *rawBank
	b = newRawBank(t, nil, func(conn *tls.Conn, _ *rawRequest, _ int) {
		head, body, _ := strings.Cut(text, "\r\n\r\n")
		body = strings.ReplaceAll(body, "BANK", b.url())
		head = strings.ReplaceAll(head, "BANK", b.url())
		write(conn, head+"\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body)
	})
	o := options{overrides: profiles.Overrides{Links: []byte(`{"fields":["_links.*.href"],"headers":["Location","Link"]}`)},
		config: func(c *sidecar.Config) { c.RewriteLinks = true }}
	if change != nil {
		change(&o)
	}
	r := b.toward(t, o)
	r.reached = links.Address{Origin: "http://app-side:8080", Path: "/bpgo"}
	return r, b
}

const json200 = "HTTP/1.1 200 OK\r\nContent-Type: application/hal+json; charset=utf-8\r\n"

func TestLinksLeadToTheSidecar(t *testing.T) {
	r, b := linking(t, json200+"Digest: SHA-256=AAAA\r\nLocation: BANK/base/a/1\r\nLink: <BANK/base/a?page=2>; rel=\"next\"\r\nETag: \"1\"\r\nSignature: x\r\nX-JWS-Signature: x\r\n\r\n"+
		`{ "n":1.00, "_links":{"next":{"href":"BANK/base/a?page=2"},"self":{"href":"\/base\/a"}, "scaRedirect":{"href":"BANK/base/sca"}}, "BANK/base":"BANK/base/a" }`, nil)
	a := r.signed("/a")
	want := strings.ReplaceAll(`{ "n":1.00, "_links":{"next":{"href":"http://app-side:8080/bpgo/a?page=2"},"self":{"href":"/bpgo\/a"}, "scaRedirect":{"href":"BANK/base/sca"}}, "BANK/base":"BANK/base/a" }`, "BANK", b.url())
	if a.body != want || a.header.Get("Content-Length") != strconv.Itoa(len(want)) {
		t.Errorf("got  %s\nwant %s", a.body, want)
	}
	for name, want := range map[string]string{"Location": "http://app-side:8080/bpgo/a/1", "Link": `<http://app-side:8080/bpgo/a?page=2>; rel="next"`,
		"Digest": "", "Signature": "", "X-Jws-Signature": "", "Etag": `"1"`, sidecar.HeaderLinks: "rewritten"} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if !slices.Equal(r.relinked, []sidecar.LinksOutcome{sidecar.LinksRewritten}) {
		t.Errorf("%v", r.relinked)
	}
}

// A link in a header leaves the body, and what is said of it, alone.
func TestLocationAlone(t *testing.T) {
	r, _ := linking(t, strings.Replace(json200, "200 OK", "201 Created", 1)+"Digest: SHA-256=AAAA\r\nLocation: /base/a/1\r\n\r\n{}", nil)
	if a := r.signed("/a"); a.header.Get("Location") != "/bpgo/a/1" || a.header.Get("Digest") == "" || a.body != "{}" || a.header.Get(sidecar.HeaderLinks) != "rewritten" {
		t.Errorf("%v", a.header)
	}
}

// What is no link back, or is not to be touched, passes byte for byte.
func TestLinksStay(t *testing.T) {
	body := `{"_links":{"next":{"href":"BANK/base/a?page=2"}}}`
	tests := []struct{ name, text, said string }{
		{"no link", json200 + "\r\n{\"_links\":{\"next\":{\"href\":\"BANK/other/a\"}}}", ""},
		{"redirect", "HTTP/1.1 302 Found\r\nLocation: BANK/base/a\r\n\r\n", ""},
		{"no JSON type", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + body, ""},
		{"no type", "HTTP/1.1 200 OK\r\n\r\n" + body, ""},
		{"another charset", "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-16\r\n\r\n" + body, ""},
		{"no JSON", json200 + "\r\n" + body + "x", ""},
		{"a part", strings.Replace(json200, "200 OK", "206 Partial Content", 1) + "\r\n" + body, ""},
		{"compressed", json200 + "Content-Encoding: gzip\r\n\r\n" + body, "untouched; the body is compressed"},
		{"too large", json200 + "\r\n" + strings.Repeat(" ", answers.DefaultMaxBody) + body, "untouched; the body is too large"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, b := linking(t, test.text, nil)
			a := r.signed("/a")
			_, want, _ := strings.Cut(test.text, "\r\n\r\n")
			if a.body != strings.ReplaceAll(want, "BANK", b.url()) || strings.Contains(a.header.Get("Location"), "app-side") || a.header.Get(sidecar.HeaderLinks) != test.said {
				t.Errorf("%v %.300s", a.header, a.body)
			}
		})
	}
	r, b := linking(t, json200+"\r\n"+body, nil)
	r.reached = links.Address{}
	if a := r.signed("/a"); a.body != strings.ReplaceAll(body, "BANK", b.url()) || a.header.Get(sidecar.HeaderLinks) != "untouched; the path under which the app called was rewritten" {
		t.Errorf("%v %s", a.header, a.body)
	}
	r, b = linking(t, json200+"\r\n"+body, func(o *options) { o.config = func(*sidecar.Config) {} })
	if a := r.signed("/a"); a.body != strings.ReplaceAll(body, "BANK", b.url()) || a.header.Get(sidecar.HeaderLinks) != "" {
		t.Errorf("off: %v %s", a.header, a.body)
	}
}

// A signature is verified before links change.
func TestVerifiedThenRewritten(t *testing.T) {
	const body = `{"_links":{"next":{"href":"/base/a?page=2"}}}`
	r, _ := linking(t, json200+"X-JWS-Signature: "+jwsOf(t, "k1", body)+"\r\n\r\n"+body, func(o *options) {
		o.overrides.Responses = responses(t, answers.Policy{Verify: answers.Enforce, Container: answers.ContainerJWS, Certificates: []string{sealFile(t)}}).Responses
	})
	a := r.signed("/a")
	if a.header.Get(sidecar.HeaderVerdict) != "valid" || a.header.Get("X-JWS-Signature") != "" || a.body != `{"_links":{"next":{"href":"/bpgo/a?page=2"}}}` {
		t.Errorf("%v %s", a.header, a.body)
	}
}

// An app that uses the sidecar as its proxy gets links that it can follow through it.
func TestLinksByHost(t *testing.T) {
	r, b := linking(t, json200+"\r\n"+`{"_links":{"next":{"href":"BANK/base/a?page=2"},"self":{"href":"/base/a"}}}`, func(o *options) { o.byHost = true })
	r.reached = links.Address{Origin: "http://" + b.listener.Addr().String()}
	proxy, err := url.Parse(r.app.URL)
	r.check(err)
	req := httpRequest(t, "http://"+b.listener.Addr().String()+"/base/a")
	req.Header.Set("Authorization", "Bearer x")
	response, err := (&http.Transport{Proxy: http.ProxyURL(proxy), DisableKeepAlives: true}).RoundTrip(req)
	r.check(err)
	defer response.Body.Close()
	body := make([]byte, 4096)
	n, _ := response.Body.Read(body)
	if want := `{"_links":{"next":{"href":"http://` + b.listener.Addr().String() + `/base/a?page=2"},"self":{"href":"/base/a"}}}`; string(body[:n]) != want {
		t.Errorf("got %s, want %s", body[:n], want)
	}
}

// What is for the PSU's browser stays: the fallback interface's answer.
func TestFallbackLinksStay(t *testing.T) {
	r, b := linking(t, strings.Replace(json200, "200 OK", "201 Created", 1)+"Location: BANK/base/login\r\n\r\n{}", func(o *options) {
		o.config = func(c *sidecar.Config) {
			profile := *c.Profile
			profile.Fallback.Operations = nil
			c.Profile, c.RewriteLinks, c.Fallback = &profile, true, true
		}
	})
	a := r.call("GET", "/accounts", "", "Authorization", "Bearer x", "Sidecar-Fallback", "test")
	if a.status == 201 && a.header.Get("Location") != b.url()+"/base/login" {
		t.Errorf("%v", a.header)
	}
	if a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
}

func TestLinksMistake(t *testing.T) {
	r := newRig(t, options{})
	_, err := r.newASPSP(options{overrides: profiles.Overrides{Links: []byte(`{"fields":null,"headers":null}`)}, config: func(c *sidecar.Config) { c.RewriteLinks = true }})
	if err == nil || !strings.Contains(err.Error(), "aspsp bank: links: rewrite_links is on, but profile bpce names no links") {
		t.Error(err)
	}
}
