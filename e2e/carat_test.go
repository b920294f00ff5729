package e2e

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

// The merchant that registers others.
const (
	caratID  = "Registrar01"
	caratKey = "9B71234TB12D938T9384TDB294T923D412T938D1293D4B923D"
	// What an acquirer has given the new merchant.
	acquirerKey = "b9f374t5983t745f873tb45f93b4f2293b485ft34"
)

const caratSites = `
	tpp_proxy /carat/* carat {
		strip_prefix /carat
	}
`

// caratBank is the aspsp with a variant's own settings.
func caratBank(variant, settings string) string {
	return `
		aspsp carat {
			profile carat/` + variant + `
			base_url {{BANK}}/e-sitef/api
			headers {
				set {
					merchant_id ` + caratID + `
					merchant_key {file.{{DIR}}/merchant-key}
				}
			}
			trust_pool "{{DIR}}/bank-ca.pem"
			connect_timeout 2s
			answer_timeout 2s
			` + settings + `
		}
`
}

// merchant is a request with what the application knows, in its own spelling.
func merchant(cnpj int) string {
	return fmt.Sprintf("{ \"cnpj\":\"%014d\",\r\n\"fantasy_name\":\"Padaria São João\", \"corporate_name\":\"Padaria Ltda.\","+
		"\"authorizers\":[{\"id\":\"2\",\"routing_id\":\"201\",\"parameters\":{\"merchantId\":\"8h37e9e23oe\",\"merchantKey\":%q}}]}\n", cnpj, acquirerKey)
}

// create makes a merchant, and wants the bank to get it byte for byte.
func (s *shop) create(cnpj int) answer {
	body := merchant(cnpj)
	return s.post("/carat/v1/merchants", strings.NewReader(body), "Content-Type", "application/json; charset=utf-8", "Idempotency-Key", "1")
}

// created wants a new merchant.
func (s *shop) created(cnpj int) {
	s.world.t.Helper()
	if a := s.create(cnpj); a.err != nil || a.status != 201 || !strings.Contains(a.body, `"response_code":"0"`) {
		s.world.t.Errorf("%+v", a)
	}
	record := s.bank.Last()
	if string(record.Body) != merchant(cnpj) || !strings.Contains(string(record.RawHead), "\r\nmerchant_id: "+caratID+"\r\n") ||
		record.Header.Get("Content-Type") != "application/json" || record.ClientCert != nil {
		s.world.t.Errorf("the bank got %q %q", record.RawHead, record.Body)
	}
}

// caratSecrets are what must appear nowhere, beside tokens and keys that the
// bank gives.
func caratSecrets(w *world) {
	w.keep("merchant-key", caratKey)
	w.secret(acquirerKey)
}

// With a JWT of the merchant's own key: used again, renewed before its end.
func TestCaratJWT(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	settings := `
			client_key "{{DIR}}/carat-key.pem"
			token {
				jwt {
					claims {
						iss ` + caratID + `
						iat {unix_time}
						exp {expires}
						jti {uuid}
					}
					lifetime 10s
				}
			}`
	s := newShop(t, caratBank("jwt", settings), caratSites, func(w *world, o *sandbox.Options) {
		caratSecrets(w)
		der, err := x509.MarshalPKCS8PrivateKey(key)
		check(t, err)
		w.keep("carat-key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
		o.Shops.Carat = []sandbox.CaratMerchant{{ID: caratID, Key: caratKey, PublicKey: &key.PublicKey,
			Claims: map[string]string{"iss": caratID, "iat": "", "exp": "", "jti": ""}}}
	})
	proofs := make(map[string]bool)
	for begin := time.Now(); time.Since(begin) < 12*time.Second; {
		s.created(len(s.bank.Records()) + 1)
		proof := s.bank.Last().Header.Get("Authorization")
		s.secret(proof[strings.LastIndex(proof, ".")+1:])
		proofs[proof] = true
		time.Sleep(300 * time.Millisecond)
	}
	if n := len(proofs); n < 2 || n > 4 {
		t.Errorf("%d JWTs for %d requests", n, len(s.bank.Records()))
	}
	s.calmly()
	cnpj := 1000
	s.never("carat-merchants", func() answer { cnpj++; return s.create(cnpj) })
	s.created(2000)
}

const caratInbox = caratSites + `
	tpp_token_inbox /authenticity carat
`

// newCarat has a merchant whose tokens come to the sidecar.
func newCarat(t *testing.T, delivered string) *shop {
	t.Helper()
	settings := "token {\ndelivered {\n" + delivered + "\n}\n}"
	return newShop(t, caratBank("token", settings), caratInbox, func(w *world, o *sandbox.Options) {
		caratSecrets(w)
		o.Shops.Carat = []sandbox.CaratMerchant{{ID: caratID, Key: caratKey, AuthenticityURL: "http://sidecar/authenticity"}}
		o.Shops.Deliver = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", w.file("one.app"))
			}}}
	})
}

// deliveries waits until so many posts of tokens have been answered, and gives
// the statuses.
func (s *shop) deliveries(n int) (statuses []int) {
	s.world.t.Helper()
	eventually(s.world.t, fmt.Sprint(n, " deliveries"), func() bool { return len(s.bank.Deliveries()) >= n })
	for _, d := range s.bank.Deliveries() {
		statuses = append(statuses, d.Status)
	}
	return statuses
}

// forget makes the sidecar forget its token, and that it got none.
func (s *shop) forget() {
	s.world.t.Helper()
	if a := s.ask("DELETE", "/tpp/tokens/carat", nil); !a.ok() {
		s.world.t.Fatalf("%+v", a)
	}
}

