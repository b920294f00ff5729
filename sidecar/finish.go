package sidecar

import (
	"context"
	"errors"
	"net/http"
	"strconv"
)

// outcomeCanceled is the outcome of a call whose app went away.
const outcomeCanceled = "canceled"

// Finish ends an exchange, once, after the proxy is done with it. err is what
// the proxy returned. The result is nil if the app has its answer, what the app
// is to be told (*Refusal), or context.Canceled if it went away.
func (ex *Exchange) Finish(err error) error {
	switch {
	case err == nil && ex.refusal != nil:
		ex.done(ex.refusedEvent(ex.refusal))
		return nil
	case err == nil && ex.status == 0, err != nil && errors.Is(err, context.Canceled):
		return ex.finishCanceled(context.Canceled)
	case err != nil:
		if ex.failed != nil {
			// What RoundTrip found says more than what the proxy made of it.
			err = ex.failed
		}
		return ex.finishRefused(err)
	}
	ex.done(Event{Status: ex.status, Outcome: strconv.Itoa(ex.status/100) + "xx"})
	return nil
}

// Abort ends an exchange, in place of Finish, whose answer broke off after its
// head had gone to the app. appGone is the error of the app's context, nil if
// it was the bank that broke off.
func (ex *Exchange) Abort(appGone error) {
	if appGone != nil {
		ex.done(Event{Status: ex.status, Outcome: outcomeCanceled, Err: appGone})
		return
	}
	lost := ex.complete(refuse(CodeBankConnectionLost, "in the middle of the answer", nil))
	ex.done(Event{Status: ex.status, Outcome: string(lost.Code), Err: lost})
}

// ErrHeldBack is the refusal of a request that the proxy did not even try to
// send, because the bank failed shortly before. cause is what the proxy said.
func ErrHeldBack(cause error) error {
	return refuse(CodeBankUnreachable, "not tried, since the bank failed shortly before", cause)
}

// RefusalResponse returns an answer to the app that carries a refusal of
// RoundTrip, for a proxy that would otherwise take the error for the bank's.
func (ex *Exchange) RefusalResponse(req *http.Request, err error) *http.Response {
	ex.refusal = ex.complete(err)
	return ex.refusal.response(req)
}

// NothingSent reports whether an error of RoundTrip is a failure to connect,
// after which any request may be tried again.
func NothingSent(err error) bool {
	refusal := AsRefusal(err)
	switch refusal.Code {
	case CodeBankUnreachable, CodeBankConnectTimeout:
		return !refusal.MaybeSent
	}
	return false
}

// ErrWithoutExchange is the refusal of a request that comes without an
// exchange, so that nothing of it has been checked.
func ErrWithoutExchange() error { return refuse(CodeWithoutExchange, "", nil) }

// BankFailed reports whether an error of RoundTrip is the bank's failing, which
// counts against its health, and not a local matter.
func BankFailed(err error) bool {
	switch AsRefusal(err).Code {
	case CodeBankUnreachable, CodeBankConnectTimeout, CodeBankTimeout, CodeBankConnectionLost,
		CodeBankAnswerUnreadable, CodeBankCertificate:
		return true
	}
	return false
}

// complete adds to a refusal what is known of the call.
func (ex *Exchange) complete(err error) *Refusal {
	known := *AsRefusal(err)
	known.ASPSP, known.RequestID = ex.aspsp.Name(), ex.requestID
	known.MaybeSent = known.MaybeSent || ex.sent && known.Code != CodeCertificateRefused && known.Code != CodeBankCertificate
	return &known
}

// finishRefused completes a refusal and ends the exchange.
func (ex *Exchange) finishRefused(err error) error {
	known := ex.complete(err)
	ex.done(ex.refusedEvent(known))
	return known
}

func (ex *Exchange) refusedEvent(refusal *Refusal) Event {
	return Event{Status: refusal.Status, Outcome: string(refusal.Code), Err: refusal}
}

func (ex *Exchange) finishCanceled(err error) error {
	ex.done(Event{Outcome: outcomeCanceled, Err: err})
	return err
}

// done tells the Done hook how the exchange ended.
func (ex *Exchange) done(event Event) {
	done := ex.aspsp.deps.Hooks.Done
	if done == nil {
		return
	}
	event.ASPSP, event.Identity = ex.aspsp.Name(), ex.aspsp.config.IdentityName
	event.Operation, event.RequestID = ex.operation, ex.requestID
	event.Attended, event.Attempts, event.Dropped = ex.psu.Attended(), ex.attempts, ex.dropped
	event.Took = ex.aspsp.deps.Now().Sub(ex.started)
	done(event)
}
