package caddymodule_test

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

// compliant fails unless the bank got the main job's call with everything on it.
func (r *rig) compliant(a answer) sandbox.Record {
	r.t.Helper()
	record := r.accepted(a, 200)
	if !record.SignatureOK || !strings.Contains(a.body, `"result":true`) || string(record.Body) != fundsBody {
		r.t.Fatalf("signature %v, answer %s, body at the bank %s", record.SignatureOK, a.body, record.Body)
	}
	if got := a.header.Get("X-Request-ID"); got == "" || got != record.Header.Get("X-Request-ID") {
		r.t.Fatalf("the app got X-Request-ID %q, the bank %q", got, record.Header.Get("X-Request-ID"))
	}
	return record
}

func TestMainJob(t *testing.T) {
	for name, test := range map[string]struct{ versions, proto string }{
		"h1": {"", "HTTP/1.1"},
		"h2": {"versions 1.1 2", "HTTP/2.0"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(o *sandbox.Options) { o.HTTP2 = name == "h2" })
			r.load(parts{aspsp: test.versions})
			record := r.compliant(r.funds("PSU-IP-Address", publicIP, "PSU-User-Agent", "Mozilla/5.0", "Cookie", "session=internal"))
			if record.Proto != test.proto {
				t.Errorf("spoke %s, want %s", record.Proto, test.proto)
			}
			if record.ClientCert.SerialNumber.Cmp(acme().qwac.Certificate.SerialNumber) != 0 ||
				record.QSEAL.SerialNumber.Cmp(acme().qseal.Certificate.SerialNumber) != 0 {
				t.Error("not acme's certificates")
			}
			for _, name := range []string{"Cookie", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Via", "Accept-Encoding"} {
				if value := record.Header.Get(name); value != "" {
					t.Errorf("the bank got %s: %s", name, value)
				}
			}
			if name == "h1" && !strings.Contains(string(record.RawHead), "\r\nPSU-IP-Address: "+publicIP+"\r\n") {
				t.Errorf("no PSU-IP-Address in\n%s", record.RawHead)
			}
		})
	}
}

// TestJSONServesTheSame loads the adapted form, written by hand, without any Caddyfile.
func TestJSONServesTheSame(t *testing.T) {
	r := newRig(t)
	config := strings.NewReplacer("DIR", r.dir, "BANK", r.bankURL, "APP", r.app).Replace(`{
		"admin": {"disabled": true, "config": {"persist": false}},
		"storage": {"module": "file_system", "root": "DIR/storage"},
		"apps": {
			"http": {"servers": {"app": {"listen": ["APP"], "automatic_https": {"disable": true}, "routes": [{"handle": [
				{"handler": "tpp", "aspsp": "bpgo"},
				{"handler": "reverse_proxy", "dynamic_upstreams": {"source": "tpp"}, "transport": {"protocol": "tpp"}}
			]}]}}},
			"tpp": {
				"identities": {"acme": {
					"qwac": {"certificate": "DIR/acme-qwac.pem", "key": "DIR/acme-qwac-key.pem"},
					"qseal": {"certificate": "DIR/acme-qseal.pem", "key": "DIR/acme-qseal-key.pem"}
				}},
				"aspsps": {"bpgo": {
					"profile": "bpce", "base_url": "BANK/stet/psd2/v1.4.2", "identity": "acme", "trust_pool": ["DIR/bank-ca.pem"]
				}}
			}
		}
	}`)
	r.check(caddy.Load([]byte(config), true))
	r.compliant(r.call("POST", "/funds-confirmations", fundsBody, "PSU-IP-Address", publicIP))
}

func TestIdentitiesDoNotMix(t *testing.T) {
	r := newRig(t, func(o *sandbox.Options) { o.HTTP2 = true })
	r.check(r.bank.AddQSEAL(bolt().qseal.Certificate))
	r.install("bolt", bolt())
	second := r.newBank(func(o *sandbox.Options) { o.KeyID = sandbox.KeyIDClientID })
	r.check(second.Start("127.0.0.1:0"))
	r.load(parts{
		aspsp: "versions 1.1 2",
		tpp: `identity bolt {
			qwac "{{DIR}}/bolt-qwac.pem" "{{DIR}}/bolt-qwac-key.pem"
			qseal "{{DIR}}/bolt-qseal.pem" "{{DIR}}/bolt-qseal-key.pem"
		}
		aspsp bpgo-bolt {
			profile bpce
			base_url {{BANK}}/stet/psd2/v1.4.2
			identity bolt
			versions 1.1 2
			trust_pool "{{DIR}}/bank-ca.pem"
		}
		aspsp second {
			profile bpce-v1
			base_url ` + second.URL() + `/stet/psd2/v1
			identity acme
			trust_pool "{{DIR}}/bank-ca.pem"
			signature {
				key_id client-id
			}
		}`,
		site: `handle_path /bpgo/* {
			tpp_proxy bpgo
		}
		handle_path /bolt/* {
			tpp_proxy bpgo-bolt
		}
		handle_path /second/* {
			tpp_proxy second
		}`,
	})
	for range 3 {
		for path, pair := range map[string]tpp{"/bpgo": acme(), "/bolt": bolt()} {
			record := r.compliant(r.call("POST", path+"/funds-confirmations", fundsBody, "PSU-IP-Address", publicIP))
			if record.ClientCert.SerialNumber.Cmp(pair.qwac.Certificate.SerialNumber) != 0 ||
				record.QSEAL.SerialNumber.Cmp(pair.qseal.Certificate.SerialNumber) != 0 {
				t.Fatalf("%s went out with another identity's certificates", path)
			}
		}
		a := r.call("POST", "/second/funds-confirmations", fundsBody, "PSU-IP-Address", publicIP)
		if last := second.Last(); a.status != 200 || len(last.Problems) > 0 || last.KeyID != organization {
			t.Fatalf("second bank: %d %s; keyId %q, problems %q", a.status, a.body, last.KeyID, last.Problems)
		}
	}
	if calls := r.bank.TokenCalls(); calls != 2 {
		t.Errorf("%d token calls at the first bank, want one for each identity", calls)
	}
}