// deliver posts a token that nobody has asked for.
func (s *shop) deliver(token string) answer {
	s.world.t.Helper()
	return s.post("/authenticity", strings.NewReader(url.Values{"token": {token}}.Encode()), "Content-Type", "application/x-www-form-urlencoded")
}

// With tokens: asked for once however many wait, used again, and renewed when
// they are old.
func TestCaratToken(t *testing.T) {
	t.Parallel()
	s := newCarat(t, "lifetime 8s")
	var calls sync.WaitGroup
	for cnpj := range 5 {
		calls.Go(func() {
			if a := s.create(100 + cnpj); a.status != 201 {
				t.Errorf("%+v", a)
			}
		})
	}
	calls.Wait()
	s.created(1)
	s.created(2)
	if n := s.arrived("carat-token"); n != 1 {
		t.Errorf("asked %d times for a token", n)
	}
	first := s.bank.Last().Header.Get("token")
	time.Sleep(8 * time.Second)
	s.created(3)
	if n := s.arrived("carat-token"); n != 2 || s.bank.Last().Header.Get("token") == first {
		t.Errorf("asked %d times, in all, for a token", n)
	}
	if got := s.deliveries(2); got[0] != 200 || got[1] != 200 {
		t.Error(got)
	}
	s.calmly()
}

// A token that the bank no longer takes: the 401 is the application's, which
// may send its request again. The sidecar does not.
func TestCaratTokenExpires(t *testing.T) {
	t.Parallel()
	s := newCarat(t, "lifetime 5m")
	s.created(1)
	s.bank.ExpireTokens()
	before := s.arrived("carat-merchants")
	a := s.create(2)
	if a.status != 401 || !strings.Contains(a.body, "the token has expired") || s.arrived("carat-merchants") != before+1 {
		t.Errorf("%d arrived: %+v", s.arrived("carat-merchants")-before, a)
	}
	s.created(2)
	if n := s.arrived("carat-token"); n != 2 {
		t.Errorf("asked %d times for a token", n)
	}
}

// A new merchant is sent once, whatever becomes of the request.
func TestCaratCreationIsNeverRepeated(t *testing.T) {
	t.Parallel()
	s := newCarat(t, "lifetime 5m")
	cnpj := 0
	s.never("carat-merchants", func() answer { cnpj++; return s.create(cnpj) })
	s.created(1000)
}

// Only the token that was asked for is taken, and once.
func TestCaratDeliveries(t *testing.T) {
	t.Parallel()
	s := newCarat(t, "lifetime 5m\nwait 2s")
	foreign := strings.Repeat("Z0", 33)
	s.secret(foreign)
	if a := s.deliver(foreign); a.status != 409 || a.code != "token-delivery-unexpected" {
		t.Errorf("unexpected: %+v", a)
	}
	s.created(1)
	if got := s.bank.Last().Header.Get("token"); got == foreign {
		t.Error("a token was used that nobody had asked for")
	}
	if a := s.deliver(s.bank.Last().Header.Get("token")); a.status != 410 || a.code != "token-delivery-repeated" {
		t.Errorf("repeated: %+v", a)
	}
	number := 1
	for _, test := range []struct {
		name     string
		fault    sandbox.Fault
		statuses []int // of the deliveries
		status   int   // of the call
		code     string
	}{
		{"early", sandbox.Fault{Delivery: sandbox.DeliveryEarly}, []int{200}, 201, ""},
		{"twice", sandbox.Fault{Delivery: sandbox.DeliveryTwice}, []int{200, 410}, 201, ""},
		{"late", sandbox.Fault{DeliveryDelay: sandbox.Wait(500 * time.Millisecond)}, []int{200}, 201, ""},
		{"too late", sandbox.Fault{DeliveryDelay: sandbox.Wait(4 * time.Second)}, []int{409}, 504, "token-not-delivered"},
		{"never", sandbox.Fault{Delivery: sandbox.DeliveryNever}, nil, 504, "token-not-delivered"},
		{"malformed", sandbox.Fault{Delivery: sandbox.DeliveryMalformed}, []int{400}, 504, "token-not-delivered"},
		{"elsewhere", sandbox.Fault{DeliverTo: "http://sidecar/nobody"}, []int{200}, 504, "token-not-delivered"},
		{"without an answer", sandbox.Fault{Delivery: sandbox.DeliveryEarly, Reset: sandbox.ResetAfter}, []int{200}, 201, ""},
		{"refused", sandbox.Fault{Status: 400}, nil, 502, "token-refused"},
		{"down", sandbox.Fault{Status: 503}, nil, 502, "token-endpoint-unavailable"},
	} {
		s.forget()
		number++
		asked, made, known := s.arrived("carat-token"), s.arrived("carat-merchants"), len(s.bank.Deliveries())
		test.fault.Next = 1
		check(t, s.bank.Faults().SetToken(test.fault))
		a := s.create(number)
		if a.err != nil || a.status != test.status || a.code != test.code {
			t.Errorf("%s: %+v", test.name, a)
		}
		got := s.deliveries(known + len(test.statuses))[known:]
		for i, status := range test.statuses {
			if got[i] != status {
				t.Errorf("%s: the deliveries were answered with %v", test.name, got)
			}
		}
		want := map[bool]int{true: 1}[test.status == 201]
		if s.arrived("carat-token")-asked != 1 || s.arrived("carat-merchants")-made != want {
			t.Errorf("%s: asked %d times, and sent %d times", test.name, s.arrived("carat-token")-asked, s.arrived("carat-merchants")-made)
		}
	}
	s.forget()
	s.created(1000)
	if n := s.bank.Stats().Repeated; n != 0 {
		t.Errorf("%d requests were repeated", n)
	}
}
