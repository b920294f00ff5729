package sidecar

import (
	"cmp"

	"github.com/caddy-tpp/caddy-tpp/jws"
	"github.com/caddy-tpp/caddy-tpp/signer"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// credentialsValue is what goes into the header that carries the token, "" for
// nothing.
func (ex *Exchange) credentialsValue() string {
	switch {
	case ex.authorization != "":
		return ex.authorization
	case ex.token == nil:
		return ex.basic
	case ex.aspsp.tokenBare:
		return ex.token.Value()
	}
	return ex.token.AuthorizationHeader()
}

// basicCredentials reads the secret that goes along with this call. It is not
// kept, so that one which was replaced needs no restart.
func (ex *Exchange) basicCredentials() error {
	secret, err := ex.aspsp.config.readClientSecret()()
	if err != nil {
		return err
	}
	if ex.basic, err = tokens.BasicAuthorization(ex.clientID, secret); err != nil {
		return refuse(CodeSecretUnreadable, "client_secret", err)
	}
	return nil
}

// newMaker prepares the JWTs that go along in place of a token.
func (a *ASPSP) newMaker(l *link, clientID string) (*tokens.Maker, error) {
	spec := &a.config.Profile.Token
	facts := jws.Facts{KeyID: cmp.Or(spec.JWT.KeyID, l.signers.calls.KeyID()), ClientID: clientID}
	key := a.config.ClientKey
	if qseal := l.generation.QSEAL; qseal != nil && key == nil {
		key, facts.Certificate, facts.Chain = qseal.Key, qseal.Leaf(), qseal.Chain[1:]
		var err error
		if facts.SubjectDN, err = signer.RenderDN(qseal.Leaf().RawSubject, "rfc2253-jdk-keyword", false); err != nil {
			return nil, err
		}
	}
	return tokens.NewMaker(spec, key, facts, a.config.BaseURL)
}
