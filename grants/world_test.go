package grants

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/caddy-tpp/caddy-tpp/tokens"
	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a bank, a storage and any number of stores on it.
type world struct {
	t       testing.TB
	bank    *bank
	storage *storagetest.Memory
	client  *Client

	mu     sync.Mutex
	events []Event
}

var testKey = vault.Key{ID: "k1", Secret: []byte(strings.Repeat("k", vault.SecretSize))}

func newWorld(t testing.TB, rotates, survives bool) *world {
	t.Helper()
	w := &world{t: t, bank: newBank(rotates), storage: storagetest.NewMemory()}
	w.client = &Client{
		Identity: "acme", Thumbprint: "qwac-1", ClientID: "PSDFR-ACPR-12345", Scope: "aisp",
		Endpoint: &tokens.Endpoint{
			URL: "https://bank.example/token", RevocationURL: "https://bank.example/revoke",
			Do: w.bank.do, Spec: tokens.Spec{RefreshSurvives: survives},
		},
	}
	return w
}

// with is the world's client with other rules.
func (w *world) with(change func(*Client)) *Client {
	c, ep := *w.client, *w.client.Endpoint
	c.Endpoint = &ep
	change(&c)
	return &c
}

// process is a store with a handle of the storage of its own.
type process struct {
	*Store
	handle *storagetest.Memory
	// stored counts what dieAt lets through.
	stored atomic.Int64
}

func (w *world) process(change ...func(*Options)) *process {
	w.t.Helper()
	handle := w.storage.Handle()
	v, err := vault.New(vault.Options{Storage: handle, Keys: []vault.Key{testKey}})
	if err != nil {
		w.t.Fatal(err)
	}
	o := Options{Vault: v, OnEvent: w.note}
	for _, c := range change {
		c(&o)
	}
	return &process{Store: New(o), handle: handle}
}

func (w *world) note(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// kinds are the kinds of the events so far.
func (w *world) kinds() []EventKind {
	w.mu.Lock()
	defer w.mu.Unlock()
	kinds := make([]EventKind, 0, len(w.events))
	for _, e := range w.events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func (w *world) happened(kind EventKind) int {
	n := 0
	for _, k := range w.kinds() {
		if k == kind {
			n++
		}
	}
	return n
}

// psu1 is the grant that most tests are about.
var psu1 = ID{ASPSP: "bank", Name: "psu-1"}

// imported makes the grant of psu1, with an access token that is used up unless
// it lives for longer.
func (w *world) imported(s *Store, id ID, access time.Duration) pair {
	w.t.Helper()
	p := w.bank.grant(id.Name)
	i := Import{RefreshToken: p.refresh, AuthorizedAt: time.Now().Add(-time.Hour)}
	if access > 0 {
		i.AccessToken, i.AccessExpiry = p.access, time.Now().Add(access)
	}
	if err := s.Import(context.Background(), id, w.client, i); err != nil {
		w.t.Fatal(err)
	}
	return p
}

// usable checks that the grant gives a token that the bank honours.
func (w *world) usable(s *Store, id ID) *tokens.Token {
	w.t.Helper()
	token, err := s.Token(context.Background(), id, w.client)
	if err != nil {
		w.t.Fatalf("no token: %v", err)
	}
	if !w.bank.honours(id.Name, token.Value()) {
		w.t.Fatal("the bank does not honour the token")
	}
	return token
}

func (w *world) state(s *Store, id ID) State {
	w.t.Helper()
	state, err := s.Get(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return state
}

// refused checks that the grant gives no token, for that reason.
func (w *world) refused(s *Store, id ID, want error) {
	w.t.Helper()
	if token, err := s.Token(context.Background(), id, w.client); !errorIs(err, want) || token != nil {
		w.t.Fatalf("got %v, want %v", err, want)
	}
}

// clean checks that no secret has come into a text.
func (w *world) clean(texts ...any) {
	w.t.Helper()
	w.bank.mu.Lock()
	minted := slices.Clone(w.bank.minted)
	w.bank.mu.Unlock()
	for _, text := range texts {
		for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
			printed := fmt.Sprintf(form, text)
			for _, secret := range minted {
				if strings.Contains(printed, secret) {
					w.t.Fatalf("%s of %T has a secret", form, text)
				}
			}
		}
	}
}
