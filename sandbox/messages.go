package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// messageEndpoints are those of the standards that sign messages as a whole,
// Open Banking apart: a few resources each.
func messageEndpoints() []endpoint {
	var list []endpoint
	add := func(name string, d dialect, method, path, scope string, run func(*call) (*answer, *problem), query ...string) {
		list = append(list, endpoint{name: name, dialect: d, method: method, path: split(path), scope: scope, query: query, run: run})
	}
	for _, d := range []struct {
		name    string
		dialect dialect
		prefix  string
	}{{"georgia-", dialectGeorgia, georgiaPrefix}, {"ing-jws-", dialectINGJWS, ingJWSPrefix}, {"rfc9421-", dialectMessage, messagePrefix}} {
		add(d.name+"accounts", d.dialect, "GET", d.prefix+"accounts", "aisp", (*call).plainAccounts, "withBalance")
		add(d.name+"balances", d.dialect, "GET", d.prefix+"accounts/{id}/balances", "aisp", (*call).balances)
		add(d.name+"payments", d.dialect, "POST", d.prefix+"payments/{product}", "pisp", (*call).berlinPayment)
	}
	add("brasil-payments", dialectBrasil, "POST", brasilPrefix+"payments/v1/pix/payments", "pisp", (*call).brasilPayment)
	add("brasil-payments", dialectBrasil, "GET", brasilPrefix+"payments/v1/pix/payments/{id}", "pisp", (*call).brasilGetPayment)
	add("polish-accounts", dialectPolish, "POST", polishPrefix+"accounts/v2_1.1/getAccounts", "aisp", (*call).polishAccounts)
	return list
}

// plainAccounts lists the PSU's accounts; no Consent-ID is asked for.
func (c *call) plainAccounts() (*answer, *problem) {
	psu, p := c.owner()
	if p != nil {
		return nil, p
	}
	return berlinAccountList(psu, c.r.URL.Query().Get("withBalance") == "true"), nil
}

// present keeps those of the names that the request has, and adds every PSU
// header.
func (c *call) present(names ...string) []string {
	var found []string
	for _, f := range c.msg.Fields {
		if (slices.Contains(names, f.Lower) || strings.HasPrefix(f.Lower, "psu-")) && !slices.Contains(found, f.Lower) {
			found = append(found, f.Lower)
		}
	}
	return found
}

// checkGeorgia holds a request against the Georgian profile of Open Banking
// Europe's JWS.
func (c *call) checkGeorgia() {
	algorithm := c.checkHeadersJWS(headersRules{chain: true, past: 60 * time.Second, future: 2 * time.Second,
		required: func(c *call) []string {
			return append([]string{"(request-target)", "host", "x-request-id", "digest"}, c.present("content-type", "content-length")...)
		}})
	c.checkHeaderDigest()
	prefix, _, _ := strings.Cut(c.msg.value("digest"), "=")
	if len(algorithm) == 5 && prefix != "" && !strings.EqualFold(prefix, "SHA-"+algorithm[2:]) {
		c.fail(http.StatusBadRequest, codeRequest, "the header Digest is of %.20q, but the hash of alg %s is expected", prefix, algorithm)
	}
	c.checkSealedCall()
}

// checkINGJWS holds a request against what ING's newer APIs sign.
func (c *call) checkINGJWS() {
	c.checkHeadersJWS(headersRules{past: 5 * time.Minute, future: time.Minute, required: func(c *call) []string {
		required := []string{"(request-target)", "digest"}
		if _, ok := c.msg.first("content-type"); ok {
			required = append(required, "content-type")
		}
		return required
	}})
	c.checkHeaderDigest()
	c.checkSealedCall()
}

// checkHeaderDigest wants a Digest, with and without a body.
func (c *call) checkHeaderDigest() {
	value, ok := c.msg.first("digest")
	if !ok {
		c.fail(http.StatusBadRequest, codeRequest, "the header Digest is missing")
	} else if err := checkDigest(value, c.body); err != nil {
		c.fail(http.StatusBadRequest, codeRequest, "%v", err)
	}
}

// checkSealedCall is what Georgia and ING ask beside the signature.
func (c *call) checkSealedCall() {
	c.checkMediaType("application/json")
	c.checkRequestID()
	c.checkPSU()
	c.checkToken()
	c.checkAccept()
}
