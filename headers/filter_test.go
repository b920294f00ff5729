package headers

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// header builds what net/http's server would hand over.
func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func compile(t testing.TB, p Policy) *Filter {
	t.Helper()
	f, err := Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestSelect(t *testing.T) {
	cases := []struct {
		name    string
		policy  Policy
		app     http.Header
		want    []string
		dropped int
	}{
		{name: "content and negotiation pass, in order",
			app: header("User-Agent", "app/1", "content-type", " application/json\t", "ACCEPT", "*/*", "Idempotency-Key", "k", "If-Match", `"x"`),
			want: []string{
				"Accept: */*", "Content-Type: application/json", "Idempotency-Key: k", `If-Match: "x"`, "User-Agent: app/1",
			}},
		{name: "everything else is dropped and counted",
			app:     header("X-Internal-User", "bob", "Cookie", "s=1", "Via", "1.1 lb", "Digest", "SHA-256=x", "Accept", "*/*"),
			want:    []string{"Accept: */*"},
			dropped: 4},
		{name: "what is the sidecar's own is not counted",
			app: header("Authorization", "Bearer x", "X-Request-Id", "1", "Date", "x", "PSU-IP-Address", "8.8.8.8", "Sidecar-Grant", "g",
				"Connection", "close", "Keep-Alive", "timeout=5", "Proxy-Authorization", "x", "TE", "trailers", "Host", "x", "Content-Length", "3", "Expect", "100-continue", "fallback", "1")},
		{name: "policy by name, in its spelling",
			policy: Policy{Allow: []string{"Consent-ID", "PSU-ID", "accept"}},
			app:    header("consent-id", "c", "psu-id", "p", "PSU-ID-Type", "t", "Accept", "*/*"),
			want:   []string{"accept: */*", "Consent-ID: c", "PSU-ID: p"}, dropped: 1},
		{name: "policy by prefix, longest first, after the names",
			policy: Policy{Allow: []string{"TPP-*", "TPP-redirect-*", "TPP-Brand"}},
			app:    header("tpp-redirect-uri", " u", "tpp-foo", "f", "tpp-brand", "b", "Tppx", "no"),
			want:   []string{"TPP-Brand: b", "TPP-Foo: f", "TPP-redirect-Uri: u"}, dropped: 1},
		{name: "a prefix lets nothing forbidden through",
			policy:  Policy{Allow: []string{"TPP-*", "Psu-*", "Sidecar*", "Client-*", "PSU_*"}},
			app:     header("TPP-Signature-Certificate", "x", "PSU-IP-Address", "x", "PSU_IP_ADDRESS", "x", "Sidecar-Grant", "x", "Client-Cert", "x"),
			dropped: 2},
		{name: "what Connection names ends here",
			policy:  Policy{Allow: []string{"X-Bank-*", "Consent-ID"}},
			app:     header("Connection", "close, Consent-ID", "Connection", "x-bank-a ,content-type", "Consent-ID", "c", "X-Bank-A", "a", "X-Bank-B", "b", "Content-Type", "x"),
			want:    []string{"X-Bank-B: b"},
			dropped: 3},
		{name: "set speaks for the application",
			policy:  Policy{Set: map[string]string{"User-Agent": "", "client-id": "{env.ID}"}, Allow: []string{"Client-*"}},
			app:     header("User-Agent", "app/1", "Client-Id", "mine", "Client-Name", "n"),
			want:    []string{"Client-Name: n"},
			dropped: 2},
		{name: "several values stay several",
			app:  header("Accept", "a", "Accept", " b "),
			want: []string{"Accept: a|b"}},
		{name: "a key in a spelling that net/http never makes is dropped",
			policy:  Policy{Allow: []string{"TPP-*"}},
			app:     http.Header{"accept": {"*/*"}, "Tpp-signature-certificate": {"x"}, "COOKIE": {"x"}},
			dropped: 3},
		{name: "an internal control character in a dropped header does no harm",
			app: http.Header{"X-Internal": {"a\r\nb"}, "Bad Name": {"x"}}, dropped: 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := c.app.Clone()
			var got []string
			filter := compile(t, c.policy)
			dropped := filter.Select(c.app, func(name string, values []string) {
				got = append(got, name+": "+strings.Join(values, "|"))
			})
			if err := filter.Check(c.app); err != nil {
				t.Error(err)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if dropped != c.dropped {
				t.Errorf("dropped %d, want %d", dropped, c.dropped)
			}
			for key, values := range before {
				if !slices.Equal(values, c.app[key]) {
					t.Errorf("the application's %s was changed", key)
				}
			}
		})
	}
}

func TestCheckRefusesWhatSelectDrops(t *testing.T) {
	f := compile(t, Policy{Allow: []string{"TPP-*"}})
	for _, c := range []struct {
		app   http.Header
		names string
	}{
		{http.Header{"Accept": {"a\r\nEvil: 1"}}, "Accept"},
		{http.Header{"Accept": {"ok", "zq7\x00"}}, "Accept"},
		{http.Header{"Tpp-Brand": {"zq7\x7f"}}, "Tpp-Brand"},
		{http.Header{"Tpp-a b": {"x"}}, `Tpp-a b`},
		{http.Header{"Tpp-\r\nX:": {"x"}}, `\r\n`},
	} {
		dropped := f.Select(c.app, func(name string, _ []string) { t.Errorf("%q passed", name) })
		if dropped != 1 {
			t.Errorf("%q: dropped %d", c.app, dropped)
		}
		err := f.Check(c.app)
		if !errors.Is(err, ErrHeader) || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%q: got %v", c.app, err)
			continue
		}
		if strings.Contains(err.Error(), "zq7") || strings.ContainsAny(err.Error(), "\r\n\x00") {
			t.Errorf("value or raw bytes in %q", err)
		}
	}
}

