package sidecar

import (
	"cmp"
	"io"
	"net/http"

	"github.com/caddy-tpp/caddy-tpp/signer"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// sendTokenRequest sends a request of the tokens package over the connections,
// and with the signature if the profile says so, of one link.
//
// What changes a PSU's tokens, or makes the bank deliver one, goes over a connection of its own: on one that was
// kept and has died, nobody could tell whether the bank took a refresh token
// that it lets no one use twice.
func (a *ASPSP) sendTokenRequest(l *link, req *http.Request) (*http.Response, error) {
	purpose := tokens.PurposeOf(req.Context())
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	if err := l.generation.Usable(a.deps.Now()); err != nil {
		return nil, refuse(CodeCertificateUnusable, err.Error(), err)
	}
	s, err := a.tokenSigner(l, purpose, req)
	if err != nil {
		return nil, refuse(CodeSigningFailed, "", err)
	}
	appearance, err := a.tokenAppearance(l, s, req, body)
	if err != nil {
		return nil, err
	}
	transport := l.transport
	if purpose == tokens.PurposeToken || purpose == tokens.PurposeDelivery {
		transport = l.fresh
	}
	// Package tokens decides itself what may be asked twice.
	response, _, err := l.sendOver(transport, appearance, false, nil)
	return response, err
}

// tokenSigner returns what signs a request to the authorization server, nil if
// nothing does.
func (a *ASPSP) tokenSigner(l *link, purpose tokens.Purpose, req *http.Request) (*signer.Signer, error) {
	switch {
	case !a.config.Profile.Token.Sign, purpose == tokens.PurposeMetadata, purpose == tokens.PurposeKeys:
		return nil, nil
	case purpose == tokens.PurposeApplication:
		return l.signers.application, nil
	default:
		return l.signers.under(tokens.ClientIDOf(req.Context()))
	}
}

// tokenAppearance makes a request to the authorization server anew for each
// appearance on the wire.
func (a *ASPSP) tokenAppearance(l *link, s *signer.Signer, req *http.Request, body []byte) (func() (*http.Request, error), error) {
	fixed, err := a.resolveFixed()
	if err != nil {
		return nil, err
	}
	return func() (*http.Request, error) {
		out := req.Clone(req.Context())
		out.GetBody = nil
		a.own(out, body)
		delete(out.Header, "X-Request-Id")
		a.addMade(out, appearance{at: a.deps.Now(), requestID: a.newRequestID(),
			clientID: cmp.Or(tokens.ClientIDOf(req.Context()), l.signers.credentials.ClientID), organization: l.organization})
		// Present and empty keeps net/http from naming itself.
		out.Header["User-Agent"] = []string{""}
		for _, field := range fixed {
			// A form stays a form, whatever the API's own requests are, and the
			// client authentication is what the token section says.
			switch key := http.CanonicalHeaderKey(field.Name); key {
			case "Content-Type", "Accept", "Authorization":
			default:
				delete(out.Header, key)
				out.Header[field.Name] = []string{field.Value}
			}
		}
		if s == nil {
			return out, nil
		}
		return out, a.sign(s, out, &signer.Message{Body: body, Operation: operationToken})
	}, nil
}
