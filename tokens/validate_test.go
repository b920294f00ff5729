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
		"empty":             {`{}`, nil},
		"none":              {`{"grant":"none"}`, nil},
		"complete":          {`{"endpoint":"https://as.example/token","grant":"client_credentials","client_auth":"tls_client_auth","sign":true,"default_lifetime":"5m","max_lifetime":"1h","expiry_margin":"10s"}`, nil},
		"path":              {`{"endpoint":"/stet/psd2/oauth/token"}`, nil},
		"query":             {`{"endpoint":"https://as.example/token?tenant=1"}`, nil},
		"http":              {`{"endpoint":"http://as.example/token"}`, []string{"must be https"}},
		"no host":           {`{"endpoint":"https:///token"}`, []string{"has no host"}},
		"relative":          {`{"endpoint":"oauth/token"}`, []string{"begin with https:// or with /"}},
		"other host":        {`{"endpoint":"//as.example/token"}`, []string{"must be https"}},
		"fragment":          {`{"endpoint":"https://as.example/token#a"}`, []string{"fragment"}},
		"password":          {`{"endpoint":"https://u:hunter2@as.example/token"}`, []string{"user name or password"}},
		"not a URL":         {`{"endpoint":"https://as.example:hunter2/token"}`, []string{"not a URL"}},
		"grant":             {`{"grant":"password"}`, []string{`grant "password" is not known`, "client_credentials"}},
		"client auth":       {`{"client_auth":"client_secret_basic"}`, []string{`client_auth "client_secret_basic"`, "tls_client_auth"}},
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
