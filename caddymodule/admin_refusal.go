package caddymodule

import (
	"errors"
	"net/http"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
	"github.com/caddy-tpp/caddy-tpp/vault"
)

// Codes that only the admin endpoint answers with. All others are those of
// refused calls.
const (
	codeRequestInvalid sidecar.Code = "request-invalid"
	codeImportInvalid  sidecar.Code = "import-invalid"
	codeGrantExists    sidecar.Code = "grant-exists"
	codeGrantActive    sidecar.Code = "grant-active"
	codeGrantNotHeld   sidecar.Code = "grant-not-held"
	codeGrantPending   sidecar.Code = "grant-revocation-pending"
	codeGrantBusy      sidecar.Code = "grant-busy"
	codeReloading      sidecar.Code = "reloading"
	codeExplainOff     sidecar.Code = "explain-off"
)

// adminRefusal is what the admin endpoint answers instead of a result.
type adminRefusal struct {
	status int
	Text   string       `json:"error,omitempty"`
	Code   sidecar.Code `json:"code,omitempty"`
	Remedy string       `json:"remedy,omitempty"`
}

// adminProblems are the errors that mean something else to an operator than to
// an app: a conflict with what is there. Those without a code have the app's.
var adminProblems = []struct {
	err    error
	status int
	code   sidecar.Code
	remedy string
}{
	{grants.ErrExists, http.StatusConflict, codeGrantExists, `add "replace": true to overwrite it, which ends the authorization that it has now`},
	{grants.ErrActive, http.StatusConflict, codeGrantActive, "revoke it first"},
	{grants.ErrRevocationPending, http.StatusConflict, codeGrantPending, "revoke it again, until the bank has confirmed; if it never will, forget it with ?unconfirmed=true"},
	{grants.ErrNotHeld, http.StatusConflict, codeGrantNotHeld, "there is nothing to release"},
	{grants.ErrBusy, http.StatusConflict, codeGrantBusy, "try again in a minute"},
	{grants.ErrImport, http.StatusBadRequest, codeImportInvalid, ""},
	{vault.ErrName, http.StatusBadRequest, codeRequestInvalid, "compare the name of the bank with the configuration"},
	{grants.ErrCursor, http.StatusBadRequest, codeRequestInvalid, "leave after out, and go on with each page's next"},
	{grants.ErrClosed, http.StatusServiceUnavailable, codeReloading, "the configuration is being changed; try again"},
	{grants.ErrUnknown, http.StatusNotFound, "", "compare the name with the list of grants"},
	{grants.ErrConsentExpired, http.StatusConflict, "", ""},
	{grants.ErrRevoked, http.StatusConflict, "", ""},
	{grants.ErrRefused, http.StatusConflict, "", ""},
	{grants.ErrQuarantined, http.StatusConflict, "", "release it to let it be tried once more"},
	{grants.ErrElsewhere, http.StatusConflict, "", ""},
	{grants.ErrNoRefreshToken, http.StatusConflict, "", ""},
	{vault.ErrUnavailable, http.StatusServiceUnavailable, "", ""},
}

// refusalOf is an error of grants or their vault as the operator gets it. Its
// text holds no token: those packages' errors never do, and what a bank or the
// network said is passed on without what they quote. What the vault quotes are
// names of keys and records, which the operator needs.
func refusalOf(err error) adminRefusal {
	for _, known := range adminProblems {
		if !errors.Is(err, known.err) {
			continue
		}
		refusal := adminRefusal{status: known.status, Text: causeText(err), Code: known.code, Remedy: known.remedy}
		if refusal.Code == "" {
			app := sidecar.GrantRefusal(err)
			refusal.Code = app.Code
			if refusal.Remedy == "" {
				refusal.Remedy = app.Remedy
			}
		}
		return refusal
	}
	app := sidecar.GrantRefusal(err)
	refusal := adminRefusal{status: app.Status, Text: app.Title, Code: app.Code, Remedy: app.Remedy}
	if app.Detail != "" {
		refusal.Text += ": " + app.Detail
	}
	switch app.Code {
	case sidecar.CodeVaultKey, sidecar.CodeGrantDamaged:
		refusal.Text += ": " + err.Error()
	default:
		if cause := causeOf(app); cause != "" {
			refusal.Text += ": " + cause
		}
	}
	return refusal
}

// invalid refuses what was asked for.
func invalid(text string) adminRefusal {
	return adminRefusal{status: http.StatusBadRequest, Text: text, Code: codeRequestInvalid}
}

// write answers with the refusal.
func (r adminRefusal) write(w http.ResponseWriter) { writeJSON(w, r.status, r) }

// withoutVault refuses what needs one.
func withoutVault() adminRefusal {
	refusal := sidecar.ErrGrantsOff()
	return adminRefusal{status: refusal.Status, Text: refusal.Title, Code: refusal.Code, Remedy: refusal.Remedy}
}

// unknownASPSP refuses what needs a bank's configuration.
func unknownASPSP() adminRefusal {
	return adminRefusal{status: http.StatusNotFound, Text: "no ASPSP of that name is configured", Code: sidecar.CodeUnknownASPSP,
		Remedy: "without its configuration, its grants can only be listed, shown, released, revoked here, and forgotten"}
}

// refuseRoute answers, in JSON, for a path or method that there is not.
func refuseRoute(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	answer := statusOnly{header: http.Header{}}
	mux.ServeHTTP(&answer, r)
	if allow := answer.header.Get("Allow"); allow != "" {
		w.Header().Set("Allow", allow)
	}
	refuseStatus(w, answer.status)
}

// refuseMethod answers that a path takes other methods only.
func refuseMethod(w http.ResponseWriter, allowed ...string) {
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	refuseStatus(w, http.StatusMethodNotAllowed)
}

func refuseStatus(w http.ResponseWriter, status int) {
	adminRefusal{status: status, Text: http.StatusText(status), Code: codeRequestInvalid}.write(w)
}

// statusOnly takes the status of an answer whose body is not wanted.
type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header            { return s.header }
func (s *statusOnly) WriteHeader(status int)         { s.status = status }
func (s *statusOnly) Write(body []byte) (int, error) { return len(body), nil }
