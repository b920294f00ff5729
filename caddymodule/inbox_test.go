package caddymodule_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// desk is a bank that delivers its tokens to the sidecar's inbox.
type desk struct {
	*openBank
	asked   atomic.Int64
	release chan struct{} // what an asking waits for before its answer; nil: nothing
	deliver func(nth int64)
}

func newDesk(t testing.TB) *desk {
	d := &desk{}
	d.openBank = newOpenBank(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/base/token" {
			w.WriteHeader(http.StatusCreated)
			return
		}
		nth := d.asked.Add(1)
		if d.deliver != nil {
			d.deliver(nth)
		}
		if d.release != nil {
			<-d.release
		}
		_, _ = io.WriteString(w, `{"response_code":0,"response_message":"OK. Transaction successful."}`)
	})
	return d
}

// deskToken is a token of the length that the desk delivers.
func deskToken(nth int64) string {
	return strings.Repeat("d", 60) + "-" + strconv.FormatInt(10000+nth, 10)
}

const deskOptions = `headers {
		set {
			merchant_id m-1
			merchant_key {file.{{DIR}}/merchant-key}
		}
	}
	token {
		grant delivered
		endpoint /base/token
		header token
		no_repeat
		delivered {
			min_length 66
			max_length 66
			wait 3s
		}
	}`

const deskSite = openSite + "\ntpp_token_inbox /inbox open\nhandle /metrics {\nmetrics\n}\n"

func (r *rig) newDesk() *desk {
	r.check(os.WriteFile(r.file("merchant-key"), []byte("secret-merchant-key\n"), 0o600))
	return newDesk(r.t)
}

// post delivers a form to the inbox, from any goroutine.
func (r *rig) post(form string) (status int, code string) {
	response, err := plain().Post("http://"+r.app+"/inbox", "application/x-www-form-urlencoded", strings.NewReader(form))
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode, response.Header.Get("Sidecar-Error")
}

