package tokens

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds what a Retry-After header may claim.
const maxRetryAfter = 24 * time.Hour

// Answer is what a bank answered, raw: it is stored before it is judged.
// Printed and logged it shows its status only. Marshalled to JSON it shows
// everything, tokens included: that form is for an encrypted store alone.
type Answer struct {
	// Status is the HTTP status.
	Status int
	// Body is what came of the body, at most 64 KiB.
	Body []byte
	// Truncated says that the body broke off, was too long, or was not complete
	// when time ran out.
	Truncated bool
	// AskedAt is just before the request was sent, from where lifetimes count.
	AskedAt time.Time
	// ContentType is the answer's Content-Type. Nothing is decided by it.
	ContentType string
	// RetryAfter is how long the bank asks to wait, 0 if it does not say.
	RetryAfter time.Duration
	// Echoes says that the error code repeats something secret of the request,
	// and must not be shown.
	Echoes bool
}

// storedAnswer is the JSON form of an Answer.
type storedAnswer struct {
	Status      int           `json:"status"`
	Body        []byte        `json:"body,omitempty"`
	Truncated   bool          `json:"truncated,omitempty"`
	AskedAt     time.Time     `json:"asked_at"`
	ContentType string        `json:"content_type,omitempty"`
	RetryAfter  time.Duration `json:"retry_after,omitempty"`
	Echoes      bool          `json:"echoes,omitempty"`
}

// MarshalJSON implements [encoding/json.Marshaler] with all that is in the
// answer: tokens too. It is for an encrypted store alone.
func (a Answer) MarshalJSON() ([]byte, error) { return json.Marshal(storedAnswer(a)) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (a *Answer) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, (*storedAnswer)(a))
}

// readAnswer takes what comes of a response: an answer in any case.
func readAnswer(ctx context.Context, response *http.Response, asked time.Time) *Answer {
	defer response.Body.Close()
	a := &Answer{
		Status:      response.StatusCode,
		AskedAt:     asked,
		ContentType: response.Header.Get("Content-Type"),
		RetryAfter:  retryAfter(response.Header.Get("Retry-After"), asked),
	}
	if first := firstRedirect(response); first != nil {
		// What was found elsewhere is not the token endpoint's answer.
		a.Status = first.StatusCode
		return a
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	// At the deadline a connection may be closed in good order.
	a.Truncated = err != nil || len(body) > maxBody || ctx.Err() != nil && !json.Valid(body)
	a.Body = body[:min(len(body), maxBody)]
	return a
}

// firstRedirect is the redirect that was followed first to get a response, or
// nil if there was none, as it should be.
func firstRedirect(response *http.Response) (first *http.Response) {
	for response.Request != nil && response.Request.Response != nil {
		response = response.Request.Response
		first = response
	}
	return first
}

// retryAfter reads a Retry-After header (RFC 9110 section 10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// hideEchoes notes whether the error code repeats one of the secrets.
func (a *Answer) hideEchoes(secrets ...string) {
	code, _ := salvage(a.Body).refusal()
	if code == "" || slices.Contains(registeredCodes, code) {
		return
	}
	for _, secret := range secrets {
		if secret != "" && strings.Contains(code, secret) {
			a.Echoes = true
		}
	}
}
