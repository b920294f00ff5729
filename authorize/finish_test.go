package authorize

import (
	"errors"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

func timeNow() time.Time { return time.Now() }

// Each answer to a known state leads the PSU back, uses up the state, and sends
// no code that is not the bank's own.
func TestFinishAnswers(t *testing.T) {
	withIssuer := func(s *tokens.Spec) { s.Issuer = testIssuer }
	withMetadata := func(s *tokens.Spec) { s.Metadata = "/metadata" }
	set := func(name string, values ...string) func(url.Values) {
		return func(q url.Values) { q[name] = values }
	}
	refusal := func(code string) func(url.Values) {
		return func(q url.Values) { q.Del("code"); q.Set("error", code); q.Set("error_description", "see <b>this</b>") }
	}
	for name, c := range map[string]struct {
		spec   func(*tokens.Spec)
		world  func(*world)
		query  func(url.Values)
		aspsp  string
		result Result
		code   string
		target error
	}{
		"granted":                  {result: Granted},
		"unknown parameters":       {query: set("session_state", "a", "b"), result: Granted},
		"own redirect_uri":         {aspsp: "bpgo", result: Granted},
		"issuer":                   {spec: withIssuer, query: set("iss", testIssuer), result: Granted},
		"issuer not sent":          {spec: withIssuer, result: Granted},
		"issuer not known":         {query: set("iss", "https://any.example"), result: Granted},
		"issuer needed":            {spec: withMetadata, world: issParameter, query: set("iss", testIssuer), result: Granted},
		"denied":                   {query: refusal("access_denied"), result: Denied, code: "access_denied"},
		"refused":                  {query: refusal("server_error"), result: Failed, code: "server_error"},
		"refused in prose":         {query: refusal("The PSU & the bank"), result: Failed, code: "callback-invalid", target: ErrCallback},
		"refused with nothing":     {query: refusal(""), result: Failed, code: "callback-invalid", target: ErrCallback},
		"refused at length":        {query: refusal(strings.Repeat("a", 65)), result: Failed, code: "callback-invalid", target: ErrCallback},
		"refused with the state":   {query: func(q url.Values) { refusal("x_" + q.Get("state"))(q) }, result: Failed, code: "callback-invalid", target: ErrCallback},
		"code and error":           {query: set("error", "access_denied"), result: Failed, code: "callback-invalid", target: ErrCallback},
		"neither":                  {query: func(q url.Values) { q.Del("code") }, result: Failed, code: "callback-invalid", target: ErrCallback},
		"empty code":               {query: set("code", ""), result: Failed, code: "callback-invalid", target: ErrCallback},
		"two codes":                {query: func(q url.Values) { q.Add("code", q.Get("code")) }, result: Failed, code: "callback-invalid", target: ErrCallback},
		"two issuers":              {query: set("iss", testIssuer, testIssuer), result: Failed, code: "callback-invalid", target: ErrCallback},
		"code with line break":     {query: set("code", "a\nb"), result: Failed, code: "callback-invalid", target: ErrCallback},
		"long code":                {query: set("code", strings.Repeat("a", 5000)), result: Failed, code: "callback-invalid", target: ErrCallback},
		"wrong issuer":             {spec: withIssuer, query: set("iss", testIssuer+"/"), result: Failed, code: "issuer-mismatch", target: ErrIssuer},
		"empty issuer":             {spec: withIssuer, query: set("iss", ""), result: Failed, code: "issuer-mismatch", target: ErrIssuer},
		"wrong issuer of metadata": {spec: withMetadata, query: set("iss", "https://evil.example"), result: Failed, code: "issuer-mismatch", target: ErrIssuer},
		"needed issuer not sent":   {spec: withMetadata, world: issParameter, result: Failed, code: "issuer-mismatch", target: ErrIssuer},
		"wrong issuer denies":      {spec: withIssuer, query: func(q url.Values) { refusal("access_denied")(q); q.Set("iss", "x") }, result: Failed, code: "issuer-mismatch", target: ErrIssuer},
		"other redirect_uri":       {aspsp: "other", result: Failed, code: "issuer-mismatch", target: ErrIssuer},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.spec)
			if c.world != nil {
				c.world(w)
			}
			f := w.flow()
			query := w.bank.consent(w.begin(f))
			if c.query != nil {
				c.query(query)
			}
			outcome, err := f.Finish(t.Context(), Callback{Query: query, ASPSP: c.aspsp}, w.find)
			if !errors.Is(err, c.target) || (err == nil) != (c.target == nil) || outcome.Result != c.result || outcome.Code != c.code {
				t.Fatalf("%+v, %v", outcome, err)
			}
			want := "https://app.example/bank?x=1&sidecar_grant=grant-7&sidecar_result=" + string(c.result)
			if c.code != "" {
				want += "&sidecar_error=" + c.code
			}
			if outcome.ReturnTo != want {
				t.Errorf("to %s", outcome.ReturnTo)
			}
			if sent := w.bank.count("/token") > 0; sent != (c.result == Granted) || w.states() != 0 {
				t.Errorf("code sent: %v, %d states left", sent, w.states())
			}
			if e := w.lastEvent(); e.Kind != EventEnded || e.Result != c.result || e.Code != c.code {
				t.Errorf("event %+v", e)
			}
			w.checkSilence(outcome, err, Callback{Query: query})
		})
	}
}

