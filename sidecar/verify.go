package sidecar

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/answers"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// HeaderVerdict tells the app what was found about the signature of the bank's
// answer: "valid", "invalid; " with the reason, "missing; …" or "unchecked; …".
// It is there if the profile's responses section says report or enforce.
const HeaderVerdict = "Sidecar-Answer-Signature"

// compileAnswers reads the keys that the bank's answers may be signed with.
func (a *ASPSP) compileAnswers() error {
	c, policy := a.config, a.config.Profile.Responses
	if policy.Verify == "" || policy.Verify == answers.Off {
		return nil
	}
	files, err := c.resolveAll(policy.Certificates)
	if err != nil {
		return err
	}
	keys, err := answers.ReadCertificates(files)
	if err != nil {
		return err
	}
	if files, err = c.resolveAll(policy.Trust); err != nil {
		return err
	}
	if keys.Trust, err = answers.ReadTrust(files); err != nil {
		return err
	}
	if keys.Published, err = a.publishedKeys(policy.Keys); err != nil {
		return err
	}
	a.answers, err = answers.Compile(policy, keys, answers.Options{RequestIDHeader: a.filter.RequestID(), Now: a.deps.Now})
	return err
}

// resolveAll replaces the placeholders in names of files.
func (c Config) resolveAll(names []string) ([]string, error) {
	files := make([]string, len(names))
	for i, name := range names {
		var err error
		if files[i], err = c.ResolveSecret(name); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// publishedKeys is how the bank's JSON Web Key Set is come by: it is in a file,
// or fetched over the bank's own connections when first needed.
func (a *ASPSP) publishedKeys(from string) (func(context.Context, string, string, bool) ([]crypto.PublicKey, error), error) {
	switch {
	case from == "":
		return nil, nil
	case strings.HasPrefix(from, "{"):
		text, err := a.config.ResolveSecret(from)
		if err != nil {
			return nil, fmt.Errorf("keys: %w", err)
		}
		set, err := tokens.ParseKeySet([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("keys: %s: %w", from, err)
		}
		return func(_ context.Context, keyID, algorithm string, renewed bool) ([]crypto.PublicKey, error) {
			if renewed {
				return nil, nil
			}
			return set.Find(keyID, algorithm), nil
		}, nil
	}
	u, err := a.config.serverURL("responses.keys", from, a.base)
	if err != nil {
		return nil, err
	}
	target := u.String()
	return func(ctx context.Context, keyID, algorithm string, renewed bool) ([]crypto.PublicKey, error) {
		l := a.link()
		set, err := a.answerKeys.At(ctx, &tokens.Endpoint{
			Timeout: a.config.ConnectTimeout + a.config.AnswerTimeout, Now: a.deps.Now,
			Do: func(req *http.Request) (*http.Response, error) { return a.sendTokenRequest(l, req) },
		}, target, renewed)
		return set.Find(keyID, algorithm), err
	}, nil
}

// judge verifies the signature of an answer as the bank sent it, if that is
// wanted, and gives the verdict for the app. The body can be read as before. The
// error is a refusal, if the answer must not reach the app, or the context's.
func (ex *Exchange) judge(ctx context.Context, response *http.Response) (string, error) {
	v := ex.aspsp.answers
	if v == nil || ex.code != nil {
		return "", nil
	}
	if !v.Covers(ex.operation) {
		return ex.found(answers.Verdict{Outcome: answers.Unchecked, Reason: "answers of this operation are not in responses.operations"}), nil
	}
	verdict, err := ex.verify(ctx, v, response)
	switch {
	case err != nil && ctx.Err() != nil:
		return "", context.Canceled
	case err != nil && v.Enforces():
		ex.found(verdict)
		return "", refuseReached(CodeBankConnectionLost, "in the middle of the answer", err)
	}
	text := ex.found(verdict)
	if !v.Passes(response.StatusCode, verdict) {
		return "", refuseReached(CodeAnswerSignature, text, nil)
	}
	return text, nil
}

// found tells of a verdict.
func (ex *Exchange) found(verdict answers.Verdict) string {
	if told := ex.aspsp.deps.Hooks.Verified; told != nil {
		told(ex.aspsp.Name(), ex.operation, ex.requestID, verdict)
	}
	return verdict.String()
}

// verify reads an answer's body and verifies its signature. The error says that
// the body broke off.
func (ex *Exchange) verify(ctx context.Context, v *answers.Verifier, response *http.Response) (answers.Verdict, error) {
	body, err := hold(response, v.MaxBody())
	switch {
	case errors.Is(err, errTooLarge):
		return answers.TooLarge(), nil
	case err != nil:
		return answers.Verdict{Outcome: answers.Unchecked, Reason: "the answer broke off"}, err
	}
	answer := &answers.Answer{Status: response.StatusCode, Header: response.Header, Body: body, Request: answers.Request{ID: ex.requestID}}
	if asked := response.Request; asked != nil {
		answer.Request.Method, answer.Request.Host = asked.Method, asked.Host
		answer.Request.Target, answer.Request.Header = asked.URL.RequestURI(), asked.Header
	}
	return v.Verify(ctx, answer), nil
}

// refuseReached is the refusal of an answer: the bank has got the request.
func refuseReached(code Code, detail string, err error) *Refusal {
	refusal := refuse(code, detail, err)
	refusal.MaybeSent = true
	return refusal
}
