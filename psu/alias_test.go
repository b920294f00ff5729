package psu

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

var openBanking = map[string]string{IPAddress: "x-fapi-customer-ip-address", UserAgent: "x-customer-user-agent"}

// Under other names the same rules hold, whichever name the application uses.
func TestCollectUnderOtherNames(t *testing.T) {
	for name, c := range map[string]struct {
		app      []string
		rule     Rule
		want     []string
		err      error
		mentions string
	}{
		"the usual names": {app: []string{"PSU-IP-Address", "8.8.8.8", "PSU-User-Agent", "UA"},
			want: []string{"x-fapi-customer-ip-address: 8.8.8.8", "x-customer-user-agent: UA"}},
		"the bank's names": {app: []string{"X-Fapi-Customer-Ip-Address", " 8.8.8.8 ", "x-customer-user-agent", "UA"},
			want: []string{"x-fapi-customer-ip-address: 8.8.8.8", "x-customer-user-agent: UA"}},
		"both, the same":    {app: []string{"PSU-IP-Address", "8.8.8.8", "x-fapi-customer-ip-address", "8.8.8.8"}, want: []string{"x-fapi-customer-ip-address: 8.8.8.8"}},
		"both, different":   {app: []string{"PSU-IP-Address", "8.8.8.8", "x-fapi-customer-ip-address", "9.9.9.9"}, err: ErrInvalid, mentions: "x-fapi-customer-ip-address"},
		"both, one empty":   {app: []string{"PSU-IP-Address", "8.8.8.8", "x-fapi-customer-ip-address", ""}, err: ErrInvalid},
		"private":           {app: []string{"x-fapi-customer-ip-address", "10.0.0.1"}, err: ErrInvalid, mentions: "x-fapi-customer-ip-address is a private address"},
		"with a port":       {app: []string{"x-fapi-customer-ip-address", "8.8.8.8:1"}, err: ErrInvalid},
		"no address":        {app: []string{"x-customer-user-agent", "UA"}, err: ErrIncomplete, mentions: "x-customer-user-agent was sent without x-fapi-customer-ip-address"},
		"required":          {rule: Require, err: ErrRequired, mentions: "x-fapi-customer-ip-address"},
		"stripped":          {rule: Strip, app: []string{"x-fapi-customer-ip-address", "10.0.0.1"}},
		"what has no name":  {app: []string{"PSU-IP-Address", "8.8.8.8", "PSU-IP-Port", "x", "PSU-Accept", "*/*"}, want: []string{"x-fapi-customer-ip-address: 8.8.8.8"}},
		"nothing":           {},
		"a control in text": {app: []string{"x-fapi-customer-ip-address", "8.8.8.8", "x-customer-user-agent", "a\x01"}, err: ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			checker, err := Compile(Policy{Rule: c.rule, Names: openBanking})
			if err != nil {
				t.Fatal(err)
			}
			got, err := checker.Collect(header(c.app...), nil, "accounts")
			if !errors.Is(err, c.err) || err != nil && !strings.Contains(err.Error(), c.mentions) {
				t.Fatalf("error %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "10.0.0.1") {
				t.Errorf("the value is in %v", err)
			}
			if list := sent(got); !slices.Equal(list, c.want) || got.Attended() != (len(c.want) > 0) || got.Len() != len(c.want) {
				t.Errorf("sent %q, want %q", list, c.want)
			}
		})
	}
}

func TestAliases(t *testing.T) {
	p := Policy{Names: map[string]string{"psu-ip-address": "x-ip", "PSU-Accept": "psu-accept"}}
	checker, err := Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	if !checker.IsAlias("X-Ip") || checker.IsAlias("Psu-Accept") || checker.IsAlias("") || checker.IsAlias("X-Other") {
		t.Error("wrong aliases")
	}
	if got := p.WireNames(); !slices.Equal(got, []string{"psu-accept", "x-ip"}) {
		t.Errorf("%q", got)
	}
	got, err := checker.Collect(header("X-Ip", "8.8.8.8", "PSU-Accept", "*/*"), nil, "x")
	if list := sent(got); err != nil || !slices.Equal(list, []string{"x-ip: 8.8.8.8", "psu-accept: */*"}) {
		t.Errorf("%q %v", list, err)
	}
}

func TestWrongNames(t *testing.T) {
	for want, given := range map[string]map[string]string{
		"no header of the PSU context": {"PSU-ID": "x-id", IPAddress: "x-ip"},
		"given twice":                  {"psu-ip-address": "x-ip", IPAddress: "x-ip2"},
		"no header name":               {IPAddress: "x ip"},
		"name of two headers":          {IPAddress: "x-ip", UserAgent: "X-IP"},
		"another header of the PSU":    {IPAddress: "x-ip", UserAgent: "PSU-Accept"},
		"PSU-IP-Address is missing":    {UserAgent: "x-ua"},
	} {
		if _, err := Compile(Policy{Names: given}); !errors.Is(err, ErrPolicy) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
