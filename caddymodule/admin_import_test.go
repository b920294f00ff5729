package caddymodule_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/grants"
)

func TestAdminImportRefuses(t *testing.T) {
	o := &operator{rig: newRig(t)}
	o.newKey("one")
	o.load(parts{tpp: o.vaultBlock("one")})
	now := time.Now().UTC().Format(time.RFC3339)
	for body, want := range map[string]string{
		``:                 "no JSON object",
		`rt-secret`:        "no JSON object",
		`["rt-secret"]`:    "no JSON object",
		`{"rt-secret": 1}`: "there are: access_expiry, access_token",
		`{"grant": "a", "Refresh_Token": "rt-secret"}`:                                          "unknown",
		`{"grant": "a", "refresh_token": "rt-secret", "refresh_token": "rt-secret"}`:            "twice",
		`{"grant": "a", "refresh_token": {"rt-secret": 1}}`:                                     "refresh_token is not a string",
		`{"grant": "a", "refresh_token": 4711006}`:                                              "refresh_token is not a string",
		`{"grant": "a", "authorized_at": "rt-secret"}`:                                          "authorized_at is not a time",
		`{"grant": "a", "replace": "rt-secret"}`:                                                "replace is not true or false",
		`{"grant": "a", "refresh_token": "rt-secret"`:                                           "valid JSON",
		`{"grant": "a", "refresh_token": "rt-secret", "authorized_at": "` + now + `"} {}`:       "follows",
		`{"refresh_token": "rt-secret", "authorized_at": "` + now + `"}`:                        "grant, the name",
		"{\"grant\": \"a\", \"refresh_token\": \"rt-secret\xff\"}":                              "UTF-8",
		`{"grant": "a", "refresh_token": "rt-secret\ud800", "authorized_at": "` + now + `"}`:    "visible ASCII",
		`{"grant": "a", "refresh_token": "rt-secret"}`:                                          "strong authentication is missing",
		`{"grant": "a", "authorized_at": "` + now + `"}`:                                        "refresh token is missing",
		`{"grant": "a", "refresh_token": "rt-secret", "authorized_at": "2020-01-01T00:00:00Z"}`: "expired",
	} {
		if text := o.refused("POST", "/tpp/grants/bpgo", "application/json", body, 400, "import-invalid"); !strings.Contains(text, want) {
			t.Errorf("%s: %s, want %q", body, text, want)
		}
	}
	o.refused("POST", "/tpp/grants/bpgo", "application/json", grantToImport("rt-secret is no name", "x", ""), 400, "grant-name-invalid")
	o.refused("POST", "/tpp/grants/bpgo", "application/json", grantToImport("a", strings.Repeat("rt-secret", 10_000), ""), 413, "body-too-large")
	o.ask("POST", "/tpp/grants/bpgo", "application/json", grantToImport("a", "rt-first", ""), 201, nil)
	if text := o.refused("POST", "/tpp/grants/bpgo", "application/json", grantToImport("a", "rt-second", ""), 409, "grant-exists"); !strings.Contains(text, `"replace"`) {
		t.Error(text)
	}
	var state grants.State
	o.ask("POST", "/tpp/grants/bpgo", "application/json", grantToImport("a", "rt-second", `, "replace": true`), 201, &state)
	if state.Status != grants.StatusActive || state.Revision < 2 {
		t.Errorf("%+v", state)
	}
	o.silent("rt-secret", "4711006", "rt-first", "rt-second")
}

// TestAdminImportsManyLines holds that each line has its answer, in order, and
// that none stops another.
func TestAdminImportsManyLines(t *testing.T) {
	o := &operator{rig: newRig(t)}
	o.newKey("one")
	o.load(parts{tpp: o.vaultBlock("one")})
	lines := []string{
		grantToImport("alice", "rt-alice", ""),
		`{"grant": "rt-in-the-wrong-place"`,
		"", " \r",
		grantToImport("bob", "rt-bob", "") + "\r",
		grantToImport("alice", "rt-again", ""),
		`{"grant": "carol", "refresh_token": ["rt-carol"]}`,
		grantToImport("dave", strings.Repeat("rt-dave", 20_000), ""),
		grantToImport("erin", "rt-erin", ""),
	}
	a := o.ask("POST", "/tpp/grants/bpgo", "application/x-ndjson; charset=utf-8", strings.Join(lines, "\n")+"\n", 200, nil)
	if a.header.Get("Content-Type") != "application/x-ndjson" {
		t.Error(a.header)
	}
	want := []string{
		"1 imported " + fingerprint("alice"), "2 import-invalid ", "5 imported " + fingerprint("bob"), "6 grant-exists " + fingerprint("alice"),
		"7 import-invalid ", "8 import-invalid ", "9 imported " + fingerprint("erin"),
	}
	var got []string
	for text := range strings.Lines(a.body) {
		var result struct {
			Line                             int
			Status, Code, Fingerprint, Error string
		}
		o.check(json.Unmarshal([]byte(text), &result))
		if (result.Error == "") != (result.Code == "") {
			t.Error(text)
		}
		got = append(got, fmt.Sprint(result.Line, " ", result.Status+result.Code, " ", result.Fingerprint))
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q, want %q", got, want)
	}
	o.refused("POST", "/tpp/grants/bpgo", "application/x-ndjson", strings.Repeat("\n", 10_001), 400, "request-invalid")
	o.refused("POST", "/tpp/grants/bpgo", "application/x-ndjson", strings.Repeat(" ", 16<<20+1), 413, "body-too-large")
	o.silent("rt-alice", "rt-in-the-wrong-place", "rt-bob", "rt-again", "rt-carol", "rt-dave", "rt-erin")
}
