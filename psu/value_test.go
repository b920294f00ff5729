package psu

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestCheckValue(t *testing.T) {
	cases := []struct {
		name   string
		accept []string
		refuse []string
	}{
		{IPAddress,
			[]string{
				"8.8.8.8", "192.0.1.255", "172.32.0.1", "100.128.0.1", "198.20.0.1", "2a01:e0a::1", "2A01:E0A::1",
				"2002:808:808::1", "2001:200::1", "2001:4860:4860::8888",
			},
			[]string{
				"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "127.0.0.1", "169.254.1.1", "100.64.0.1",
				"100.127.255.255", "0.0.0.0", "0.1.2.3", "192.0.2.1", "198.51.100.7", "203.0.113.9", "198.18.0.1",
				"198.19.255.255", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "192.0.0.8", "192.88.99.1",
				"::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1", "3fff:fff::1",
				"2001::1", "2001:2::1", "2001:10::1", "2001:20::1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1",
				"2002:c0a8:101::1", "2002:7f00:1::", "::ffff:8.8.8.8", "::ffff:10.0.0.1", "::8.8.8.8", "5f00::1", "4000::1",
				"8.8.8.8:443", "[2a01:e0a::1]", "[2a01:e0a::1]:443", "2a01:e0a::1%1", "8.8.8", "08.8.8.8", "8.8.8.8, 9.9.9.9",
				"unknown", "localhost", "0x8.8.8.8", "134744072", "8.8.8.8/32",
			}},
		{IPPort,
			[]string{"1", "443", "65535"},
			[]string{"0", "65536", "-1", "+80", "080", "80a", "8 0", "99999999999999999999", "0x50"}},
		{HTTPMethod,
			[]string{"GET", "POST", "PUT", "PATCH", "DELETE"},
			[]string{"get", "HEAD", "OPTIONS", "GET POST", "TRACE"}},
		{Date,
			[]string{
				"Tue, 07 Jun 2022 20:51:35 GMT", "2022-06-07T20:51:35Z", "2022-06-07T20:51:35.123Z",
				"2022-06-07T22:51:35+02:00", "2022-06-07T22:51:35.5+0200",
			},
			[]string{
				"Mon, 07 Jun 2022 20:51:35 GMT", "Tue, 7 Jun 2022 20:51:35 GMT", "Tue, 07 Jun 2022 20:51:35 CEST",
				"Tuesday, 07-Jun-22 20:51:35 GMT", "2022-06-07", "2022-06-07T20:51:35", "2022-13-07T20:51:35Z",
				"2022-06-07T2:51:35Z", "2022-06-07T2:51:35.5Z", "2022-06-07 20:51:35Z", "2022-06-07T20:51:35,5Z", "1654635095",
			}},
		{GeoLocation,
			[]string{"GEO:52.506931;13.144558", "GEO:-90;-180", "GEO:90.0;180.000", "GEO:0;0"},
			[]string{
				"geo:52.5;13.1", "52.5;13.1", "GEO:90.000001;0", "GEO:0;180.1", "GEO:;", "GEO:1", "GEO:1,2", "GEO:1;2;3",
				"GEO:NaN;0", "GEO:1e1;0", "GEO:+1;0", "GEO:0x1;0", "GEO:1.;0", "GEO:.5;0", "GEO:--1;0", "GEO: 1;2", "GEO:Inf;0",
			}},
		{DeviceID,
			[]string{"99435c7e-ad88-49ec-a2ad-99ddcb1f7721", "99435C7E-AD88-49EC-A2AD-99DDCB1F7721"},
			[]string{
				"99435c7ead8849eca2ad99ddcb1f7721", "{99435c7e-ad88-49ec-a2ad-99ddcb1f7721}", "99435c7e-ad88-49ec-a2ad-99ddcb1f772",
				"99435c7e-ad88-49ec-a2ad-99ddcb1f772g", "99435c7e-ad88-49ec-a2ad_99ddcb1f7721", "urn:uuid:99435c7e-ad88-49ec-a2ad-99ddcb1f7721",
				"\x1999435c7-ad88-49ec-a2ad-99ddcb1f7721",
			}},
		{UserAgent,
			[]string{"Mozilla/5.0 (X11; Linux x86_64) \"x\" ~", strings.Repeat("a", MaxText)},
			[]string{"a\r\nX: y", "a\x00", "a\tb", "a\x7f", "caf\xc3\xa9", "\x80", strings.Repeat("a", MaxText+1), " a", "a ", ""}},
		{Referer, []string{"https://shop.example/pay?x=1"}, []string{"a\nb", ""}},
		{Accept, []string{"*/*", "text/html;q=0.9, */*"}, []string{"\x1b[0m"}},
		{AcceptCharset, []string{"utf-8"}, []string{"\v"}},
		{AcceptEncoding, []string{"gzip, br"}, []string{"gzip\x85"}},
		{AcceptLanguage, []string{"fr-FR,fr;q=0.9"}, []string{"fr\x01"}},
	}
	covered := map[string]bool{}
	for _, c := range cases {
		covered[c.name] = true
		for _, value := range c.accept {
			if err := CheckValue(strings.ToLower(c.name), value); err != nil {
				t.Errorf("%s %q refused: %v", c.name, value, err)
			}
		}
		for _, value := range c.refuse {
			err := CheckValue(c.name, value)
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%s %q: got %v, want ErrInvalid", c.name, value, err)
				continue
			}
			if !strings.Contains(err.Error(), c.name) {
				t.Errorf("error does not name %s: %v", c.name, err)
			}
		}
	}
	for _, name := range Names() {
		if !covered[name] {
			t.Errorf("%s has no case", name)
		}
	}
	if err := CheckValue("PSU-ID", "x"); !errors.Is(err, ErrInvalid) {
		t.Errorf("PSU-ID: got %v", err)
	}
}

