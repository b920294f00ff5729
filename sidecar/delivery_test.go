package sidecar_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// A token that is delivered: asked for with the fixed headers and no more, taken
// once, used in its header, and asked for again after a 401.
func TestDeliveredToken(t *testing.T) {
	const value = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef01"
	var (
		r     *rig
		post  = func(form string) int { return deliver(r, form) }
		first = true
	)
	b := newRawBank(t, asking, func(conn *tls.Conn, req *rawRequest, nth int) {
		switch {
		case req.URL.Path == "/base/v1/token/merchants":
			if got := post("token=" + value[1:] + "x"); got != 200 {
				t.Errorf("the delivery was answered %d", got)
			}
			if got := post("token=" + value); got != http.StatusGone {
				t.Errorf("a second delivery was answered %d", got)
			}
			write(conn, answerWith(`{"response_code":0,"response_message":"OK. Transaction successful."}`))
		case first:
			first = false
			write(conn, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
		default:
			write(conn, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
		}
	})
	r = b.toward(t, options{
		overrides: systemPolicy(`{"grant":"delivered","endpoint":"/base/v1/token/merchants","header":"token","no_repeat":true,
			"delivered":{"min_length":66,"max_length":66,"wait":"2s"}}`, `{"set":{"merchant_id":"m-1","merchant_key":"k-1"}}`),
		config: nobody,
	})
	if got := post("token=" + value); got != http.StatusConflict {
		t.Errorf("an unexpected delivery was answered %d", got)
	}
	if a := r.call("POST", "/v1/merchants", "{}"); a.status != 401 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for range 2 {
		if a := r.call("POST", "/v1/merchants", "{}"); a.status != 201 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	all := b.received()
	paths := make([]string, 0, len(all))
	for _, request := range all {
		paths = append(paths, request.Method+" "+request.URL.Path)
		wantLine(t, request.head, "merchant_id: m-1")
		wantLine(t, request.head, "merchant_key: k-1")
		if strings.HasSuffix(request.URL.Path, "/token/merchants") {
			wantNo(t, request.head, "token", "Authorization", "Content-Type")
			wantLine(t, request.head, "Content-Length: 0")
		} else {
			wantLine(t, request.head, "token: "+value[1:]+"x")
			wantNo(t, request.head, "Authorization")
		}
	}
	ask, call := "POST /base/v1/token/merchants", "POST /base/v1/merchants"
	if got, want := strings.Join(paths, ", "), strings.Join([]string{ask, call, ask, call, call}, ", "); got != want {
		t.Errorf("the bank received %s\nwant %s", got, want)
	}
	r.refused(r.call("POST", "/v1/token/merchants", ""), sidecar.CodeTokenEndpointClosed)
	r.refused(r.call("GET", "/x", "", sidecar.HeaderGrant, "g"), sidecar.CodeGrantsOff)
	if r.aspsp.Client() != nil {
		t.Error("grants could be refreshed where tokens are delivered")
	}
}

// deliver posts a form to the rig's ASPSP as a bank does.
func deliver(r *rig, form string) int {
	req, _ := http.NewRequest(http.MethodPost, "/inbox", io.NopCloser(strings.NewReader(form)))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if refusal := r.aspsp.Deliver(req); refusal != nil {
		return refusal.Status
	}
	return http.StatusOK
}

func TestUndeliveredToken(t *testing.T) {
	b := newRawBank(t, asking, func(conn *tls.Conn, _ *rawRequest, _ int) { write(conn, answerWith(`{"response_code":0}`)) })
	r := b.toward(t, options{overrides: systemPolicy(`{"grant":"delivered","endpoint":"/t","delivered":{"wait":"150ms"}}`, `{}`), config: nobody})
	began := time.Now()
	r.refusedAs(r.call("POST", "/v1/merchants", "{}"), sidecar.CodeTokenUndelivered, http.StatusGatewayTimeout, "no")
	if took := time.Since(began); took < 150*time.Millisecond || took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	if got := deliver(r, "token=late"); got != http.StatusConflict {
		t.Errorf("a late delivery was answered %d", got)
	}
	if len(b.received()) != 1 {
		t.Error("the call was sent without a token")
	}
	for want, token := range map[string]string{"set token_endpoint": `{"grant":"delivered","endpoint":null}`} {
		if _, err := r.newASPSP(options{overrides: systemPolicy(token, `{}`), config: nobody}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if err := newRig(t, options{}).aspsp.CheckInbox(); err == nil || !strings.Contains(err.Error(), "delivered") {
		t.Errorf("%v", err)
	}
}

// Every reason not to take a delivery has a status of its own.
func TestRefusedDeliveries(t *testing.T) {
	b := newRawBank(t, asking, answerOK)
	r := b.toward(t, options{overrides: systemPolicy(`{"grant":"delivered","endpoint":"/t","delivered":{"min_length":4,"max_length":8}}`, `{}`), config: nobody})
	for form, want := range map[string]int{
		"token=12345":                409,
		"token=123":                  400,
		"tok=12345":                  400,
		"token=12345&token=12345":    400,
		"token=%0a2345":              400,
		"token=123456789":            413,
		strings.Repeat("x=1&", 5000): 413,
	} {
		if got := deliver(r, form); got != want {
			t.Errorf("%.40s: %d, want %d", form, got, want)
		}
	}
	get, _ := http.NewRequest(http.MethodGet, "/inbox?token=12345", nil)
	if refusal := r.aspsp.Deliver(get); refusal == nil || refusal.Status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %v", refusal)
	}
}
