package tokens

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	access  = "2YotnFZFEjr1zCsicMWpAA"
	refresh = "tGzv3JOkF0XG5Qx2TlKWIA"
)

func TestJudge(t *testing.T) {
	page := "<!DOCTYPE html><title>Maintenance</title>"
	tests := map[string]struct {
		status    int
		body      string
		truncated bool
		verdict   Verdict
		err       error  // wrapped
		code      string // of a refusal
		refresh   string
	}{
		"both":                     {200, pairBody, false, VerdictGranted, nil, "", refresh},
		"created":                  {201, pairBody, false, VerdictGranted, nil, "", refresh},
		"no refresh token":         {200, goodBody, false, VerdictGranted, nil, "", ""},
		"null refresh token":       {200, `{"access_token":"` + access + `","refresh_token":null}`, false, VerdictGranted, nil, "", ""},
		"odd refresh token":        {200, `{"access_token":"` + access + `","refresh_token":7}`, false, VerdictGranted, nil, "", ""},
		"type in capitals":         {200, `{"access_token":"` + access + `","token_type":"BEARER"}`, false, VerdictGranted, nil, "", ""},
		"empty error":              {200, `{"error":"","access_token":"` + access + `"}`, false, VerdictGranted, nil, "", ""},
		"trailing data":            {200, pairBody + "\n{}", false, VerdictGranted, nil, "", refresh},
		"cut behind the end":       {200, pairBody, true, VerdictGranted, nil, "", refresh},
		"whole, cut, one token":    {200, goodBody, true, VerdictGranted, nil, "", ""},
		"half with both":           {200, `{"access_token":"` + access + `","refresh_token":"` + refresh + `","expires_in":36`, true, VerdictGranted, nil, "", refresh},
		"half with both, in order": {200, `{"refresh_token":"` + refresh + `","access_token":"` + access + `",`, false, VerdictGranted, nil, "", refresh},
		"half, to the last quote":  {200, `{"access_token":"` + access + `","refresh_token":"` + refresh + `"`, true, VerdictGranted, nil, "", refresh},
		"byte order mark":          {200, "\xef\xbb\xbf" + pairBody, false, VerdictGranted, nil, "", refresh},
		"fatal":                    {400, `{"error":"invalid_grant"}`, false, VerdictRefused, nil, "invalid_grant", ""},
		"fatal in halves":          {400, `{"error":"invalid_grant","error_descr`, true, VerdictRefused, nil, "invalid_grant", ""},
		"refusal with 200":         {200, `{"error":"invalid_grant"}`, false, VerdictRefused, nil, "invalid_grant", ""},
		"client":                   {401, `{"error":"invalid_client"}`, false, VerdictRefused, nil, "invalid_client", ""},
		"other JSON":               {403, `{"message":"Forbidden"}`, false, VerdictRefused, nil, "", ""},
		"nothing":                  {404, ``, false, VerdictRefused, nil, "", ""},
		"code with a space":        {400, `{"error":"invalid grant"}`, false, VerdictRefused, nil, "", ""},
		"429":                      {429, page, false, VerdictNotProcessed, ErrUnavailable, "", ""},
		"temporarily":              {400, `{"error":"temporarily_unavailable"}`, false, VerdictNotProcessed, ErrUnavailable, "", ""},
		"temporarily with 503":     {503, `{"error":"temporarily_unavailable"}`, false, VerdictNotProcessed, ErrUnavailable, "", ""},
		"slow down":                {400, `{"error":"slow_down"}`, false, VerdictNotProcessed, ErrUnavailable, "", ""},
		"500":                      {500, `{}`, false, VerdictUnclear, ErrUnavailable, "", ""},
		"500 with a code":          {500, `{"error":"invalid_grant"}`, false, VerdictUnclear, ErrUnavailable, "", ""},
		"503":                      {503, ``, false, VerdictUnclear, ErrUnavailable, "", ""},
		"408":                      {408, ``, false, VerdictUnclear, ErrUnavailable, "", ""},
		"server error":             {400, `{"error":"server_error"}`, false, VerdictUnclear, ErrUnavailable, "", ""},
		"page":                     {200, page, false, VerdictUnclear, ErrUnavailable, "", ""},
		"page with 403":            {403, page, false, VerdictUnclear, ErrUnavailable, "", ""},
		"redirect":                 {302, pairBody, false, VerdictUnclear, ErrRedirected, "", ""},
		"informational":            {101, ``, false, VerdictUnclear, ErrUnavailable, "", ""},
		"empty":                    {200, ``, false, VerdictUnclear, ErrMalformed, "", ""},
		"no content":               {204, ``, false, VerdictUnclear, ErrMalformed, "", ""},
		"empty, cut":               {200, ``, true, VerdictUnclear, ErrUnavailable, "", ""},
		"half, one token":          {200, `{"access_token":"` + access + `","refresh_to`, true, VerdictUnclear, ErrUnavailable, "", ""},
		"half, one token, quiet":   {200, `{"access_token":"` + access + `"`, false, VerdictUnclear, ErrMalformed, "", ""},
		"half a refresh token":     {200, `{"access_token":"` + access + `","refresh_token":"tGz`, true, VerdictUnclear, ErrUnavailable, "", ""},
		"half, refresh token only": {200, `{"refresh_token":"` + refresh + `","access_token":"2Yo`, true, VerdictUnclear, ErrUnavailable, "", refresh},
		"other type":               {200, `{"access_token":"` + access + `","token_type":"DPoP","refresh_token":"` + refresh + `"}`, false, VerdictUnclear, ErrTokenType, "", refresh},
		"other type, cut":          {200, `{"access_token":"` + access + `","token_type":"mac","refresh_token":"` + refresh + `",`, true, VerdictUnclear, ErrTokenType, "", refresh},
		"token with a line break":  {200, `{"access_token":"a\r\nb"}`, false, VerdictUnclear, ErrMalformed, "", ""},
		"no access token":          {200, `{"token_type":"Bearer"}`, false, VerdictUnclear, ErrMalformed, "", ""},
		"list":                     {200, `[` + pairBody + `]`, false, VerdictUnclear, ErrMalformed, "", ""},
	}
	asked := time.Now()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := &Answer{Status: tt.status, Body: []byte(tt.body), Truncated: tt.truncated, AskedAt: asked}
			verdict, pair, err := a.Judge(&Spec{})
			if verdict != tt.verdict {
				t.Fatalf("%s, %v; want %s", verdict, err, tt.verdict)
			}
			var refused *RefusedError
			switch {
			case verdict == VerdictGranted:
				if err != nil || pair.Access.Value() != access || !pair.Access.ObtainedAt().Equal(asked) {
					t.Fatalf("granted %q, %v", pair.Access.Value(), err)
				}
			case verdict == VerdictRefused:
				if !errors.As(err, &refused) || refused.OAuthError != tt.code || refused.Status != tt.status || pair != nil {
					t.Fatalf("got %v", err)
				}
			case !errors.Is(err, tt.err):
				t.Fatalf("got %v, want %v", err, tt.err)
			case pair != nil && pair.Access != nil:
				t.Error("an access token that is not granted")
			}
			if got := refreshOf(pair); got != tt.refresh {
				t.Errorf("refresh token %q, want %q", got, tt.refresh)
			}
			if err != nil && (strings.Contains(err.Error(), "2Y") || strings.Contains(err.Error(), "tGz") || strings.Contains(err.Error(), "Maintenance")) {
				t.Errorf("%q quotes the answer", err)
			}
			if Fatal(err) != (tt.code == "invalid_grant") || ClientRefused(err) != (tt.code == "invalid_client") {
				t.Errorf("Fatal %v, ClientRefused %v", Fatal(err), ClientRefused(err))
			}
		})
	}
}

