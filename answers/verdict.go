package answers

import "errors"

// Outcome is a verdict in one word, as metrics have it.
type Outcome string

// The outcomes.
const (
	// Valid: a key of the bank signed this answer, and all that had to be covered is.
	Valid Outcome = "valid"
	// Invalid: there is a signature or digest, and it does not hold.
	Invalid Outcome = "invalid"
	// Missing: there is no signature, or no digest where one was expected.
	Missing Outcome = "missing"
	// Unchecked: nothing can be said, such as when the bank's keys cannot be had.
	Unchecked Outcome = "unchecked"
)

// Verdict is what was found about one answer.
type Verdict struct {
	Outcome Outcome
	// Reason says why an answer is not valid, in a few words of ASCII that name
	// headers and settings but hold no value of the answer.
	Reason string
}

// String gives the verdict as the app is told it: "valid", "invalid; reason".
func (v Verdict) String() string {
	if v.Reason == "" {
		return string(v.Outcome)
	}
	return string(v.Outcome) + "; " + v.Reason
}

// fault is an outcome other than valid, on its way up as an error.
type fault struct{ Verdict }

// Error implements error.
func (f *fault) Error() string { return f.String() }

func invalid(reason string) error { return &fault{Verdict{Invalid, reason}} }
func missing(reason string) error { return &fault{Verdict{Missing, reason}} }
func unchecked(reason string) error {
	return &fault{Verdict{Unchecked, reason}}
}

// verdictOf makes the verdict of a check's result.
func verdictOf(err error) Verdict {
	if err == nil {
		return Verdict{Outcome: Valid}
	}
	if f, ok := errors.AsType[*fault](err); ok {
		return f.Verdict
	}
	return Verdict{Unchecked, "it could not be checked"}
}
