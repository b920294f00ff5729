package sandbox

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// ShopOptions describe the payment systems that are no PSD2 APIs: Payline below
// /payline/ and /payline-cc/, Carat below /e-sitef/. The zero ShopOptions has no
// merchants, so that every call to them is refused.
type ShopOptions struct {
	// CertificateOptional lets clients connect without a client certificate,
	// which merchants of Payline and Carat do not have. All other paths, and
	// Payline's for certificates, refuse such requests one by one. Default
	// false: the handshake is refused.
	CertificateOptional bool
	// Payline and Carat are the merchants registered. RegisterPayline and
	// RegisterCarat add more.
	Payline []PaylineMerchant
	Carat   []CaratMerchant
	// Deliver posts Carat's tokens to the merchants. Default a client that gives
	// up after 10 seconds and follows no redirect.
	Deliver *http.Client
}

// shops is the state of those systems.
type shops struct {
	payline paylineStore
	carat   caratStore
	// once remembers what must not arrive twice.
	once *memory

	client     *http.Client
	ctx        context.Context
	cancel     context.CancelFunc
	delivering sync.WaitGroup
}

func newShops(client *http.Client) *shops {
	if client == nil {
		client = deliveryClient()
	}
	s := &shops{once: newMemory(), client: client}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// open registers the merchants of the options.
func (b *Bank) open(opts ShopOptions) error {
	for _, m := range opts.Payline {
		if err := b.RegisterPayline(m); err != nil {
			return err
		}
	}
	for _, m := range opts.Carat {
		if err := b.RegisterCarat(m); err != nil {
			return err
		}
	}
	return nil
}

// close ends deliveries under way.
func (s *shops) close() {
	s.cancel()
	s.delivering.Wait()
}

// shopCall is what a call to one of those systems is about.
type shopCall struct {
	soap     *soapRequest
	soapErr  error
	payline  *PaylineMerchant
	carat    *CaratMerchant
	token    string // that a call to Carat came with
	once     string // what this call put into shops.once
	fault    Fault
	delivery *delivery
}

// shop tells that the endpoint belongs to a system that knows neither QWAC nor
// signatures.
func (e *endpoint) shop() bool { return e.dialect == dialectPayline || e.dialect == dialectCarat }

// checkShop takes the place of all checks of PSD2.
func (c *call) checkShop() {
	c.checkLeaks()
	c.checkForeign()
	c.checkRepeats()
	c.checkShopMethod()
	if c.endpoint.run == nil {
		return
	}
	if c.endpoint.dialect == dialectPayline {
		c.checkPayline()
	} else {
		c.checkCarat()
	}
}

// checkForeign refuses headers that only a PSD2 API has any use for: they tell
// a merchant's payment system about a TPP and its customers.
func (c *call) checkForeign() {
	foreign := []string{"digest", "content-digest", "signature", "signature-input", "x-jws-signature",
		"tpp-signature-certificate", "consent-id"}
	for _, f := range c.msg.Fields {
		if slices.Contains(foreign, f.Lower) || strings.HasPrefix(f.Lower, "psu-") {
			c.fail(http.StatusBadRequest, codeRequest, "the header %s belongs to PSD2 APIs; this system has none", f.Name)
		}
	}
}

func (c *call) checkShopMethod() {
	switch {
	case c.endpoint.run == nil:
		c.fail(http.StatusNotFound, codeResource, "there is no such resource")
	case c.msg.Method != c.endpoint.method:
		c.fail(http.StatusMethodNotAllowed, codeVerb, "the method is not implemented here; %s is expected", c.endpoint.method)
	case c.r.URL.RawQuery != "":
		c.fail(http.StatusBadRequest, codeRequest, "a query is not known here")
	}
}

// noCertificate refuses a certificate where nobody asked who calls.
func (c *call) noCertificate() {
	if c.rec.ClientCert != nil {
		c.fail(http.StatusBadRequest, codeCertificate, "a client certificate was presented to a host that has no use for it")
	}
}

// checkOnce notes a request that moves money or makes a merchant, and refuses
// it when it comes again: such a request is for the application to repeat, and
// for nobody between it and here. The same bytes are the same request.
func (c *call) checkOnce(merchant string) {
	sum := sha256.Sum256(c.body)
	key := strings.Join([]string{c.rec.Operation, merchant, hex.EncodeToString(sum[:])}, " ")
	if c.bank.shops.once.remember(key) {
		c.shop.once = key
		return
	}
	c.rec.Repeated = true
	c.fail(http.StatusConflict, codeRequest, "this %s was received before; it must never be sent again on its own", c.rec.Operation)
}

// caratRegistration is a merchant of Carat on the control plane.
type caratRegistration struct {
	CaratMerchant
	PublicKey string `json:"public_key"`
}

func (b *Bank) caratAsked(asked caratRegistration) error {
	m := asked.CaratMerchant
	if asked.PublicKey != "" {
		block, _ := pem.Decode([]byte(asked.PublicKey))
		if block == nil || block.Type != "PUBLIC KEY" {
			return errors.New("sandbox: Carat merchant: public_key is no PEM with a PUBLIC KEY")
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		public, ok := key.(*rsa.PublicKey)
		if err != nil || !ok {
			return errors.New("sandbox: Carat merchant: public_key holds no RSA key")
		}
		m.PublicKey = public
	}
	return b.RegisterCarat(m)
}
