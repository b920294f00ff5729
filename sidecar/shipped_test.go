package sidecar_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/psu"
	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
	"github.com/caddy-tpp/caddy-tpp/signer"
)

// Every shipped profile carries calls as they are over a connection: what
// arrives at the bank has the signature that the profile says, and its headers.
func TestShippedProfilesOverTheWire(t *testing.T) {
	r := newRig(t, options{})
	set, err := profiles.Builtin()
	r.check(err)
	for _, name := range set.Names() {
		t.Run(name, func(t *testing.T) {
			p, err := set.Get(name)
			if err != nil {
				t.Fatal(err)
			}
			a, err := r.newASPSP(options{profile: name, base: "/of/a/bank", overrides: configured(t, p), config: func(c *sidecar.Config) {
				c.ClientSecret = func() (string, error) { return "secret", nil }
				c.Scope, c.ClientID = "aisp", "client-1"
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			r.aspsp = a
			for _, op := range oneOfEachMethod(p) {
				r.carries(t, a.Config().Profile, op)
			}
		})
	}
	if calls := r.bank.Stats().Requests; calls < 6*len(set.Names()) {
		t.Errorf("only %d calls got to the bank", calls)
	}
}

// configured makes the settings that a profile requires, and lets the application
// bring its tokens.
func configured(t *testing.T, p *profiles.Profile) (o profiles.Overrides) {
	t.Helper()
	settings := map[string]any{"token": map[string]any{
		"endpoint": "/oauth/token", "from_app": true, "grant": "none", "application_token": false, "client_id_from_answer": false, "sign": false, "header": nil,
	}}
	set := func(path string, value any) {
		at := settings
		section, rest, _ := strings.Cut(path, ".")
		keys := []string{section, rest}
		if strings.HasPrefix(path, "headers.set.") {
			keys = []string{"headers", "set", strings.TrimPrefix(path, "headers.set.")}
		} else if section != "headers" {
			keys = strings.Split(path, ".")
		}
		for _, key := range keys[:len(keys)-1] {
			if _, ok := at[key]; !ok {
				at[key] = map[string]any{}
			}
			at = at[key].(map[string]any)
		}
		at[keys[len(keys)-1]] = value
	}
	for _, required := range p.Requires {
		switch {
		case !strings.Contains(required.Setting, "."):
			o.Given = append(o.Given, required.Setting)
		case strings.HasSuffix(required.Setting, "claims"):
			set(required.Setting, map[string]string{"sub": "configured"})
		case strings.HasSuffix(required.Setting, "url") || strings.HasSuffix(required.Setting, "endpoint"):
			set(required.Setting, "https://tpp.example/address")
		default:
			set(required.Setting, "configured")
		}
	}
	section := func(name string) json.RawMessage {
		data, err := json.Marshal(settings[name])
		if err != nil || settings[name] == nil {
			return nil
		}
		return data
	}
	o.Signature, o.Headers, o.Token = section("signature"), section("headers"), section("token")
	o.ClientCertificate = profiles.ClientCertificateRequired // which this bank does
	return o
}

// oneOfEachMethod picks operations of a profile.
func oneOfEachMethod(p *profiles.Profile) []profiles.Operation {
	picked := map[string]profiles.Operation{"PATCH": {Name: profiles.OperationOther, Method: "PATCH", Path: "/somewhere/else"}}
	for _, op := range p.Operations {
		if op.Method == "" {
			op.Method = "PUT"
		}
		if _, ok := picked[op.Method]; !ok || slices.Contains(p.Signature.Only, op.Name) {
			picked[op.Method] = op
		}
	}
	return slices.Collect(maps.Values(picked))
}

// carries makes a call with and without a PSU, and looks at what the bank got.
func (r *rig) carries(t *testing.T, p *profiles.Profile, op profiles.Operation) {
	t.Helper()
	path := strings.NewReplacer("{", "", "}", "", "*", "rest").Replace(op.Path) + "?a=%2F&b="
	body := ""
	if op.Method != http.MethodGet && op.Method != http.MethodDelete {
		body = `{"requestHeader":{"requestId":"8f2a1b00-e67d-11ec-8fea-0242ac120002"},"amount":"1.00"}`
	}
	for _, attended := range []bool{true, false} {
		rule := p.PSU.Operations[op.Name]
		if !attended && (rule == psu.Require || rule == "" && p.PSU.Rule == psu.Require) {
			continue
		}
		headers := []string{"Accept", "application/json", "Authorization", "Bearer of-the-app"}
		if body != "" {
			headers = append(headers, "Content-Type", "application/json")
		}
		if attended {
			headers = append(headers, "PSU-IP-Address", publicIP)
		}
		before := r.bank.Stats().Requests
		a := r.call(op.Method, path, body, headers...)
		if r.bank.Stats().Requests == before {
			t.Errorf("%s %s did not get to the bank: HTTP %d %s", op.Method, op.Path, a.status, a.body)
			continue
		}
		checkArrived(t, p, op, r.bank.Last())
	}
}

func checkArrived(t *testing.T, p *profiles.Profile, op profiles.Operation, got sandbox.Record) {
	t.Helper()
	msg := &signer.Message{Method: got.Method, Target: got.RequestURI, Host: got.Host, Header: got.Header, Body: got.Body, Operation: op.Name}
	if err := signer.Verify(firstTPP().qseal.Certificate.PublicKey, p.Signature, msg); err != nil {
		t.Errorf("%s %s: %v\n%s", op.Method, op.Name, err, got.RawHead)
	}
	for _, names := range [...][]string{slices.Collect(maps.Keys(p.Headers.Make)), slices.Collect(maps.Keys(p.Headers.Set))} {
		for _, name := range names {
			if !strings.Contains(string(got.RawHead), "\r\n"+name+": ") && p.Headers.Set[name] != "" {
				t.Errorf("%s %s: no header %s\n%s", op.Method, op.Name, name, got.RawHead)
			}
		}
	}
}
