package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// intentClaim carries the consent's id in authorization requests and id_tokens
// (Open Banking Security Profile).
const intentClaim = "openbanking_intent_id"

// checkOBIEScopes wants one scope of Open Banking, and takes openid beside it.
func checkOBIEScopes(scope string) *problem {
	named := 0
	for s := range strings.FieldsSeq(scope) {
		switch {
		case obieRole(s) != "":
			named++
		case s != "openid" && s != "offline_access":
			return refuse(http.StatusBadRequest, "invalid_scope", "the scope is not known")
		}
	}
	if named != 1 {
		return refuse(http.StatusBadRequest, "invalid_scope", "scope must name exactly one of accounts, payments, fundsconfirmations")
	}
	return nil
}

// intentAsked is the consent that an authorization request is about: that of
// claims, which has to be signed, or the plain parameter where the rules take it.
func (b *Bank) intentAsked(given givenRequest) (string, *problem) {
	bad := func(text string) (string, *problem) {
		return "", refuse(http.StatusBadRequest, "invalid_request", "%s", text)
	}
	tolerant := b.Rules().Authorize.IntentParameter
	if raw := given.params.Get("claims"); raw != "" {
		type wanted struct {
			Intent struct {
				Value     string `json:"value"`
				Essential bool   `json:"essential"`
			} `json:"openbanking_intent_id"`
		}
		var claims struct {
			IDToken  wanted `json:"id_token"`
			UserInfo wanted `json:"userinfo"`
		}
		if json.Unmarshal([]byte(raw), &claims) != nil {
			return bad("claims is no JSON object")
		}
		id := claims.IDToken.Intent
		switch {
		case id.Value == "":
			return bad("claims.id_token." + intentClaim + ".value is missing")
		case !id.Essential:
			return bad("claims.id_token." + intentClaim + " is not essential")
		case claims.UserInfo.Intent.Value != "" && claims.UserInfo.Intent.Value != id.Value:
			return bad("claims names two consents")
		case !given.signed && !tolerant:
			return bad("claims is not in a signed request object")
		}
		return id.Value, nil
	}
	switch id := given.params.Get(intentClaim); {
	case id == "":
		return bad("the consent is missing: " + intentClaim + " in claims of a signed request object")
	case !tolerant:
		return bad(intentClaim + " is a plain parameter; it belongs in claims of a signed request object")
	default:
		return id, nil
	}
}

// bindIntent finds the consent of an authorization request.
func (b *Bank) bindIntent(given givenRequest, a *authorization) *problem {
	id, p := b.intentAsked(given)
	if p != nil {
		return p
	}
	i, ok := b.intents.of(a.ClientID, id)
	switch {
	case !ok:
		return refuse(http.StatusBadRequest, "invalid_request", "%s names no consent of this client", intentClaim)
	case !slices.Contains(strings.Fields(a.Scope), i.Scope):
		return refuse(http.StatusBadRequest, "invalid_scope", "the scope is not that of the consent")
	case i.State != intentAwaiting && !(i.State == intentAuthorised && i.Scope != obiePayments):
		return refuse(http.StatusBadRequest, "invalid_request", "the consent is %s, not %s", i.State, intentAwaiting)
	}
	a.Intent = id
	return nil
}

// settleIntent notes what the PSU said.
func (b *Bank) settleIntent(a *authorization, accepted bool) {
	switch {
	case a.Intent == "":
	case accepted:
		b.intents.move(b.now(), a.Intent, intentAwaiting, intentAuthorised, a.PSU)
	default:
		b.intents.move(b.now(), a.Intent, intentAwaiting, intentRejected, "")
	}
}

// knownOBIE tells whether an authorization request came to Open Banking's
// authorization server.
func knownOBIE(path string) bool { return strings.HasPrefix(path, "/obie/") }
