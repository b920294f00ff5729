package sidecar

import (
	"cmp"
	"context"
	"net/http"
)

// RoundTrip makes the attempts of an exchange: it injects, signs and sends req
// to the exchange's ASPSP and returns the bank's answer as it is. It never
// follows a redirect. After a 401 on a token of our own it repeats once, with a
// new token and a new signature. An error is a *Refusal, or the context's if
// the app went away.
//
// req is what is left of the app's request after the proxy's own processing;
// its body is ignored in favour of the exchange's.
func (ex *Exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	response, err := ex.roundTrip(req)
	ex.failed = err
	return response, err
}

func (ex *Exchange) roundTrip(req *http.Request) (*http.Response, error) {
	if ex.sent && !bodiless(req.Method) {
		// Whatever made the proxy try again: the bank may have processed it.
		return nil, cmp.Or(ex.failed, error(refuse(CodeBankConnectionLost, "not repeated, since the bank has answered already", nil)))
	}
	if now, _ := ex.aspsp.operation(req.Method, req.URL, ex.absolute); now != ex.operation {
		return nil, refuse(CodeRewrittenAfterChecks, "", nil)
	}
	if ex.code != nil {
		return ex.exchangeCode(req)
	}
	if ex.fallback != "" && ex.aspsp.deps.Hooks.Fallback != nil {
		ex.aspsp.deps.Hooks.Fallback(ex.aspsp.Name(), ex.operation, ex.requestID, ex.fallback)
	}
	common := ex.outboundHeaders(req.Header)
	response, err := ex.transmit(req, common)
	if err == nil && response.StatusCode == http.StatusUnauthorized && ex.mayRenew() {
		if ex.aspsp.config.Profile.Token.NoRepeat {
			ex.renewForNext()
		} else {
			response, err = ex.repeatWithNewToken(req, common, response)
		}
	}
	if err != nil {
		return nil, err
	}
	return ex.receive(req.Context(), response)
}

// transmit sends one request, again only if the connection had died before.
func (ex *Exchange) transmit(req *http.Request, common http.Header) (*http.Response, error) {
	if ex.attempts > 0 {
		// Certificates may have changed since: a later attempt uses the present ones.
		if err := ex.readopt(req.Context()); err != nil {
			return nil, err
		}
	}
	response, sent, err := ex.link.send(
		func() (*http.Request, error) { return ex.attempt(req, common) },
		bodiless(req.Method),
		func() { ex.replayed("connection") },
	)
	ex.sent = ex.sent || sent
	return response, err
}

// readopt moves the exchange to the present certificates, and to their token.
func (ex *Exchange) readopt(ctx context.Context) error {
	present := ex.aspsp.link()
	if present == ex.link {
		return nil
	}
	if err := ex.adopt(present); err != nil {
		return err
	}
	return ex.readyToken(ctx)
}

// mayRenew reports whether a 401 may mean that the token is no longer good.
func (ex *Exchange) mayRenew() bool {
	if ex.token == nil {
		return false
	}
	return !ex.aspsp.stubborn.holds(ex.stubbornCall(), ex.aspsp.deps.Now())
}

func (ex *Exchange) stubbornCall() stubbornCall { return stubbornCall{ex.operation, ex.grant.Name} }

// renewForNext follows a 401 that is the app's to see: the next call gets a new
// token, but not each of many that are refused for another reason.
func (ex *Exchange) renewForNext() {
	ex.dropToken()
	ex.aspsp.stubborn.note(ex.stubbornCall(), ex.aspsp.deps.Now())
}

// repeatWithNewToken follows a 401: the token is dropped and the request,
// whose body the exchange still owns, is sent once more. If that is a 401 too,
// it is the bank's answer.
func (ex *Exchange) repeatWithNewToken(req *http.Request, common http.Header, refused *http.Response) (*http.Response, error) {
	discard(refused.Body)
	ex.dropToken()
	if err := ex.readyToken(req.Context()); err != nil {
		return nil, err
	}
	ex.replayed("token")
	response, err := ex.transmit(req, common)
	if err == nil && response.StatusCode == http.StatusUnauthorized {
		ex.aspsp.stubborn.note(ex.stubbornCall(), ex.aspsp.deps.Now())
	}
	return response, err
}

func (ex *Exchange) replayed(cause string) {
	if ex.aspsp.deps.Hooks.Replayed != nil {
		ex.aspsp.deps.Hooks.Replayed(ex.aspsp.Name(), ex.operation, cause)
	}
}
