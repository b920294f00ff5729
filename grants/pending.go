package grants

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// Kinds of requests to the bank.
const (
	kindCode    = "code"
	kindRefresh = "refresh"
)

// How a request ended that has no answer.
const (
	// notSent: nothing has reached the bank.
	notSent = "not_sent"
	// noAnswer: it may have reached the bank.
	noAnswer = "no_answer"
)

// answerGrace is how long after the end of a call its outcome may take to be
// stored, before others take it for lost.
const answerGrace = 2 * time.Second

// pending is one request to the bank: written into the record before it is sent,
// completed with the answer before that is judged, and gone when it is settled.
type pending struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
	// Started is when it was written, Deadline when its answer cannot come any more.
	Started  time.Time `json:"started"`
	Deadline time.Time `json:"deadline"`
	// Attempt is 2 where a refresh is sent once more.
	Attempt int `json:"attempt"`
	// Epoch and Revision are the record's when it was written.
	Epoch    string `json:"epoch"`
	Revision uint64 `json:"revision"`

	// What the tokens will have been fetched with.
	Endpoint   string `json:"endpoint,omitempty"`
	ClientID   string `json:"client_id,omitempty"`
	Thumbprint string `json:"thumbprint,omitempty"`
	Scope      string `json:"scope,omitempty"`
	// Code is the digest of the authorization code.
	Code string `json:"code,omitempty"`

	// Answer is the bank's, raw; or Ended says how it ended without one. Neither
	// is there while the answer is awaited.
	Answer *tokens.Answer `json:"answer,omitempty"`
	Ended  string         `json:"ended,omitempty"`
}

// newPending announces a request about r through c.
func newPending(kind string, r *record, c *Client, now time.Time) *pending {
	return &pending{
		ID: uuid.NewString(), Kind: kind, Attempt: 1,
		Started: now, Deadline: now.Add(c.timeout() + answerGrace),
		Epoch: r.Epoch, Revision: r.Revision,
		Endpoint: c.endpoint(), ClientID: c.ClientID, Thumbprint: c.Thumbprint, Scope: r.Scope,
	}
}

// id is the request's, "" if there is none.
func (p *pending) id() string {
	if p == nil {
		return ""
	}
	return p.ID
}

// with gives the request with its outcome.
func (p *pending) with(answer *tokens.Answer, ended string) *pending {
	done := *p
	done.Answer, done.Ended = answer, ended
	return &done
}

// open reports whether the outcome may still come.
func (p *pending) open(now time.Time) bool {
	return p != nil && p.Answer == nil && p.Ended == "" && now.Before(p.Deadline)
}

// verdictOpen is the verdict about a request whose answer is awaited.
const verdictOpen tokens.Verdict = "open"

// judge says what the request amounts to.
func (p *pending) judge(s *tokens.Spec, now time.Time) (tokens.Verdict, *tokens.Pair, error) {
	switch {
	case p.Answer != nil:
		return p.Answer.Judge(s)
	case p.Ended == notSent:
		return tokens.VerdictNotProcessed, nil, fmt.Errorf("%w: nothing was sent", tokens.ErrUnavailable)
	case p.open(now):
		return verdictOpen, nil, nil
	default:
		return tokens.VerdictUnclear, nil, fmt.Errorf("%w: there was no answer", tokens.ErrUnavailable)
	}
}

// relevance says what becomes of an outcome.
type relevance int

const (
	// late: newer tokens are there, or the record is another one.
	late relevance = iota
	// timely: it is to be settled.
	timely
	// early: another request is open that it depends on.
	early
)

// relevanceFor says whether the outcome p still counts for the record, which
// others may have changed: quarantined for want of p's answer, released, revoked,
// or asked again. It counts as long as the tokens are those that p was made with.
func (p *pending) relevanceFor(r *record, now time.Time) relevance {
	switch {
	case r.Pending != nil && r.Pending.ID == p.ID:
		return timely
	case r.Epoch != p.Epoch:
		return late
	case p.Ended == notSent && r.Doubt != p.ID:
		return late // it was never announced, or is settled
	case r.Pending.open(now):
		return early
	default:
		return timely
	}
}

// String hides the answer from fmt.
func (pending) String() string { return redacted }

// GoString hides the answer from %#v.
func (pending) GoString() string { return redacted }

// LogValue hides the answer from slog.
func (pending) LogValue() slog.Value { return slog.StringValue(redacted) }

// codeDigest stands for an authorization code.
func codeDigest(code string) string {
	sum := sha256.Sum256([]byte(code))
	return hex.EncodeToString(sum[:])
}
