package sandbox

import (
	"crypto/rsa"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"
)

// CaratMerchant is a merchant of Carat (e-SiTef) that may register others. It
// proves who it is with a JWT of its key, or with a token that Carat posts to
// its authenticity URL.
type CaratMerchant struct {
	// ID is the merchant_id, of up to 15 letters and digits, and Key the
	// merchant_key, of up to 80. Both are required.
	ID  string `json:"merchant_id"`
	Key string `json:"merchant_key"`
	// PublicKey verifies its JWTs, which are RS256. One of PublicKey and
	// AuthenticityURL is required; with both, each request takes one way.
	PublicKey *rsa.PublicKey `json:"-"`
	// Claims are those that a JWT must have, with their values; "" is any value.
	// What Carat really asks for is not published.
	Claims map[string]string `json:"claims"`
	// AuthenticityURL is where tokens are posted.
	AuthenticityURL string `json:"authenticity_url"`
}

// CaratRules are the rules of the tokens of Carat, whose life is not published.
type CaratRules struct {
	// Once makes a token good for one request. Default false: for Lifetime.
	Once bool `json:"once,omitempty"`
	// Lifetime is a token's. Default Options.TokenLifetime.
	Lifetime Wait `json:"lifetime,omitzero"`
}

const caratPrefix = "/e-sitef/"

// Names of operations of Carat.
const (
	operationCaratMerchants = "carat-merchants"
	operationCaratToken     = "carat-token"
)

// maxCaratAuthorization is the longest Authorization (merchant creation page).
const maxCaratAuthorization = 2000

func caratEndpoints() []endpoint {
	return []endpoint{
		{name: operationCaratMerchants, dialect: dialectCarat, method: "POST",
			path: split(caratPrefix + "api/v1/merchants"), run: (*call).createMerchant},
		{name: operationCaratToken, dialect: dialectCarat, method: "POST",
			path: split(caratPrefix + "api/v1/token/merchants"), run: (*call).askToken},
	}
}

// alphanumeric is "AN" of the documentation's tables.
var alphanumeric = regexp.MustCompile(`^[0-9A-Za-z]+$`)

// RegisterCarat registers a merchant of Carat, or replaces the one with its ID.
func (b *Bank) RegisterCarat(m CaratMerchant) error {
	switch {
	case !alphanumeric.MatchString(m.ID) || len(m.ID) > 15:
		return errors.New("sandbox: Carat merchant: ID is not 1 to 15 letters and digits")
	case !alphanumeric.MatchString(m.Key) || len(m.Key) > 80:
		return fmt.Errorf("sandbox: Carat merchant %s: Key is not 1 to 80 letters and digits", m.ID)
	case m.PublicKey == nil && m.AuthenticityURL == "":
		return fmt.Errorf("sandbox: Carat merchant %s: PublicKey or AuthenticityURL is required", m.ID)
	}
	if u, err := url.Parse(m.AuthenticityURL); m.AuthenticityURL != "" && (err != nil || u.Host == "") {
		return fmt.Errorf("sandbox: Carat merchant %s: AuthenticityURL is no URL", m.ID)
	}
	b.shops.carat.register(&m)
	return nil
}

// caratStore holds Carat's merchants, tokens and new merchants.
type caratStore struct {
	mu         sync.Mutex
	merchants  map[string]*CaratMerchant
	tokens     map[string]*caratToken
	registered map[string]bool // by cnpj
	deliveries []Delivery
}

func (s *caratStore) register(m *CaratMerchant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.merchants == nil {
		s.merchants = map[string]*CaratMerchant{}
	}
	s.merchants[m.ID] = m
}

func (s *caratStore) merchant(id string) *CaratMerchant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.merchants[id]
}

func (c *call) checkCarat() {
	c.noCertificate()
	id, ok1 := c.caratHeader("merchant_id")
	key, ok2 := c.caratHeader("merchant_key")
	if ok1 && ok2 {
		m := c.bank.shops.carat.merchant(id)
		if m == nil || subtle.ConstantTimeCompare([]byte(m.Key), []byte(key)) != 1 {
			c.fail(http.StatusUnauthorized, codeToken, "merchant_id is unknown or merchant_key is wrong")
		} else {
			c.shop.carat = m
		}
	}
	if c.endpoint.name == operationCaratMerchants || len(c.body) > 0 {
		c.checkCaratContent()
	}
	if c.shop.carat == nil {
		return
	}
	if c.endpoint.name == operationCaratToken {
		c.checkCaratAsk()
		return
	}
	c.checkCaratProof()
	if len(c.problems) == 0 {
		c.checkOnce(c.shop.carat.ID)
	}
}

