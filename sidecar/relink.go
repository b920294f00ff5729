package sidecar

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/answers"
	"github.com/caddy-tpp/caddy-tpp/links"
)

// HeaderLinks tells the app that links in the bank's answer were rewritten
// ("rewritten"), or that they may be as the bank wrote them ("untouched; " with
// the reason). It is there if the ASPSP rewrites links, and then only if one of
// the two is the case.
const HeaderLinks = "Sidecar-Links"

// maxRelinked is how large a body may be for its links to be rewritten.
const maxRelinked = answers.DefaultMaxBody

// LinksOutcome is what became of the links in an answer.
type LinksOutcome string

// The outcomes.
const (
	LinksRewritten  LinksOutcome = "rewritten"
	LinksCompressed LinksOutcome = "compressed"
	LinksTooLarge   LinksOutcome = "too_large"
	LinksBroken     LinksOutcome = "broken_off"
	LinksUnmapped   LinksOutcome = "address_unknown"
)

// text is the outcome as the app is told it.
func (o LinksOutcome) text() string {
	switch o {
	case LinksCompressed:
		return "untouched; the body is compressed"
	case LinksTooLarge:
		return "untouched; the body is too large"
	case LinksBroken:
		return "untouched; the answer broke off"
	case LinksUnmapped:
		return "untouched; the path under which the app called was rewritten"
	default:
		return string(o)
	}
}

// compileLinks prepares the rewriting of links, if it is wanted.
func (a *ASPSP) compileLinks() (err error) {
	if !a.config.RewriteLinks {
		return nil
	}
	if a.config.Profile.Links.Empty() {
		return fmt.Errorf("rewrite_links is on, but profile %s names no links: set links { fields … } or links { headers … }", a.config.Profile.Name)
	}
	a.links, err = links.Compile(a.config.Profile.Links, a.base)
	return err
}

// RewritesLinks reports whether a route to the ASPSP needs the address under
// which the app reaches it.
func (a *ASPSP) RewritesLinks() bool { return a.links != nil }

// reached is where the app reaches what the bank has at base_url.
func (a *ASPSP) reached(route Route) links.Address {
	address := route.Reached
	if route.Absolute {
		address.Path += a.base.EscapedPath()
	}
	return address
}

// relink lets links in an answer that lead back to the bank lead to the sidecar.
// Answers of the authorization server and of the fallback interface are for the
// PSU's browser and stay as they are.
func (ex *Exchange) relink(response *http.Response) {
	w := ex.aspsp.links
	if w == nil || ex.operation == operationToken || ex.fallback != "" {
		return
	}
	if !ex.reached.Valid() {
		ex.relinked(response, LinksUnmapped)
		return
	}
	count := w.Header(response.StatusCode, response.Header, ex.reached)
	inBody, left := ex.relinkBody(w, response)
	if count+inBody > 0 {
		// What the bank signed is no longer what the app gets.
		dropAll(response.Header, answers.SignatureHeaders(ex.aspsp.config.Profile.Responses))
		left = cmp.Or(left, LinksRewritten)
	}
	if left != "" {
		ex.relinked(response, left)
	}
}

// relinked tells what became of an answer's links.
func (ex *Exchange) relinked(response *http.Response, outcome LinksOutcome) {
	response.Header.Set(HeaderLinks, outcome.text())
	if told := ex.aspsp.deps.Hooks.Relinked; told != nil {
		told(ex.aspsp.Name(), outcome)
	}
}

// relinkBody rewrites the links in a JSON body. left says why they were left.
func (ex *Exchange) relinkBody(w *links.Rewriter, response *http.Response) (count int, left LinksOutcome) {
	h := response.Header
	if !w.ReadsBodies() || !isJSON(h.Get("Content-Type")) || response.StatusCode == http.StatusPartialContent ||
		response.Request != nil && response.Request.Method == http.MethodHead || response.ContentLength == 0 {
		return 0, ""
	}
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return 0, LinksCompressed
	}
	body, err := hold(response, maxRelinked)
	switch {
	case errors.Is(err, errTooLarge):
		return 0, LinksTooLarge
	case err != nil:
		return 0, LinksBroken
	}
	rewritten, count := w.Body(body, ex.reached)
	if count == 0 {
		return 0, ""
	}
	response.Body = io.NopCloser(bytes.NewReader(rewritten))
	dropAll(h, answers.DigestHeaders())
	if response.ContentLength >= 0 {
		response.ContentLength = int64(len(rewritten))
		h.Set("Content-Length", strconv.Itoa(len(rewritten)))
	}
	return count, ""
}

func dropAll(h http.Header, names []string) {
	for _, name := range names {
		h.Del(name)
	}
}

// isJSON reports whether a media type is JSON in UTF-8 (RFC 8259, RFC 6839).
func isJSON(contentType string) bool {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
		return false
	}
	return media == "application/json" || media == "text/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
}
