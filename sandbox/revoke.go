package sandbox

import "net/http"

// revoke is the revocation endpoint (RFC 7009). Revoking one token of a pair
// ends the other, too. What the bank does not know counts as revoked.
func (c *call) revoke() (*answer, *problem) {
	form, p := c.tokenForm()
	if p != nil {
		return nil, p
	}
	if p := c.authenticateClient(form); p != nil {
		return nil, p
	}
	token := form.Get("token")
	if token == "" {
		return nil, refuse(http.StatusBadRequest, "invalid_request", "token is missing")
	}
	if !c.bank.tokens.revoke(token, c.clientID) {
		return nil, refuse(http.StatusBadRequest, "invalid_grant", "the token was issued to another client")
	}
	a := newAnswer(http.StatusOK, "", nil)
	noStore(a)
	return a, nil
}

// revoke ends a token and what belongs to it; false if it is another client's.
func (s *tokenStore) revoke(token, clientID string) bool {
	const why = "revoked by the TPP"
	s.mu.Lock()
	defer s.mu.Unlock()
	if g, ok := s.access[token]; ok {
		if g.ClientID != clientID {
			return false
		}
		delete(s.access, token)
		s.end(g.family, why)
	}
	if r, ok := s.refresh[token]; ok {
		if r.family.ClientID != clientID {
			return false
		}
		s.end(r.family, why)
	}
	return true
}