func issParameter(w *world) { w.bank.metadata["authorization_response_iss_parameter_supported"] = true }

// An answer without a state of the sidecar's leads nowhere, and costs no lock.
func TestFinishStateUnknown(t *testing.T) {
	w := newWorld(t, nil)
	f, handle := w.instance()
	query := w.bank.consent(w.begin(f))
	state := query.Get("state")
	for _, c := range []struct {
		states []string
		target error
	}{
		{[]string{newState(time.Now())}, ErrStateUnknown},
		{nil, ErrCallback},
		{[]string{""}, ErrCallback},
		{[]string{state, state}, ErrCallback},
		{[]string{"x"}, ErrStateUnknown},
		{[]string{strings.ToLower(state)}, ErrStateUnknown},
		{[]string{state + "A"}, ErrStateUnknown},
		{[]string{state + state}, ErrStateUnknown},
		{[]string{"7" + state[1:]}, ErrStateUnknown},
		{[]string{"../../grants/bpgo/00/" + state[:13]}, ErrStateUnknown},
		{[]string{strings.Repeat("A", 1<<20)}, ErrStateUnknown},
	} {
		wrong := url.Values{"code": query["code"], "state": c.states}
		outcome, err := f.Finish(t.Context(), Callback{Query: wrong}, w.find)
		if !errors.Is(err, c.target) || outcome != (Outcome{}) {
			t.Errorf("%.40q: %+v, %v", c.states, outcome, err)
		}
		w.checkSilence(err)
	}
	if handle.Count(storagetest.Lock) != 0 || handle.Count(storagetest.Load) != 1 || w.bank.count("/token") != 0 {
		t.Error("something was locked, looked for without need, or sent")
	}
	if outcome, err := f.Finish(t.Context(), Callback{Query: query}, w.find); err != nil || outcome.Result != Granted {
		t.Errorf("the flow is gone: %+v, %v", outcome, err)
	}
}

// Of all who bring one answer, on whatever instance, one is served.
func TestStateIsConsumedOnce(t *testing.T) {
	w := newWorld(t, nil)
	query := w.bank.consent(w.begin(w.flow()))
	var won, lost atomic.Int32
	var wait sync.WaitGroup
	start := make(chan struct{})
	for range 2 {
		f := w.flow()
		for range 20 {
			wait.Go(func() {
				<-start
				switch outcome, err := f.Finish(t.Context(), Callback{Query: query}, w.find); {
				case err == nil && outcome.Result == Granted:
					won.Add(1)
				case errors.Is(err, ErrStateUnknown):
					lost.Add(1)
				default:
					t.Errorf("%+v, %v", outcome, err)
				}
			})
		}
	}
	close(start)
	wait.Wait()
	if won.Load() != 1 || lost.Load() != 39 || w.bank.count("/token") != 1 {
		t.Errorf("%d won, %d lost, %d codes sent", won.Load(), lost.Load(), w.bank.count("/token"))
	}
	if locks := w.storage.Locks(); len(locks) != 0 {
		t.Errorf("%d locks are left", len(locks))
	}
}

func TestStateExpires(t *testing.T) {
	for _, c := range []struct {
		after  time.Duration
		target error
	}{
		{defaultLifetime - time.Second, nil},
		{defaultLifetime, ErrStateUnknown},
		{30 * time.Hour, ErrStateUnknown},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			f := w.flow()
			query := w.bank.consent(w.begin(f))
			time.Sleep(c.after)
			outcome, err := f.Finish(t.Context(), Callback{Query: query}, w.find)
			if !errors.Is(err, c.target) || (outcome.ReturnTo == granted) != (c.target == nil) || w.states() != 0 {
				t.Errorf("after %v: %+v, %v", c.after, outcome, err)
			}
		})
	}
}