// caratHeader reads a header whose name must arrive as it is written: its
// underscore is what proxies stumble over.
func (c *call) caratHeader(name string) (string, bool) {
	var values []string
	for _, f := range c.msg.Fields {
		if f.Lower == strings.ReplaceAll(name, "_", "-") {
			c.fail(http.StatusBadRequest, codeRequest, "the header %s is not %s: the underscore is part of the name", f.Name, name)
		}
		if f.Lower != name {
			continue
		}
		values = append(values, f.Value)
		if c.rec.RawHead != nil && f.Name != name {
			c.fail(http.StatusBadRequest, codeRequest, "the header %s is spelled %s; the name must arrive unchanged", name, f.Name)
		}
	}
	switch len(values) {
	case 1:
		return values[0], true
	case 0:
		c.fail(http.StatusUnauthorized, codeRequest, "the header %s is missing", name)
	default:
		c.fail(http.StatusBadRequest, codeRequest, "the header %s is there more than once", name)
	}
	return "", false
}

func (c *call) checkCaratContent() {
	if value, _ := c.msg.first("content-type"); value != "application/json" {
		c.fail(http.StatusUnsupportedMediaType, codeRequest, "the header Content-Type is not application/json, without anything behind")
	}
}

// checkCaratAsk: a token is asked for without one.
func (c *call) checkCaratAsk() {
	if c.shop.carat.AuthenticityURL == "" {
		c.fail(http.StatusForbidden, codeToken, "the merchant has registered no authenticity URL")
	}
	for _, name := range []string{"token", "authorization"} {
		if _, ok := c.msg.first(name); ok {
			c.fail(http.StatusBadRequest, codeRequest, "the header %s must not be there when a token is asked for", name)
		}
	}
}

// checkCaratProof wants a JWT or a token, as the merchant is registered.
func (c *call) checkCaratProof() {
	tokens, authorization := c.msg.values("token"), c.msg.value("authorization")
	switch {
	case len(tokens) > 1:
		c.fail(http.StatusBadRequest, codeRequest, "the header token is there more than once")
	case len(tokens) == 1 && authorization != "":
		c.fail(http.StatusBadRequest, codeRequest, "the headers token and Authorization are both there; one is expected")
	case len(tokens) == 1 && c.shop.carat.AuthenticityURL == "":
		c.fail(http.StatusUnauthorized, codeToken, "the merchant is registered for a JWT, but sends a token")
	case len(tokens) == 1:
		c.checkCaratToken(tokens[0])
	case authorization != "" && c.shop.carat.PublicKey == nil:
		c.fail(http.StatusUnauthorized, codeToken, "the merchant is registered for tokens, but sends Authorization")
	case authorization != "":
		c.checkCaratJWT(authorization)
	default:
		c.fail(http.StatusUnauthorized, codeToken, "neither token nor Authorization is there")
	}
}

func (c *call) checkCaratJWT(value string) {
	compact, ok := strings.CutPrefix(value, "Bearer ")
	if !ok || len(value) > maxCaratAuthorization {
		c.fail(http.StatusUnauthorized, codeToken, "the header Authorization is not Bearer with a JWT, or has more than %d characters", maxCaratAuthorization)
		return
	}
	j, err := parseJWT(compact)
	if err == nil {
		err = j.verify([]jose.JSONWebKey{{Key: c.shop.carat.PublicKey}}, []string{"RS256"})
	}
	if err == nil {
		err = c.checkCaratClaims(j)
	}
	if err != nil {
		c.fail(http.StatusUnauthorized, codeToken, "Authorization: %v", err)
	}
}

func (c *call) checkCaratClaims(j *jwt) error {
	var members map[string]any
	if json.Unmarshal(j.payload, &members) != nil {
		return errors.New("the claims of the JWT are no JSON object")
	}
	for name, want := range c.shop.carat.Claims {
		got, ok := members[name]
		if !ok {
			return fmt.Errorf("the claim %s is missing", name)
		}
		if want != "" && fmt.Sprint(got) != want {
			return fmt.Errorf("the claim %s has another value than registered", name)
		}
	}
	return j.claims.timely(c.bank.now())
}

// caratError is the answer to a refused request: response_code says so, too,
// a number when a token is asked for and a text else.
func (c *call) caratError(status int, texts []string) *answer {
	message := strings.Join(texts, "; ")
	if c.endpoint.name == operationCaratToken {
		return asJSON(status, typeJSON, caratTokenAnswer{status, message})
	}
	return asJSON(status, typeJSON, caratAnswer{ResponseCode: fmt.Sprint(status), ResponseMessage: message})
}
