package sandbox

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"
)

// pushedLifetime is how long a pushed request can be used.
const pushedLifetime = 60 * time.Second

// pushedRequests are those waiting for the PSU, by request_uri.
type pushedRequests struct {
	mu sync.Mutex
	m  map[string]*pushedRequest
}

type pushedRequest struct {
	givenRequest
	expires time.Time
}

func (s *pushedRequests) add(now time.Time, given givenRequest) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = map[string]*pushedRequest{}
	}
	for handle, old := range s.m {
		if now.After(old.expires) {
			delete(s.m, handle)
		}
	}
	handle := "urn:ietf:params:oauth:request_uri:" + rand.Text()
	s.m[handle] = &pushedRequest{given, now.Add(pushedLifetime)}
	return handle
}

func (s *pushedRequests) find(now time.Time, handle string) (givenRequest, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.m[handle]
	if !ok || now.After(p.expires) {
		return givenRequest{}, false
	}
	return p.givenRequest, true
}

// spend uses a request up, which happens once the PSU has answered; false if
// it was used already.
func (s *pushedRequests) spend(handle string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.m[handle]
	delete(s.m, handle)
	return ok
}

// push is the pushed authorization request endpoint (RFC 9126 section 2).
func (c *call) push() (*answer, *problem) {
	form, p := c.tokenForm()
	if p != nil {
		return nil, p
	}
	if p := c.authenticateClient(form); p != nil {
		return nil, p
	}
	for _, name := range []string{"client_secret", "client_assertion", "client_assertion_type"} {
		form.Del(name)
	}
	switch {
	case form.Has("request_uri"):
		return nil, refuse(http.StatusBadRequest, "invalid_request", "request_uri cannot be pushed")
	case form.Get("client_id") != c.clientID && (form.Has("client_id") || !form.Has("request")):
		return nil, refuse(http.StatusBadRequest, "invalid_request", "client_id is not that of the client that pushes")
	}
	form.Set("client_id", c.clientID)
	given, p := c.bank.requestOf(form)
	if p != nil {
		return nil, p
	}
	if c.bank.Rules().Authorize.RequestObject && !given.signed {
		return nil, refuse(http.StatusBadRequest, "invalid_request", "this bank takes signed authorization requests only (RFC 9101)")
	}
	if _, p := c.bank.readAuthorization(given.params, c.r.URL.Path); p != nil {
		return nil, p
	}
	a := asJSON(http.StatusCreated, typeJSON, map[string]any{
		"request_uri": c.bank.pushed.add(c.bank.now(), given), "expires_in": int(pushedLifetime / time.Second)})
	noStore(a)
	return a, nil
}
