package psu

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

func sent(c Context) (list []string) {
	c.Each(func(name, value string) { list = append(list, name+": "+value) })
	return list
}

func TestCollect(t *testing.T) {
	from := map[string]string{
		"psu-ip-address": "{http.request.header.X-Ip}",
		"PSU-User-Agent": "{http.request.header.X-Agent}",
	}
	cases := []struct {
		name      string
		policy    Policy
		operation string
		app       http.Header
		resolved  map[string]string
		want      []string
		err       error
	}{
		{name: "nothing sent", app: header("Accept", "*/*")},
		{name: "nothing sent, required", policy: Policy{Rule: Require}, err: ErrRequired},
		{name: "all from the application, in order",
			app: header("psu-user-agent", " Mozilla/5.0 ", "PSU-IP-PORT", "4711", "PSU-IP-Address", "\t8.8.8.8", "PSU-ID", "x"),
			want: []string{
				"PSU-IP-Address: 8.8.8.8", "PSU-IP-Port: 4711", "PSU-User-Agent: Mozilla/5.0",
			}},
		{name: "empty values are omitted",
			app:  header("PSU-IP-Address", "8.8.8.8", "PSU-Device-ID", "  ", "PSU-GEO-Location", ""),
			want: []string{"PSU-IP-Address: 8.8.8.8"}},
		{name: "incomplete", app: header("PSU-User-Agent", "Mozilla/5.0"), err: ErrIncomplete},
		{name: "incomplete, address empty", app: header("PSU-IP-Address", " ", "PSU-User-Agent", "Mozilla/5.0"), err: ErrIncomplete},
		{name: "incomplete, second value", app: header("PSU-User-Agent", "", "PSU-User-Agent", "x"), err: ErrIncomplete},
		{name: "only empty headers are no context", app: header("PSU-IP-Address", "", "PSU-User-Agent", " ")},
		{name: "incomplete and required", policy: Policy{Rule: Require}, app: header("PSU-User-Agent", "x"), err: ErrRequired},
		{name: "same value twice", app: header("PSU-IP-Address", "8.8.8.8", "PSU-IP-Address", " 8.8.8.8 "),
			want: []string{"PSU-IP-Address: 8.8.8.8"}},
		{name: "address twice", app: header("PSU-IP-Address", "8.8.8.8", "PSU-IP-Address", "9.9.9.9"), err: ErrInvalid},
		{name: "address twice, once empty", app: header("PSU-IP-Address", "8.8.8.8", "PSU-IP-Address", ""), err: ErrInvalid},
		{name: "other header twice", app: header("PSU-IP-Address", "8.8.8.8", "PSU-Accept", "a", "PSU-Accept", "b"), err: ErrInvalid},
		{name: "private address", app: header("PSU-IP-Address", "10.0.0.1"), err: ErrInvalid},
		{name: "wrong port", app: header("PSU-IP-Address", "8.8.8.8", "PSU-IP-Port", "0"), err: ErrInvalid},
		{name: "from fills", policy: Policy{From: from}, app: header(),
			resolved: map[string]string{"{http.request.header.X-Ip}": " 9.9.9.9", "{http.request.header.X-Agent}": ""},
			want:     []string{"PSU-IP-Address: 9.9.9.9"}},
		{name: "application wins over from", policy: Policy{From: from}, app: header("PSU-IP-Address", "8.8.8.8"),
			resolved: map[string]string{"{http.request.header.X-Ip}": "9.9.9.9", "{http.request.header.X-Agent}": "A"},
			want:     []string{"PSU-IP-Address: 8.8.8.8", "PSU-User-Agent: A"}},
		{name: "an empty header of the application wins too", policy: Policy{From: from}, app: header("PSU-IP-Address", ""),
			resolved: map[string]string{"{http.request.header.X-Ip}": "9.9.9.9", "{http.request.header.X-Agent}": "A"}},
		{name: "from without address is left out", policy: Policy{From: from}, app: header(),
			resolved: map[string]string{"{http.request.header.X-Agent}": "A"}},
		{name: "from is checked", policy: Policy{From: from}, app: header(),
			resolved: map[string]string{"{http.request.header.X-Ip}": "192.168.0.7"}, err: ErrInvalid},
		{name: "strip", policy: Policy{Rule: Strip, From: from}, app: header("PSU-IP-Address", "10.0.0.1", "PSU-IP-Port", "x"),
			resolved: map[string]string{"{http.request.header.X-Ip}": "9.9.9.9"}},
		{name: "operation strips", policy: Policy{Rule: Require, Operations: map[string]Rule{"balances": Strip}},
			operation: "balances", app: header("PSU-IP-Address", "8.8.8.8")},
		{name: "operation requires", policy: Policy{Operations: map[string]Rule{"payments": Require}},
			operation: "payments", err: ErrRequired},
		{name: "other operation keeps the default", policy: Policy{Operations: map[string]Rule{"payments": Require}},
			operation: "accounts"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			checker, err := Compile(c.policy)
			if err != nil {
				t.Fatal(err)
			}
			got, err := checker.Collect(c.app, func(template string) string { return c.resolved[template] }, c.operation)
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if err != nil && !strings.Contains(err.Error(), "send ") {
				t.Errorf("no remedy in %q", err)
			}
			if list := sent(got); !slices.Equal(list, c.want) {
				t.Errorf("sent %q, want %q", list, c.want)
			}
			if got.Len() != len(c.want) || got.Attended() != (len(c.want) > 0) {
				t.Errorf("Len %d, Attended %v for %q", got.Len(), got.Attended(), c.want)
			}
		})
	}
}