// A token is asked for, delivered, used bare in its header, and kept; what else
// is posted is refused, counted and logged; and no secret is shown anywhere.
func TestTokenInbox(t *testing.T) {
	r := newRig(t)
	bank := r.newDesk()
	bank.deliver = func(nth int64) {
		if status, code := r.post("token=" + deskToken(nth)); status != http.StatusOK {
			t.Errorf("the delivery was answered %d %s", status, code)
		}
	}
	r.load(parts{tpp: bank.openASPSP(deskOptions), site: deskSite})
	for form, want := range map[string]string{
		"token=" + deskToken(7):       "409 token-delivery-unexpected",
		"token=" + deskToken(7) + "x": "413 token-delivery-too-long",
		"token=short":                 "400 token-delivery-malformed",
	} {
		if status, code := r.post(form); strconv.Itoa(status)+" "+code != want {
			t.Errorf("%.20s: %d %s, want %s", form, status, code, want)
		}
	}
	if a := r.call("GET", "/inbox?token="+deskToken(7), ""); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "POST" {
		t.Errorf("GET: %d %v", a.status, a.header)
	}
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			if a := r.call("POST", "/open/v1/merchants", `{"cnpj":"1"}`); a.status != http.StatusCreated {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	calls.Wait()
	if status, code := r.post("token=" + deskToken(1)); status != http.StatusGone || code != "token-delivery-repeated" {
		t.Errorf("a repetition: %d %s", status, code)
	}
	seen := bank.seen()
	for line, count := range map[string]int{
		"POST /base/token HTTP/1.1\r\n": 1, "\r\ntoken: " + deskToken(1) + "\r\n": 8, "\r\nmerchant_id: m-1\r\n": 9,
		"\r\nmerchant_key: secret-merchant-key\r\n": 9, "Authorization": 0,
	} {
		if got := strings.Count(seen, line); got != count {
			t.Errorf("%q is there %d times, want %d, in\n%s", line, got, count, seen)
		}
	}
	samples := r.scrape()
	for result, want := range map[string]float64{"taken": 1, "unexpected": 1, "repeated": 1, "malformed": 2, "too_long": 1} {
		if got := samples[`caddy_tpp_token_deliveries_total{aspsp="open",result="`+result+`"}`]; got != want {
			t.Errorf("%v deliveries %s, want %v", got, result, want)
		}
	}
	state := r.ask("GET", "/tpp/aspsps", 200, nil).body + r.ask("GET", "/tpp/tokens", 200, nil).body
	if !strings.Contains(state, `"token":"delivered"`) || !strings.Contains(state, `"endpoint":"`+bank.url()+`/base/token"`) {
		t.Errorf("the admin endpoint says %s", state)
	}
	r.eventually(func() bool { return strings.Contains(r.log(), `"msg":"delivered token not taken"`) })
	for _, secret := range []string{deskToken(1), "ddddd", "secret-merchant-key"} {
		if strings.Contains(r.log(), secret) || strings.Contains(state, secret) {
			t.Errorf("%.10s… is in a log or on the admin endpoint", secret)
		}
	}
}

// A configuration that is replaced while a token is awaited loses nothing: the
// delivery is taken by the next one, and the call gets its answer.
func TestReloadWhileATokenIsAwaited(t *testing.T) {
	r := newRig(t)
	bank := r.newDesk()
	bank.release = make(chan struct{})
	free := sync.OnceFunc(func() { close(bank.release) })
	t.Cleanup(free)
	r.load(parts{tpp: bank.openASPSP(deskOptions), site: deskSite})
	called := make(chan answer, 1)
	request := r.request("POST", "/open/v1/merchants", `{"cnpj":"1"}`)
	go func() {
		response, err := plain().Do(request)
		if err != nil {
			called <- answer{body: err.Error()}
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		called <- answer{response.StatusCode, response.Header, string(body)}
	}()
	r.eventually(func() bool { return bank.asked.Load() == 1 })
	config, err := adapt(r.text(parts{tpp: bank.openASPSP(deskOptions), site: deskSite + "header X-Generation next\n"}))
	r.check(err)
	loaded := make(chan error, 1)
	go func() { loaded <- loadConfig(config) }()
	r.eventually(func() bool {
		response, err := plain().Get("http://" + r.app + "/nothing")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.Header.Get("X-Generation") == "next"
	})
	if status, code := r.post("token=" + deskToken(1)); status != http.StatusOK {
		t.Errorf("the delivery was answered %d %s", status, code)
	}
	free()
	if a := <-called; a.status != http.StatusCreated {
		t.Errorf("the call was answered %d %s", a.status, a.body)
	}
	r.check(<-loaded)
	if a := r.call("POST", "/open/v1/merchants", `{}`); a.status != http.StatusCreated || bank.asked.Load() != 1 {
		t.Errorf("%d, asked %d times: the token is kept", a.status, bank.asked.Load())
	}
	if got := strings.Count(bank.seen(), "\r\ntoken: "+deskToken(1)+"\r\n"); got != 2 {
		t.Errorf("the token was used %d times", got)
	}
}

// A bank that delivers nothing keeps a call no longer than configured.
func TestTokenNeverDelivered(t *testing.T) {
	r := newRig(t)
	bank := r.newDesk()
	r.load(parts{tpp: bank.openASPSP(strings.Replace(deskOptions, "wait 3s", "wait 200ms", 1)), site: deskSite})
	began := time.Now()
	a := r.call("POST", "/open/v1/merchants", `{}`)
	var problem struct{ Code, Remedy string }
	r.check(json.Unmarshal([]byte(a.body), &problem))
	if a.status != http.StatusGatewayTimeout || problem.Code != "token-not-delivered" || !strings.Contains(problem.Remedy, "tpp_token_inbox") ||
		time.Since(began) > 3*time.Second {
		t.Errorf("%d %s after %v", a.status, a.body, time.Since(began))
	}
	r.eventually(func() bool { // a fetch is counted when those who waited have been answered
		return r.scrape()[`caddy_tpp_token_fetch_duration_seconds_count{aspsp="open",identity="",outcome="undelivered"}`] == 1
	})
}

// An inbox for a bank that delivers nothing is a mistake.
func TestInboxOfTheWrongASPSP(t *testing.T) {
	r := newRig(t)
	for site, want := range map[string]string{
		"tpp_token_inbox /inbox bpgo":  "aspsp bpgo: its token grant",
		"tpp_token_inbox /inbox nobod": `no aspsp "nobod"`,
	} {
		if err := r.validate(parts{site: site}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", site, err)
		}
	}
	for _, site := range []string{"tpp_token_inbox /inbox", "tpp_token_inbox /inbox a b", "tpp_token_inbox /inbox bpgo {\nwait 1s\n}"} {
		if _, err := adapt(r.text(parts{site: site})); err == nil {
			t.Errorf("%s was taken", site)
		}
	}
}

// Whatever proves the TPP is in no log, at any level, and in nothing that the
// admin endpoint shows of the running system.
func TestCredentialsAreNeverLogged(t *testing.T) {
	bank := newOpenBank(t, answerCreated)
	r := newRig(t)
	r.check(os.WriteFile(r.file("access-key"), []byte("AFju9XHplQzvamffO72L\n"), 0o600))
	_, _, err := acme().qseal.WriteFiles(r.dir, "jwt")
	r.check(err)
	basic := strings.ReplaceAll(bank.openASPSP("client_id 111111111\nclient_secret {file.{{DIR}}/access-key}\ntoken {\ngrant basic\n}"), "open {", "shop {")
	own := bank.openASPSP("client_key \"{{DIR}}/jwt-key.pem\"\ntoken {\ngrant jwt\njwt {\nalgorithm RS256\nclaims {\niss shop\n}\n}\n}")
	r.load(parts{tpp: basic + "\n" + own, site: openSite + "\ntpp_proxy /shop/* shop {\nstrip_prefix /shop\nheader_up X-Nothing 1\n}\n"})
	for _, path := range []string{"/shop/services", "/open/services"} {
		if a := r.call("POST", path, "<doRefund/>"); a.status != http.StatusCreated {
			t.Fatalf("%s: %d %s", path, a.status, a.body)
		}
	}
	const encoded = "MTExMTExMTExOkFGanU5WEhwbFF6dmFtZmZPNzJM"
	_, jwt, _ := strings.Cut(bank.seen(), "\r\nAuthorization: Bearer ")
	jwt, _, _ = strings.Cut(jwt, "\r\n")
	if !strings.Contains(bank.seen(), "\r\nAuthorization: Basic "+encoded+"\r\n") || strings.Count(jwt, ".") != 2 {
		t.Fatalf("the bank received\n%s", bank.seen())
	}
	state := r.ask("GET", "/tpp/aspsps", 200, nil).body + r.ask("GET", "/tpp/tokens", 200, nil).body
	for _, secret := range []string{encoded, "AFju9XHplQzvamffO72L", jwt, strings.Split(jwt, ".")[2]} {
		if strings.Contains(r.log(), secret) || strings.Contains(state, secret) {
			t.Errorf("%.8s… is in a log or on the admin endpoint", secret)
		}
	}
}