func TestAppendingToTheResultLeavesTheRequestAlone(t *testing.T) {
	values := append(make([]string, 0, 4), "a")
	app := http.Header{"Accept": values}
	compile(t, Policy{}).Select(app, func(_ string, v []string) { _ = append(v, "changed") })
	if values[:2][1] == "changed" {
		t.Error("appending wrote into the application's header")
	}
}

func TestFixed(t *testing.T) {
	f := compile(t, Policy{Set: map[string]string{"X-IBM-Client-Id": " {file./run/id} ", "aspsp-code": "42", "User-Agent": ""}})
	want := []Field{{"X-IBM-Client-Id", "{file./run/id}"}, {"aspsp-code", "42"}}
	got := f.Fixed()
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	got[0].Value = "changed"
	if !slices.Equal(f.Fixed(), want) {
		t.Error("Fixed hands out its own memory")
	}
}

func TestAllows(t *testing.T) {
	f := compile(t, Policy{Allow: []string{"Consent-ID", "TPP-*"}, Set: map[string]string{"Accept": "application/json"}})
	for name, want := range map[string]bool{
		"consent-id": true, "tpp-brand": true, "content-type": true,
		"accept": false, "tpp-certificate": false, "cookie": false, "x-y": false, "tpp": false,
	} {
		if f.Allows(name) != want {
			t.Errorf("Allows(%q) = %v", name, !want)
		}
	}
}

func TestIsForbidden(t *testing.T) {
	for _, name := range []string{
		"Connection", "keep-alive", "TE", "trailer", "Transfer-Encoding", "UPGRADE", "Proxy-Authorization", "proxy-connection", "proxy-anything",
		"host", "Content-Length", "expect", "via", "Forwarded", "X-Forwarded-For", "x-forwarded-anything", "X-Real-Ip", "Early-Data",
		"traceparent", "tracestate", "baggage", "b3", "x-b3-traceid", "uber-trace-id", "uberctx-user", "x-cloud-trace-context", "x-amzn-trace-id",
		"cookie", "Sidecar-Grant", "sidecar-anything", "digest", "content-digest", "signature", "signature-input", "authorization", "date",
		"x-request-id", "fallback", "tpp-signature-certificate", "TPP-Certificate", "tpp-qwac-certificate", "TPP-Signing-Certificate",
		"x-client-cert", "ssl-client-cert", "X-SSL-Client-Cert", "x-ssl-anything", "client-cert", "x-forwarded-client-cert",
		"psu-ip-address", "PSU-Device-ID", "x_forwarded_for", "psu_ip_address", "Tpp_Signature-Certificate",
		"", "a b", "a:b", "é", "a\r\nb",
	} {
		if !IsForbidden(name) {
			t.Errorf("%q may leave", name)
		}
	}
	for _, name := range []string{"Accept", "content-type", "consent-id", "PSU-ID", "TPP-Redirect-URI", "client-id", "X-IBM-Client-Id", "aspsp-code", "x_y"} {
		if IsForbidden(name) {
			t.Errorf("%q may not leave", name)
		}
	}
	for _, name := range always {
		if IsForbidden(name) {
			t.Errorf("%q is both always allowed and forbidden", name)
		}
	}
}

