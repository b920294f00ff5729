package profiles

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/headers"
	"github.com/caddy-tpp/caddy-tpp/psu"
)

func get(t testing.TB, name string) *Profile {
	t.Helper()
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	p, err := set.Get(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestBuiltin(t *testing.T) {
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"berlin-group", "bpce", "bpce-v1"} {
		if !slices.Contains(set.Names(), name) {
			t.Errorf("%s is not among %q", name, set.Names())
		}
	}
	for _, name := range set.Names() {
		p := get(t, name)
		if len(p.Sources) == 0 || len(p.OpenQuestions) == 0 || p.Standard == "" {
			t.Errorf("%s says not what it rests on", name)
		}
	}
}

func TestBPCE(t *testing.T) {
	p, v1 := get(t, "bpce"), get(t, "bpce-v1")
	if p.Scope != "cbpii" || v1.Scope != "piisp" || v1.Standard != "STET 1.4.0" || v1.Title == p.Title {
		t.Errorf("scopes %q %q, standard %q, title %q", p.Scope, v1.Scope, v1.Standard, v1.Title)
	}
	if !slices.Equal(v1.Signature.Signed, p.Signature.Signed) || !reflect.DeepEqual(v1.Token, p.Token) || v1.Fallback.Header != "fallback" {
		t.Error("bpce-v1 does not inherit signature, token and fallback")
	}
	if p.Token.Endpoint != "/stet/psd2/oauth/token" || p.Token.Sign || p.Token.FromApp {
		t.Errorf("token: %+v", p.Token)
	}
	for _, c := range []struct{ method, path, v142, v140 string }{
		{"GET", "/accounts", "accounts", "accounts"},
		{"GET", "/accounts/038-CPT30019654051/balances", "balances", "balances"},
		{"GET", "/accounts/x/transactions", "transactions", "transactions"},
		{"PUT", "/consents", "consents", "consents"},
		{"POST", "/funds-confirmations", "funds-confirmations", "funds-confirmations"},
		{"GET", "/funds-confirmations", "other", "other"},
		{"GET", "/trusted-beneficiaries", "trusted-beneficiaries", "trusted-beneficiaries"},
		{"GET", "/end-user-identity", "end-user-identity", "other"},
		{"POST", "/payment-requests/42/o-confirmation", "o-confirmation", "other"},
	} {
		for profile, want := range map[*Profile]string{p: c.v142, v1: c.v140} {
			m, err := CompileOperations(profile.Operations)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Match(c.method, c.path); got != want {
				t.Errorf("%s: %s %s is %q, want %q", profile.Name, c.method, c.path, got, want)
			}
		}
	}
}

func TestRequiredRoles(t *testing.T) {
	bpce, berlin := get(t, "bpce"), get(t, "berlin-group")
	for _, c := range []struct {
		p     *Profile
		scope string
		want  []string
	}{
		{bpce, "", nil},
		{bpce, "cbpii", []string{"PSP_IC"}},
		{bpce, "piisp", []string{"PSP_IC"}},
		{bpce, "aisp extended_transaction_history", []string{"PSP_AI"}},
		{bpce, " pisp  aisp cbpii ", []string{"PSP_AI", "PSP_IC", "PSP_PI"}},
		{bpce, "openid", nil},
		{berlin, "AIS:1234-wertiq-983 offline_access", []string{"PSP_AI"}},
		{berlin, "PIS:7", []string{"PSP_PI"}},
	} {
		if got := c.p.RequiredRoles(c.scope); !slices.Equal(got, c.want) {
			t.Errorf("%s %q: %q, want %q", c.p.Name, c.scope, got, c.want)
		}
	}
}

func TestGetUnknownListsNearestFirst(t *testing.T) {
	set, _ := Builtin()
	_, err := set.Get("bpce-v2")
	if !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), `"bpce-v2"; known are bpce-v1, bpce, `) {
		t.Error(err)
	}
}

// The headers package keeps its own list because the two do not know each other.
func TestHeadersKnowThePSUContext(t *testing.T) {
	for _, name := range psu.Names() {
		if !headers.IsForbidden(name) {
			t.Errorf("%s of the application could pass by the PSU check", name)
		}
	}
}
