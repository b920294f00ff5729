package tokens

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Values of [Spec.Grant] and [Spec.ClientAuth].
const (
	// GrantNone: the bank has no tokens without a PSU's authorization.
	GrantNone = "none"
	// GrantClientCredentials is RFC 6749 section 4.4.
	GrantClientCredentials = "client_credentials"
	// ClientAuthTLS is RFC 8705 section 2.1: the QWAC authenticates, the
	// client_id says who it is.
	ClientAuthTLS = "tls_client_auth"
	// ClientAuthBasic and ClientAuthPost are RFC 6749 section 2.3.1.
	ClientAuthBasic = "client_secret_basic"
	ClientAuthPost  = "client_secret_post"
	// ClientAuthJWT is RFC 7523 section 2.2.
	ClientAuthJWT = "private_key_jwt"
)

// Values of [Request.GrantType].
const (
	GrantAuthorizationCode = "authorization_code"
	GrantRefreshToken      = "refresh_token"
)

// Defaults of [Spec]'s durations.
const (
	defaultLifetime = 5 * time.Minute
	maxLifetime     = 24 * time.Hour
	expiryMargin    = 30 * time.Second
	// marginShare bounds the margin, so that a short-lived token stays usable.
	marginShare = 5
	// maxConsentDays is ten years: who writes more means hours or seconds.
	maxConsentDays = 3650
	// maxAssertionLifetime bounds how long a stolen assertion could be of use.
	maxAssertionLifetime = time.Hour
)

// refuseFunc notes what is wrong.
type refuseFunc func(format string, args ...any)

// Validate reports everything in the section that cannot work, each with what
// to write instead. The errors wrap [ErrSpec].
func (s *Spec) Validate() error {
	var errs []error
	refuse := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrSpec}, args...)...))
	}
	for _, u := range []struct{ name, value string }{
		{"endpoint", s.Endpoint}, {"revocation", s.Revocation}, {"metadata", s.Metadata},
		{"authorize.endpoint", s.Authorize.Endpoint}, {"authorize.pushed", s.Authorize.Pushed}, {"id_token.keys", s.IDToken.Keys},
	} {
		if reason := checkEndpoint(u.value); reason != "" && !(u.name == "authorize.endpoint" && LoopbackHTTP(u.value)) {
			refuse("%s %s", u.name, reason)
		}
	}
	s.checkOwn(refuse)
	s.checkClient(refuse)
	s.checkServer(refuse)
	s.checkAuthorize(refuse)
	s.checkIDToken(refuse)
	s.checkTimes(refuse)
	return errors.Join(errs...)
}

// checkTimes is Validate for durations and the like.
func (s *Spec) checkTimes(refuse refuseFunc) {
	for _, d := range []struct {
		name  string
		value Duration
	}{
		{"default_lifetime", s.DefaultLifetime}, {"max_lifetime", s.MaxLifetime}, {"expiry_margin", s.ExpiryMargin},
		{"assertion.lifetime", s.Assertion.Lifetime}, {"jwt.lifetime", s.JWT.Lifetime},
		{"delivered.wait", s.Delivered.Wait}, {"delivered.lifetime", s.Delivered.Lifetime},
	} {
		if d.value < 0 {
			refuse("%s is negative: write a duration such as \"30s\", or leave it out", d.name)
		}
	}
	if s.defaultLifetime() > s.maxLifetime() {
		refuse("default_lifetime %v is longer than max_lifetime %v: raise one or lower the other",
			s.defaultLifetime(), s.maxLifetime())
	}
	if time.Duration(s.Assertion.Lifetime) > maxAssertionLifetime {
		refuse("assertion.lifetime is longer than %v: an assertion is used at once, so a minute or two will do", maxAssertionLifetime)
	}
	if s.ConsentDays < 0 || s.ConsentDays > maxConsentDays {
		refuse("consent_days %d is not between 1 and %d: leave it out for 180 (RTS article 10a)", s.ConsentDays, maxConsentDays)
	}
}

// checkEndpoint says what is wrong with an endpoint, "" if nothing is, without quoting it:
// it might hold a password.
func checkEndpoint(endpoint string) string {
	u, err := url.Parse(endpoint)
	switch {
	case endpoint == "":
		return ""
	case err != nil:
		return "is not a URL: write https://host/path, or /path on the host of base_url"
	case u.Scheme == "" && u.Host == "":
		if !strings.HasPrefix(u.Path, "/") {
			return "must begin with https:// or with /"
		}
	case u.Scheme != "https":
		return "must be https: tokens are only fetched over mutual TLS"
	case u.Host == "":
		return "has no host: write https://host/path"
	case u.User != nil:
		return "must not hold a user name or password: the QWAC authenticates"
	}
	if u.Fragment != "" {
		return "must not have a fragment (RFC 6749 section 3.2)"
	}
	return ""
}

func (s *Spec) defaultLifetime() time.Duration { return orDefault(s.DefaultLifetime, defaultLifetime) }
func (s *Spec) maxLifetime() time.Duration     { return orDefault(s.MaxLifetime, maxLifetime) }

// margin is how long before its end a token of this lifetime is given up.
func (s *Spec) margin(lifetime time.Duration) time.Duration {
	return min(orDefault(s.ExpiryMargin, expiryMargin), lifetime/marginShare)
}

func orDefault(configured Duration, otherwise time.Duration) time.Duration {
	if configured > 0 {
		return time.Duration(configured)
	}
	return otherwise
}
