package signer

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/caddy-tpp/caddy-tpp/jws"
)

// claimsOf puts a body's JSON and the configured claims into one object. The
// body's text stays as it is, so that no number changes its form.
func (j *joseSigner) claimsOf(body []byte, at jws.Moment) ([]byte, error) {
	if !json.Valid(body) {
		return nil, fmt.Errorf("%w: the body is no JSON, so it cannot be sent as a JWT", ErrBody)
	}
	body = bytes.TrimSpace(body)
	claims := j.claims.Append([]byte{'{'}, at)
	separate := func() {
		if len(claims) > 1 {
			claims = append(claims, ',')
		}
	}
	if j.spec.JWS.Data != "merge" {
		separate()
		name, _ := json.Marshal(j.spec.JWS.Data)
		claims = append(append(claims, name...), ':')
		return append(append(claims, body...), '}'), nil
	}
	if body[0] != '{' {
		return nil, fmt.Errorf("%w: the body is no JSON object, so it cannot become the claims of a JWT", ErrBody)
	}
	if err := j.checkClaims(body, at); err != nil {
		return nil, err
	}
	inner := bytes.TrimSpace(body[1 : len(body)-1])
	if len(inner) > 0 {
		separate()
		claims = append(claims, inner...)
	}
	return append(claims, '}'), nil
}

// checkClaims refuses a body that has a member of its own where the sidecar
// vouches for a claim: which of the two counts would be anybody's guess.
func (j *joseSigner) checkClaims(body []byte, at jws.Moment) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return fmt.Errorf("%w: the body is no JSON object", ErrBody)
	}
	taken := ""
	j.claims.Each(at, func(name string, _ json.RawMessage) {
		if _, there := members[name]; there && taken == "" {
			taken = name
		}
	})
	if taken != "" {
		return fmt.Errorf("%w: the body has a member %q, which the signature makes itself", ErrBody, taken)
	}
	return nil
}
