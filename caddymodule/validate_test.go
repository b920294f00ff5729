package caddymodule_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// issue makes a certificate of acme's that differs from its QWAC or QSEAL.
func issue(t *testing.T, kind testpki.Kind, change func(*testpki.Profile)) *testpki.Issued {
	t.Helper()
	profile := testpki.Profile{
		Kind: kind, CommonName: "tpp.example", Organization: "Example TPP", Country: "FR",
		OrganizationIdentifier: organization, Roles: allRoles, NCAName: "Autorité de contrôle", NCAID: "FR-ACPR",
		Signer: acme().qwac.Key,
	}
	if kind == testpki.QSEAL {
		profile.Signer = acme().qseal.Key
	}
	change(&profile)
	issued, err := authority().Issue(profile)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

func TestValidateRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		change func(r *rig) parts
		want   []string
	}{
		"QSEAL in the QWAC's place": {func(r *rig) parts {
			r.install("acme", tpp{acme().qseal, acme().qseal})
			return parts{}
		}, []string{"identity acme", "acme-qwac.pem", "QWAC", "QSEAL"}},
		"QWAC in the QSEAL's place": {func(r *rig) parts {
			r.install("acme", tpp{acme().qwac, acme().qwac})
			return parts{}
		}, []string{"identity acme", "acme-qseal.pem"}},
		"expired": {func(r *rig) parts {
			expired := issue(r.t.(*testing.T), testpki.QWAC, func(p *testpki.Profile) {
				p.NotBefore, p.NotAfter = time.Now().AddDate(-1, 0, 0), time.Now().AddDate(0, 0, -1)
			})
			r.install("acme", tpp{expired, acme().qseal})
			return parts{}
		}, []string{"identity acme", "acme-qwac.pem", "expired"}},
		"key of another pair": {func(r *rig) parts {
			r.check(os.WriteFile(r.file("acme-qwac-key.pem"), acme().qseal.KeyPEM, 0o600))
			return parts{}
		}, []string{"identity acme", "acme-qwac-key.pem does not belong to the certificate", "acme-qwac.pem"}},
		"missing file": {func(r *rig) parts {
			r.check(os.Remove(r.file("acme-qseal.pem")))
			return parts{}
		}, []string{"identity acme", "acme-qseal.pem cannot be read", "check the path"}},
		"role that the scope needs": {func(r *rig) parts {
			r.install("acme", tpp{issue(r.t.(*testing.T), testpki.QWAC, func(p *testpki.Profile) { p.Roles = []string{"PSP_AI"} }), acme().qseal})
			return parts{}
		}, []string{"aspsp bpgo", "identity acme", "acme-qwac.pem", "PSP_IC"}},
		"passphrase in the configuration": {func(r *rig) parts {
			return parts{tpp: "identity open {\nqwac \"{{DIR}}/acme-qwac.pem\" \"{{DIR}}/acme-qwac-key.pem\" {\npassphrase letmein\n}\n}"}
		}, []string{"identity open", "qwac", "{file./path/to/it}", "{env.NAME}"}},
		"identity without files": {func(r *rig) parts {
			return parts{tpp: "identity empty {\n}"}
		}, []string{"identity empty", "qwac needs a certificate file"}},
		"unknown profile": {func(r *rig) parts {
			return parts{tpp: "aspsp other {\nprofile bpce-v2\nbase_url https://x.example\nidentity acme\n}"}
		}, []string{"aspsp other", `"bpce-v2"`, "known are bpce-v1, bpce, "}},
		"no profile": {func(r *rig) parts {
			return parts{tpp: "aspsp other {\nbase_url https://x.example\nidentity acme\n}"}
		}, []string{"aspsp other", "it needs a profile", "such as bpce", "caddy tpp profiles list"}},
		"unknown identity": {func(r *rig) parts {
			return parts{tpp: "aspsp other {\nprofile bpce\nbase_url https://x.example\nidentity acne\n}"}
		}, []string{"aspsp other", `no identity "acne"`, "acme"}},
		"base_url without TLS": {func(r *rig) parts {
			return parts{tpp: "aspsp other {\nprofile bpce\nbase_url http://x.example\nidentity acme\n}"}
		}, []string{"aspsp other", "base_url", "http://x.example", "https://"}},
		"base_url missing": {func(r *rig) parts {
			return parts{tpp: "aspsp other {\nprofile bpce\nidentity acme\n}"}
		}, []string{"aspsp other", "base_url"}},
		"override of a profile": {func(r *rig) parts {
			return parts{aspsp: "signature {\nkey_id {\nform serial-number\n}\n}"}
		}, []string{"aspsp bpgo", "signature", "key_id", `"serial-number"`}},
		"psu rule":       {func(r *rig) parts { return parts{aspsp: "psu {\nrule always\n}"} }, []string{"aspsp bpgo", "psu", `"always"`}},
		"header":         {func(r *rig) parts { return parts{aspsp: "headers {\nallow Cookie\n}"} }, []string{"aspsp bpgo", "headers", "Cookie"}},
		"token duration": {func(r *rig) parts { return parts{aspsp: "token {\nexpiry_margin soon\n}"} }, []string{"aspsp bpgo", "token", "expiry_margin"}},
		"HTTP version":   {func(r *rig) parts { return parts{aspsp: "versions 3"} }, []string{"aspsp bpgo", "versions", `"3"`, "1.1, 2"}},
		"trust_pool":     {func(r *rig) parts { return parts{aspsp: "trust_pool /nowhere.pem"} }, []string{"aspsp bpgo", "trust_pool", "/nowhere.pem"}},
		"empty trust_pool": {func(r *rig) parts {
			r.check(os.WriteFile(r.file("empty.pem"), nil, 0o600))
			return parts{aspsp: `trust_pool "{{DIR}}/empty.pem"`}
		}, []string{"aspsp bpgo", "trust_pool", "empty.pem", "no certificate"}},
		"fallback that the profile does not know": {func(r *rig) parts {
			return parts{tpp: "aspsp other {\nprofile berlin-group\nbase_url https://x.example\nidentity acme\nfallback\n}"}
		}, []string{"aspsp other", "fallback", "berlin-group"}},
		"unknown aspsp in tpp_proxy": {func(r *rig) parts { return parts{site: "tpp_proxy bpog"} },
			[]string{"tpp_proxy", `"bpog"`, "configured are: bpgo"}},
		"several at once": {func(r *rig) parts {
			r.check(os.Remove(r.file("acme-qseal-key.pem")))
			r.install("acme2", tpp{acme().qseal, acme().qseal})
			return parts{tpp: `identity second {
				qwac "{{DIR}}/acme2-qwac.pem" "{{DIR}}/acme2-qwac-key.pem"
			}
			aspsp one {
				profile bcpe
				base_url https://x.example
				versions 3
				identity acme
			}
			aspsp two {
				profile bpce
				base_url http://x.example
				identity acme
			}`, aspsp: "signature {\nalgorithm sha1\n}"}
		}, []string{
			"identity acme", "acme-qseal-key.pem cannot be read",
			"identity second", "acme2-qwac.pem",
			"aspsp one", `"bcpe"`, `"3" is not one of 1.1, 2`,
			"aspsp two", "http://x.example",
			"aspsp bpgo", `"sha1"`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			err := r.validate(test.change(r))
			mentions(t, err, test.want...)
			if err != nil && strings.Contains(err.Error(), "letmein") {
				t.Errorf("the passphrase is in the error: %v", err)
			}
		})
	}
}

