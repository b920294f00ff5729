package tokens

import (
	"maps"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Values of [IDToken.Check].
const (
	// IDTokenOff: id_tokens are not looked at.
	IDTokenOff = "off"
	// IDTokenReport: a bad one is logged and counted.
	IDTokenReport = "report"
	// IDTokenEnforce: a bad one quarantines the grant.
	IDTokenEnforce = "enforce"
)

// defaultConsentDays is RTS article 10a(2)(b).
const defaultConsentDays = 180

// clientAuths are the known values of Spec.ClientAuth.
var clientAuths = []string{ClientAuthTLS, ClientAuthBasic, ClientAuthPost, ClientAuthJWT}

// ownParameters are those of an authorization request that have a meaning to
// the sidecar (RFC 6749 section 4.1.1, RFC 7636, RFC 9101, RFC 9126, OpenID
// Connect Core section 3.1.2.1), and the client authentication.
var ownParameters = []string{
	"response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
	"request", "request_uri", "client_secret", "client_assertion", "client_assertion_type",
}

// ConsentPeriod is [Spec.ConsentDays] with its default.
func (s *Spec) ConsentPeriod() (days int) {
	if s.ConsentDays > 0 {
		return s.ConsentDays
	}
	return defaultConsentDays
}

// checkClient is Validate for how the TPP presents itself.
func (s *Spec) checkClient(refuse refuseFunc) {
	if s.ClientAuth != "" && !slices.Contains(clientAuths, s.ClientAuth) {
		refuse("client_auth %q is not known: use one of %s", s.ClientAuth, strings.Join(clientAuths, ", "))
	}
	if s.ClientAuth == ClientAuthPost && s.NoClientID {
		refuse("no_client_id contradicts client_auth %s, which puts client_id and secret into the body: drop one", ClientAuthPost)
	}
	if s.ApplicationToken && s.ClientAuth == ClientAuthBasic {
		refuse("application_token contradicts client_auth %s: there is one Authorization header; use another client_auth", ClientAuthBasic)
	}
	if s.Grant != GrantClientCredentials {
		for _, setting := range []struct {
			name string
			set  bool
		}{{"application_token", s.ApplicationToken}, {"client_id_from_answer", s.ClientIDFromAnswer}} {
			if setting.set {
				refuse("%s needs grant %q: that is where the token of the TPP itself comes from", setting.name, GrantClientCredentials)
			}
		}
	}
	if a := s.Assertion.Algorithm; a != "" && signingAlgorithms[jose.SignatureAlgorithm(a)] == 0 {
		refuse("assertion.algorithm %q is not known: use one of %s", a, algorithmNames())
	}
}

// checkServer is Validate for what the server says and is believed.
func (s *Spec) checkServer(refuse refuseFunc) {
	for _, host := range s.Hosts {
		if host == "" || hostOf("https://"+host) != strings.TrimSuffix(strings.ToLower(host), ":443") {
			refuse("hosts: %q is no host: write a name such as \"as.bank.example\", with :port if it is not 443, without https:// and path", host)
		}
	}
	if s.Issuer != "" && (hostOf(s.Issuer) == "" || strings.Contains(s.Issuer, "?")) {
		refuse("issuer must be an https URL without query and fragment (RFC 8414 section 2)")
	}
	for _, status := range s.NotProcessed {
		if status < 400 || status > 599 {
			refuse("not_processed: %d is no HTTP status of 400 to 599, and after any other the bank may have acted", status)
		}
	}
}

// checkAuthorize is Validate for the way of the PSU to the bank.
func (s *Spec) checkAuthorize(refuse refuseFunc) {
	for _, name := range slices.Sorted(maps.Keys(s.Authorize.Parameters)) {
		switch {
		case name == "":
			refuse("authorize.parameters: a name is empty")
		case slices.Contains(ownParameters, name):
			refuse("authorize.parameters: %q is set by the sidecar itself: leave it out", name)
		case name == s.Authorize.Consent:
			refuse("authorize.parameters: %q is where authorize.consent puts the consent of each call: leave one of them out", name)
		}
	}
	if slices.Contains(ownParameters, s.Authorize.Consent) {
		refuse("authorize.consent: %q is set by the sidecar itself: use %q, or the name of another parameter", s.Authorize.Consent, ConsentClaims)
	}
}

// checkIDToken is Validate for the judgement of id_tokens.
func (s *Spec) checkIDToken(refuse refuseFunc) {
	switch s.IDToken.Check {
	case "", IDTokenOff:
	case IDTokenReport, IDTokenEnforce:
		if s.IDToken.Keys == "" && s.Metadata == "" {
			refuse("id_token.check needs the bank's keys: set id_token.keys or metadata")
		}
		if s.Issuer == "" && s.Metadata == "" {
			refuse("id_token.check needs the bank's issuer: set issuer or metadata")
		}
	default:
		refuse("id_token.check %q is not known: use %q, %q or %q", s.IDToken.Check, IDTokenOff, IDTokenReport, IDTokenEnforce)
	}
	for _, a := range s.IDToken.Algorithms {
		if signingAlgorithms[jose.SignatureAlgorithm(a)] == 0 {
			refuse("id_token.algorithms: %q is not accepted: use some of %s", a, algorithmNames())
		}
	}
}

// algorithmNames lists the algorithms of signed JWTs.
func algorithmNames() string {
	var names []string
	for name := range signingAlgorithms {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
