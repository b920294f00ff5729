package sidecar_test

import (
	"strings"
	"testing"
)

func TestPlainCallGoesOutCompliant(t *testing.T) {
	r := newRig(t, options{})
	a := r.funds("PSU-IP-Address", publicIP, "PSU-User-Agent", "Mozilla/5.0")
	record := r.accepted(a, 200)
	if !strings.Contains(a.body, `"result":true`) {
		t.Errorf("the bank's answer is %s", a.body)
	}
	head := string(record.RawHead)
	for _, want := range []string{"\r\nPSU-IP-Address: " + publicIP + "\r\n", "\r\nX-Request-ID: ", "\r\nDigest: SHA-256=", "\r\nSignature: keyId=\"SN="} {
		if !strings.Contains(head, want) {
			t.Errorf("no %q in\n%s", want, head)
		}
	}
	if got := a.header.Get("X-Request-ID"); got == "" || got != record.Header.Get("X-Request-ID") {
		t.Errorf("the app got X-Request-ID %q, the bank %q", got, record.Header.Get("X-Request-ID"))
	}
}
