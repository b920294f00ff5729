package sandbox

import (
	"crypto/x509"
	"maps"
	"net/http"
	"sync"
	"time"
)

// maxRecords bounds the memory of what was received; the oldest go first.
const maxRecords = 1000

// Record is one request, or one refused TLS handshake, as the bank saw it.
// It holds tokens and personal data as they were sent: it is for tests.
type Record struct {
	// Time is when the request was complete, by the bank's clock.
	Time time.Time
	// Conn is the client's address and Proto the protocol: "HTTP/1.1",
	// "HTTP/2.0", or "TLS" for a refused handshake.
	Conn, Proto string
	// RawHead is the request line and header lines exactly as they came over
	// TLS, with the empty line. Nil for HTTP/2.
	RawHead []byte
	// Method, RequestURI and Host are those of the request line and Host field
	// (:method, :path and :authority in HTTP/2).
	Method, RequestURI, Host string
	// Header is the header as net/http parsed it.
	Header http.Header
	// Body is the request's body.
	Body []byte
	// ClientCert is the certificate of the TLS handshake (QWAC), QSEAL the one
	// the signature was verified with; nil if unknown.
	ClientCert, QSEAL *x509.Certificate
	// KeyID and SigningString are what the verifier worked with.
	KeyID, SigningString string
	// SignatureOK tells that a signature was there and verified.
	SignatureOK bool
	// Problems are the checks that failed, one sentence each. Empty: none.
	Problems []string
	// Status is the status answered; 0 if the connection was cut instead.
	Status int
	// Operation is the endpoint's name, or "" for an unknown one.
	Operation string
	// Repeated tells that the request must not come twice, and did.
	Repeated bool
	// Fault tells that an injected fault changed the answer.
	Fault bool
}

// Stats counts since start or Reset.
type Stats struct {
	// Requests counts all requests, Refused those with a failed check.
	Requests int `json:"requests"`
	Refused  int `json:"refused"`
	// SignatureFailures counts requests to signed endpoints whose signature
	// was missing or did not verify.
	SignatureFailures int `json:"signature_failures"`
	// TokenCalls counts requests to the token endpoint.
	TokenCalls int `json:"token_calls"`
	// Repeated counts requests that must not come twice, and did: refunds at
	// Payline, new merchants at Carat.
	Repeated int `json:"repeated"`
	// Connections counts finished TLS handshakes, Resumed those of them that
	// resumed a session, HandshakeFailures those refused.
	Connections       int `json:"connections"`
	Resumed           int `json:"resumed"`
	HandshakeFailures int `json:"handshake_failures"`
	// Statuses counts answers by status, Operations requests by operation.
	Statuses   map[int]int    `json:"statuses"`
	Operations map[string]int `json:"operations"`
	// Tokens counts requests to the token endpoint more closely.
	Tokens TokenStats `json:"tokens"`
}

// ledger keeps the latest records, as a ring, and the counters.
type ledger struct {
	mu      sync.Mutex
	records []*Record
	oldest  int // index in records, once it is full
	stats   Stats
}

func (l *ledger) add(rec *Record, signed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.records) < maxRecords {
		l.records = append(l.records, rec)
	} else {
		l.records[l.oldest] = rec
		l.oldest = (l.oldest + 1) % maxRecords
	}
	if rec.Proto == "TLS" {
		l.stats.HandshakeFailures++
		return
	}
	if l.stats.Statuses == nil {
		l.stats.Statuses, l.stats.Operations = map[int]int{}, map[string]int{}
	}
	l.stats.Requests++
	l.stats.Statuses[rec.Status]++
	l.stats.Operations[rec.Operation]++
	if len(rec.Problems) > 0 {
		l.stats.Refused++
	}
	if rec.Operation == operationToken {
		l.stats.TokenCalls++
	}
	if rec.Repeated {
		l.stats.Repeated++
	}
	if signed && !rec.SignatureOK {
		l.stats.SignatureFailures++
	}
}

func (l *ledger) connected(resumed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Connections++
	if resumed {
		l.stats.Resumed++
	}
}

// Records returns what was received, oldest first, at most the latest 1000. A
// request is in it before its answer leaves; a refused handshake may be
// missing for a moment after the client learned of it.
func (b *Bank) Records() []Record {
	b.ledger.mu.Lock()
	defer b.ledger.mu.Unlock()
	return b.ledger.all()
}

func (l *ledger) all() []Record {
	out := make([]Record, 0, len(l.records))
	for i := range l.records {
		out = append(out, *l.records[(l.oldest+i)%len(l.records)])
	}
	return out
}

// Last returns the latest record; the zero Record if there is none.
func (b *Bank) Last() Record {
	b.ledger.mu.Lock()
	defer b.ledger.mu.Unlock()
	if n := len(b.ledger.records); n > 0 {
		return *b.ledger.records[(b.ledger.oldest+n-1)%n]
	}
	return Record{}
}

// Reset forgets records, counters and faults. Tokens, registered certificates
// and the memory of used request ids and signatures stay.
func (b *Bank) Reset() {
	b.faults.Clear()
	b.tokenCalls.reset()
	b.ledger.mu.Lock()
	defer b.ledger.mu.Unlock()
	b.ledger.records, b.ledger.oldest, b.ledger.stats = nil, 0, Stats{}
}

// Stats returns the counters.
func (b *Bank) Stats() Stats {
	b.ledger.mu.Lock()
	defer b.ledger.mu.Unlock()
	s := b.ledger.stats
	s.Tokens = b.tokenCalls.snapshot()
	s.Statuses, s.Operations = maps.Clone(s.Statuses), maps.Clone(s.Operations)
	return s
}

// TokenCalls counts requests to the token endpoint since start or Reset.
func (b *Bank) TokenCalls() int { return b.Stats().TokenCalls }
