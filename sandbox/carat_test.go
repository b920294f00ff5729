package sandbox

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	caratID  = "registrar1"
	caratKey = "B9F374T5983T745F873TB45F93B4F2293B485FT34"
)

// caratBody is a merchant, with parameters of an acquirer.
func caratBody(cnpj string) string {
	return `{"cnpj":"` + cnpj + `","fantasy_name":"Padaria São João","corporate_name":"Padaria Ltda.","state":"SP",` +
		`"mcc":"5462","threeds_enabled":"true","version":"5","authorizers":[{"id":"1","routing_id":"1125"},` +
		`{"id":"2","routing_id":"201","parameters":{"merchantId":"8h37","merchantKey":"b9f3"}}]}`
}

// carat prepares a request as the merchant.
func (w *world) carat(target, body string, extra ...[2]string) *request {
	r := &request{method: "POST", target: "/e-sitef/api/v1/" + target, body: body, header: append([][2]string{
		{"Host", w.bank.Addr().String()}, {"merchant_id", caratID}, {"merchant_key", caratKey},
		{"Content-Length", strconv.Itoa(len(body))}, {"Content-Type", "application/json"}}, extra...)}
	return r
}

// inbox is the merchant's authenticity URL.
type inbox struct {
	*httptest.Server
	got    chan string
	status int
}

func newInbox(t *testing.T) *inbox {
	i := &inbox{got: make(chan string, 4), status: 200}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "POST" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.ParseForm() != nil || len(r.PostForm) != 1 {
			t.Errorf("%s %v %v", r.Method, r.Header, r.PostForm)
		}
		i.got <- r.PostForm.Get("token")
		w.WriteHeader(i.status)
	}))
	t.Cleanup(i.Close)
	return i
}

// token waits for a delivery.
func (i *inbox) token(t *testing.T) string {
	t.Helper()
	select {
	case token := <-i.got:
		return token
	case <-time.After(5 * time.Second):
		t.Fatal("no token came")
	}
	return ""
}

// newTokenWorld is a bank with a merchant whose tokens come to the inbox.
func newTokenWorld(t *testing.T, adjust ...func(*Options)) (*world, *inbox) {
	t.Helper()
	i := newInbox(t)
	w := newWorld(t, append([]func(*Options){func(o *Options) {
		o.Shops = ShopOptions{CertificateOptional: true,
			Carat: []CaratMerchant{{ID: caratID, Key: caratKey, AuthenticityURL: i.URL + "/authenticity"}}}
	}}, adjust...)...)
	return w, i
}

// asked wants the answer to asking for a token, to the byte.
func (w *world) asked(r *request) {
	w.Helper()
	resp := w.sendAs(nil, r)
	w.expect(resp, 200, "")
	if resp.body != `{"response_code":0,"response_message":"OK. Transaction successful."}` {
		w.Error(resp.body)
	}
}

// delivered waits until that many deliveries are over.
func (w *world) delivered(n int) []Delivery {
	w.Helper()
	for deadline := time.Now().Add(5 * time.Second); len(w.bank.Deliveries()) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("%d deliveries, not %d", len(w.bank.Deliveries()), n)
		}
	}
	return w.bank.Deliveries()
}

// created wants a new merchant.
func (w *world) created(resp response) {
	w.Helper()
	w.expect(resp, 201, "")
	got := resp.json(w.T)
	id, key := text(got["id"]), text(got["key"])
	if len(id) == 0 || len(id) > 15 || strings.ToLower(id) == id || strings.ToUpper(id) == id || len(key) < 20 || len(key) > 80 ||
		got["response_code"] != "0" || got["authorizer_response_code"] != "0" {
		w.Error(resp.body)
	}
}

func TestCaratToken(t *testing.T) {
	now := newClock()
	w, inbox := newTokenWorld(t, func(o *Options) { o.Now, o.TokenLifetime = now.Now, 10*time.Minute })
	w.asked(w.carat("token/merchants", ""))
	token := inbox.token(t)
	if len(token) != 66 || !alphanumeric.MatchString(token) {
		t.Fatalf("%d characters", len(token))
	}
	if d := w.delivered(1); d[0].Status != 200 || d[0].URL != inbox.URL+"/authenticity" || d[0].Token != TokenHash(token) || d[0].Err != nil {
		t.Errorf("%+v", d)
	}
	w.created(w.sendAs(nil, w.carat("merchants", caratBody("1"), [2]string{"token", token})))
	w.created(w.sendAs(nil, w.carat("merchants", caratBody("2"), [2]string{"token", token})))
	now.advance(10 * time.Minute)
	r := w.carat("merchants", caratBody("3"), [2]string{"token", token})
	resp := w.sendAs(nil, r)
	w.expect(resp, 401, "the token has expired")
	if resp.json(t)["response_code"] == "0" {
		t.Error(resp.body)
	}
	// A 401 asks for the same request again, with a better token.
	w.asked(w.carat("token/merchants", ""))
	r.set("token", inbox.token(t))
	w.created(w.sendAs(nil, r))
	w.bank.ExpireTokens()
	r = w.carat("merchants", caratBody("4"), [2]string{"token", r.get("token")})
	w.expect(w.sendAs(nil, r), 401, "the token has expired")
}

