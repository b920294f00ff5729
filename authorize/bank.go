package authorize

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/grants"
)

// Bank is a configured ASPSP with its present certificates. It is not changed.
type Bank struct {
	// ASPSP is its configured name.
	ASPSP string
	// Client is the TPP towards this bank; its Endpoint's Spec.Authorize says how
	// PSUs are sent there.
	Client *grants.Client
	// Scope is asked for if the app names none. "" leaves the scope out.
	Scope string
	// RedirectURI is the public address that the bank sends PSUs back to, exactly
	// as registered there. STET banks take no more than 140 characters.
	RedirectURI string
	// ReturnURLs are the addresses of the app that a PSU may be sent on to; see
	// [CheckReturnURLs].
	ReturnURLs []string
}

// own are the parameters of an authorization request that are not for a profile
// to set.
var own = []string{
	"response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method", "nonce",
	"request", "request_uri", "client_secret", "client_assertion", "client_assertion_type",
	// Claims of a request object (RFC 9101 section 4) that are no parameters.
	"iss", "aud", "exp", "nbf", "iat", "jti", "sub",
}

// Validate reports everything that keeps PSUs from being sent to this bank, as
// far as the configuration alone tells. The errors wrap [ErrNoAuthorize].
func (b *Bank) Validate() error {
	var errs []error
	refuse := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrNoAuthorize}, args...)...))
	}
	if b.Client == nil || b.Client.Endpoint == nil {
		refuse("there is no token endpoint")
	} else {
		spec := &b.Client.Endpoint.Spec.Authorize
		for _, name := range slices.Sorted(maps.Keys(spec.Parameters)) {
			if slices.Contains(own, strings.ToLower(name)) {
				refuse("token { authorize { parameters } } must not set %s: the sidecar does", name)
			}
		}
		if spec.RequestObject && b.Client.Endpoint.Key == nil {
			refuse("a request object needs a key to sign with: configure client_key, or a QSEAL")
		}
	}
	switch u, err := url.Parse(b.RedirectURI); {
	case b.RedirectURI == "":
		refuse("redirect_uri is missing: write the address that is registered at the bank")
	case err != nil, u.Host == "", u.User != nil, strings.Contains(b.RedirectURI, "#"), strings.ContainsFunc(b.RedirectURI, notInURL):
		refuse("redirect_uri is no absolute URL without user name and fragment")
	default:
		if _, err := originOf(u); err != nil {
			refuse("redirect_uri must be https (http only on a loopback address), on a plain host name")
		}
	}
	if len(b.ReturnURLs) == 0 {
		refuse("return_urls is missing: write the addresses of the app that a PSU may be sent on to")
	}
	if err := CheckReturnURLs(b.ReturnURLs); err != nil {
		refuse("return_urls: %w", err)
	}
	return errors.Join(errs...)
}
