package authorize

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/tokens"
	"github.com/caddy-tpp/caddy-tpp/vault"
)

var errStorage = vault.ErrUnavailable

func applicationToken(context.Context) (*tokens.Token, error) {
	return tokens.NewToken("application", timeNow(), 1e12, &tokens.Spec{}).WithClientID(testClientID), nil
}

func noApplication(context.Context) (*tokens.Token, error) { return nil, tokens.ErrUnavailable }

func TestPushedRefused(t *testing.T) {
	json, html := "application/json", "text/html"
	for name, c := range map[string]struct {
		canned
		target error
		code   string
	}{
		"refused":           {canned{400, `{"error":"invalid_request","error_description":"no"}`, json}, nil, "invalid_request"},
		"refused with 200":  {canned{200, `{"error":"invalid_client"}`, json}, nil, "invalid_client"},
		"refused, no code":  {canned{401, `{}`, json}, nil, ""},
		"refused in prose":  {canned{403, `{"error":"You may not"}`, json}, nil, ""},
		"echo":              {canned{400, `{"error":"` + testClientID + `"}`, json}, nil, ""},
		"unavailable":       {canned{503, ``, json}, tokens.ErrUnavailable, ""},
		"not now":           {canned{400, `{"error":"temporarily_unavailable"}`, json}, tokens.ErrUnavailable, ""},
		"too many":          {canned{429, `{"error":"slow"}`, json}, tokens.ErrUnavailable, ""},
		"HTML":              {canned{200, `<html>`, html}, tokens.ErrUnavailable, ""},
		"HTML refusal":      {canned{403, ` <html>`, html}, tokens.ErrUnavailable, ""},
		"redirect":          {canned{302, ``, html}, tokens.ErrRedirected, ""},
		"no JSON":           {canned{201, `request_uri=x`, json}, tokens.ErrMalformed, ""},
		"nothing":           {canned{201, `{"expires_in":60}`, json}, tokens.ErrMalformed, ""},
		"number":            {canned{201, `{"request_uri":7}`, json}, tokens.ErrMalformed, ""},
		"control character": {canned{201, `{"request_uri":"urn:x\n"}`, json}, tokens.ErrMalformed, ""},
		"long":              {canned{201, `{"request_uri":"urn:` + strings.Repeat("x", 600) + `"}`, json}, tokens.ErrMalformed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, kinds["pushed"])
			w.bank.answers["/par"] = &c.canned
			location, err := w.flow().Begin(t.Context(), w.aspsp, Begin{Grant: "grant-7", ReturnURL: "https://app.example/bank"})
			if location != "" || !errors.Is(err, ErrPushed) || w.states() != 0 || w.bank.count("/par") != 1 {
				t.Fatalf("%q, %v", location, err)
			}
			if c.target != nil && !errors.Is(err, c.target) {
				t.Errorf("%v, want %v", err, c.target)
			}
			refused, isRefused := errors.AsType[*tokens.RefusedError](err)
			if isRefused != (c.target == nil) || isRefused && (refused.OAuthError != c.code || refused.Status != c.status) {
				t.Errorf("%+v", refused)
			}
			w.checkSilence(err)
		})
	}
}

// What a bank repeats of the request as its error code is not passed on.
func TestPushedEchoes(t *testing.T) {
	for _, name := range []string{"state", "nonce", "code_challenge", "client_secret"} {
		for _, object := range []bool{false, true} {
			w := newWorld(t, func(s *tokens.Spec) {
				s.Authorize = tokens.Authorize{Pushed: "/par", PKCE: true, Nonce: true, RequestObject: object}
				s.ClientAuth = tokens.ClientAuthPost
			})
			endpoint := w.aspsp.Client.Endpoint
			endpoint.Secret = func() (string, error) { return "secret-of-the-TPP", nil }
			endpoint.Do = func(r *http.Request) (*http.Response, error) {
				if err := r.ParseForm(); err != nil {
					return nil, err
				}
				form := r.PostForm
				echo := form.Get(name)
				if echo == "" {
					echo = w.bank.object(form.Get("request")).Get(name)
				}
				w.bank.secrets[echo] = true
				return answerOf(r, 400, "application/json", `{"error":"x`+echo+`"}`), nil
			}
			_, err := w.flow().Begin(t.Context(), w.aspsp, Begin{Grant: "grant-7", ReturnURL: "https://app.example/bank"})
			if !errors.Is(err, ErrPushed) || len(w.bank.secrets) != 1 {
				t.Error(err)
			}
			w.checkSilence(err)
		}
	}
}

// A bank that does not answer leaves nothing behind.
func TestPushedUnanswered(t *testing.T) {
	w := newWorld(t, kinds["pushed"])
	w.aspsp.Client.Endpoint.Do = func(*http.Request) (*http.Response, error) { return nil, errors.New("connection reset") }
	_, err := w.flow().Begin(t.Context(), w.aspsp, Begin{Grant: "grant-7", ReturnURL: "https://app.example/bank"})
	if !errors.Is(err, ErrPushed) || !errors.Is(err, tokens.ErrUnavailable) || w.states() != 0 {
		t.Error(err)
	}
}
