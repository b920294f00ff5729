package authorize

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/tokens"
	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testKeys are made once: RSA keys take a while.
var testKeys = sync.OnceValues(func() (*rsa.PrivateKey, *ecdsa.PrivateKey) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return rsaKey, ecKey
})

// world is a TPP, a bank and a storage.
type world struct {
	t       testing.TB
	storage *storagetest.Memory
	secret  []byte
	bank    *fakeBank
	aspsp   *Bank
	store   *grants.Store // the last instance's

	mu     sync.Mutex
	events []Event
}

// newWorld makes a world whose bank's profile is what change leaves.
func newWorld(t testing.TB, change func(*tokens.Spec)) *world {
	t.Helper()
	spec := tokens.Spec{}
	if change != nil {
		change(&spec)
	}
	rsaKey, ecKey := testKeys()
	var key crypto.Signer = rsaKey
	if strings.HasPrefix(spec.Assertion.Algorithm, "ES") {
		key = ecKey
	}
	w := &world{t: t, storage: storagetest.NewMemory(), secret: vault.NewSecret(), bank: newFakeBank(t, key.Public(), time.Now, spec)}
	endpoint := &tokens.Endpoint{
		URL: "https://bank.example/token", Spec: spec, Do: w.bank.do, Key: key,
		AuthorizationURL: "https://login.bank.example/authorize?brand=x",
	}
	if spec.Authorize.Pushed != "" {
		endpoint.PushedURL = "https://bank.example" + spec.Authorize.Pushed
	}
	if spec.Metadata != "" {
		endpoint.Discovery = &tokens.Discovery{URL: "https://bank.example" + spec.Metadata, Hosts: []string{"login.bank.example"}}
	}
	endpoint.Issuer = spec.Issuer
	w.aspsp = &Bank{
		ASPSP: "bpgo", Scope: "aisp", RedirectURI: testRedirect, ReturnURLs: []string{"https://app.example/bank"},
		Client: &grants.Client{Identity: "acme", Thumbprint: "x", ClientID: testClientID, Scope: "aisp", Endpoint: endpoint},
	}
	return w
}

// vault opens the storage through a handle of its own.
func (w *world) vault() (*vault.Vault, *storagetest.Memory) {
	w.t.Helper()
	handle := w.storage.Handle()
	v, err := vault.New(vault.Options{Storage: handle, Keys: []vault.Key{{ID: "test", Secret: w.secret}}})
	if err != nil {
		w.t.Fatal(err)
	}
	return v, handle
}

// instance makes a Flow with a Store, as a sidecar of its own would.
func (w *world) instance() (*Flow, *storagetest.Memory) {
	w.t.Helper()
	v, handle := w.vault()
	store := grants.New(grants.Options{Vault: v})
	w.t.Cleanup(store.Close)
	w.store = store
	return New(Options{Vault: v, Grants: store, OnEvent: w.onEvent}), handle
}

func (w *world) flow() *Flow {
	f, _ := w.instance()
	return f
}

// find is what an instance knows of ASPSPs.
func (w *world) find(aspsp string) (*Bank, error) {
	if aspsp != w.aspsp.ASPSP {
		return nil, errors.New("no such ASPSP")
	}
	return w.aspsp, nil
}

// begin starts a flow and lets the PSU log in at the bank.
func (w *world) begin(f *Flow) (request map[string][]string) {
	w.t.Helper()
	location, err := f.Begin(w.t.Context(), w.aspsp, Begin{Grant: "grant-7", ReturnURL: "https://app.example/bank?x=1"})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.bank.login(location)
}

func (w *world) onEvent(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// lastEvent is the event told last.
func (w *world) lastEvent() Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.events) == 0 {
		return Event{}
	}
	return w.events[len(w.events)-1]
}

// checkSilence fails if anything printed holds a secret of the flow or the
// name of the grant.
func (w *world) checkSilence(printed ...any) {
	w.t.Helper()
	w.mu.Lock()
	for _, e := range w.events {
		printed = append(printed, e)
		if e.Err != nil {
			printed = append(printed, e.Err)
		}
	}
	w.mu.Unlock()
	w.bank.mu.Lock()
	defer w.bank.mu.Unlock()
	var log strings.Builder
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	for _, value := range printed {
		fmt.Fprintf(&log, "%v %+v %#v %s %q %d\n", value, value, value, value, value, value)
		logger.Info("", "value", value)
		text, err := json.Marshal(value)
		fmt.Fprintf(&log, "%s %v", text, err)
	}
	for secret, real := range w.bank.secrets {
		if real && strings.Contains(log.String(), secret) {
			w.t.Errorf("%q is told", secret)
		}
	}
	if strings.Contains(log.String(), "grant-7") {
		w.t.Error("the grant's name is told")
	}
}

// memoryKeys are the storage's keys and values in one text.
func (w *world) memory() string {
	var all strings.Builder
	for _, key := range w.storage.Keys() {
		value, err := w.storage.Load(context.Background(), key)
		fmt.Fprintf(&all, "%s %s %v\n", key, value, err)
	}
	return all.String()
}

// states counts the records of flows under way.
func (w *world) states() int { return strings.Count(w.memory(), "/states/") }
