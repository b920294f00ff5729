package main

import (
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/signer"
)

// answer is what the bank says to everything, about the size of a funds confirmation's answer.
const answer = `{"result":true,"request":{"accountId":{"iban":"FR7613807008043001965405255"},"paymentCoverageRequestId":"MyCoverage123456","instructedAmount":{"amount":"12.45","currency":"EUR"}}}`

// bank demands a client certificate everywhere and, below a key type's prefix, a
// Digest that fits and a token with every request, and verifies the signature of
// every nth with that key. Were it every one, the bank would keep the proxy
// waiting, and a proxy that waits uses more CPU time for each request.
type bank struct {
	every    int64
	signed   atomic.Int64
	listener net.Listener
	server   *http.Server
	keys     map[string]crypto.PublicKey
	spec     signer.Spec
	verified atomic.Int64
	wrong    atomic.Int64
	cause    atomic.Value // string: the first thing that was wrong
}

func startBank(p *parties, every int) (*bank, error) {
	b := &bank{every: int64(every), keys: map[string]crypto.PublicKey{}}
	for key, seal := range p.seals {
		b.keys[key] = seal.Certificate.PublicKey
	}
	set, err := profiles.Builtin()
	if err != nil {
		return nil, err
	}
	profile, err := set.Get("bpce")
	if err != nil {
		return nil, err
	}
	b.spec = profile.Signature
	b.spec.Algorithm = "auto"
	if b.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	b.server = &http.Server{Handler: b, TLSConfig: &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{p.bank.TLSCertificate()},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: p.authority.Pool(), NextProtos: []string{"http/1.1"},
	}}
	go func() { _ = b.server.ServeTLS(b.listener, "", "") }()
	return b, nil
}

func (b *bank) address() string { return b.listener.Addr().String() }

func (b *bank) close() { _ = b.server.Close() }

// ServeHTTP implements http.Handler.
func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/token" {
		_, _ = io.WriteString(w, `{"access_token":"0123456789abcdef0123456789abcdef","token_type":"Bearer","expires_in":3600}`)
		return
	}
	prefix, _, _ := strings.Cut(r.URL.Path[1:], "/")
	if key, signed := b.keys[prefix]; signed {
		if err := b.verify(key, r, body); err != nil {
			b.wrong.Add(1)
			b.cause.CompareAndSwap(nil, err.Error())
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	_, _ = io.WriteString(w, answer)
}

// verify checks the digest of the body, the token, and every so often the signature.
func (b *bank) verify(key crypto.PublicKey, r *http.Request, body []byte) error {
	sum := sha256.Sum256(body)
	if r.Header.Get("Digest") != "SHA-256="+base64.StdEncoding.EncodeToString(sum[:]) {
		return errors.New("digest")
	}
	if r.Header.Get("Authorization") == "" {
		return errors.New("no token")
	}
	if b.signed.Add(1)%b.every != 0 {
		return nil
	}
	b.verified.Add(1)
	return signer.Verify(key, b.spec, &signer.Message{
		Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header, Body: body,
	})
}

// verdict fails the run if any signature was wrong: a fast wrong one is no result.
func (b *bank) verdict() error {
	if wrong := b.wrong.Load(); wrong > 0 {
		return fmt.Errorf("the bank refused %d requests, first because of: %v", wrong, b.cause.Load())
	}
	if b.verified.Load() == 0 {
		return errors.New("the bank verified nothing")
	}
	fmt.Printf("\nThe bank verified %d of %d signatures, all good.\n", b.verified.Load(), b.signed.Load())
	return nil
}
