package sidecar_test

import (
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// presence is a whole PSU context, in the spelling and order of the wire.
var presence = [][2]string{
	{"PSU-Accept", "text/html"}, {"PSU-Accept-Charset", "utf-8"}, {"PSU-Accept-Encoding", "gzip, br"},
	{"PSU-Accept-Language", "fr-FR,fr;q=0.9"}, {"PSU-Date", "Tue, 07 Jun 2022 20:51:35 GMT"},
	{"PSU-Device-ID", "99435c7e-ad88-49ec-a2ad-99ddcb1f7721"}, {"PSU-GEO-Location", "GEO:52.506931;13.144558"},
	{"PSU-HTTP-Method", "POST"}, {"PSU-IP-Address", publicIP}, {"PSU-IP-Port", "44321"},
	{"PSU-Referer", "https://shop.example/basket?id=1"}, {"PSU-User-Agent", "Mozilla/5.0 (X11; Linux)"},
}

func TestWholePSUContextGoesOutSigned(t *testing.T) {
	r := newRig(t, options{})
	for _, spell := range []func(string) string{strings.ToLower, strings.ToUpper, func(name string) string { return name }} {
		var lines string
		for _, field := range presence {
			lines += spell(field[0]) + ":  " + field[1] + " \r\n"
		}
		record := r.accepted(r.rawFunds("Connection: close", lines), 200)
		var want string
		for _, field := range presence {
			want += field[0] + ": " + field[1] + "\r\n"
			if !strings.Contains(record.SigningString, strings.ToLower(field[0])+": "+field[1]) {
				t.Errorf("%s is not in the signing string", field[0])
			}
		}
		if !strings.Contains(string(record.RawHead), want) {
			t.Errorf("the context is not there in this form:\n%s\nbut\n%s", want, record.RawHead)
		}
		if !r.lastEvent().Attended {
			t.Error("the event says unattended")
		}
	}
}

func TestUnattendedCallCarriesNoPSUContext(t *testing.T) {
	r := newRig(t, options{})
	record := r.accepted(r.rawFunds("Connection: close", ""), 200)
	if strings.Contains(strings.ToLower(string(record.RawHead)), "psu-") || strings.Contains(record.SigningString, "psu-") {
		t.Errorf("PSU context is there:\n%s", record.RawHead)
	}
	if r.lastEvent().Attended {
		t.Error("the event says attended")
	}
}

func TestPSUValueRefusedWithoutBeingTold(t *testing.T) {
	r := newRig(t, options{})
	cases := []struct {
		lines string
		code  sidecar.Code
	}{
		{"PSU-IP-Address: 127.0.0.1", sidecar.CodePSUInvalid},
		{"PSU-IP-Address: 192.168.17.23", sidecar.CodePSUInvalid},
		{"PSU-IP-Address: 10.1.2.3", sidecar.CodePSUInvalid},
		{"PSU-IP-Address: 169.254.169.254", sidecar.CodePSUInvalid},
		{"PSU-IP-Address: 203.0.113.77", sidecar.CodePSUInvalid},
		{"PSU-IP-Address: 100.64.7.7", sidecar.CodePSUInvalid},
		{"PSU-IP-Address: ::1", sidecar.CodePSUInvalid},
		{"PSU-IP-Address: fe80::1", sidecar.CodePSUInvalid},
		{"PSU-IP-Address: 2001:db8::7", sidecar.CodePSUInvalid},
		{"PSU-IP-Address: ::ffff:9.9.9.9", sidecar.CodePSUInvalid},
		{"PSU-IP-Address: 9.9.9.9:443", sidecar.CodePSUInvalid},
		{"PSU-IP-Address: 9.9.9.9, 10.9.8.7", sidecar.CodePSUInvalid},
		{"PSU-IP-Address: 9.9.9.9\r\nPSU-IP-Address: 149.112.112.112", sidecar.CodePSUInvalid},
		{"PSU-IP-Address: jean.dupont", sidecar.CodePSUInvalid},
		{"PSU-IP-Address: 9.9.9.9\r\nPSU-IP-Port: 65536", sidecar.CodePSUInvalid},
		{"PSU-IP-Address: 9.9.9.9\r\nPSU-User-Agent: Jos\xc3\xa9phine", sidecar.CodePSUInvalid},
		{"PSU-IP-Address: 9.9.9.9\r\nPSU-Device-ID: IMEI-35123", sidecar.CodePSUInvalid},
		{"PSU-User-Agent: Mozilla/5.0-secret", sidecar.CodePSUIncomplete},
		{"PSU-IP-Address:\r\nPSU-IP-Port: 40123", sidecar.CodePSUIncomplete},
	}
	for _, c := range cases {
		a := r.rawFunds("Connection: close", c.lines+"\r\n")
		r.refused(a, c.code)
		for line := range strings.SplitSeq(c.lines, "\r\n") {
			_, value, _ := strings.Cut(line, ": ")
			if value != "" && len(value) > 3 && strings.Contains(a.body, value) {
				t.Errorf("the value of %q is in %s", line, a.body)
			}
		}
		if err := r.lastEvent().Err; err == nil || strings.Contains(err.Error(), "192.168.17.23") {
			t.Errorf("the event's error is %v", err)
		}
	}
	if n := len(r.bank.Records()); n > 0 {
		t.Errorf("%d requests reached the bank", n)
	}
}

func TestPSURulePerOperation(t *testing.T) {
	r := newRig(t, options{overrides: profiles.Overrides{PSU: []byte(`{"rule":"strip","operations":{"funds-confirmations":"require","accounts":"allow"}}`)}})
	r.refused(r.funds(), sidecar.CodePSURequired)
	r.refused(r.funds("PSU-User-Agent", "x"), sidecar.CodePSURequired)
	r.accepted(r.funds("PSU-IP-Address", publicIP), 200)
	for path, passes := range map[string]bool{"/accounts": true, "/trusted-beneficiaries": false, "/something-else": false} {
		r.call("GET", path, "", "PSU-IP-Address", publicIP, "PSU-User-Agent", "x")
		last := r.bank.Last()
		r.checkVerified(last)
		if got := strings.Contains(string(last.RawHead), "PSU-IP-Address: "+publicIP+"\r\n"); got != passes {
			t.Errorf("%s: context passed %t, want %t", path, got, passes)
		}
		if !passes {
			wantNo(t, string(last.RawHead), "PSU-User-Agent", "PSU-IP-Address")
		}
	}
	// Under strip, not even a value that is wrong is a reason to refuse.
	if a := r.call("GET", "/something-else", "", "PSU-IP-Address", "127.0.0.1"); a.header.Get(sidecar.ErrorHeader) != "" {
		t.Errorf("refused: %s", a.body)
	}
}

func TestPSUContextFromPlaceholders(t *testing.T) {
	r := newRig(t, options{overrides: profiles.Overrides{PSU: []byte(`{"from":{"PSU-IP-Address":"{X-End-User-IP}","psu-user-agent":"{X-End-User-Agent}"}}`)}})
	cases := map[string]struct {
		sent                 []string
		address, agent, code string
	}{
		"from the app's own header":    {[]string{"X-End-User-IP", "8.8.8.8", "X-End-User-Agent", "Firefox"}, "8.8.8.8", "Firefox", ""},
		"the PSU header wins":          {[]string{"X-End-User-IP", "8.8.8.8", "PSU-IP-Address", publicIP}, publicIP, "", ""},
		"empty marks unattended":       {[]string{"X-End-User-IP", "8.8.8.8", "PSU-IP-Address", ""}, "", "", ""},
		"nothing is invented":          {nil, "", "", ""},
		"nor from what else there is":  {[]string{"X-Forwarded-For", "8.8.8.8", "X-End-User-Agent", "Firefox"}, "", "", ""},
		"a private address is refused": {[]string{"X-End-User-IP", "10.0.0.1"}, "", "", string(sidecar.CodePSUInvalid)},
	}
	for name, c := range cases {
		a := r.funds(c.sent...)
		if c.code != "" {
			r.refused(a, sidecar.Code(c.code))
			continue
		}
		record := r.accepted(a, 200)
		if got := record.Header.Get("PSU-IP-Address"); got != c.address {
			t.Errorf("%s: PSU-IP-Address %q, want %q", name, got, c.address)
		}
		if got := record.Header.Get("PSU-User-Agent"); got != c.agent {
			t.Errorf("%s: PSU-User-Agent %q, want %q", name, got, c.agent)
		}
		wantNo(t, string(record.RawHead), "X-End-User-IP", "X-End-User-Agent", "X-Forwarded-For")
	}
}