func TestEveryHeaderIsSent(t *testing.T) {
	values := map[string]string{
		IPAddress: "2a01:e0a::1", IPPort: "443", HTTPMethod: "POST", Date: "2022-06-07T20:51:35Z", GeoLocation: "GEO:1;2",
		UserAgent: "UA", Referer: "https://x.example/", Accept: "*/*", AcceptCharset: "utf-8", AcceptEncoding: "gzip",
		AcceptLanguage: "fr", DeviceID: "99435c7e-ad88-49ec-a2ad-99ddcb1f7721",
	}
	app := header()
	var want []string
	for _, name := range Names() {
		app.Set(name, values[name])
		want = append(want, name+": "+values[name])
	}
	checker, _ := Compile(Policy{})
	got, err := checker.Collect(app, nil, "accounts")
	if err != nil {
		t.Fatal(err)
	}
	if list := sent(got); !slices.Equal(list, want) {
		t.Errorf("sent %q, want %q", list, want)
	}
}

func TestIsContext(t *testing.T) {
	for _, name := range Names() {
		if !IsContext(strings.ToLower(name)) || !IsContext(http.CanonicalHeaderKey(name)) {
			t.Errorf("%s is not recognised in every case", name)
		}
	}
	for _, name := range []string{"", "PSU-ID", "PSU-Corporate-ID", "PSU-IP-Addres", "PSU-IP-Addresses", "PSU"} {
		if IsContext(name) {
			t.Errorf("%q is taken for PSU context", name)
		}
	}
}

func TestPolicyValidate(t *testing.T) {
	operations := []string{"accounts", "token", "other"}
	good := []Policy{
		{},
		{Rule: Require, Operations: map[string]Rule{"accounts": Strip, "other": Allow}},
		{From: map[string]string{"psu-ip-address": "{http.request.header.X-Ip}", "PSU-Accept": "", "PSU-GEO-Location": "GEO:{http.vars.lat};{http.vars.lon}"}},
	}
	for _, p := range good {
		if err := p.Validate(operations); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
	bad := []struct {
		policy Policy
		names  string
	}{
		{Policy{Rule: "maybe"}, "maybe"},
		{Policy{Operations: map[string]Rule{"accounts": "never"}}, "never"},
		{Policy{Operations: map[string]Rule{"accounts": ""}}, "accounts"},
		{Policy{Operations: map[string]Rule{"acounts": Allow}}, "acounts"},
		{Policy{From: map[string]string{"PSU-ID": "{x}"}}, "PSU-ID"},
		{Policy{From: map[string]string{"PSU-Date": "{x}", "psu-date": "{y}"}}, "PSU-Date"},
		{Policy{From: map[string]string{"PSU-IP-Address": "8.8.8.8"}}, "PSU-IP-Address"},
		{Policy{From: map[string]string{"PSU-HTTP-Method": "GET"}}, "PSU-HTTP-Method"},
		{Policy{From: map[string]string{"PSU-IP-Address": "}{"}}, "PSU-IP-Address"},
		{Policy{From: map[string]string{"PSU-IP-Address": "{http.request.remote.host}"}}, "http.request.remote"},
		{Policy{From: map[string]string{"PSU-IP-Address": "{remote_host}"}}, "remote"},
		{Policy{From: map[string]string{"PSU-IP-Address": "{http.vars.client_ip}"}}, "client_ip"},
		{Policy{From: map[string]string{"PSU-IP-Address": "{env.IP}"}}, "env."},
	}
	for _, c := range bad {
		err := c.policy.Validate(operations)
		if !errors.Is(err, ErrPolicy) || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%+v: got %v", c.policy, err)
		}
	}
	if _, err := Compile(Policy{Rule: "maybe"}); !errors.Is(err, ErrPolicy) {
		t.Errorf("Compile accepted a wrong rule: %v", err)
	}
}

func TestCompileKeepsItsOwnCopy(t *testing.T) {
	operations := map[string]Rule{"payments": Require}
	checker, err := Compile(Policy{Operations: operations})
	if err != nil {
		t.Fatal(err)
	}
	operations["payments"] = Strip
	if checker.Rule("payments") != Require || checker.Rule("accounts") != Allow {
		t.Errorf("rules %s, %s", checker.Rule("payments"), checker.Rule("accounts"))
	}
}

func BenchmarkCollect(b *testing.B) {
	checker, _ := Compile(Policy{})
	cases := []struct {
		name string
		app  http.Header
	}{
		{"unattended", header("Accept", "application/json", "Content-Type", "application/json")},
		{"attended", header("PSU-IP-Address", "8.8.8.8", "PSU-IP-Port", "443", "PSU-HTTP-Method", "POST",
			"PSU-Date", "Tue, 07 Jun 2022 20:51:35 GMT", "PSU-User-Agent", "Mozilla/5.0", "PSU-Device-ID", "99435c7e-ad88-49ec-a2ad-99ddcb1f7721")},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := checker.Collect(c.app, nil, "accounts"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestCollectAllocatesNothingOfItsOwn(t *testing.T) {
	checker, _ := Compile(Policy{})
	none := header("Accept", "*/*")
	full := header("PSU-IP-Address", "8.8.8.8", "PSU-IP-Port", "443", "PSU-User-Agent", "Mozilla/5.0")
	for _, app := range []http.Header{none, full} {
		if n := testing.AllocsPerRun(100, func() { _, _ = checker.Collect(app, nil, "accounts") }); n > 0 {
			t.Errorf("%v allocations for %v", n, app)
		}
	}
}
