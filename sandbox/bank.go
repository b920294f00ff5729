package sandbox

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Options describe a bank. ClientCAs and Certificate are required.
type Options struct {
	// ClientCAs are trusted to issue QWACs and QSEALs.
	ClientCAs *x509.CertPool
	// Certificate is the bank's own server certificate.
	Certificate tls.Certificate
	// HTTP2 makes the bank offer h2 beside http/1.1. Default false.
	HTTP2 bool
	// QSEALs are the signing certificates TPPs have registered. More can be
	// registered with AddQSEAL.
	QSEALs []*x509.Certificate
	// KeyID is the form of keyId the STET endpoints demand:
	// KeyIDSerialIssuer (default), KeyIDClientID or KeyIDCertificateURL.
	// Berlin Group endpoints always demand the first.
	KeyID string
	// ClientCredentials are the scopes granted without a PSU.
	// Default cbpii, piisp and pisp.
	ClientCredentials []string
	// NoFallback makes the token endpoint refuse "fallback: 1".
	NoFallback bool
	// UnattendedPerDay limits calls without PSU-IP-Address per calendar day
	// (UTC), TPP, endpoint, PSU, account and method; BPCE allows 4. 0: no limit.
	UnattendedPerDay int
	// Now is the bank's clock. Default time.Now.
	Now func() time.Time
	// DateWindow is how far Date may be from Now, either way. Default 60 s.
	DateWindow time.Duration
	// TokenLifetime is an access token's, unless Rules say otherwise. Default 1 h.
	TokenLifetime time.Duration
	// Rules are those of the authorization server. SetRules changes them.
	Rules Rules
	// Clients are registered at the authorization server. Register adds more.
	Clients []Client
	// Issuer is the authorization server's name. Default the bank's URL.
	Issuer string
	// Shops are the payment systems that are no PSD2 APIs. Default none.
	Shops ShopOptions
	// OnReceive is called with each request once it has arrived, before any fault
	// and any check, from the request's goroutine. It must not keep the pointer.
	OnReceive func(*Record)
	// OnIssue is called with each code, access token and refresh token when it is
	// made, whether or not the answer goes out. It must not call the bank.
	OnIssue func(value string)
	// OnRequest is called with each record before the answer is sent, from the
	// request's goroutine. It must not keep the pointer.
	OnRequest func(*Record)
}

// Bank is a running or startable ASPSP. It is safe for concurrent use.
type Bank struct {
	opts         Options
	endpoints    []endpoint
	registry     *registry
	trust        *trust
	tokens       *tokenStore
	rules        rulebook
	tokenCalls   tokenLedger
	clients      clients
	applications applications
	browser      atomic.Pointer[string]
	jwtIDs       *memory
	pushed       pushedRequests
	keys         bankKeys
	lies         metadataChanges
	faults       Faults
	ledger       ledger
	requestIDs   *memory
	signatures   *memory
	unattended   *quota
	consents     *consentStore
	shops        *shops
	intents      intents
	payments     takenPayments
	idempotent   idempotent

	server *http.Server
	closed chan struct{}

	mu       sync.Mutex
	listener net.Listener
	once     sync.Once
	serving  sync.WaitGroup
}

