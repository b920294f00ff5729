package caddymodule

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-tpp/caddy-tpp/certs"
	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/signer"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// Admin serves the sidecar's state, without any secret, on Caddy's admin
// endpoint:
//
//	GET    /tpp/identities                certificates in use
//	POST   /tpp/identities/{name}/reload  read the files now
//	GET    /tpp/aspsps                    banks and how they are called
//	GET    /tpp/tokens                    tokens held, without values
//	DELETE /tpp/tokens/{aspsp}            forget a bank's tokens
//	POST   /tpp/explain                   how a request would leave; only with explain on
//
// and, where there is a vault, what is known of the grants of PSUs:
//
//	GET    /tpp/grants?aspsp=&after=&limit=       a page of them: grants, next
//	GET    /tpp/grants/{aspsp}/{grant}            one of them
//	POST   /tpp/grants/{aspsp}                    import one, or (application/x-ndjson) one a line
//	POST   /tpp/grants/{aspsp}/{grant}/refresh    fetch a new access token now
//	POST   /tpp/grants/{aspsp}/{grant}/release    let a quarantined or refused one be tried once more
//	POST   /tpp/grants/{aspsp}/{grant}/adopt      bind it to the token endpoint that is configured now
//	POST   /tpp/grants/{aspsp}/{grant}/revoke     end it, here and at the bank
//	DELETE /tpp/grants/{aspsp}/{grant}            delete the record of one that is not active; with
//	                                              ?unconfirmed=true also if the bank has not confirmed its end
//	GET    /tpp/vault                             keys by id, storage, damaged records
//	POST   /tpp/vault/rotate                      encrypt all records under the first key
//
// {grant} is the grant's name, percent-encoded. Nothing exports a token. An
// import is a JSON object with the members grant, refresh_token, authorized_at
// or consent_until, and optionally access_token with access_expiry, scope and
// replace. Errors are JSON objects with error, code and, where there is one,
// remedy.
type Admin struct {
	app *App
}

// CaddyModule returns the Caddy module information.
func (Admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.tpp", New: func() caddy.Module { return new(Admin) }}
}

// Provision finds the app. A configuration may have none.
func (a *Admin) Provision(ctx caddy.Context) error {
	app, err := ctx.AppIfConfigured("tpp")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil
	}
	if err != nil {
		return err
	}
	a.app = app.(*App)
	return nil
}

// Routes implements caddy.AdminRouter.
func (a *Admin) Routes() []caddy.AdminRoute {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /tpp/identities", a.identities)
	mux.HandleFunc("POST /tpp/identities/{name}/reload", a.reload)
	mux.HandleFunc("GET /tpp/aspsps", a.aspsps)
	mux.HandleFunc("GET /tpp/tokens", a.tokens)
	mux.HandleFunc("DELETE /tpp/tokens/{aspsp}", a.dropTokens)
	mux.HandleFunc("POST /tpp/explain", a.explain)
	a.grantRoutes(mux)
	a.vaultRoutes(mux)
	return []caddy.AdminRoute{{
		Pattern: "/tpp/",
		Handler: caddy.AdminHandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			if a.app == nil {
				return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errors.New("the running configuration has no tpp app")}
			}
			if _, pattern := mux.Handler(r); pattern == "" {
				refuseRoute(w, r, mux)
				return nil
			}
			mux.ServeHTTP(w, r)
			return nil
		}),
	}}
}

// certificateState describes a certificate in use.
type certificateState struct {
	Slot                   string       `json:"slot"`
	File                   string       `json:"file"`
	Subject                string       `json:"subject"`
	Serial                 string       `json:"serial"`
	NotAfter               time.Time    `json:"not_after"`
	Thumbprint             string       `json:"x5t_s256"`
	OrganizationIdentifier string       `json:"organization_identifier,omitempty"`
	Roles                  []certs.Role `json:"roles,omitempty"`
	NCA                    string       `json:"nca,omitempty"`
}

