package caddymodule_test

import (
	"encoding/json"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// accepted fails unless the bank answered with status and found nothing wrong.
func (r *rig) accepted(a answer, status int) sandbox.Record {
	r.t.Helper()
	last := r.bank.Last()
	if a.status != status || len(last.Problems) > 0 || a.header.Get(sidecar.ErrorHeader) != "" {
		r.t.Fatalf("status %d, want %d; body %s; bank's problems: %q\nhead:\n%s", a.status, status, a.body, last.Problems, last.RawHead)
	}
	return last
}

// problem is the body of a local refusal.
type problem struct {
	Code, Detail, Remedy, ASPSP string
	Status                      int
	ReachedBank                 string `json:"reached_bank"`
	RequestID                   string `json:"request_id"`
}

// refused fails unless the sidecar itself refused with this code.
func (r *rig) refused(a answer, code sidecar.Code, status int) problem {
	r.t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		r.t.Fatalf("status %d, body %q is no problem document: %v", a.status, a.body, err)
	}
	if a.status != status || p.Status != status || p.Code != string(code) || p.Remedy == "" ||
		a.header.Get(sidecar.ErrorHeader) != string(code) || a.header.Get("Content-Type") != "application/problem+json" {
		r.t.Fatalf("status %d, header %v, body %s; want %s with %d", a.status, a.header, a.body, code, status)
	}
	return p
}
