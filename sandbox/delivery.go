package sandbox

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Values of Fault.Delivery.
const (
	// DeliveryEarly posts the token before the answer to asking for it.
	DeliveryEarly = "early"
	// DeliveryTwice posts it twice.
	DeliveryTwice = "twice"
	// DeliveryNever does not post it.
	DeliveryNever = "never"
	// DeliveryMalformed posts a token that is one character too short.
	DeliveryMalformed = "malformed"
)

// Delivery is one post of a token of Carat to a merchant.
type Delivery struct {
	// Time is when the merchant had answered, by the bank's clock.
	Time time.Time
	// URL is where the token went, Token its TokenHash.
	URL, Token string
	// Status is the answer's; 0 if there was none, and Err says why.
	Status int
	Err    error
}

// delivery is a post that is due.
type delivery struct {
	url, token string
	times      int
	delay      time.Duration
}

func newDelivery(m *CaratMerchant, token string, f Fault) *delivery {
	d := &delivery{url: m.AuthenticityURL, token: token, times: 1, delay: time.Duration(f.DeliveryDelay)}
	if f.DeliverTo != "" {
		d.url = f.DeliverTo
	}
	switch f.Delivery {
	case DeliveryTwice:
		d.times = 2
	case DeliveryNever:
		d.times = 0
	}
	return d
}

// deliveryClient has no connections that outlive a delivery.
func deliveryClient() *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// deliver posts the token of a call that is answered, or cut off.
func (c *call) deliver() {
	if d := c.shop.delivery; d != nil {
		c.bank.shops.delivering.Go(func() { c.bank.post(d) })
	}
}

// post delivers a token as often as is due. It is worthless unless the first
// post is answered with 200.
func (b *Bank) post(d *delivery) {
	s := b.shops
	timer := time.NewTimer(d.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
		return
	}
	for i := range d.times {
		made := Delivery{URL: d.url, Token: TokenHash(d.token)}
		made.Status, made.Err = s.send(d)
		made.Time = b.now()
		if i == 0 && made.Status != http.StatusOK {
			s.carat.refuse(d.token)
		}
		s.carat.delivered(made)
	}
}

// send posts token=<token> as a form.
func (s *shops) send(d *delivery) (int, error) {
	body := url.Values{"token": {d.token}}.Encode()
	r, err := http.NewRequestWithContext(s.ctx, http.MethodPost, d.url, strings.NewReader(body))
	if err != nil {
		return 0, errors.New("sandbox: delivery: the address is no URL")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := s.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	// Only the status counts.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody))
	return resp.StatusCode, nil
}

func (s *caratStore) delivered(d Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deliveries = append(s.deliveries, d)
}

// Deliveries are the posts of tokens to merchants of Carat, oldest first.
func (b *Bank) Deliveries() []Delivery {
	s := &b.shops.carat
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deliveries)
}
