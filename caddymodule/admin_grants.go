package caddymodule

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/grants"
)

// grantRoutes adds what is asked about grants, and done to them. There is no
// export: what is once in the vault only leaves it towards the bank.
func (a *Admin) grantRoutes(mux *http.ServeMux) {
	handle := func(pattern string, f http.HandlerFunc) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if a.app.grants == nil {
				withoutVault().write(w)
				return
			}
			f(w, r)
		})
	}
	handle("GET /tpp/grants", a.listGrants)
	handle("POST /tpp/grants/{aspsp}", a.importGrants)
	handle("/tpp/grants/{aspsp}", func(w http.ResponseWriter, _ *http.Request) { refuseMethod(w, http.MethodPost) })
	handle("/tpp/grants/{aspsp}/{grant...}", a.grant)
}

// grantAction is what is done to one grant, or asked about it.
type grantAction = func(w http.ResponseWriter, r *http.Request, id grants.ID)

// grant does what method and path say with one grant. The path is taken apart
// here, since a pattern of ServeMux with {grant} does not match a grant of the
// name "/".
func (a *Admin) grant(w http.ResponseWriter, r *http.Request) {
	segments := strings.Split(r.URL.EscapedPath(), "/")[len([]string{"", "tpp", "grants"}):]
	for n := range segments {
		segments[n], _ = url.PathUnescape(segments[n]) // net/http has done so before
	}
	actions := map[string]grantAction{}
	switch {
	case len(segments) == 2:
		actions = map[string]grantAction{http.MethodGet: a.showGrant, http.MethodDelete: a.forgetGrant}
	case len(segments) == 3 && segments[2] == "refresh":
		actions[http.MethodPost] = a.refreshGrant
	case len(segments) == 3 && segments[2] == "release":
		actions[http.MethodPost] = a.releaseGrant
	case len(segments) == 3 && segments[2] == "adopt":
		actions[http.MethodPost] = a.adoptGrant
	case len(segments) == 3 && segments[2] == "revoke":
		actions[http.MethodPost] = a.revokeGrant
	default:
		refuseStatus(w, http.StatusNotFound)
		return
	}
	action := actions[r.Method]
	if action == nil {
		refuseMethod(w, slices.Sorted(maps.Keys(actions))...)
		return
	}
	action(w, r, grants.ID{ASPSP: segments[0], Name: segments[1]})
}

// client is the way to an ASPSP's bank, nil if it is not configured (any more)
// or has no token endpoint.
func (a *Admin) client(aspsp string) *grants.Client {
	if configured := a.app.registry.Get(aspsp); configured != nil {
		return configured.Client()
	}
	return nil
}

// grantsPage is one page of the list.
type grantsPage struct {
	Grants []grants.State `json:"grants"`
	// Next is what to pass as after for the next page; "" is the last.
	Next string `json:"next"`
}

func (a *Admin) listGrants(w http.ResponseWriter, r *http.Request) {
	query, limit := r.URL.Query(), 0
	if query.Get("aspsp") == "" {
		invalid("name the bank: ?aspsp=<name>").write(w)
		return
	}
	if text := query.Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 {
			invalid("limit is no number above 0").write(w)
			return
		}
	}
	states, next, err := a.app.grants.List(r.Context(), query.Get("aspsp"), query.Get("after"), limit)
	if err != nil {
		refusalOf(err).write(w)
		return
	}
	writeJSON(w, http.StatusOK, grantsPage{Grants: append([]grants.State{}, states...), Next: next})
}

func (a *Admin) showGrant(w http.ResponseWriter, r *http.Request, id grants.ID) {
	a.writeGrant(w, r, http.StatusOK, id, nil)
}

// writeGrant answers with a grant's state, or with the error of what was done
// to it before.
func (a *Admin) writeGrant(w http.ResponseWriter, r *http.Request, status int, id grants.ID, err error) {
	if err != nil {
		refusalOf(err).write(w)
		return
	}
	state, err := a.app.grants.Get(r.Context(), id)
	if err != nil {
		refusalOf(err).write(w)
		return
	}
	writeJSON(w, status, state)
}

func (a *Admin) refreshGrant(w http.ResponseWriter, r *http.Request, id grants.ID) {
	a.askBank(w, r, id, a.app.grants.Refresh)
}

// askBank answers with a grant's state after what needs its bank's token endpoint.
func (a *Admin) askBank(w http.ResponseWriter, r *http.Request, id grants.ID,
	ask func(context.Context, grants.ID, *grants.Client) error,
) {
	client := a.client(id.ASPSP)
	if client == nil {
		unknownASPSP().write(w)
		return
	}
	a.writeGrant(w, r, http.StatusOK, id, ask(r.Context(), id, client))
}

func (a *Admin) releaseGrant(w http.ResponseWriter, r *http.Request, id grants.ID) {
	a.writeGrant(w, r, http.StatusOK, id, a.app.grants.Release(r.Context(), id))
}

func (a *Admin) adoptGrant(w http.ResponseWriter, r *http.Request, id grants.ID) {
	a.askBank(w, r, id, a.app.grants.Adopt)
}

// revocationState is what a revocation did.
type revocationState struct {
	// AtBank is true if the bank has confirmed. If not, and it should have, the
	// reason is beside it.
	AtBank bool         `json:"at_bank"`
	Grant  grants.State `json:"grant"`
	adminRefusal
}

// revokeGrant ends a grant. What the bank makes of it does not change that the
// grant is ended here, and so is no error of this call.
func (a *Admin) revokeGrant(w http.ResponseWriter, r *http.Request, id grants.ID) {
	atBank, err := a.app.grants.Revoke(r.Context(), id, a.client(id.ASPSP))
	state, getErr := a.app.grants.Get(r.Context(), id)
	switch {
	case err != nil && (getErr != nil || state.Status != grants.StatusRevoked):
		refusalOf(err).write(w)
		return
	case getErr != nil:
		refusalOf(getErr).write(w)
		return
	}
	result := revocationState{AtBank: atBank, Grant: state}
	if err != nil {
		result.adminRefusal = refusalOf(err)
	}
	writeJSON(w, http.StatusOK, result)
}

func (a *Admin) forgetGrant(w http.ResponseWriter, r *http.Request, id grants.ID) {
	forget := a.app.grants.Forget
	if a.client(id.ASPSP) == nil || r.URL.Query().Get("unconfirmed") == "true" {
		forget = a.app.grants.ForgetUnconfirmed
	}
	if err := forget(r.Context(), id); err != nil {
		refusalOf(err).write(w)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"forgotten": id.Fingerprint()})
}