// identityState describes an identity.
type identityState struct {
	Name         string             `json:"name"`
	Generation   uint64             `json:"generation"`
	LoadedAt     time.Time          `json:"loaded_at"`
	Certificates []certificateState `json:"certificates"`
}

func describeIdentity(name string, generation *certs.Generation) identityState {
	state := identityState{Name: name, Generation: generation.Number, LoadedAt: generation.LoadedAt}
	for _, pair := range []*certs.Pair{generation.QWAC, generation.QSEAL} {
		if pair == nil {
			continue
		}
		leaf := pair.Leaf()
		subject, err := signer.RenderDN(leaf.RawSubject, "openssl-utf8", false)
		if err != nil {
			subject = leaf.Subject.String()
		}
		state.Certificates = append(state.Certificates, certificateState{
			Slot: pair.Slot.String(), File: pair.Source.CertFile, Subject: subject,
			Serial: leaf.SerialNumber.Text(16), NotAfter: leaf.NotAfter.UTC(), Thumbprint: pair.Thumbprint,
			OrganizationIdentifier: pair.Info.OrganizationIdentifier, Roles: pair.Info.Roles, NCA: pair.Info.NCAID,
		})
	}
	return state
}

func (a *Admin) identities(w http.ResponseWriter, _ *http.Request) {
	states := []identityState{}
	for _, name := range slices.Sorted(maps.Keys(a.app.identities)) {
		states = append(states, describeIdentity(name, a.app.identities[name].Current()))
	}
	writeJSON(w, http.StatusOK, states)
}

// reloadResult tells what reading the files gave.
type reloadResult struct {
	Changed  bool     `json:"changed"`
	Error    string   `json:"error,omitempty"`
	Findings []string `json:"findings,omitempty"`
	identityState
}

func (a *Admin) reload(w http.ResponseWriter, r *http.Request) {
	identity := a.app.identities[r.PathValue("name")]
	if identity == nil {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": fmt.Sprintf("there is no identity %q", r.PathValue("name"))})
		return
	}
	changed, findings, err := identity.Reload()
	result := reloadResult{Changed: changed, identityState: describeIdentity(identity.Name(), identity.Current())}
	for _, finding := range findings {
		result.Findings = append(result.Findings, finding.String())
	}
	status := http.StatusOK
	if err != nil {
		result.Error, status = err.Error(), http.StatusConflict
	}
	writeJSON(w, status, result)
}

// aspspState describes a configured bank.
type aspspState struct {
	Name    string `json:"name"`
	Profile string `json:"profile"`
	BaseURL string `json:"base_url"`
	// Identity is empty for an ASPSP without one.
	Identity string `json:"identity,omitempty"`
	// ClientCertificate and Token say how the TPP proves who it is.
	ClientCertificate string `json:"client_certificate"`
	Token             string `json:"token"`
	Scope             string `json:"scope,omitempty"`
	KeyID             string `json:"key_id,omitempty"`
	Fallback          bool   `json:"fallback"`
}

func (a *Admin) aspsps(w http.ResponseWriter, _ *http.Request) {
	states := []aspspState{}
	for _, name := range a.app.registry.Names() {
		aspsp := a.app.registry.Get(name)
		config := aspsp.Config()
		states = append(states, aspspState{
			Name: name, Profile: config.Profile.Name, BaseURL: config.BaseURL, Identity: config.IdentityName,
			ClientCertificate: cmp.Or(config.Profile.ClientCertificate, profiles.ClientCertificateRequired),
			Token:             cmp.Or(config.Profile.Token.Grant, tokens.GrantNone),
			Scope:             config.Scope, KeyID: aspsp.KeyID(), Fallback: config.Fallback,
		})
	}
	writeJSON(w, http.StatusOK, states)
}

func (a *Admin) tokens(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, a.app.shared.tokens.Snapshot())
}

func (a *Admin) dropTokens(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, map[string]int{"dropped": a.app.shared.tokens.DropAll(r.PathValue("aspsp"))})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

// Interface guards.
var (
	_ caddy.AdminRouter = (*Admin)(nil)
	_ caddy.Provisioner = (*Admin)(nil)
)