func refreshOf(p *Pair) string {
	if p == nil {
		return ""
	}
	return p.Refresh
}

func TestFatalCodes(t *testing.T) {
	for code, want := range map[string]struct{ fatal, client bool }{
		"invalid_grant": {fatal: true}, "access_denied": {}, "consent_required": {fatal: true},
		"interaction_required": {fatal: true}, "login_required": {fatal: true}, "expired_token": {fatal: true},
		"invalid_client": {client: true}, "unauthorized_client": {client: true},
		"invalid_scope": {}, "invalid_request": {}, "unsupported_grant_type": {}, "invalid_token": {}, "": {}, "Invalid_Grant": {},
	} {
		err := error(&RefusedError{OAuthError: code, Status: 400})
		if Fatal(err) != want.fatal || ClientRefused(err) != want.client {
			t.Errorf("%s: Fatal %v, ClientRefused %v", code, Fatal(err), ClientRefused(err))
		}
	}
	if Fatal(&ApplicationError{&RefusedError{OAuthError: "invalid_grant"}}) {
		t.Error("a refused application token ended a PSU's authorization")
	}
	if Fatal(nil) || Fatal(ErrUnavailable) || ClientRefused(nil) {
		t.Error("no refusal is fatal")
	}
}

func TestProfileSaysWhatWasNotProcessed(t *testing.T) {
	spec := &Spec{NotProcessed: []int{503}}
	for status, want := range map[int]Verdict{503: VerdictNotProcessed, 429: VerdictRefused, 502: VerdictUnclear} {
		if got, _, _ := (&Answer{Status: status}).Judge(spec); got != want {
			t.Errorf("%d: %s, want %s", status, got, want)
		}
	}
}

