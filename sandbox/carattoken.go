package sandbox

import (
	"crypto/rand"
	"net/http"
	"time"
)

// caratTokenLength is that of a token, in characters (merchant creation page).
const caratTokenLength = 66

// caratToken is a token that was posted, or is about to be.
type caratToken struct {
	merchant string
	expires  time.Time
	used     bool
	refused  bool // the merchant did not answer its delivery with 200
}

// caratTokenAnswer is the answer to asking for a token.
type caratTokenAnswer struct {
	ResponseCode    int    `json:"response_code"`
	ResponseMessage string `json:"response_message"`
}

// askToken answers that all is well; the token comes by another way.
func (c *call) askToken() (*answer, *problem) {
	length := caratTokenLength
	if c.shop.fault.Delivery == DeliveryMalformed {
		length--
	}
	token := (rand.Text() + rand.Text() + rand.Text())[:length]
	c.bank.tokens.issued(token)
	lifetime := time.Duration(c.bank.Rules().Carat.Lifetime)
	c.bank.shops.carat.issue(token, &caratToken{merchant: c.shop.carat.ID, expires: c.bank.now().Add(lifetime)})
	c.shop.delivery = newDelivery(c.shop.carat, token, c.shop.fault)
	if c.shop.fault.Delivery == DeliveryEarly {
		c.bank.post(c.shop.delivery)
		c.shop.delivery = nil
	}
	return asJSON(http.StatusOK, typeJSON, caratTokenAnswer{0, "OK. Transaction successful."}), nil
}

func (s *caratStore) issue(value string, t *caratToken) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens == nil {
		s.tokens = map[string]*caratToken{}
	}
	s.tokens[value] = t
}

// checkCaratToken wants a token that was delivered to this merchant, and uses
// it up if the rules say so.
func (c *call) checkCaratToken(value string) {
	if len(value) != caratTokenLength || !alphanumeric.MatchString(value) {
		c.fail(http.StatusBadRequest, codeRequest, "the header token is not %d letters and digits", caratTokenLength)
		return
	}
	s := &c.bank.shops.carat
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tokens[value]
	switch {
	case t == nil || t.merchant != c.shop.carat.ID:
		c.fail(http.StatusUnauthorized, codeToken, "the token is unknown")
	case t.refused:
		c.fail(http.StatusUnauthorized, codeToken, "the token is not good: its delivery was not answered with 200")
	case t.used && c.bank.Rules().Carat.Once:
		c.fail(http.StatusUnauthorized, codeToken, "the token was used before")
	case !c.bank.now().Before(t.expires):
		c.fail(http.StatusUnauthorized, codeToken, "the token has expired")
	default:
		c.shop.token = value
	}
}

// useCaratToken uses up the token that a request came with, now that the bank
// acts on it.
func (c *call) useCaratToken() *problem {
	if c.shop.token == "" {
		return nil
	}
	s := &c.bank.shops.carat
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tokens[c.shop.token]
	if t.used && c.bank.Rules().Carat.Once {
		return refuse(http.StatusUnauthorized, codeToken, "the token was used before")
	}
	t.used = true
	return nil
}

// refuse makes a token worthless whose delivery failed.
func (s *caratStore) refuse(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[token].refused = true
}

// expire ends all tokens.
func (s *caratStore) expire(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tokens {
		if t.expires.After(now) {
			t.expires = now
		}
	}
}
