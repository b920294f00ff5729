package caddymodule_test

import (
	"os"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// A mistake about the vault, or about what needs it, shows in caddy validate,
// with what to write instead.
func TestVaultMistakes(t *testing.T) {
	r := newRig(t)
	r.newKey("one")
	r.check(os.WriteFile(r.file("short"), []byte("c2hvcnQ=\n"), 0o600))
	key := func(id, name string) string { return "key " + id + " {file." + r.file(name) + "}\n" }
	for name, c := range map[string]struct {
		parts parts
		want  []string
	}{
		"no key":             {parts{tpp: "vault {\n}"}, []string{"vault", "no key", "caddy tpp vault key"}},
		"secret in clear":    {parts{tpp: "vault {\nkey 1 c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=\n}"}, []string{"key 1", "must not stand in the configuration", "{file./path/to/it}"}},
		"file missing":       {parts{tpp: "vault {\n" + key("1", "nothing") + "}"}, []string{"key 1", "nothing"}},
		"too short":          {parts{tpp: "vault {\n" + key("1", "short") + "}"}, []string{"key 1", "5 bytes", "32"}},
		"one id, two keys":   {parts{tpp: "vault {\n" + key("1", "one") + key("1", "one") + "}"}, []string{"vault", "1"}},
		"authorize without":  {parts{site: mainSite + "\ntpp_authorize /begin"}, []string{"tpp_authorize needs a vault"}},
		"callback without":   {parts{site: mainSite + "\ntpp_callback /back"}, []string{"tpp_callback needs a vault"}},
		"callback, no ASPSP": {parts{tpp: r.vaultBlock("one"), site: mainSite + "\ntpp_callback /back bgpo"}, []string{"tpp_callback", "bgpo", "bpgo"}},
		"callback, not configured": {parts{tpp: r.vaultBlock("one"), site: mainSite + "\ntpp_callback /back bpgo"},
			[]string{"aspsp bpgo", "redirect_uri", "return_urls"}},
		"name of an ASPSP": {parts{tpp: r.vaultBlock("one") + "aspsp Crédit {\nprofile bpce\nbase_url https://bank.example\nidentity acme\n}"},
			[]string{"aspsp Crédit", "letters"}},
		"redirect_uri": {parts{aspsp: "redirect_uri /back"}, []string{"aspsp bpgo", "redirect_uri", "https://host/path"}},
		"client_secret in clear": {parts{aspsp: "client_secret s3cret"},
			[]string{"aspsp bpgo", "client_secret must not stand in the configuration"}},
		"client_secret missing": {parts{aspsp: "token {\nclient_auth client_secret_post\n}"}, []string{"aspsp bpgo", "set client_secret"}},
		"client_key":            {parts{aspsp: "client_key " + r.file("acme-qwac.pem")}, []string{"aspsp bpgo", "client_key", "acme-qwac.pem"}},
		"metadata":              {parts{aspsp: "token {\nmetadata http://bank.example/x\n}"}, []string{"metadata", "https"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := r.validate(c.parts)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
			for _, secret := range []string{"s3cret", "c2VjcmV0", "c2hvcnQ"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error holds a secret: %v", err)
				}
			}
		})
	}
}

// With a wrong key the configuration does not start, and the former stays.
func TestVaultWrongKey(t *testing.T) {
	r := newRig(t)
	r.newKey("one")
	r.load(parts{tpp: r.vaultBlock("one")})
	r.newKey("one")
	config, err := adapt(r.text(parts{tpp: r.vaultBlock("one")}))
	r.check(err)
	err = loadConfig(config)
	if err == nil || !strings.Contains(err.Error(), "vault") || !strings.Contains(err.Error(), `"one"`) {
		t.Errorf("error %v", err)
	}
	r.compliant(r.funds("PSU-IP-Address", publicIP))
}

// A storage that cannot be used ends neither the start nor calls that need none.
func TestVaultStorageUnavailable(t *testing.T) {
	r := newRig(t)
	r.newKey("one")
	r.check(os.WriteFile(r.file("storage"), []byte("not a folder"), 0o600))
	r.load(parts{tpp: r.vaultBlock("one")})
	r.compliant(r.funds("PSU-IP-Address", publicIP))
	r.refused(r.call("GET", "/bpgo/accounts", "", "Sidecar-Grant", "k"), sidecar.CodeVaultUnavailable, 503)
	if !strings.Contains(r.log(), "the storage of the vault cannot be used") {
		t.Error("the log does not say so")
	}
	r.check(os.Remove(r.file("storage")))
	r.eventually(func() bool {
		return r.call("GET", "/bpgo/accounts", "", "Sidecar-Grant", "k").header.Get(sidecar.ErrorHeader) == string(sidecar.CodeGrantUnknown)
	})
}

// A wrong key that could not be told from a right one at start, for want of the
// storage, writes nothing when the storage is back.
func TestVaultWrongKeyAfterOutage(t *testing.T) {
	o := &operator{rig: newRig(t)}
	o.newKey("one")
	right, err := os.ReadFile(o.file("one"))
	o.check(err)
	o.load(parts{tpp: o.vaultBlock("one")})
	pair := o.authorizePSU("D0999992I0")
	o.ask("POST", "/tpp/grants/bpgo", "", grantToImport("alice", pair.Refresh, ""), 201, nil)

	o.check(os.Rename(o.file("storage"), o.file("aside")))
	o.check(os.WriteFile(o.file("storage"), []byte("not a folder"), 0o600))
	o.newKey("one")
	o.load(parts{tpp: o.vaultBlock("one")})
	o.check(os.Remove(o.file("storage")))
	o.check(os.Rename(o.file("aside"), o.file("storage")))
	o.rig.refused(o.call("GET", "/bpgo/accounts", "", "Sidecar-Grant", "alice"), sidecar.CodeVaultKey, 500)
	for _, name := range []string{"alice", "bob"} {
		o.refused("POST", "/tpp/grants/bpgo", "", grantToImport(name, "r-1", `, "replace": true`), 500, string(sidecar.CodeVaultKey))
	}

	o.check(os.WriteFile(o.file("one"), right, 0o600))
	o.load(parts{tpp: o.vaultBlock("one")})
	if a := o.call("GET", "/bpgo/accounts", "", "Sidecar-Grant", "alice", "PSU-IP-Address", publicIP); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