// A value is personal data; an error must not carry it into a log.
func TestErrorsNeverHoldTheValue(t *testing.T) {
	const mark = "zq7"
	for _, name := range Names() {
		for _, value := range []string{mark + "\x00", mark + "é", mark + " ", " " + mark, mark + strings.Repeat("x", MaxText)} {
			err := CheckValue(name, value)
			if err == nil {
				t.Fatalf("%s accepted %q", name, value)
			}
			if strings.Contains(err.Error(), mark) {
				t.Errorf("%s: value in error: %v", name, err)
			}
		}
	}
	for _, value := range []string{"10.77.66.55", "fe80::77%zone", "77.66.55.44:80", "77.66.55"} {
		if err := CheckValue(IPAddress, value); err == nil || strings.Contains(err.Error(), value) {
			t.Errorf("%s: %v", value, err)
		}
	}
}

// The reason given must be the one that leads to the remedy.
func TestAddressFaults(t *testing.T) {
	for value, want := range map[string]string{
		"10.0.0.1":        "RFC 1918",
		"100.64.0.1":      "RFC 6598",
		"2a01:e0a::1%1":   "zone",
		"::ffff:8.8.8.8":  "dotted form",
		"::ffff:10.0.0.1": "RFC 1918",
		"2002:a00:1::":    "RFC 1918",
		"fd00::1":         "unique local",
		"4000::1":         "outside global unicast",
		"8.8.8.8:443":     "PSU-IP-Port",
		"[2a01::1]:443":   "PSU-IP-Port",
		"unknown":         "no IPv4 or IPv6 address",
	} {
		if err := CheckValue(IPAddress, value); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", value, err, want)
		}
	}
}

func TestReservedTablesAgreeWithNetip(t *testing.T) {
	for _, table := range [][]reserved{reservedV4, reservedV6} {
		for _, entry := range table {
			if entry.prefix != entry.prefix.Masked() {
				t.Errorf("%s is not masked", entry.prefix)
			}
			if err := CheckValue(IPAddress, entry.prefix.Addr().String()); err == nil {
				t.Errorf("first address of %s accepted", entry.prefix)
			}
		}
	}
}

func FuzzCheckValue(f *testing.F) {
	for _, seed := range []string{
		"8.8.8.8", "10.0.0.1", "::ffff:10.0.0.1", "2002:a00:1::", "fe80::1%eth0", "443", "GET", "2022-06-07T20:51:35Z",
		"Tue, 07 Jun 2022 20:51:35 GMT", "GEO:52.506931;13.144558", "99435c7e-ad88-49ec-a2ad-99ddcb1f7721", "a\r\nb", "",
	} {
		for i := range names {
			f.Add(uint8(i), seed)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, value string) {
		name := names[int(which)%count]
		err := CheckValue(name, value)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), name) {
				t.Fatalf("%s: %v", name, err)
			}
			return
		}
		if value == "" || len(value) > MaxText {
			t.Fatalf("%s: accepted %d bytes", name, len(value))
		}
		for i := range len(value) {
			if value[i] < 0x20 || value[i] >= 0x7f {
				t.Fatalf("%s: accepted byte %#x", name, value[i])
			}
		}
		if name == IPAddress {
			requirePublic(t, netip.MustParseAddr(value))
		}
	})
}

func requirePublic(t *testing.T, addr netip.Addr) {
	t.Helper()
	if addr.Is4In6() || addr.Zone() != "" {
		t.Fatalf("%s accepted", addr)
	}
	if addr.Is6() && netip.MustParsePrefix("2002::/16").Contains(addr) {
		b := addr.As16()
		requirePublic(t, netip.AddrFrom4([4]byte(b[2:6])))
	}
	if addr.IsPrivate() || addr.IsLoopback() || addr.IsUnspecified() || addr.IsMulticast() ||
		addr.IsLinkLocalUnicast() || addr.IsInterfaceLocalMulticast() || !addr.IsGlobalUnicast() {
		t.Fatalf("%s accepted", addr)
	}
}
