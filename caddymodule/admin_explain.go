package caddymodule

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/caddy-tpp/caddy-tpp/capture"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// maxExplain bounds a request to be explained, in bytes.
const maxExplain = 1 << 20

// explainQuery is the body of POST /tpp/explain.
type explainQuery struct {
	// ASPSP names the bank, where the request does not tell.
	ASPSP string `json:"aspsp"`
	// Request is the app's request: a raw HTTP message, or a curl command line.
	Request string `json:"request"`
}

// explain answers how a request would leave. Values of the PSU's context, bodies
// and tokens are not shown, and nothing is signed: whoever reaches the admin
// endpoint must not get a signature for whatever they like.
func (a *Admin) explain(w http.ResponseWriter, r *http.Request) {
	if !a.app.Explain {
		adminRefusal{status: http.StatusForbidden, Code: codeExplainOff, Text: "explaining is off",
			Remedy: "write explain on into the tpp global option, or use caddy tpp explain with the configuration's file"}.write(w)
		return
	}
	refuse := func(err error) {
		refusal := invalid(err.Error())
		refusal.Remedy = `send {"aspsp": "name", "request": "a raw HTTP message or a curl command line"}`
		refusal.write(w)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxExplain))
	if err != nil {
		refuse(errors.New("the body is too long, or broke off"))
		return
	}
	var query explainQuery
	if err := json.Unmarshal(body, &query); err != nil {
		refuse(errors.New("the body is no JSON object of this form"))
		return
	}
	captured, err := capture.Parse([]byte(query.Request), capture.Options{})
	if err != nil {
		refuse(err)
		return
	}
	explanation, err := a.app.explain(query.ASPSP, captured, sidecar.ExplainOptions{Hide: true})
	if err != nil {
		refuse(err)
		return
	}
	writeJSON(w, http.StatusOK, explanation)
}
