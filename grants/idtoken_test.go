package grants

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

func TestIDToken(t *testing.T) {
	for _, c := range []struct {
		check, idToken string
		scope          string
		wantErr        error
		reason         string
		events         int
	}{
		{"", "rubbish", "aisp", nil, "", 0},
		{"off", "rubbish", "aisp", nil, "", 0},
		{"report", "rubbish", "aisp", nil, "", 1},
		{"enforce", "rubbish", "aisp", ErrQuarantined, ReasonIDTokenInvalid, 1},
		{"enforce", "", "openid aisp", tokens.ErrIDToken, ReasonIDTokenInvalid, 1},
		{"enforce", "", "aisp", nil, "", 0},
	} {
		inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
			w.bank.idToken = c.idToken
			client := w.with(func(cl *Client) {
				cl.Scope, cl.Endpoint.Spec.IDToken.Check = c.scope, c.check
				cl.Endpoint.Issuer, cl.Endpoint.KeysURL = "https://bank.example", "https://bank.example/keys"
			})
			answer, err := s.Exchange(t.Context(), psu1, client, Code{Code: w.bank.authorize(psu1.Name)})
			if !errors.Is(err, c.wantErr) || answer == nil {
				t.Errorf("%s %q: %v", c.check, c.idToken, err)
			}
			if n := w.happened(EventIDTokenInvalid); n != c.events {
				t.Errorf("%s %q: %d events", c.check, c.idToken, n)
			}
			state := w.state(s.Store, psu1)
			if state.Reason != c.reason || !state.HasRefreshToken {
				t.Errorf("%s %q: %+v", c.check, c.idToken, state)
			}
			if c.wantErr == nil {
				return
			}
			if _, err := s.Token(t.Context(), psu1, client); !errors.Is(err, ErrQuarantined) {
				t.Errorf("got %v", err)
			}
			if err := s.Release(t.Context(), psu1); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Token(t.Context(), psu1, client); err != nil {
				t.Error(err)
			}
		})
	}
}

// The bank's keys, or its client_id for the TPP, are not to be had: enforced means that it is not believed.
func TestIDTokenUnchecked(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.bank.idToken = "eyJhbGciOiJQUzI1NiIsImtpZCI6ImsifQ.e30.c2ln"
		client := w.with(func(c *Client) {
			c.Endpoint.Spec.IDToken.Check = idTokenEnforce
			c.Endpoint.Issuer, c.Endpoint.KeysURL = "https://bank.example", "https://bank.example/keys"
		})
		_, err := s.Exchange(t.Context(), psu1, client, Code{Code: w.bank.authorize(psu1.Name)})
		if !errors.Is(err, ErrQuarantined) {
			t.Errorf("got %v", err)
		}
		if state := w.state(s.Store, psu1); state.Status != StatusQuarantined || !state.HasRefreshToken {
			t.Errorf("state %+v", state)
		}
		if w.happened(EventIDTokenInvalid) != 0 {
			t.Errorf("it is told to be invalid: %v", w.kinds())
		}
	})
}

// The id_token is for the client_id that the code was exchanged under: the one
// that came with the application token, where the bank gives one there.
func TestIDTokenAudience(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const configured, given = "PSDFR-ACPR-12345", "5ca1ab1e-0000-4000-8000-000000000001"
	for _, c := range []struct {
		audience, application string
		fails                 bool
		reason                string
	}{
		{given, given, false, ""},
		{configured, given, false, ReasonIDTokenInvalid},
		{configured, "", false, ""},
		{given, "", false, ReasonIDTokenInvalid},
		{given, given, true, ReasonIDTokenUnchecked},
	} {
		inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
			w.bank.idToken = signedIDToken(t, key, c.audience)
			client := w.with(func(cl *Client) {
				ep := cl.Endpoint
				ep.Issuer, ep.KeysURL = "https://bank.example", "https://bank.example/keys"
				ep.Do = withKeys(t, key, w.bank.do)
				ep.Spec.IDToken.Check = idTokenEnforce
				ep.Spec.ApplicationToken, ep.Spec.ClientIDFromAnswer = true, true
				asked := 0
				ep.Application = func(context.Context) (*tokens.Token, error) {
					if asked++; asked > 1 && c.fails {
						return nil, tokens.ErrUnavailable
					}
					return tokens.NewToken("application", time.Now(), time.Hour, &ep.Spec).WithClientID(c.application), nil
				}
			})
			_, err := s.Exchange(t.Context(), psu1, client, Code{Code: w.bank.authorize(psu1.Name)})
			if (err == nil) != (c.reason == "") || w.state(s.Store, psu1).Reason != c.reason {
				t.Errorf("aud %s, client_id %s: %v, %s", c.audience, c.application, err, w.state(s.Store, psu1).Reason)
			}
		})
	}
}

func signedIDToken(t *testing.T, key *ecdsa.PrivateKey, audience string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, new(jose.SignerOptions).WithHeader("kid", "k"))
	if err != nil {
		t.Fatal(err)
	}
	claims := fmt.Sprintf(`{"iss":"https://bank.example","sub":"psu","aud":%q,"iat":%d,"exp":%d}`, audience, time.Now().Unix(), time.Now().Add(time.Hour).Unix())
	signed, err := signer.Sign([]byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// withKeys serves the bank's keys beside what do does.
func withKeys(t *testing.T, key *ecdsa.PrivateKey, do func(*http.Request) (*http.Response, error)) func(*http.Request) (*http.Response, error) {
	t.Helper()
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Use: "sig", Algorithm: "ES256"}}})
	if err != nil {
		t.Fatal(err)
	}
	return func(r *http.Request) (*http.Response, error) {
		if tokens.PurposeOf(r.Context()) != tokens.PurposeKeys {
			return do(r)
		}
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(bytes.NewReader(set)), Request: r,
		}, nil
	}
}
