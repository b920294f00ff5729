package grants

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// fault is what the bank does wrong with one request.
type fault int

const (
	fine         fault = iota
	unreachable        // nothing arrives
	lostRequest        // no answer, nothing was done
	lostAnswer         // no answer, all was done
	errorBefore        // HTTP 503, nothing was done
	errorAfter         // HTTP 502, all was done
	page               // an HTML page, all was done
	brokenOff          // the answer breaks off in the access token
	macToken           // tokens of a kind that nobody can send
	halfRefresh        // the answer breaks off after the refresh token
	busy               // HTTP 429
	refuseClient       // invalid_client
	refuseGrant        // invalid_grant, whatever was sent
	refuseScope        // invalid_scope
	silent             // hangs until the time is up, all was done
)

// bank is an authorization server that keeps one live pair per authorization.
type bank struct {
	rotates  bool
	noFresh  bool   // answers without a refresh token
	lifetime string // expires_in as JSON; "" leaves it out
	idToken  string
	delay    time.Duration

	mu      sync.Mutex
	live    map[string]*pair // by authorization
	codes   map[string]string
	faults  []fault
	during  func(form url.Values) // runs when a request has arrived
	asked   map[string]int        // by grant_type
	revoked int
	// reused counts the refreshes with a token that was used up or replaced.
	reused int
	// minted is every token value there ever was.
	minted []string
	next   int
}

type pair struct{ access, refresh string }

func newBank(rotates bool) *bank {
	return &bank{rotates: rotates, lifetime: "600", live: map[string]*pair{}, codes: map[string]string{}, asked: map[string]int{}}
}

// failNext lets the next requests go wrong, in that order.
func (b *bank) failNext(faults ...fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, faults...)
}

// onRequest runs f when a request has arrived.
func (b *bank) onRequest(f func(url.Values)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.during = f
}

// slow lets answers take that long.
func (b *bank) slow(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.delay = d
}

// recover ends all faults.
func (b *bank) recover() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = nil
}

func (b *bank) count(grantType string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked[grantType]
}

func (b *bank) refreshes() int { return b.count("refresh_token") }

// authorize has the PSU authorize, and gives the code.
func (b *bank) authorize(psu string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	code := b.mint("code")
	b.codes[code] = psu
	return code
}

// grant gives a live pair without a code, as if it had been fetched elsewhere.
func (b *bank) grant(psu string) pair {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.live[psu] = &pair{b.mint("access"), b.mint("refresh")}
	return *b.live[psu]
}

// honours reports whether the access token is the live one of the PSU.
func (b *bank) honours(psu, access string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.live[psu] != nil && b.live[psu].access == access
}

func (b *bank) mint(kind string) string {
	b.next++
	value := fmt.Sprintf("%s-secret-%05d", kind, b.next)
	b.minted = append(b.minted, value)
	return value
}

var errBank = errors.New("connection reset")

type unsentError struct{}

func (unsentError) Error() string { return "connection refused" }
func (unsentError) NotSent() bool { return true }

// do is tokens.Endpoint.Do.
func (b *bank) do(r *http.Request) (*http.Response, error) {
	if tokens.PurposeOf(r.Context()) == tokens.PurposeRevoke {
		return b.revoke(r)
	}
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	b.mu.Lock()
	wrong := fine
	if len(b.faults) > 0 {
		wrong, b.faults = b.faults[0], b.faults[1:]
	}
	if wrong == unreachable {
		b.mu.Unlock()
		return nil, unsentError{}
	}
	b.asked[form.Get("grant_type")]++
	during, delay := b.during, b.delay
	b.mu.Unlock()
	if during != nil {
		during(form)
	}
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-r.Context().Done():
		}
	}
	b.mu.Lock()
	status, answer := b.answer(form, wrong)
	b.mu.Unlock()
	switch wrong {
	case lostRequest, lostAnswer:
		return nil, errBank
	case silent:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case errorBefore, errorAfter:
		status, answer = http.StatusBadGateway, `{"message":"try later"}`
	case page:
		status, answer = http.StatusBadRequest, "<html>maintenance</html>"
	}
	response := &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(answer)), Request: r,
	}
	switch {
	case status != http.StatusOK:
	case wrong == brokenOff:
		response.Body = cut(answer, strings.Index(answer, "-secret-")+3)
	case wrong == halfRefresh:
		response.Body = cut(answer, len(answer)-10)
	}
	return response, nil
}

// cut is a body that breaks off.
func cut(answer string, at int) io.ReadCloser {
	return io.NopCloser(io.MultiReader(strings.NewReader(answer[:at]), brokenReader{}))
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// answer does what is asked. b.mu is held.
func (b *bank) answer(form url.Values, wrong fault) (int, string) {
	switch wrong {
	case lostRequest, errorBefore:
		return 0, ""
	case busy:
		return http.StatusTooManyRequests, `{"error":"slow_down"}`
	case refuseClient:
		return http.StatusUnauthorized, `{"error":"invalid_client"}`
	case refuseGrant:
		return http.StatusBadRequest, `{"error":"invalid_grant"}`
	case refuseScope:
		return http.StatusBadRequest, `{"error":"invalid_scope"}`
	}
	psu, ok := b.owner(form)
	if !ok {
		return http.StatusBadRequest, `{"error":"invalid_grant"}`
	}
	fresh := &pair{access: b.mint("access")}
	if old := b.live[psu]; old != nil && !b.rotates && form.Get("grant_type") == "refresh_token" {
		fresh.refresh = old.refresh
	} else {
		fresh.refresh = b.mint("refresh")
	}
	b.live[psu] = fresh
	return http.StatusOK, b.render(fresh, form, wrong)
}

func (b *bank) render(fresh *pair, form url.Values, wrong fault) string {
	var members []string
	if wrong == halfRefresh {
		return `{"token_type":"Bearer","refresh_token":"` + fresh.refresh + `","access_token":"` + fresh.access + `"}`
	}
	kind := "Bearer"
	if wrong == macToken {
		kind = "mac"
	}
	members = append(members, `"access_token":"`+fresh.access+`"`, `"token_type":"`+kind+`"`)
	if b.lifetime != "" {
		members = append(members, `"expires_in":`+b.lifetime)
	}
	if !b.noFresh || form.Get("grant_type") == "authorization_code" {
		members = append(members, `"refresh_token":"`+fresh.refresh+`"`)
	}
	if b.idToken != "" {
		members = append(members, `"id_token":"`+b.idToken+`"`)
	}
	return "{" + strings.Join(members, ",") + "}"
}

// owner is the PSU of a code or refresh token that is good.
func (b *bank) owner(form url.Values) (string, bool) {
	if form.Get("grant_type") == "authorization_code" {
		psu, ok := b.codes[form.Get("code")]
		delete(b.codes, form.Get("code"))
		return psu, ok
	}
	for psu, p := range b.live {
		if p.refresh == form.Get("refresh_token") {
			return psu, true
		}
	}
	b.reused++
	return "", false
}

func (b *bank) revoke(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.faults) > 0 {
		b.faults = b.faults[1:]
		return nil, errBank
	}
	b.revoked++
	for psu, p := range b.live {
		if p.refresh == form.Get("token") || p.access == form.Get("token") {
			delete(b.live, psu)
		}
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}
