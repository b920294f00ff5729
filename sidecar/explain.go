package sidecar

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/headers"
	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/signer"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// Explanation says how a request of the app leaves for the bank, and why. No
// token and no secret is in it: names in brackets stand for them.
type Explanation struct {
	// ASPSP, Profile and Operation are what the request was taken for.
	ASPSP     string `json:"aspsp"`
	Profile   string `json:"profile"`
	Operation string `json:"operation"`
	// Refusal is set if the request would not leave at all. What follows it is
	// then as far as things got.
	Refusal *ExplainedRefusal `json:"refusal,omitempty"`
	// In are the app's headers and what becomes of them, Out those that leave
	// and why, both in alphabetical order.
	In  []ExplainedHeader `json:"headers_in"`
	Out []ExplainedHeader `json:"headers_out,omitempty"`
	// Signature is how the request is signed, nil if it is not.
	Signature *ExplainedSignature `json:"signature,omitempty"`
	// Request is the final request as it goes over the wire in HTTP/1.1.
	Request string `json:"request,omitempty"`
	// Notes are what else is to be known, such as what stands in for a secret.
	Notes []string `json:"notes,omitempty"`
	// Certainty, Sources and OpenQuestions are the profile's: how far it is to be
	// trusted.
	Certainty     string            `json:"certainty,omitempty"`
	Sources       []profiles.Source `json:"sources,omitempty"`
	OpenQuestions []string          `json:"open_questions,omitempty"`
}

// ExplainedRefusal is the refusal that the app would get.
type ExplainedRefusal struct {
	Code   Code   `json:"code"`
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail,omitempty"`
	Remedy string `json:"remedy"`
}

// ExplainedHeader is one header, on its way in or out.
type ExplainedHeader struct {
	Name string `json:"name"`
	// Value is empty for headers of the app that do not pass.
	Value string `json:"value,omitempty"`
	// Passes tells of a header of the app whether it leaves.
	Passes bool   `json:"passes"`
	Reason string `json:"reason"`
}

// ExplainOptions say how much an explanation may show.
type ExplainOptions struct {
	// Hide keeps all values of the PSU's context, the body and the app's own
	// headers out, and has nothing signed: for those who may look at the sidecar,
	// but not at its calls, and may not have anything signed.
	Hide bool
}

// standIn is what an explanation shows in place of something secret.
func standIn(what string) string { return "[" + what + "]" }

// Explain says how a request would leave, without sending it or anything else.
// resolve replaces the placeholders of configured PSU sources, as for Prepare.
func (route Route) Explain(r *http.Request, resolve func(string) string, options ExplainOptions) *Explanation {
	a := route.ASPSP
	profile := a.config.Profile
	e := &Explanation{ASPSP: a.Name(), Profile: profile.Name, Certainty: profile.Certainty, Sources: profile.Sources, OpenQuestions: profile.OpenQuestions}
	ex := &Exchange{aspsp: a, absolute: route.Absolute, started: a.deps.Now(), dry: true}
	in := r.Header.Clone()
	err := ex.prepare(r, resolve)
	e.Operation = ex.operation
	e.In = a.explainIn(in, options)
	if err == nil {
		err = ex.explainOut(r, e, options)
	}
	if err != nil {
		e.refuse(ex.complete(err))
	}
	return e
}

func (e *Explanation) refuse(refusal *Refusal) {
	e.Refusal = &ExplainedRefusal{Code: refusal.Code, Status: refusal.Status, Title: refusal.Title, Detail: refusal.Detail, Remedy: refusal.Remedy}
}

func (e *Explanation) note(text string) { e.Notes = append(e.Notes, text) }

// explainOut fills in what leaves.
func (ex *Exchange) explainOut(r *http.Request, e *Explanation, options ExplainOptions) error {
	if ex.code != nil {
		e.note("the sidecar makes the token request itself and keeps the answer; it is not shown here")
		return nil
	}
	ex.withheld = r.Header
	common := ex.outboundHeaders(nil)
	if options.Hide {
		ex.hide(common)
	}
	if ex.authorization != "" {
		ex.authorization = standIn("authorization of the app, " + strconv.Itoa(len(ex.authorization)) + " bytes")
	}
	out := ex.compose(r, common)
	before := out.Header.Clone()
	message := ex.message()
	onWire(message, out)
	if ex.isSigned() && ex.signer.Signs(message) {
		if err := ex.explainSignature(e, message, options); err != nil {
			return signingRefusal(err)
		}
		ex.aspsp.own(out, message.Body)
	}
	e.Out = ex.explainHeaders(before, out.Header, r.Header)
	if !options.Hide {
		ex.explainStandIns(e, message)
	}
	return ex.explainRequest(e, out, message.Body, options)
}

// standInCredentials puts a stand-in where credentials of the sidecar's would be,
// and reports whether there would be any.
func (ex *Exchange) standInCredentials(spec *tokens.Spec) bool {
	switch {
	case ex.grant.Name == "" && spec.Grant == tokens.GrantBasic:
		ex.basic = "Basic " + standIn("client_id and client_secret")
	case ex.grant.Name != "" || spec.Fetches():
		ex.token = tokens.NewToken(standIn("access token"), ex.started, 0, spec)
	default:
		return false
	}
	return true
}

// hide puts stand-ins in the place of what tells of the PSU.
func (ex *Exchange) hide(common http.Header) {
	for name := range common {
		if key := http.CanonicalHeaderKey(name); tellsOfPSU(key) || ex.aspsp.psu.IsAlias(key) {
			common[name] = []string{standIn(name)}
		}
	}
}

// explainRequest writes the request as it would be on the wire.
func (ex *Exchange) explainRequest(e *Explanation, out *http.Request, body []byte, options ExplainOptions) error {
	var wire bytes.Buffer
	length, hidden := out.ContentLength, options.Hide && len(body) > 0
	if hidden {
		out.Body, out.ContentLength = http.NoBody, 0
	}
	if err := out.Write(&wire); err != nil {
		return refuse(CodeInternal, "", err)
	}
	e.Request = wire.String()
	if hidden {
		head, _, _ := strings.Cut(e.Request, "\r\n\r\n")
		head = strings.Replace(head, "\r\nContent-Length: 0", "\r\nContent-Length: "+strconv.FormatInt(length, 10), 1)
		e.Request = head + "\r\n\r\n" + standIn("body, "+strconv.Itoa(len(body))+" bytes")
	}
	return nil
}

// explainStandIns says what is not as it would be, and whether that changes the
// signature.
func (ex *Exchange) explainStandIns(e *Explanation, message *signer.Message) {
	if e.Signature == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(message.Header)) {
		if ex.standsIn(name) && slices.ContainsFunc(e.Signature.Signed, func(signed string) bool { return strings.EqualFold(name, signed) }) {
			e.note(name + " is signed, and something stands in for its value: the real signature is another one")
		}
	}
}

// standsIn reports whether an explanation shows something in place of a header's
// value: of a token, or of a secret that is read when it is used.
func (ex *Exchange) standsIn(name string) bool {
	if strings.EqualFold(name, ex.aspsp.tokenHeader) {
		return true
	}
	return slices.ContainsFunc(ex.fixed, func(field headers.Field) bool {
		return strings.EqualFold(field.Name, name) && strings.Contains(field.Value, "{")
	})
}
