package caddymodule_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// TestSecretOfAFixedHeader holds that a secret is read for each call, that a
// call without it is refused here, and that its value is never told.
func TestSecretOfAFixedHeader(t *testing.T) {
	keys := make(chan string, 9)
	r := newRig(t)
	r.bankURL = newRawBank(t, "127.0.0.1:0", func(w http.ResponseWriter, req *http.Request) { keys <- req.Header.Get("X-Api-Key") }).url()
	r.check(os.WriteFile(r.file("api-key"), []byte("first-key\n"), 0o600))
	r.load(parts{aspsp: "headers {\nset {\nX-Api-Key {file." + r.file("api-key") + "}\n}\n}"})
	for _, want := range []string{"first-key", "second-key"} {
		r.check(os.WriteFile(r.file("api-key"), []byte(want+"\n"), 0o600))
		if a := r.call("GET", "/bpgo/accounts", "", "X-Api-Key", "of-the-app"); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if got := <-keys; got != want {
			t.Errorf("X-Api-Key is %q, want %q", got, want)
		}
	}
	r.check(os.Remove(r.file("api-key")))
	p := r.refused(r.call("GET", "/bpgo/accounts", ""), sidecar.CodeSecretUnreadable, 500)
	if !strings.Contains(p.Detail, "X-Api-Key") || len(keys) > 0 {
		t.Errorf("%+v; the bank got %d more calls", p, len(keys))
	}
	if log := r.log(); strings.Contains(log, "first-key") || strings.Contains(log, "stand in the configuration") {
		t.Error("the log holds the secret, or warns without reason")
	}
}

func TestSecretInTheConfigurationIsWarnedOf(t *testing.T) {
	r := newRig(t)
	r.load(parts{aspsp: "headers {\nset {\nX-Api-Key in-clear\nX-Region fr\n}\n}"})
	log := r.log()
	if strings.Count(log, "a secret seems to stand in the configuration") != 1 || !strings.Contains(log, `"header":"X-Api-Key"`) || strings.Contains(log, "in-clear") {
		t.Errorf("%s", log)
	}
}

// TestPSUFromElsewhere holds that PSU context can come from other headers of
// the app, and that what is wrong there is refused like the app's own.
func TestPSUFromElsewhere(t *testing.T) {
	r := newRig(t)
	r.load(parts{aspsp: "psu {\nrule require\nfrom {\nPSU-IP-Address {http.request.header.X-End-User-IP}\nPSU-User-Agent {http.request.header.X-End-User-Agent}\n}\n}"})
	record := r.compliant(r.funds("X-End-User-IP", publicIP, "X-End-User-Agent", "Phone/1"))
	if record.Header.Get("PSU-IP-Address") != publicIP || record.Header.Get("PSU-User-Agent") != "Phone/1" || record.Header.Get("X-End-User-IP") != "" {
		t.Errorf("\n%s", record.RawHead)
	}
	record = r.compliant(r.funds("PSU-IP-Address", "9.9.9.10", "X-End-User-IP", publicIP))
	if got := record.Header["Psu-Ip-Address"]; len(got) != 1 || got[0] != "9.9.9.10" {
		t.Errorf("what the app sent itself did not win: %q", got)
	}
	r.refused(r.funds("X-End-User-IP", "10.1.2.3"), sidecar.CodePSUInvalid, 400)
	r.refused(r.funds(), sidecar.CodePSURequired, 400)
	if strings.Contains(r.ownLog(), publicIP) {
		t.Error("the PSU's address is in the sidecar's log")
	}
}
