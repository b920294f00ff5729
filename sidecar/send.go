package sidecar

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/signer"
)

// maxDeadConnections is how many dead idle connections in a row a request
// tries before all idle ones are closed.
const maxDeadConnections = 2

// send puts a request on the wire. appearance makes it anew for every try. It
// is tried again if an idle connection turns out to be dead and either nothing
// of the request was written, or the request may be repeated (idempotent); and
// if the bank says that it has not processed it (HTTP/2). sent reports whether
// the bank may have received it.
func (l *link) send(appearance func() (*http.Request, error), idempotent bool, again func()) (response *http.Response, sent bool, err error) {
	return l.sendOver(l.transport, appearance, idempotent, again)
}

// sendOver is send over other connections of the link.
func (l *link) sendOver(transport *http.Transport, appearance func() (*http.Request, error), idempotent bool, again func()) (response *http.Response, sent bool, err error) {
	defer l.sweep()
	for dead := 0; ; dead++ {
		req, err := appearance()
		if err != nil {
			return nil, sent, signingRefusal(err)
		}
		watch := &wireWatch{}
		response, err := transport.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), watch.trace())))
		if err == nil {
			return response, true, nil
		}
		wrote := watch.wrote() && !unprocessed(err)
		sent = sent || wrote
		if req.Context().Err() != nil && errors.Is(err, context.Canceled) {
			return nil, sent, context.Canceled
		}
		dropped := watch.reused && (!wrote || idempotent) && !isTimeout(err)
		if !dropped && !unprocessed(err) || dead > maxDeadConnections {
			return nil, sent, l.bankError(err, watch, sent)
		}
		if dead == maxDeadConnections-1 {
			transport.CloseIdleConnections()
		}
		if again != nil {
			again()
		}
	}
}

// bankError is the refusal of a failed request, with what is known of the link.
func (l *link) bankError(err error, watch *wireWatch, sent bool) *Refusal {
	refusal := bankError(err, watch, sent)
	if refusal.Code == CodeCertificateRefused && l.generation.QWAC == nil {
		refusal.Detail += "; none was shown, see client_certificate and identity of the ASPSP"
	}
	return refusal
}

// unprocessed reports whether the bank has refused a stream before processing
// it (RFC 9113 section 8.7: REFUSED_STREAM, or a GOAWAY with a lower stream), or
// the connection was given up before the stream began. net/http would repeat
// such a request as it is; since it cannot rewind ours, it says that instead. It
// does not export the error, and says the same after a PROTOCOL_ERROR, which
// gateways send when they have processed a request, too.
func unprocessed(err error) bool {
	text := err.Error()
	if !strings.Contains(text, "http2: Transport: cannot retry err") {
		return false
	}
	for _, reason := range []string{"REFUSED_STREAM", "GOAWAY", "client conn not usable"} {
		if strings.Contains(text, reason) {
			return true
		}
	}
	return false
}

// signingRefusal maps the signer's errors to codes.
func signingRefusal(err error) error {
	switch {
	case errors.Is(err, signer.ErrHeaderMissing):
		return refuse(CodeSignedHeaderMissing, err.Error(), err)
	case errors.Is(err, signer.ErrHeaderValue):
		return refuse(CodeHeaderInvalid, err.Error(), err)
	case errors.Is(err, signer.ErrBody):
		return refuse(CodeBodyNotSignable, err.Error(), err)
	default:
		return refuse(CodeSigningFailed, "", err)
	}
}