func TestValidate(t *testing.T) {
	good := []Policy{
		{},
		{Allow: []string{"Consent-ID", "TPP-*"}, Set: map[string]string{"X-IBM-Client-Id": "{env.ID}", "client-id": "x", "aspsp-code": "", "User-Agent": "tpp"}},
	}
	for _, p := range good {
		if err := p.Validate(); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
	bad := []struct {
		policy Policy
		names  string
	}{
		{Policy{Allow: []string{"Cookie"}}, "Cookie"},
		{Policy{Allow: []string{"sidecar-grant"}}, "sidecar-grant"},
		{Policy{Allow: []string{"Sidecar-*"}}, "Sidecar-*"},
		{Policy{Allow: []string{"x-forwarded-*"}}, "x-forwarded-*"},
		{Policy{Allow: []string{"psu_ip_address"}}, "psu_ip_address"},
		{Policy{Allow: []string{"*"}}, "*"},
		{Policy{Allow: []string{"X-*"}}, "X-*"},
		{Policy{Allow: []string{"a*b"}}, "a*b"},
		{Policy{Allow: []string{"a**"}}, "a**"},
		{Policy{Allow: []string{""}}, `""`},
		{Policy{Allow: []string{"a b"}}, "a b"},
		{Policy{Allow: []string{"Consent-ID", "consent-id"}}, "consent-id"},
		{Policy{Set: map[string]string{"Digest": "x"}}, "Digest"},
		{Policy{Set: map[string]string{"PSU-IP-Address": "8.8.8.8"}}, "PSU-IP-Address"},
		{Policy{Set: map[string]string{"authorization": "Basic x"}}, "authorization"},
		{Policy{Set: map[string]string{"fallback": "1"}}, "fallback"},
		{Policy{Set: map[string]string{"X-Key": "zq7\r\nEvil: 1"}}, "X-Key"},
		{Policy{Set: map[string]string{"X Key": "1"}}, "X Key"},
		{Policy{Set: map[string]string{"X-*": "1"}}, "X-*"},
		{Policy{Set: map[string]string{"X-Key": "1", "x-key": "2"}}, "x-key"},
	}
	for _, c := range bad {
		err := c.policy.Validate()
		if !errors.Is(err, ErrPolicy) || !strings.Contains(err.Error(), c.names) || strings.Contains(err.Error(), "zq7") {
			t.Errorf("%+v: got %v", c.policy, err)
		}
		if _, err := Compile(c.policy); !errors.Is(err, ErrPolicy) {
			t.Errorf("Compile took %+v: %v", c.policy, err)
		}
	}
}

func FuzzSelect(f *testing.F) {
	filter := compile(f, Policy{Allow: []string{"TPP-*", "PSU-*", "PSU_*", "Sidecar*", "S*", "D*", "Consent-ID"}, Set: map[string]string{"X-Api-Key": "k"}})
	f.Add("Accept", "*/*", "close")
	f.Add("psu_ip_address", "8.8.8.8", "")
	f.Add("Tpp-Brand", " b\t", "tpp-brand")
	f.Add("Tpp-signature-certificate", "x\r\n", "")
	f.Add("x-api-key", "mine", "Accept")
	f.Fuzz(func(t *testing.T, name, value, connection string) {
		for _, app := range []http.Header{
			header(name, value, "Connection", connection, "Cookie", "s"),
			{name: {value, value}, "Connection": {connection}, "cookie": {"s"}},
		} {
			err := filter.Check(app)
			if err != nil && !errors.Is(err, ErrHeader) {
				t.Fatal(err)
			}
			filter.Select(app, func(name string, values []string) {
				if IsForbidden(name) || strings.EqualFold(name, "x-api-key") || strings.EqualFold(name, connection) {
					t.Fatalf("%q passed", name)
				}
				for _, value := range values {
					if strings.ContainsAny(value, "\r\n\x00") || trim(value) != value {
						t.Fatalf("%q passed with %q", name, value)
					}
				}
			})
		}
	})
}

func BenchmarkSelect(b *testing.B) {
	app := header("Accept", "application/json", "Content-Type", "application/json", "User-Agent", "app/1", "Accept-Encoding", "gzip",
		"X-Forwarded-For", "10.0.0.1", "Traceparent", "00-x", "Consent-ID", "c", "Authorization", "x", "Content-Length", "10", "Cookie", "s")
	for name, policy := range map[string]Policy{"names": {Allow: []string{"Consent-ID"}}, "prefix": {Allow: []string{"Consent-*"}}} {
		b.Run(name, func(b *testing.B) {
			filter := compile(b, policy)
			n := 0
			add := func(string, []string) { n++ }
			b.ReportAllocs()
			for b.Loop() {
				filter.Select(app, add)
			}
			if n == 0 {
				b.Fatal("nothing passed")
			}
		})
	}
}

func TestSelectAllocatesNothing(t *testing.T) {
	app := header("Accept", "application/json", "Content-Type", "application/json", "Via", "1.1 lb", "Consent-Id", "c")
	filter := compile(t, Policy{Allow: []string{"Consent-*"}})
	add := func(string, []string) {}
	if n := testing.AllocsPerRun(100, func() { filter.Select(app, add) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
