package answers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Answer is a bank's answer as it was received, before anything is changed.
type Answer struct {
	// Status is the HTTP status.
	Status int
	// Header are the headers in net/http's spelling.
	Header http.Header
	// Body is the body as it was sent: compressed, if it was.
	Body []byte
	// Request is what was asked.
	Request Request
}

// Request is what of a request an answer's signature may speak of.
type Request struct {
	// ID is the X-Request-ID that was sent, or what the bank has in its place.
	ID string
	// Method, Host and Target (path and query) are as on the wire.
	Method, Host, Target string
	// Header are the headers as sent, in any spelling.
	Header http.Header
}

// skew is how much a bank's clock may differ from ours, and how long an answer
// may be under way: a signature that claims another time belongs to another
// answer.
const skew = 5 * time.Minute

// Verifier verifies the answers of one bank. It is safe for concurrent use.
type Verifier struct {
	policy     Policy
	keys       Keys
	algorithms []*algorithm
	requestID  string // name of the header, as signed
	now        func() time.Time
	verify     func(context.Context, *Answer, time.Time) error
}

// Options are what a bank's answers are compared with.
type Options struct {
	// RequestIDHeader is the header that repeats the request's id in an answer.
	// Default: X-Request-ID.
	RequestIDHeader string
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Compile binds a policy to the keys of a bank. It returns nil if the policy is
// off. Errors wrap ErrPolicy.
func Compile(p Policy, keys Keys, options Options) (*Verifier, error) {
	if err := p.Validate(p.Operations); err != nil {
		return nil, err
	}
	p = p.withDefaults()
	if p.Verify == Off {
		return nil, nil
	}
	v := &Verifier{policy: p, keys: keys, now: options.Now, requestID: strings.ToLower(options.RequestIDHeader)}
	if v.now == nil {
		v.now = time.Now
	}
	if v.requestID == "" {
		v.requestID = "x-request-id"
	}
	for i := range algorithms {
		if a := &algorithms[i]; len(p.Algorithms) == 0 || slices.Contains(p.Algorithms, a.name) || slices.Contains(p.Algorithms, a.jose) {
			v.algorithms = append(v.algorithms, a)
		}
	}
	v.verify = map[string]func(context.Context, *Answer, time.Time) error{
		ContainerJWS: v.verifyJWS, ContainerHTTPHeadersJWS: v.verifyHTTPHeaders, ContainerJWT: v.verifyJWT,
		ContainerSignature: v.verifyCavage, ContainerMessageSignature: v.verifyMessage,
		ContainerDigest: func(context.Context, *Answer, time.Time) error { return nil },
	}[p.Container]
	if p.Container != ContainerDigest && len(keys.Certificates)+len(keys.Public) == 0 && keys.Published == nil && keys.Trust == nil {
		return nil, fmt.Errorf("%w: there are no keys to verify with", ErrPolicy)
	}
	return v, nil
}

// Enforces reports whether an answer that is not valid must not reach the app.
func (v *Verifier) Enforces() bool { return v.policy.Verify == Enforce }

// Passes reports whether an answer of that status may reach the app with a
// verdict.
func (v *Verifier) Passes(status int, verdict Verdict) bool {
	return !v.Enforces() || verdict.Outcome == Valid ||
		v.policy.UnsignedErrors && verdict.Outcome == Missing && status >= http.StatusBadRequest
}

// MaxBody is how many bytes of a body are to be read for Verify.
func (v *Verifier) MaxBody() int { return v.policy.MaxBody }

// Covers reports whether answers of an operation are to be verified.
func (v *Verifier) Covers(operation string) bool {
	if len(v.policy.Operations) == 0 {
		return operation != "token"
	}
	return slices.Contains(v.policy.Operations, operation)
}

// TooLarge is the verdict on an answer whose body is larger than MaxBody.
func TooLarge() Verdict { return Verdict{Unchecked, "the body is larger than max_body"} }

// Verify judges an answer. It changes nothing of it.
func (v *Verifier) Verify(ctx context.Context, answer *Answer) Verdict {
	if answer.Request.Method == http.MethodHead {
		return Verdict{Unchecked, "an answer to HEAD has no body"}
	}
	err := v.verify(ctx, answer, v.now())
	if f, ok := errors.AsType[*fault](err); ok && f.Outcome != Invalid {
		return f.Verdict // without a signature a digest proves nothing
	}
	return verdictOf(errors.Join(err, v.checkDigests(answer)))
}

// SignatureHeaders are the headers, in net/http's spelling, that may hold a
// signature under a policy: once the answer is changed it no longer fits.
func SignatureHeaders(p Policy) []string {
	return []string{"Signature", "Signature-Input", http.CanonicalHeaderKey(p.withDefaults().Header)}
}

// named finds which of the accepted algorithms a name stands for.
func (v *Verifier) named(name string, nameOf func(*algorithm) string) []*algorithm {
	var fits []*algorithm
	for _, a := range v.algorithms {
		if nameOf(a) == name {
			fits = append(fits, a)
		}
	}
	return fits
}

// single gives the only value of a header, "" if it is not there.
func single(h http.Header, name string) (string, error) {
	values := h[http.CanonicalHeaderKey(name)]
	switch {
	case len(values) > 1:
		return "", invalid("header " + strings.ToLower(name) + " is there more than once")
	case len(values) == 0:
		return "", nil
	}
	return strings.Trim(values[0], " \t"), nil
}
