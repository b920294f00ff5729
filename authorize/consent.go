package authorize

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// maxConsent bounds the id of a consent, in bytes. UK Open Banking's have 128.
const maxConsent = 128

// checkConsent wants an id exactly where the profile has a place for one.
func checkConsent(id, place string) error {
	switch {
	case place == "" && id != "":
		return fmt.Errorf("%w: consent is not for this bank, whose profile has no place for it (token.authorize.consent)", ErrParameters)
	case place != "" && id == "":
		return fmt.Errorf("%w: consent is missing: the id of the consent that was made at this bank before", ErrParameters)
	case len(id) > maxConsent || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("%w: consent is no id of at most %d visible ASCII characters", ErrParameters, maxConsent)
	}
	return nil
}

// askFor puts the consent where the profile wants it.
func (r *request) askFor(consent string) {
	place := r.endpoint.Spec.Authorize.Consent
	switch place {
	case "":
	case tokens.ConsentClaims:
		r.parameters.Set("claims", intentClaims(consent))
	default:
		r.parameters.Set(place, consent)
	}
}

// intentClaims is the claims parameter (OpenID Connect Core section 5.5) as UK
// Open Banking's Security Profile has it.
func intentClaims(consent string) string {
	type claim struct {
		Value     string `json:"value"`
		Essential bool   `json:"essential"`
	}
	var claims struct {
		IDToken struct {
			Intent claim `json:"openbanking_intent_id"`
		} `json:"id_token"`
	}
	claims.IDToken.Intent = claim{consent, true}
	// Text and a boolean can always be encoded.
	text, _ := json.Marshal(claims)
	return string(text)
}
