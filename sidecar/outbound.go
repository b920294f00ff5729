package sidecar

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/caddy-tpp/caddy-tpp/headers"
	"github.com/caddy-tpp/caddy-tpp/signer"
)

// outboundHeaders builds what all attempts of an exchange have in common: the
// allowed headers of the app and of what the proxy was configured to add, the
// profile's fixed headers and the PSU context.
// Header keys are in the spelling that goes on the wire.
func (ex *Exchange) outboundHeaders(proxied http.Header) http.Header {
	a := ex.aspsp
	out := make(http.Header, len(ex.withheld)+8)
	pass := func(name string, values []string) { out[neverIdempotencyKey(name)] = values }
	ex.dropped = a.filter.Select(ex.withheld, pass)
	if dropped := a.filter.Select(proxied, pass); ex.passed {
		ex.dropped += dropped
	}
	for _, field := range ex.fixed {
		out[field.Name] = []string{field.Value}
	}
	if _, ok := out["User-Agent"]; !ok {
		// Present and empty keeps net/http from naming itself.
		out["User-Agent"] = []string{""}
	}
	ex.psu.Each(func(name, value string) { out[name] = []string{value} })
	if ex.fallback != "" {
		fallback := a.config.Profile.Fallback
		out[fallback.Header] = []string{fallback.Value}
	}
	return out
}

// neverIdempotencyKey spells the two headers that make net/http replay a POST
// in lower case, in which it does not recognise them. Banks do not care.
func neverIdempotencyKey(name string) string {
	if strings.EqualFold(name, "Idempotency-Key") || strings.EqualFold(name, "X-Idempotency-Key") {
		return strings.ToLower(name)
	}
	return name
}

// resolveFixed returns the profile's fixed headers with their secrets in place.
// A secret that cannot be read, or is no header value, refuses the call: without
// it the bank would refuse, and say less clearly why.
func (a *ASPSP) resolveFixed() ([]headers.Field, error) {
	if !a.fixedSecrets {
		return a.fixed, nil
	}
	resolved := make([]headers.Field, 0, len(a.fixed))
	for _, field := range a.fixed {
		value, err := a.config.ResolveSecret(field.Value)
		if err == nil && (value == "" || strings.ContainsFunc(value, unicode.IsControl)) {
			err = errNoHeaderValue
		}
		if err != nil {
			return nil, refuse(CodeSecretUnreadable, field.Name, err)
		}
		resolved = append(resolved, headers.Field{Name: field.Name, Value: value})
	}
	return resolved, nil
}

// errNoHeaderValue is the cause when a secret is there but cannot be sent.
var errNoHeaderValue = errors.New("it is empty or holds a control character")

// attempt makes the request of one appearance on the wire: its own Date and
// signature, and its own X-Request-ID unless the app sent one.
func (ex *Exchange) attempt(req *http.Request, common http.Header) (*http.Request, error) {
	a := ex.aspsp
	if ex.attempts > 0 {
		if ex.madeRequestID {
			ex.requestID = a.newRequestID()
		} else {
			ex.awaitNewDate(req)
		}
	}
	ex.attempts++
	out := ex.compose(req, common)
	if !ex.isSigned() {
		return out, nil
	}
	return out, a.sign(ex.signer, out, ex.message())
}

// isSigned reports whether the exchange's request gets a signature at all.
func (ex *Exchange) isSigned() bool {
	return ex.operation != operationToken || ex.aspsp.config.Profile.Token.Sign
}

// message is what signing needs to know of the exchange beside the request.
func (ex *Exchange) message() *signer.Message {
	return &signer.Message{Body: ex.body, BodyDigest: ex.bodyDigest, Operation: ex.operation}
}

// compose makes the request of one appearance on the wire, but for what signing
// adds.
func (ex *Exchange) compose(req *http.Request, common http.Header) *http.Request {
	a := ex.aspsp
	ex.lastDate = a.deps.Now()
	out := (&http.Request{
		Method: req.Method, URL: a.target(req.URL, ex.operation, ex.absolute),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, len(common)+6),
	}).WithContext(req.Context())
	out.Host = out.URL.Host
	a.own(out, ex.body)
	for name, values := range common {
		out.Header[name] = values
	}
	a.addMade(out, appearance{at: ex.lastDate, requestID: ex.requestID, clientID: ex.clientID, organization: ex.link.organization})
	if value := ex.credentialsValue(); value != "" {
		out.Header[a.tokenHeader] = []string{value}
	}
	return out
}

// awaitNewDate waits until the clock shows another second than the last
// attempt's Date: with the app's X-Request-ID the two would otherwise be equal
// to the last byte of the signature, and a bank must refuse that as a replay.
func (ex *Exchange) awaitNewDate(req *http.Request) {
	now := ex.aspsp.deps.Now()
	next := ex.lastDate.Truncate(time.Second).Add(time.Second)
	if !now.Before(next) {
		return
	}
	timer := time.NewTimer(next.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-req.Context().Done():
	}
}

// sign completes a message with what is on the wire and signs it.
func (a *ASPSP) sign(s *signer.Signer, out *http.Request, message *signer.Message) error {
	if !s.SignsAnything() {
		return nil
	}
	onWire(message, out)
	if !s.Signs(message) {
		return nil
	}
	plain, start := len(message.Body), time.Now()
	if err := s.Sign(message, a.deps.Now()); err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	if len(message.Body) != plain {
		a.own(out, message.Body) // the body was put into a JWT, which is always longer
	}
	if a.deps.Hooks.Signed != nil {
		a.deps.Hooks.Signed(a.config.Name, a.config.IdentityName, time.Since(start))
	}
	return nil
}

// onWire completes a message with what of the request is on the wire.
func onWire(message *signer.Message, out *http.Request) {
	message.Method, message.Target, message.Host = out.Method, out.URL.RequestURI(), out.Host
	message.Header = out.Header
}
