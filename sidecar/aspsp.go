package sidecar

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-tpp/caddy-tpp/answers"
	"github.com/caddy-tpp/caddy-tpp/certs"
	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/headers"
	"github.com/caddy-tpp/caddy-tpp/links"
	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/psu"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// operationToken is the operation name of calls to the token endpoint.
const operationToken = "token"

// LocalTokenPath is the path, below an ASPSP's own, under which an app reaches
// the bank's token endpoint, wherever that really is.
const LocalTokenPath = "/oauth/token"

// Dependencies are what ASPSPs share and what outlives a configuration.
type Dependencies struct {
	// Tokens holds the access tokens of all ASPSPs.
	Tokens *tokens.Cache
	// Inboxes take the tokens that banks deliver (grant "delivered"). Nil: those
	// of the ASPSP alone.
	Inboxes *tokens.Inboxes
	// Grants holds the authorizations of PSUs. Nil: there are none.
	Grants *grants.Store
	// Hooks are told what happens, for metrics and logs.
	Hooks Hooks
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// NewRequestID makes an X-Request-ID. Default: a UUID of the version that the
	// profile says, else a random one.
	NewRequestID func() string
}

// ASPSP is one configured bank, ready to be called. It is safe for concurrent use.
type ASPSP struct {
	config     Config
	deps       Dependencies
	base       *url.URL
	token      *url.URL
	urls       tokenURLs
	operations *profiles.Matcher
	filter     *headers.Filter
	psu        *psu.Checker
	fixed      []headers.Field
	made       []headers.Made
	// requestIDKey is the header with the request's id, as net/http spells it.
	requestIDKey string
	// requestIDMember is the path in the body to the request's id, nil if it is not there.
	requestIDMember []string
	// fixedSecrets is true if a fixed header's value has to be resolved.
	fixedSecrets bool

	stubborn stubborn
	// oneShot is true if every request is to look unrepeatable to net/http.
	oneShot bool
	// basePath and tokenPath are the resolved paths of base_url and of the token
	// endpoint; tokenPath is "" if that is on another host. tokenBelow is it
	// relative to base_url, if it lies below.
	basePath, tokenPath, tokenBelow string

	// inbox takes the tokens of grant "delivered", nil with any other.
	inbox *tokens.Inbox
	// tokenHeader carries the token, bare without a scheme; tokenKey is it as
	// net/http spells it.
	tokenHeader, tokenKey string
	tokenBare             bool

	// discovery and keys are what the bank publishes of its authorization server,
	// whatever certificate asks for it.
	discovery *tokens.Discovery
	keys      tokens.KeySet

	answers    *answers.Verifier // nil if answers are not verified
	answerKeys tokens.KeySet
	links      *links.Rewriter // nil if links are not rewritten

	// bare is the generation of an ASPSP without an identity.
	bare    certs.Generation
	current atomic.Pointer[link]
	linking sync.Mutex
}

