package sidecar_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// answer is what the app got.
type answer struct {
	status int
	header http.Header
	body   string
}

// call makes a plain call of the app. headers are name, value pairs.
func (r *rig) call(method, path, body string, headers ...string) answer {
	r.t.Helper()
	req, err := http.NewRequest(method, r.app.URL+path, strings.NewReader(body))
	r.check(err)
	if body == "" {
		req.Body = http.NoBody
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	if body != "" && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return r.do(req)
}

func (r *rig) do(req *http.Request) answer {
	r.t.Helper()
	client := http.Client{
		Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(req)
	r.check(err)
	defer response.Body.Close()
	var body bytes.Buffer
	_, err = io.Copy(&body, response.Body)
	r.check(err)
	return answer{response.StatusCode, response.Header, body.String()}
}

// funds makes the call of the main job.
func (r *rig) funds(headers ...string) answer {
	r.t.Helper()
	return r.call("POST", "/funds-confirmations", fundsBody, headers...)
}

// accepted fails unless the bank answered with status and found nothing wrong.
func (r *rig) accepted(a answer, status int) sandbox.Record {
	r.t.Helper()
	last := r.bank.Last()
	if a.status != status || len(last.Problems) > 0 {
		r.t.Fatalf("status %d, want %d; body %s; bank's problems: %q\nhead:\n%s", a.status, status, a.body, last.Problems, last.RawHead)
	}
	return last
}

// refused fails unless the sidecar itself refused with this code.
func (r *rig) refused(a answer, code sidecar.Code) {
	r.t.Helper()
	if got := a.header.Get(sidecar.ErrorHeader); got != string(code) {
		r.t.Fatalf("refusal %q, want %q; status %d, body %s", got, code, a.status, a.body)
	}
}

func (r *rig) lastEvent() sidecar.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.events) == 0 {
		return sidecar.Event{}
	}
	return r.events[len(r.events)-1]
}