func TestValidateOnlyWarns(t *testing.T) {
	r := newRig(t)
	r.install("acme", tpp{issue(t, testpki.QWAC, func(p *testpki.Profile) { p.OmitKeyUsage = true }), acme().qseal})
	r.check(r.validate(parts{}))
	r.load(parts{})
	r.compliant(r.funds("PSU-IP-Address", publicIP))
	if log := r.log(); !strings.Contains(log, `"code":"key-usage-missing"`) || !strings.Contains(log, "acme-qwac.pem") {
		t.Error("the log does not warn of the missing keyUsage")
	}
}

// TestUnknownScopeWarns holds that a misspelt scope, for which no role can be
// checked, does not go by in silence.
func TestUnknownScopeWarns(t *testing.T) {
	const warning = "the profile gives no role for this scope"
	for name, test := range map[string]struct {
		aspsp string
		want  string // the unknown scopes, "" if there is no warning
	}{
		"the profile's":  {"", ""},
		"known":          {"scope cbpii", ""},
		"several known":  {`scope "aisp cbpii"`, ""},
		"unknown":        {"scope foo", `"scope":"foo"`},
		"one of several": {`scope "aisp fo:o cbpi"`, `"scope":"fo:o cbpi"`},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.load(parts{aspsp: test.aspsp})
			log := r.log()
			if test.want == "" {
				if strings.Contains(log, warning) {
					t.Error("warned")
				}
				return
			}
			for _, want := range []string{warning, test.want, `"aspsp":"bpgo"`, `"known":["aisp","cbpii"`} {
				if !strings.Contains(log, want) {
					t.Errorf("%s is not in the log", want)
				}
			}
		})
	}
}

// TestValidateStartsNothing holds that a check of the configuration neither
// calls the bank nor leaves anything running (see TestMain).
func TestValidateStartsNothing(t *testing.T) {
	r := newRig(t)
	r.check(r.validate(parts{}))
	if stats := r.bank.Stats(); stats.Connections != 0 {
		t.Errorf("%d connections to the bank", stats.Connections)
	}
}