func TestCaratTokenOnce(t *testing.T) {
	w, inbox := newTokenWorld(t, func(o *Options) { o.Rules.Carat.Once = true })
	w.asked(w.carat("token/merchants", ""))
	token := [2]string{"token", inbox.token(t)}
	w.expect(w.sendAs(nil, w.carat("merchants", `{}`, token)), 400, "cnpj is missing")
	w.created(w.sendAs(nil, w.carat("merchants", caratBody("1"), token)))
	w.expect(w.sendAs(nil, w.carat("merchants", caratBody("2"), token)), 401, "the token was used before")
}

func TestCaratTokenRefusals(t *testing.T) {
	w, inbox := newTokenWorld(t, func(o *Options) {
		o.Shops.Carat = append(o.Shops.Carat, CaratMerchant{ID: "other", Key: "k", AuthenticityURL: "http://127.0.0.1:1/"})
	})
	w.asked(w.carat("token/merchants", ""))
	token := inbox.token(t)
	with := func(name, value string) func(*request) {
		return func(r *request) { r.set(name, value) }
	}
	for _, test := range []struct {
		name, sentence string
		status         int
		change         func(*request)
	}{
		{"none", "neither token nor Authorization", 401, func(r *request) { r.del("token") }},
		{"short", "is not 66 letters and digits", 400, with("token", token[1:])},
		{"unknown", "the token is unknown", 401, with("token", strings.Repeat("a", 66))},
		{"two", "token is there more than once", 400, func(r *request) { r.header = append(r.header, [2]string{"token", token}) }},
		{"both", "one is expected", 400, with("Authorization", "Bearer x")},
		{"JWT", "registered for tokens", 401, func(r *request) { r.del("token"); r.set("Authorization", "Bearer x") }},
		{"wrong key", "merchant_key is wrong", 401, with("merchant_key", "x")},
		{"no id", "the header merchant_id is missing", 401, func(r *request) { r.del("merchant_id") }},
		{"hyphen", "the underscore is part of the name", 400, func(r *request) { r.del("merchant_id"); r.set("merchant-id", caratID) }},
		{"canonical", "is spelled Merchant_key", 400, func(r *request) { r.del("merchant_key"); r.set("Merchant_key", caratKey) }},
		{"twice", "merchant_id is there more than once", 400, func(r *request) { r.header = append(r.header, [2]string{"merchant_id", caratID}) }},
		{"charset", "without anything behind", 415, with("Content-Type", "application/json; charset=utf-8")},
		{"leak", "must not reach the bank", 400, with("Via", "1.1 proxy")},
		{"signature", "belongs to PSD2 APIs", 400, with("Signature", "x")},
		{"another's", "the token is unknown", 401, func(r *request) { r.set("merchant_id", "other"); r.set("merchant_key", "k") }},
		{"no resource", "no such resource", 404, func(r *request) { r.target += "/1" }},
		{"method", "POST is expected", 405, func(r *request) { r.method = "PUT" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &world{t, w.pki, w.bank}
			r := w.carat("merchants", caratBody("1"), [2]string{"token", token})
			test.change(r)
			resp := w.sendAs(nil, r)
			w.expect(resp, test.status, test.sentence)
			if code := text(resp.json(t)["response_code"]); code == "" || code == "0" {
				t.Error(resp.body)
			}
		})
	}
	w.expect(w.sendAs(w.qwac, w.carat("merchants", caratBody("1"), [2]string{"token", token})), 400, "no use for it")
	w.expect(w.sendAs(nil, w.carat("token/merchants", "", [2]string{"token", token})), 400, "must not be there when a token is asked for")
	if resp := w.sendAs(nil, w.carat("token/merchants", "", [2]string{"Signature", "x"})); resp.json(t)["response_code"] != 400.0 {
		t.Error(resp.body)
	}
	w.created(w.sendAs(nil, w.carat("merchants", caratBody("1"), [2]string{"token", token})))
}

// TestCaratDeliveryRefused: a token is worth nothing unless its delivery was
// answered with 200.
func TestCaratDeliveryRefused(t *testing.T) {
	w, inbox := newTokenWorld(t)
	inbox.status = 404
	w.asked(w.carat("token/merchants", ""))
	token := inbox.token(t)
	w.delivered(1)
	w.expect(w.sendAs(nil, w.carat("merchants", caratBody("1"), [2]string{"token", token})), 401, "was not answered with 200")
}

