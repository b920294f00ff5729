package sandbox

import (
	"net/http"
	"net/url"
)

// authenticateClient finds out which client sends a token request, and that
// it is the one.
func (c *call) authenticateClient(form url.Values) *problem {
	if form.Get("client_id") != c.qwac.OrgID {
		return refuse(http.StatusUnauthorized, "invalid_client", "client_id is not the organizationIdentifier of the QWAC")
	}
	c.clientID = c.qwac.OrgID
	return nil
}
