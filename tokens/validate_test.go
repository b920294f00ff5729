package tokens

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestSpecValidate(t *testing.T) {
	tests := map[string]struct {
		spec string // as in a profile
		want []string
	}{
		"empty":       {`{}`, nil},
		"none":        {`{"grant":"none"}`, nil},
		"complete":    {`{"endpoint":"https://as.example/token","grant":"client_credentials","client_auth":"tls_client_auth","sign":true,"default_lifetime":"5m","max_lifetime":"1h","expiry_margin":"10s"}`, nil},
		"path":        {`{"endpoint":"/stet/psd2/oauth/token"}`, nil},
		"query":       {`{"endpoint":"https://as.example/token?tenant=1"}`, nil},
		"http":        {`{"endpoint":"http://as.example/token"}`, []string{"must be https"}},
		"no host":     {`{"endpoint":"https:///token"}`, []string{"has no host"}},
		"relative":    {`{"endpoint":"oauth/token"}`, []string{"begin with https:// or with /"}},
		"other host":  {`{"endpoint":"//as.example/token"}`, []string{"must be https"}},
		"fragment":    {`{"endpoint":"https://as.example/token#a"}`, []string{"fragment"}},
		"password":    {`{"endpoint":"https://u:hunter2@as.example/token"}`, []string{"user name or password"}},
		"not a URL":   {`{"endpoint":"https://as.example:hunter2/token"}`, []string{"not a URL"}},
		"grant":       {`{"grant":"password"}`, []string{`grant "password" is not known`, "client_credentials"}},
		"client auth": {`{"client_auth":"client_secret_jwt"}`, []string{`client_auth "client_secret_jwt"`, "tls_client_auth", "private_key_jwt"}},
		"secrets":     {`{"client_auth":"client_secret_basic"}`, nil},
		"two steps":   {`{"grant":"client_credentials","application_token":true,"client_id_from_answer":true,"no_client_id":true}`, nil},
		"OpenID": {`{"metadata":"/.well-known/openid-configuration","issuer":"https://bank.example/","hosts":["as.bank.example","as.bank.example:8443"],
			"id_token":{"check":"enforce","algorithms":["PS256","ES384"]},"client_auth":"private_key_jwt",
			"assertion":{"algorithm":"PS256","key_id":"k","lifetime":"5m"},
			"authorize":{"endpoint":"https://login.bank.example/authorize?bank=1","pushed":"/par","pkce":true,"request_object":true,"nonce":true,"consent":"claims","parameters":{"prompt":"login"}}}`, nil},
		"outage statuses":    {`{"not_processed":[429,503],"consent_days":90,"revocation":"/revoke"}`, nil},
		"not processed":      {`{"not_processed":[429,200]}`, []string{"not_processed: 200"}},
		"consent":            {`{"consent_days":-1}`, []string{"consent_days -1"}},
		"consent in hours":   {`{"consent_days":4320}`, []string{"consent_days 4320", "180"}},
		"post without id":    {`{"client_auth":"client_secret_post","no_client_id":true}`, []string{"no_client_id contradicts"}},
		"two Authorizations": {`{"grant":"client_credentials","application_token":true,"client_auth":"client_secret_basic"}`, []string{"application_token contradicts"}},
		"no application":     {`{"application_token":true,"client_id_from_answer":true}`, []string{`application_token needs grant "client_credentials"`, "client_id_from_answer needs"}},
		"HMAC":               {`{"assertion":{"algorithm":"HS256"},"id_token":{"algorithms":["none"]}}`, []string{`assertion.algorithm "HS256"`, "PS256", `id_token.algorithms: "none"`}},
		"assertion's life":   {`{"assertion":{"lifetime":"2h"}}`, []string{"assertion.lifetime is longer"}},
		"negative life":      {`{"assertion":{"lifetime":"-2s"}}`, []string{"assertion.lifetime is negative"}},
		"hosts":              {`{"hosts":["https://as.example","as.example/path",""]}`, []string{`"https://as.example" is no host`, `"as.example/path" is no host`, `"" is no host`}},
		"issuer":             {`{"issuer":"bank"}`, []string{"issuer must be"}},
		"issuer with query":  {`{"issuer":"https://bank.example?a"}`, []string{"issuer must be"}},
		"own parameters":     {`{"authorize":{"parameters":{"state":"x","redirect_uri":"x"}}}`, []string{`"redirect_uri" is set`, `"state" is set`}},
		"own as consent":     {`{"authorize":{"consent":"state"}}`, []string{`authorize.consent: "state" is set by the sidecar itself`}},
		"consent twice":      {`{"authorize":{"consent":"claims","parameters":{"claims":"{}"}}}`, []string{`authorize.parameters: "claims" is where authorize.consent`}},
		"endpoints": {`{"authorize":{"endpoint":"http://a.example","pushed":"par"},"revocation":"http://a.example","metadata":"x","id_token":{"keys":"https://u:hunter2@a.example"}}`,
			[]string{"authorize.endpoint must be https", "authorize.pushed must begin", "revocation must be https", "metadata must begin", "id_token.keys must not"}},
		"unknown check":     {`{"id_token":{"check":"yes"}}`, []string{`id_token.check "yes"`, "enforce"}},
		"check of nothing":  {`{"id_token":{"check":"report"}}`, []string{"needs the bank's keys", "needs the bank's issuer"}},
		"negative":          {`{"expiry_margin":"-1s"}`, []string{"expiry_margin is negative"}},
		"default too long":  {`{"default_lifetime":"2h","max_lifetime":"1h"}`, []string{"default_lifetime 2h0m0s is longer than max_lifetime 1h0m0s"}},
		"max below default": {`{"max_lifetime":"1m"}`, []string{"default_lifetime 5m0s is longer"}},
		"several at once":   {`{"grant":"x","client_auth":"y"}`, []string{"grant", "client_auth"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var spec Spec
			if err := json.Unmarshal([]byte(tt.spec), &spec); err != nil {
				t.Fatal(err)
			}
			err := spec.Validate()
			if len(tt.want) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.Is(err, ErrSpec) {
				t.Fatalf("got %v, want ErrSpec", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q shows a password", err)
			}
		})
	}
}

func TestDurationIsText(t *testing.T) {
	var spec Spec
	if err := json.Unmarshal([]byte(`{"max_lifetime":"90s"}`), &spec); err != nil {
		t.Fatal(err)
	}
	if got := spec.maxLifetime(); got != 90*time.Second {
		t.Errorf("max_lifetime = %v", got)
	}
	out, err := json.Marshal(&spec)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(out); got != `{"max_lifetime":"1m30s"}` {
		t.Errorf("written as %s", got)
	}
	if json.Unmarshal([]byte(`{"max_lifetime":"soon"}`), &spec) == nil {
		t.Error(`"soon" was taken for a duration`)
	}
}

func TestMarginNeverEatsAShortToken(t *testing.T) {
	tests := []struct {
		configured, lifetime, want time.Duration
	}{
		{0, time.Hour, 30 * time.Second},
		{0, 150 * time.Second, 30 * time.Second},
		{0, 50 * time.Second, 10 * time.Second},
		{time.Minute, time.Hour, time.Minute},
		{time.Hour, time.Hour, 12 * time.Minute},
	}
	for _, tt := range tests {
		spec := Spec{ExpiryMargin: Duration(tt.configured)}
		if got := spec.margin(tt.lifetime); got != tt.want {
			t.Errorf("margin %v of %v = %v, want %v", tt.configured, tt.lifetime, got, tt.want)
		}
	}
}
