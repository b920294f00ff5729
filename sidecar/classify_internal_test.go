package sidecar

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"syscall"
	"testing"
)

func alert(number uint8) error {
	return fmt.Errorf("net/http: %w", &net.OpError{Op: "remote error", Err: tls.AlertError(number)})
}

// TestAlertsOfTheBank holds alerts against the moment at which they come: one on
// a connection that has carried requests says nothing about its handshake, and
// a request may have been processed.
func TestAlertsOfTheBank(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	dialing, fresh, used := &wireWatch{}, &wireWatch{conn: near}, &wireWatch{conn: near, reused: true}
	cases := []struct {
		number uint8
		watch  *wireWatch
		code   Code
		maybe  bool
	}{
		{40, dialing, CodeCertificateRefused, false}, {42, fresh, CodeCertificateRefused, false}, {43, dialing, CodeCertificateRefused, false},
		{44, fresh, CodeCertificateRefused, false}, {45, fresh, CodeCertificateRefused, false}, {46, fresh, CodeCertificateRefused, false},
		{48, dialing, CodeCertificateRefused, false}, {49, fresh, CodeCertificateRefused, false}, {116, fresh, CodeCertificateRefused, false},
		{70, dialing, CodeBankUnreachable, false}, {112, dialing, CodeBankUnreachable, false}, {47, dialing, CodeBankUnreachable, false},
		{80, fresh, CodeBankConnectionLost, true}, {80, used, CodeBankConnectionLost, true}, {49, used, CodeBankConnectionLost, true},
	}
	for _, c := range cases {
		got := bankError(alert(c.number), c.watch, c.watch.connected())
		if got.Code != c.code || got.MaybeSent != c.maybe {
			t.Errorf("alert %d, reused %t: %s, maybe sent %t", c.number, c.watch.reused, got.Code, got.MaybeSent)
		}
		if (got.Detail != "") != (c.code != CodeBankConnectionLost) {
			t.Errorf("alert %d: detail %q", c.number, got.Detail)
		}
	}
	if _, ok := remoteAlert(&net.OpError{Op: "remote error", Err: errors.New("x")}); ok {
		t.Error("an error that is no number was taken for an alert")
	}
	if _, ok := remoteAlert(&net.OpError{Op: "local error", Err: tls.AlertError(42)}); ok {
		t.Error("our own alert was taken for the bank's")
	}
}

func TestConnectionErrors(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Err: err} }
	for err, want := range map[error]string{
		dial(syscall.ECONNREFUSED): "connection refused", dial(syscall.EHOSTUNREACH): "no route to the host",
		dial(syscall.ENETUNREACH): "no route to the host", dial(errors.New("10.1.2.3 is odd")): "",
		&url.Error{Err: &net.DNSError{Name: "secret.internal", IsNotFound: true}}: "the host name does not resolve",
	} {
		got := bankError(err, &wireWatch{}, false)
		if got.Code != CodeBankUnreachable || got.Detail != want || !NothingSent(got) || !BankFailed(got) {
			t.Errorf("%v: %s %q", err, got.Code, got.Detail)
		}
	}
	if got := bankError(dial(context.DeadlineExceeded), &wireWatch{}, false); got.Code != CodeBankConnectTimeout || !NothingSent(got) {
		t.Errorf("timeout while dialling: %v", got)
	}
	// Connecting for a repetition failed, but an earlier attempt had left.
	if got := bankError(dial(syscall.ECONNREFUSED), &wireWatch{}, true); NothingSent(got) || !got.MaybeSent {
		t.Errorf("repetition: %v", got)
	}
}

func TestSigningErrorsAndStrangers(t *testing.T) {
	if got := AsRefusal(signingRefusal(errors.New("device said: secret"))); got.Code != CodeSigningFailed || got.Detail != "" {
		t.Errorf("%v", got)
	}
	if got := AsRefusal(errors.New("x")); got.Code != CodeInternal || got.Status != 500 {
		t.Errorf("%v", got)
	}
	if got := problemFor("no-such-code"); got.Code != CodeInternal {
		t.Errorf("%v", got)
	}
	if got := AsRefusal(ErrWithoutExchange()); got.Code != CodeWithoutExchange || NothingSent(got) || BankFailed(got) {
		t.Errorf("%v", got)
	}
	if FromContext(context.Background()) != nil {
		t.Error("an exchange out of nothing")
	}
}