// New makes an ASPSP. It builds and checks everything that a call will need,
// so that a mistake in the configuration shows here and not at 3 a.m.
func New(config Config, deps Dependencies) (*ASPSP, error) {
	config = config.withDefaults()
	if deps.Inboxes == nil {
		deps.Inboxes = new(tokens.Inboxes)
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	a := &ASPSP{config: config, deps: deps, stubborn: newStubborn()}
	if err := a.compile(); err != nil {
		return nil, err
	}
	a.derive()
	a.deriveToken()
	first, err := a.newLink(a.generation())
	switch {
	case err != nil && config.IdentityName == "":
		return nil, config.configError("%w", err)
	case err != nil:
		return nil, config.configError("identity %s: %w", config.IdentityName, err)
	}
	a.current.Store(first)
	return a, nil
}

// Check finds what New would find wrong apart from the certificates, for a
// configuration whose identity could not be loaded.
func Check(config Config) error {
	return (&ASPSP{config: config.withDefaults()}).compile()
}

// compile turns the configuration's data into what a request needs. The error
// tells all that is wrong, each naming the ASPSP.
func (a *ASPSP) compile() error {
	c := a.config
	wrong := []error{c.check(), c.checkIdentity(), a.compileAddresses()}
	note := func(section string, err error) {
		if err != nil {
			wrong = append(wrong, c.configError("%s: %w", section, err))
		}
	}
	if c.Fallback && c.Profile.Fallback.Header == "" {
		wrong = append(wrong, c.configError("fallback is on, but profile %s knows no fallback interface", c.Profile.Name))
	}
	var err error
	a.operations, err = profiles.CompileOperations(c.Profile.Operations)
	note("profile "+c.Profile.Name, err)
	a.psu, err = psu.Compile(c.Profile.PSU)
	note("psu", err)
	if a.filter, err = headers.Compile(c.Profile.Headers, c.Profile.Consumed()...); err != nil {
		note("headers", err)
		return errors.Join(wrong...)
	}
	a.fixed, a.made, a.requestIDKey = a.filter.Fixed(), a.filter.Made(), http.CanonicalHeaderKey(a.filter.RequestID())
	if member := c.Profile.Headers.RequestIDMember; member != "" {
		a.requestIDMember = strings.Split(member, ".")
	}
	a.fixedSecrets = slices.ContainsFunc(a.fixed, func(field headers.Field) bool { return strings.Contains(field.Value, "{") })
	if a.base != nil {
		note("responses", a.compileAnswers())
		note("links", a.compileLinks())
	}
	return errors.Join(wrong...)
}

// compileAddresses reads base_url and the token endpoint.
func (a *ASPSP) compileAddresses() (err error) {
	c := a.config
	if a.base, err = c.bankURL("base_url", c.BaseURL); err != nil {
		if strings.HasPrefix(c.TokenEndpoint, "/") {
			return err // which host it is on is not known
		}
		_, also := c.tokenURL(nil)
		return errors.Join(err, also)
	}
	trimSlash(a.base)
	if a.token, err = c.tokenURL(a.base); err != nil {
		return err
	}
	if err := a.compileTokenURLs(); err != nil {
		return err
	}
	switch grant := c.Profile.Token.Grant; {
	case grant == tokens.GrantClientCredentials && !a.hasTokenEndpoint(), grant == tokens.GrantDelivered && a.token == nil:
		return c.configError("token grant %s needs a token endpoint: set token_endpoint", grant)
	}
	return a.checkClientAuth()
}

// checkClientAuth refuses a client authentication for which something is missing.
func (a *ASPSP) checkClientAuth() error {
	c := a.config
	if c.Profile.Token.Grant == tokens.GrantBasic && c.ClientSecret == nil {
		return c.configError("token grant basic needs a secret: set client_secret to {file./path} or {env.NAME}")
	}
	switch c.Profile.Token.ClientAuth {
	case tokens.ClientAuthBasic, tokens.ClientAuthPost:
		if c.ClientSecret == nil {
			return c.configError("token client_auth %s needs a secret: set client_secret to {file./path} or {env.NAME}", c.Profile.Token.ClientAuth)
		}
	}
	return nil
}

// derive notes what follows from the settings, for use with each request.
func (a *ASPSP) derive() {
	a.basePath = resolvePath(a.base.EscapedPath())
	if a.token != nil && a.token.Host == a.base.Host {
		a.tokenPath = resolvePath(a.token.EscapedPath())
		if below, ok := below(a.tokenPath, a.basePath); ok {
			a.tokenBelow = below
		}
	}
	// Where the length of an empty body is signed, it has to be sent as well.
	a.oneShot = a.config.HTTP2 && !a.config.Profile.Signature.Lists("content-length")
}

// deriveToken notes where the token goes, and comes in.
func (a *ASPSP) deriveToken() {
	spec := &a.config.Profile.Token
	a.tokenHeader, a.tokenBare = spec.TokenHeader()
	a.tokenKey = http.CanonicalHeaderKey(a.tokenHeader)
	if spec.Grant == tokens.GrantDelivered {
		a.inbox = a.deps.Inboxes.For(a.config.Name, a.token.String())
	}
}

// trimSlash removes one trailing slash: paths are joined with their own. An
// escaped one (%2F) is no separator and stays.
func trimSlash(u *url.URL) {
	if strings.HasSuffix(u.EscapedPath(), "/") {
		u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.RawPath, "/")
	}
}

// Name returns the ASPSP's name in the configuration.
func (a *ASPSP) Name() string { return a.config.Name }

// Config returns the configuration with its defaults filled in.
func (a *ASPSP) Config() Config { return a.config }

// Address returns host:port of the bank.
func (a *ASPSP) Address() string {
	return hostPort(a.base)
}

// AddressFor returns host:port that an exchange's request goes to.
func (a *ASPSP) AddressFor(ex *Exchange) string {
	return hostPort(ex.destination())
}

func hostPort(u *url.URL) string {
	if u.Port() == "" {
		return u.Host + ":443"
	}
	return u.Host
}

// KeyID returns the keyId of the present certificate, for documentation and logs.
func (a *ASPSP) KeyID() string { return a.link().signers.calls.KeyID() }

// Close closes the idle connections. Calls in flight finish.
func (a *ASPSP) Close() {
	a.current.Load().retire()
}

// fallbackCovers reports whether the profile lets an operation ask for the
// fallback interface.
func (a *ASPSP) fallbackCovers(operation string) bool {
	allowed := a.config.Profile.Fallback.Operations
	return len(allowed) == 0 || slices.Contains(allowed, operation)
}