// New makes a bank that does not listen yet.
func New(opts Options) (*Bank, error) {
	if opts.ClientCAs == nil {
		return nil, errors.New("sandbox: Options.ClientCAs is required")
	}
	if len(opts.Certificate.Certificate) == 0 {
		return nil, errors.New("sandbox: Options.Certificate is required")
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.ClientCredentials == nil {
		opts.ClientCredentials = []string{"cbpii", "piisp", "pisp"}
	}
	opts.KeyID = cmp.Or(opts.KeyID, KeyIDSerialIssuer)
	opts.DateWindow = cmp.Or(opts.DateWindow, 60*time.Second)
	opts.TokenLifetime = cmp.Or(opts.TokenLifetime, time.Hour)
	switch opts.KeyID {
	case KeyIDSerialIssuer, KeyIDClientID, KeyIDCertificateURL:
	default:
		return nil, fmt.Errorf("sandbox: Options.KeyID %q is none of %s, %s, %s",
			opts.KeyID, KeyIDSerialIssuer, KeyIDClientID, KeyIDCertificateURL)
	}
	b := &Bank{
		opts: opts, endpoints: endpoints(),
		registry:   &registry{form: opts.KeyID},
		trust:      newTrust(opts.ClientCAs),
		tokens:     newTokenStore(),
		requestIDs: newMemory(), signatures: newMemory(), jwtIDs: newMemory(),
		unattended: newQuota(opts.UnattendedPerDay),
		consents:   newConsentStore(), shops: newShops(opts.Shops.Deliver),
		closed: make(chan struct{}),
	}
	if opts.OnIssue != nil {
		b.tokens.issued = opts.OnIssue
	}
	if err := b.SetRules(opts.Rules); err != nil {
		return nil, err
	}
	if err := b.open(opts.Shops); err != nil {
		return nil, err
	}
	for _, client := range opts.Clients {
		if err := b.Register(client); err != nil {
			return nil, err
		}
	}
	for _, cert := range opts.QSEALs {
		if err := b.AddQSEAL(cert); err != nil {
			return nil, err
		}
	}
	b.server = &http.Server{
		Handler:           http.HandlerFunc(b.serve),
		ConnContext:       withConnection,
		TLSConfig:         b.tlsConfig(),
		ReadHeaderTimeout: 30 * time.Second,
		MaxHeaderBytes:    32 << 10,
		// net/http would report clients that break off; the records tell enough.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	return b, nil
}

// SetBrowserURL tells where PSUs' browsers reach the authorization endpoint,
// which is what metadata and ING's authorization-server-url name: the address of
// Control, say, since browsers have no QWAC. Default the bank's URL.
func (b *Bank) SetBrowserURL(origin string) { b.browser.Store(&origin) }

func (b *Bank) browserURL() string {
	if origin := b.browser.Load(); origin != nil {
		return *origin
	}
	return b.URL()
}

// issuer is the name of the authorization server.
func (b *Bank) issuer() string {
	if b.opts.Issuer != "" {
		return b.opts.Issuer
	}
	return b.URL()
}

func (b *Bank) now() time.Time { return b.opts.Now() }

// AddQSEAL registers one more signing certificate, as a TPP does before it
// rotates. Those registered before stay valid.
func (b *Bank) AddQSEAL(cert *x509.Certificate) error {
	if cert == nil {
		return errors.New("sandbox: AddQSEAL: no certificate")
	}
	return b.registry.add(cert)
}

// Faults are the bank's present misbehaviours.
func (b *Bank) Faults() *Faults { return &b.faults }

// ExpireTokens makes all access tokens expire now. Refresh tokens stay.
func (b *Bank) ExpireTokens() {
	b.tokens.expireAll()
	b.shops.carat.expire(b.now())
}

// RevokeTokens revokes all access and refresh tokens.
func (b *Bank) RevokeTokens() { b.tokens.revokeAll() }

// Serve accepts connections of l, over TLS, until Close. It then returns nil.
// A bank serves one listener.
func (b *Bank) Serve(l net.Listener) error {
	if err := b.adopt(l); err != nil {
		return err
	}
	defer b.serving.Done()
	return b.serveListener(l)
}

// Start listens on addr ("127.0.0.1:0") and serves in the background.
func (b *Bank) Start(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	if err := b.adopt(l); err != nil {
		return errors.Join(err, l.Close())
	}
	go func() {
		defer b.serving.Done()
		// The listener's end is seen by the clients; there is no one to tell.
		_ = b.serveListener(l)
	}()
	return nil
}

// adopt takes l before anything else can see the bank as running.
func (b *Bank) adopt(l net.Listener) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listener != nil {
		return errors.New("sandbox: the bank serves already")
	}
	b.listener = l
	b.serving.Add(1)
	return nil
}

func (b *Bank) serveListener(l net.Listener) error {
	err := b.server.Serve(newMTLSListener(l, b.server.TLSConfig, b.ledger.connected, b.handshakeRefused))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Addr is the address listened on; nil before Start or Serve.
func (b *Bank) Addr() net.Addr {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listener == nil {
		return nil
	}
	return b.listener.Addr()
}

// URL is the bank's origin: https://host:port.
func (b *Bank) URL() string {
	if addr := b.Addr(); addr != nil {
		return "https://" + addr.String()
	}
	return ""
}

// Close ends hanging requests, lets the others finish for up to five seconds
// and closes all connections.
func (b *Bank) Close() error {
	b.once.Do(func() { close(b.closed) })
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := b.server.Shutdown(ctx)
	if err != nil {
		err = b.server.Close()
	}
	b.mu.Lock()
	l := b.listener
	b.mu.Unlock()
	if l != nil {
		// Serve may not have taken the listener yet.
		l.Close()
	}
	b.serving.Wait()
	b.shops.close()
	return err
}
