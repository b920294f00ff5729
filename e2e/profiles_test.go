package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/signer"
)

// bankCall is a request of profiles/testdata/vectors, of which the application
// sends what is its own.
type bankCall struct {
	Profile, Name, Section, Identity, Container string
	Settings                                    json.RawMessage
	Request                                     struct {
		Method, Base, Path, Operation, Body string
		Headers                             map[string]string
	}
}

// bankCalls are the calls by profile, but for those that the sidecar makes on its
// own and those that want another key than this identity's.
func bankCalls(t *testing.T) map[string][]bankCall {
	t.Helper()
	files, err := filepath.Glob("../profiles/testdata/vectors/*.json")
	check(t, err)
	calls := make(map[string][]bankCall)
	for _, file := range files {
		data, err := os.ReadFile(file)
		check(t, err)
		var list []bankCall
		check(t, json.Unmarshal(data, &list))
		for _, c := range list {
			if c.Section == "" && c.Request.Operation == "" && c.Identity != "p256" {
				calls[c.Profile] = append(calls[c.Profile], c)
			}
		}
	}
	return calls
}

// TestEveryProfile has a sidecar call a bank of each profile and variant that
// signs, and looks at what arrived: nothing that was signed has changed on the
// way, and all that the bank wants is there.
func TestEveryProfile(t *testing.T) {
	p, err := issued()
	check(t, err)
	bank := newRecorder(t, p)
	calls := bankCalls(t)
	names := slices.Sorted(maps.Keys(calls))
	if len(names) < 70 {
		t.Fatalf("%d profiles", len(names))
	}
	w := newWorld(t, sandbox.TokenRules{}, parts{})
	var tpp, site strings.Builder
	for i, name := range names {
		c := calls[name][0]
		fmt.Fprintf(&tpp, "aspsp bank%d {\nprofile %s\nbase_url https://%s/%d%s\nidentity acme\ntrust_pool %q\n%s}\n",
			i, name, bank.listener.Addr(), i, c.Request.Base, w.file("bank-ca.pem"), block(t, withOwnToken(t, c.Settings)))
		fmt.Fprintf(&site, "tpp_proxy /bank%d/* bank%[1]d {\nstrip_prefix /bank%[1]d\n}\n", i)
	}
	sidecar := w.start("banks", func(all *parts) { all.tpp, all.site = tpp.String(), site.String() })
	for i, name := range names {
		for _, c := range calls[name] {
			c.Request.Base = fmt.Sprintf("/%d%s", i, calls[name][0].Request.Base)
			raw := bank.receive(t, sidecar, i, &c)
			bank.mustVerify(t, p, &c, raw)
		}
	}
	sidecar.stop()
}

// withOwnToken has the application bring its own access token.
func withOwnToken(t *testing.T, settings json.RawMessage) map[string]any {
	t.Helper()
	merged := make(map[string]any)
	if len(settings) > 0 {
		check(t, json.Unmarshal(settings, &merged))
	}
	token, _ := merged["token"].(map[string]any)
	if token == nil {
		token = make(map[string]any)
	}
	token["grant"], token["from_app"], token["client_auth"] = "none", true, "tls_client_auth"
	token["application_token"], token["client_id_from_answer"] = false, false
	merged["token"] = token
	return merged
}

// block writes an object as a Caddyfile has it.
func block(t *testing.T, object map[string]any) string {
	t.Helper()
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(object)) {
		fmt.Fprintf(&b, "%q ", key)
		switch value := object[key].(type) {
		case map[string]any:
			fmt.Fprintf(&b, "{\n%s}\n", block(t, value))
		case string:
			fmt.Fprintf(&b, "%q\n", value)
		case bool:
			b.WriteString(map[bool]string{true: "on", false: "off"}[value] + "\n")
		default:
			t.Fatalf("%s is a %T", key, value)
		}
	}
	return b.String()
}

// receive has the application make a call, and gives what arrived.
func (r *recorder) receive(t *testing.T, sidecar *process, i int, c *bankCall) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), c.Request.Method,
		"http://sidecar/bank"+strconv.Itoa(i)+c.Request.Path, strings.NewReader(c.Request.Body))
	check(t, err)
	for name, value := range c.Request.Headers {
		switch lower := strings.ToLower(name); {
		case lower == "psu-ip-address":
			value = "8.8.8.8" // an address that a PSU can have
		case !strings.HasPrefix(lower, "psu-") && !strings.HasPrefix(lower, "tpp-redirect-") &&
			!slices.Contains([]string{"accept", "authorization", "content-type", "x-idempotency-key"}, lower):
			continue // the sidecar's to make
		}
		request.Header.Set(name, value)
	}
	response, err := sidecar.app.Do(request)
	check(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	check(t, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	target := c.Request.Base + c.Request.Path
	raw := r.raw[target]
	delete(r.raw, target)
	if response.StatusCode != http.StatusOK || raw == nil {
		t.Errorf("%s, %s: status %d: %s", c.Profile, c.Name, response.StatusCode, text)
	}
	return raw
}

// mustVerify verifies a request as it arrived.
func (r *recorder) mustVerify(t *testing.T, p *pki, c *bankCall, raw []byte) {
	t.Helper()
	if raw == nil {
		return
	}
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	check(t, err)
	body, err := io.ReadAll(request.Body)
	check(t, err)
	if signed := isSigned(request.Header); signed != (c.Container != "none") {
		t.Errorf("%s, %s: signed: %v, with container %s:\n%s", c.Profile, c.Name, signed, c.Container, raw)
	}
	profile := configured(t, c)
	m, err := profiles.CompileOperations(profile.Operations)
	check(t, err)
	path, _, _ := strings.Cut(c.Request.Path, "?")
	msg := &signer.Message{Method: request.Method, Target: request.RequestURI, Host: request.Host, Header: request.Header, Body: body,
		Operation: m.Match(c.Request.Method, path)}
	if err := signer.Verify(p.qseal.Certificate.PublicKey, profile.Signature, msg); err != nil {
		t.Errorf("%s, %s: %v in\n%s", c.Profile, c.Name, err, raw)
	}
}

// isSigned reports whether a request carries a signature in any container.
func isSigned(h http.Header) bool {
	return h.Get("Signature")+h.Get("X-Jws-Signature") != "" || strings.HasPrefix(h.Get("Authorization"), "Signature ") ||
		h.Get("Content-Type") == "application/jwt"
}

// configured is the profile as the sidecar has it.
func configured(t *testing.T, c *bankCall) *profiles.Profile {
	t.Helper()
	set, err := profiles.Builtin()
	check(t, err)
	profile, err := set.Get(c.Profile)
	check(t, err)
	var overrides profiles.Overrides
	if len(c.Settings) > 0 {
		check(t, json.Unmarshal(c.Settings, &overrides))
	}
	profile, err = profile.With(overrides)
	check(t, err)
	return profile
}