func TestCaratDeliveryFaults(t *testing.T) {
	w, inbox := newTokenWorld(t)
	fault := func(f Fault) {
		t.Helper()
		f.Next = 1
		if err := w.bank.Faults().SetToken(f); err != nil {
			t.Fatal(err)
		}
		w.asked(w.carat("token/merchants", ""))
	}
	fault(Fault{Delivery: DeliveryEarly})
	if len(inbox.got) != 1 {
		t.Error("the token was to come before the answer")
	}
	good := inbox.token(t)
	fault(Fault{Delivery: DeliveryTwice})
	if first, second := inbox.token(t), inbox.token(t); first != second {
		t.Error("not the same token twice")
	}
	w.delivered(3)
	fault(Fault{Delivery: DeliveryMalformed})
	if got := inbox.token(t); len(got) != 65 {
		t.Errorf("%d characters", len(got))
	}
	begin := time.Now()
	fault(Fault{DeliveryDelay: Wait(50 * time.Millisecond)})
	if inbox.token(t); time.Since(begin) < 50*time.Millisecond {
		t.Error("the token came too early")
	}
	other := newInbox(t)
	fault(Fault{DeliverTo: other.URL + "/x"})
	other.token(t)
	w.delivered(6)
	fault(Fault{Delivery: DeliveryNever})
	// The bank has acted, though the answer is lost.
	if err := w.bank.Faults().SetToken(Fault{Next: 1, Reset: ResetAfter}); err != nil {
		t.Fatal(err)
	}
	if _, err := exchange(w.dial(nil), w.carat("token/merchants", "").bytes(), "POST"); err == nil {
		t.Error("an answer came")
	}
	inbox.token(t)
	if n := len(w.delivered(7)); n != 7 || len(inbox.got) != 0 {
		t.Errorf("%d deliveries", n)
	}
	w.created(w.sendAs(nil, w.carat("merchants", caratBody("1"), [2]string{"token", good})))
	if err := w.bank.Faults().SetToken(Fault{Delivery: "sideways"}); err == nil {
		t.Error("an unknown delivery was taken")
	}
	if err := w.bank.Faults().SetAPI(Fault{DeliverTo: "http://x"}); err == nil {
		t.Error("a delivery was taken for what delivers nothing")
	}
}

// TestCaratCreationTwice: the same merchant is not made twice, whatever became
// of the first request.
func TestCaratCreationTwice(t *testing.T) {
	w, inbox := newTokenWorld(t)
	w.asked(w.carat("token/merchants", ""))
	token := [2]string{"token", inbox.token(t)}
	w.fault(Fault{Reset: ResetBefore, Next: 1})
	r := w.carat("merchants", caratBody("1"), token)
	if _, err := exchange(w.dial(nil), r.bytes(), "POST"); err == nil {
		t.Error("an answer came")
	}
	w.expect(w.sendAs(nil, r), 409, "this carat-merchants was received before")
	if s := w.bank.Stats(); s.Repeated != 1 || s.Operations["carat-merchants"] != 2 {
		t.Errorf("%+v", s)
	}
	w.created(w.sendAs(nil, w.carat("merchants", caratBody("1")+" ", token)))
	// The second company is refused in a way that only looks like success.
	resp := w.sendAs(nil, w.carat("merchants", caratBody("1")+"  ", token))
	w.expect(resp, 200, "")
	if resp.json(t)["response_code"] == "0" || resp.json(t)["id"] != nil {
		t.Error(resp.body)
	}
	forced := strings.Replace(caratBody("1"), "{", `{"force_sitef_merchant_creation":"true",`, 1)
	w.created(w.sendAs(nil, w.carat("merchants", forced, token)))
}

// TestShopsOnControlPlane: what is secret is not shown.
func TestShopsOnControlPlane(t *testing.T) {
	var issued []string
	w, inbox := newTokenWorld(t, func(o *Options) { o.OnIssue = func(value string) { issued = append(issued, value) } })
	w.asked(w.carat("token/merchants", ""))
	token := inbox.token(t)
	resp := w.sendAs(nil, w.carat("merchants", caratBody("1"), [2]string{"token", token}))
	w.created(resp)
	if !slices.Equal(issued, []string{token, text(resp.json(t)["key"])}) {
		t.Errorf("told %q", issued)
	}
	answer := httptest.NewRecorder()
	w.bank.Control().ServeHTTP(answer, httptest.NewRequest("GET", "/records", nil))
	for _, secret := range append(issued, caratKey, "b9f3") {
		if strings.Contains(answer.Body.String(), secret) {
			t.Error("a secret is among the records")
		}
	}
	if !strings.Contains(answer.Body.String(), "merchant_key: REDACTED") {
		t.Error(answer.Body)
	}
}
