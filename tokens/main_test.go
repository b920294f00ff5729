package tokens

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testKey = Key{
	ASPSP:      "bpgo",
	Identity:   "acme",
	Thumbprint: "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2",
	ClientID:   "PSDFR-ACPR-12345",
	Scope:      "cbpii",
	Grant:      GrantClientCredentials,
}

// bank is a token endpoint within the process, for tests about time. Each
// token it issues is numbered.
type bank struct {
	mu       sync.Mutex
	requests int
	status   int
	body     string        // instead of a token
	err      error         // instead of an answer
	lifetime int           // expires_in
	latency  time.Duration // before the answer
}

func (b *bank) do(request *http.Request) (*http.Response, error) {
	b.mu.Lock()
	b.requests++
	status, body, err, latency := b.status, b.body, b.err, b.latency
	if body == "" {
		body = `{"access_token":"token-` + strconv.Itoa(b.requests) + `","token_type":"Bearer","expires_in":` + strconv.Itoa(b.lifetime) + `}`
	}
	b.mu.Unlock()
	select {
	case <-time.After(latency):
	case <-request.Context().Done():
		return nil, request.Context().Err()
	}
	if err != nil {
		return nil, err
	}
	if status == 0 {
		status = http.StatusOK
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))}, nil
}

func (b *bank) set(change func(*bank)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

func (b *bank) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.requests
}

func (b *bank) endpoint() *Endpoint {
	return &Endpoint{
		URL:  "https://bank.example/oauth/token",
		Spec: Spec{Grant: GrantClientCredentials},
		Do:   b.do,
	}
}

// newTestCache closes the cache at the test's end.
func newTestCache(t testing.TB, opts CacheOptions) *Cache {
	t.Helper()
	c := NewCache(opts)
	t.Cleanup(c.Close)
	return c
}

// mustToken is Token where no error is expected.
func mustToken(t testing.TB, c *Cache, key Key, ep *Endpoint) *Token {
	t.Helper()
	token, err := c.Token(t.Context(), key, ep)
	if err != nil {
		t.Fatal(err)
	}
	return token
}
