package sidecar

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"

	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// captures reports whether the exchange is the app's code exchange for a grant:
// a call of the token endpoint that names one.
func (ex *Exchange) captures() bool { return ex.operation == operationToken && ex.grant.Name != "" }

// readCode reads the app's token request. Only what a code exchange is made of
// is taken from it; client_id, client authentication and scope are the sidecar's.
func (ex *Exchange) readCode(r *http.Request) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method != http.MethodPost || err != nil || media != "application/x-www-form-urlencoded" {
		return refuse(CodeTokenForm, "it is no POST of application/x-www-form-urlencoded", nil)
	}
	form, err := url.ParseQuery(string(ex.body))
	if err != nil {
		return refuse(CodeTokenForm, "the form cannot be read", nil)
	}
	for _, name := range []string{"grant_type", "code", "redirect_uri", "code_verifier", "nonce"} {
		if len(form[name]) > 1 {
			return refuse(CodeTokenForm, name+" is there more than once", nil)
		}
	}
	switch {
	case form.Get("grant_type") != "authorization_code":
		return refuse(CodeTokenForm, "grant_type is not authorization_code", nil)
	case form.Get("code") == "":
		return refuse(CodeTokenForm, "code is missing", nil)
	case form.Get("redirect_uri") == "":
		return refuse(CodeTokenForm, "redirect_uri is missing", nil)
	}
	if configured := ex.aspsp.config.RedirectURI; configured != "" && form.Get("redirect_uri") != configured {
		return refuse(CodeRedirectURI, "", nil)
	}
	ex.code = &grants.Code{Code: form.Get("code"), RedirectURI: form.Get("redirect_uri"),
		Verifier: form.Get("code_verifier"), Scope: ex.aspsp.config.Scope, Nonce: form.Get("nonce")}
	return nil
}

// exchangeCode sends the code exchange and gives the bank's answer, once the
// tokens in it are kept.
func (ex *Exchange) exchangeCode(req *http.Request) (*http.Response, error) {
	ex.attempts++
	answer, err := ex.aspsp.deps.Grants.Exchange(req.Context(), ex.grant, ex.link.client, *ex.code)
	if answer == nil {
		ex.sent = mayHaveSent(err)
		return nil, grantRefusal(err)
	}
	ex.sent = true
	if err != nil && answer.Status < http.StatusBadRequest {
		// The bank has said yes, and yet there is no grant: that is no success.
		return nil, grantRefusal(err)
	}
	return ex.receive(req.Context(), ex.tokenAnswer(req, answer))
}

// mayHaveSent reports whether a code may have reached the bank, by the error of
// its exchange.
func mayHaveSent(err error) bool {
	if unanswered, ok := errors.AsType[*tokens.UnansweredError](err); ok {
		return !unanswered.NotSent
	}
	for _, meanwhile := range []error{grants.ErrQuarantined, grants.ErrBusy, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, meanwhile) {
			return true
		}
	}
	return false
}

// tokenAnswer is the bank's answer as the app gets it.
func (ex *Exchange) tokenAnswer(req *http.Request, answer *tokens.Answer) *http.Response {
	body, contentType := answer.Body, answer.ContentType
	if ex.aspsp.config.HideTokens && answer.Status < http.StatusBadRequest {
		body, contentType = withoutTokens(body), "application/json"
	}
	header := http.Header{
		"Content-Type":   {contentType},
		"Content-Length": {strconv.Itoa(len(body))},
		"Cache-Control":  {"no-store"},
	}
	return &http.Response{
		StatusCode: answer.Status, Status: strconv.Itoa(answer.Status) + " " + http.StatusText(answer.Status),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
}

// shownMembers are the members of a token answer that are no secrets (RFC 6749
// section 5.1). Whatever else a bank adds might be one.
var shownMembers = []string{"token_type", "expires_in", "scope"}

// withoutTokens gives a token answer with nothing but what is no secret.
func withoutTokens(body []byte) []byte {
	var members map[string]json.RawMessage
	shown := make(map[string]json.RawMessage, len(shownMembers))
	if json.Unmarshal(body, &members) == nil {
		for _, name := range shownMembers {
			if value, ok := members[name]; ok {
				shown[name] = value
			}
		}
	}
	out, _ := json.Marshal(shown) // texts that were JSON a moment ago
	return out
}
