package sidecar

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptrace"
	"net/textproto"
	"reflect"
	"strings"
	"syscall"
)

// wireWatch observes one appearance of a request on the wire.
type wireWatch struct {
	conn    net.Conn
	reused  bool
	before  int64
	telling bool
}

// trace returns the hooks that feed the watch. net/http calls GotConn before
// it writes, on the goroutine of RoundTrip.
func (w *wireWatch) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			w.conn, w.reused = info.Conn, info.Reused
			w.before, w.telling = writtenOn(info.Conn)
		},
		// Before the proxy's own hook hands an interim answer to the app.
		Got1xxResponse: func(_ int, header textproto.MIMEHeader) error {
			cleanControl(header)
			return nil
		},
	}
}

// connected reports whether the request got as far as a connection.
func (w *wireWatch) connected() bool { return w.conn != nil }

// wrote reports whether any byte of the request may have left.
func (w *wireWatch) wrote() bool {
	if !w.connected() {
		return false
	}
	if !w.telling {
		return true
	}
	now, _ := writtenOn(w.conn)
	return now-w.before > largestAlert
}

// heard returns what the bank said before the connection was closed, if err is
// only that it was: a write under way may fail before the alert that explains it
// is reported. net/http has closed the connection by then, and crypto/tls
// repeats the error it met last on every further Read.
func (w *wireWatch) heard(err error) error {
	closed := errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
	if w.reused || !w.telling || !closed {
		return err
	}
	if _, last := w.conn.Read(make([]byte, 1)); last != nil {
		if _, ok := remoteAlert(last); ok {
			return last
		}
	}
	return err
}

// largestAlert is more than a TLS alert record takes and less than any request:
// closing a dead connection writes a close_notify. A request's record of which
// less than this has left is incomplete, so that the bank cannot decrypt it.
const largestAlert = 64

// TLS alerts with which a bank refuses a client certificate (RFC 8446 section 6.2).
const (
	alertHandshakeFailure    = 40
	alertBadCertificate      = 42
	alertCertificateUnknown  = 46
	alertUnknownCA           = 48
	alertAccessDenied        = 49
	alertCertificateRequired = 116
)

// bankError turns an error of net/http into a refusal that says what happened
// and whether the bank may have received the request.
func bankError(err error, watch *wireWatch, sent bool) *Refusal {
	refusal := classify(err, watch)
	refusal.MaybeSent = sent
	switch refusal.Code {
	case CodeCertificateRefused, CodeBankCertificate:
		// With TLS 1.3 the request's bytes may leave before the bank's refusal of
		// the certificate arrives; the bank has not accepted them.
		refusal.MaybeSent = false
	}
	return refusal
}

func classify(err error, watch *wireWatch) *Refusal {
	err = watch.heard(err)
	// An alert on a connection that has carried requests is not about its handshake.
	if alert, ok := remoteAlert(err); ok && !watch.reused {
		if alert == alertHandshakeFailure || alert >= alertBadCertificate && alert <= alertCertificateUnknown ||
			alert == alertUnknownCA || alert == alertAccessDenied || alert == alertCertificateRequired {
			return refuse(CodeCertificateRefused, alertText(err), err)
		}
		if !watch.connected() {
			return refuse(CodeBankUnreachable, alertText(err), err)
		}
	}
	if untrusted, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return refuse(CodeBankCertificate, verificationText(untrusted), err)
	}
	var (
		dns     *net.DNSError
		network *net.OpError
	)
	switch {
	case !watch.connected() && isTimeout(err):
		return refuse(CodeBankConnectTimeout, "", err)
	case errors.As(err, &dns):
		return refuse(CodeBankUnreachable, "the host name does not resolve", err)
	case !watch.connected():
		return refuse(CodeBankUnreachable, plainCause(err), err)
	case isTimeout(err):
		return refuse(CodeBankTimeout, "", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network):
		return refuse(CodeBankConnectionLost, "", err)
	case strings.Contains(err.Error(), "malformed"), strings.Contains(err.Error(), "transport connection broken"):
		// net/http says the latter of an answer it could not parse, too, and does
		// not export what was wrong with it.
		return refuse(CodeBankAnswerUnreadable, "", err)
	default:
		return refuse(CodeBankConnectionLost, "", err)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// remoteAlert returns the number of a TLS alert that the bank sent. crypto/tls
// does not export its type, which is a uint8 inside a net.OpError.
func remoteAlert(err error) (uint8, bool) {
	operation, ok := errors.AsType[*net.OpError](err)
	if !ok || operation.Op != "remote error" {
		return 0, false
	}
	alert := reflect.ValueOf(operation.Err)
	if alert.Kind() != reflect.Uint8 {
		return 0, false
	}
	return uint8(alert.Uint()), true
}

// alertText is the alert's name as crypto/tls gives it, such as "tls: unknown certificate authority".
func alertText(err error) string {
	operation, _ := errors.AsType[*net.OpError](err)
	return "TLS alert: " + strings.TrimPrefix(operation.Err.Error(), "tls: ")
}

// verificationText says why the bank's certificate is not trusted.
func verificationText(err *tls.CertificateVerificationError) string {
	var (
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &authority):
		return "signed by an unknown authority"
	case errors.As(err, &hostname):
		return "issued for another host name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "expired or not yet valid"
	default:
		return "verification failed"
	}
}

// plainCause names the cause of a failed connection without addresses.
func plainCause(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to the host"
	default:
		return ""
	}
}
