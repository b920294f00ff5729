package tokens

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestRevoke(t *testing.T) {
	tests := map[string]struct {
		status int
		body   string
		want   error
		code   string
	}{
		"yes":           {200, ``, nil, ""},
		"no content":    {204, ``, nil, ""},
		"unsupported":   {400, `{"error":"unsupported_token_type"}`, nil, "unsupported_token_type"},
		"client":        {401, `{"error":"invalid_client"}`, nil, "invalid_client"},
		"echo":          {400, `{"error":"` + refresh + `"}`, nil, "-"},
		"200 and error": {200, `{"error":"invalid_request"}`, nil, "invalid_request"},
		"down":          {503, ``, ErrUnavailable, ""},
		"later":         {400, `{"error":"slow_down"}`, ErrUnavailable, ""},
		"busy":          {429, ``, ErrUnavailable, ""},
		"page":          {200, `<html>`, ErrUnavailable, ""},
		"redirect":      {302, ``, ErrRedirected, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := recorder{answer: func(sent) (int, string) { return tt.status, tt.body }}
			ep := r.endpoint(Spec{ClientAuth: ClientAuthPost})
			ep.RevocationURL = "https://bank.example/revoke"
			err := ep.Revoke(t.Context(), refresh, "refresh_token", "PSDFR-ACPR-12345")
			got := r.one(t)
			if got.URL.Path != "/revoke" || PurposeOf(got.Context()) != PurposeRevoke ||
				got.body != "client_id=PSDFR-ACPR-12345&client_secret=s3cret+of+the+TPP&token="+refresh+"&token_type_hint=refresh_token" {
				t.Errorf("%s %s", got.URL, got.body)
			}
			var refused *RefusedError
			switch {
			case tt.code != "":
				if !errors.As(err, &refused) || refused.OAuthError != strings.Trim(tt.code, "-") {
					t.Errorf("got %v", err)
				}
			case !errors.Is(err, tt.want):
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestRevokeWithoutEndpoint(t *testing.T) {
	var r recorder
	ep := r.endpoint(Spec{})
	if err := ep.Revoke(t.Context(), refresh, "", "c"); !errors.Is(err, ErrNoRevocation) {
		t.Errorf("got %v", err)
	}
	ep.RevocationURL = "https://bank.example/revoke"
	if err := ep.Revoke(t.Context(), "", "", "c"); !errors.Is(err, ErrSpec) {
		t.Errorf("got %v", err)
	}
	ep.Do = func(*http.Request) (*http.Response, error) { return nil, notSentError(true) }
	if err := ep.Revoke(t.Context(), refresh, "", "c"); !NotSent(err) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if len(r.seen) != 0 {
		t.Error("something was sent")
	}
}

func TestPush(t *testing.T) {
	r := recorder{answer: func(sent) (int, string) { return 201, `{"request_uri":"urn:x","expires_in":60}` }}
	ep := r.endpoint(Spec{ClientAuth: ClientAuthBasic})
	form := map[string][]string{"response_type": {"code"}}
	if _, err := ep.Push(t.Context(), form, "c"); !errors.Is(err, ErrSpec) {
		t.Errorf("got %v", err)
	}
	ep.PushedURL = "https://bank.example/par"
	answer, err := ep.Push(t.Context(), form, "c")
	if err != nil || answer.Status != 201 {
		t.Fatal(answer, err)
	}
	got := r.one(t)
	if got.URL.Path != "/par" || PurposeOf(got.Context()) != PurposePush || got.body != "response_type=code" || got.Header.Get("Authorization") == "" {
		t.Errorf("%s %s %v", got.URL, got.body, got.Header)
	}
	ep.Spec.ClientAuth = ClientAuthPost
	if _, err := ep.Push(t.Context(), form, "c"); err != nil || len(form) != 1 {
		t.Errorf("the caller's form has %d members, %v", len(form), err)
	}
}