func TestLifetimesOfAPair(t *testing.T) {
	asked := time.Now()
	for body, want := range map[string]time.Duration{
		`"expires_in":3600`: time.Hour, `"expires_in":"905"`: 905 * time.Second, `"x":1`: 5 * time.Minute, `"expires_in":null`: 5 * time.Minute,
		`"expires_in":0`: 0, `"expires_in":-5`: 0, `"expires_in":1e30`: 24 * time.Hour, `"expires_in":"soon"`: 5 * time.Minute,
	} {
		a := &Answer{Status: 200, Body: []byte(`{"access_token":"` + access + `",` + body + `}`), AskedAt: asked}
		_, pair, err := a.Judge(&Spec{})
		if err != nil || pair.Lifetime != want || !pair.Access.Expiry().Equal(asked.Add(want)) {
			t.Errorf("%s: %v, %v", body, pair.Lifetime, err)
		}
		if usable := pair.Access.Usable(asked); usable != (want > 0) {
			t.Errorf("%s: usable %v", body, usable)
		}
	}
	// The last digits of a number that was cut off may be missing.
	a := &Answer{Status: 200, Body: []byte(pairBody[:strings.Index(pairBody, `"refresh`)] + `"refresh_token":"r","expires_in":36`), AskedAt: asked, Truncated: true}
	if _, pair, err := a.Judge(&Spec{}); err != nil || pair.Lifetime != time.Hour {
		t.Errorf("%v, %v", pair, err)
	}
}

func TestFurtherMembersOfAPair(t *testing.T) {
	a := &Answer{Status: 200, Body: []byte(`{"access_token":"a","id_token":"eyJ","scope":"aisp openid","refresh_token":"r","REFRESH_TOKEN":"x"}`)}
	if _, pair, err := a.Judge(&Spec{}); err != nil || pair.IDToken != "eyJ" || pair.Scope != "aisp openid" || pair.Refresh != "r" {
		t.Errorf("%+v, %v", *pair, err)
	}
}

// A bank that repeats what it was sent in its error code must not bring it into
// a log.
func TestEchoedSecretsAreNotShown(t *testing.T) {
	for code, shown := range map[string]string{
		refreshRequest.RefreshToken:           "",
		"used:" + refreshRequest.RefreshToken: "",
		"unknown:" + refreshRequest.ClientID:  "",
		"invalid_grant":                       "invalid_grant",
		"urn:bank:17":                         "urn:bank:17",
	} {
		r := recorder{answer: func(sent) (int, string) { return http.StatusBadRequest, `{"error":"` + code + `"}` }}
		answer, err := r.endpoint(Spec{}).Ask(t.Context(), refreshRequest)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = answer.Judge(&Spec{})
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.OAuthError != shown {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// What was stored is judged like what was received.
func TestAnswerIsStoredWhole(t *testing.T) {
	a := &Answer{
		Status: 200, Body: []byte(pairBody[:90]), Truncated: true, AskedAt: time.Now(), ContentType: "text/plain",
		RetryAfter: time.Minute, Echoes: true,
	}
	stored, err := json.Marshal(struct{ Answer *Answer }{a})
	if err != nil {
		t.Fatal(err)
	}
	var back struct{ Answer *Answer }
	if err := json.Unmarshal(stored, &back); err != nil {
		t.Fatal(err)
	}
	b := back.Answer
	if b.Status != a.Status || string(b.Body) != string(a.Body) || b.Truncated != a.Truncated || !b.AskedAt.Equal(a.AskedAt) ||
		b.ContentType != a.ContentType || b.RetryAfter != a.RetryAfter || b.Echoes != a.Echoes {
		t.Errorf("stored %s", stored)
	}
	if json.Unmarshal([]byte(`{"status":"x"}`), b) == nil {
		t.Error("a broken one was read")
	}
}
