package sandbox

import "net/url"

// readTokenCall notes what a request to the token endpoint is about before
// anything is checked, for faults and counters.
func (c *call) readTokenCall() {
	// What can be read of a wrong form is good enough.
	form, _ := url.ParseQuery(string(c.body))
	c.grantType = form.Get("grant_type")
	if c.grantType == "refresh_token" {
		c.bank.refreshAsked(form.Get("refresh_token"))
	}
}

// countOutcome counts what became of a request to the token endpoint.
func (c *call) countOutcome(fault Fault, executed bool) {
	if c.endpoint.name != operationToken {
		return
	}
	refused := len(c.problems) > 0
	outcome := OutcomeGranted
	switch {
	case !executed && (fault.neverActs() || !refused):
		outcome = OutcomeUnprocessed
	case refused && fault.spoils():
		outcome = OutcomeRefusedLost
	case refused:
		outcome = OutcomeRefused
	case fault.spoils():
		outcome = OutcomeLost
	}
	c.bank.tokenCalls.finished(c.grantType, outcome)
}

// neverActs tells that the fault keeps the bank from acting.
func (f *Fault) neverActs() bool {
	return f.Reset == ResetBefore || (!f.Processed && (f.Hang || f.Status != 0))
}

// spoils tells that the client does not get the bank's own answer whole.
func (f *Fault) spoils() bool {
	return f.Hang || f.Status != 0 || f.Truncate != "" || f.Reset == ResetAfter || f.Reset == ResetMidway
}
