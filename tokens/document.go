package tokens

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// documentAge is after how long metadata and keys are fetched again.
	documentAge = time.Hour
	// documentRetry is the least time between two attempts while an older
	// document serves, and between two searches for a key that is not known.
	documentRetry = time.Minute
	// maxDocument bounds what is read of a document; a large key set has 30 KiB.
	maxDocument = 256 << 10
)

// document keeps something that a server publishes about itself. One caller at
// a time fetches it; while an old one is there nobody waits for a new one, and
// one that cannot be had or used never takes its place.
type document[T any] struct {
	mu sync.Mutex
	// value is nil as long as nothing was fetched.
	value                  *T
	fetched, tried, forced time.Time
	err                    error
	flight                 chan struct{} // closed when the fetch that runs has ended
}

// get gives the document. fetch runs in a goroutine of its own; it must bound
// itself and need no context of the caller's.
func (d *document[T]) get(ctx context.Context, now time.Time, fetch func() (*T, error)) (*T, error) {
	d.mu.Lock()
	age := now.Sub(d.fetched)
	switch {
	case d.value != nil && age >= 0 && age < documentAge:
	case d.value != nil:
		if since(now, d.tried) >= documentRetry {
			d.start(now, fetch)
		}
	case d.err != nil && d.flight == nil && since(now, d.tried) < failFast:
	default:
		d.start(now, fetch)
		return d.wait(ctx)
	}
	defer d.mu.Unlock()
	return d.value, d.err0()
}

// renew fetches the document for a caller to whom the present one is of no use,
// but not more often than once in documentRetry: until then it gives nil. It
// gives the error of the last attempt if that failed, for then nobody knows
// whether a newer document would have been of use.
func (d *document[T]) renew(ctx context.Context, now time.Time, fetch func() (*T, error)) (*T, error) {
	d.mu.Lock()
	if since(now, d.forced) < documentRetry {
		defer d.mu.Unlock()
		return nil, d.err
	}
	d.forced = now
	d.start(now, fetch)
	value, err := d.wait(ctx)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return value, d.err
}

// start launches a fetch unless one runs. d.mu must be held.
func (d *document[T]) start(now time.Time, fetch func() (*T, error)) {
	if d.flight != nil {
		return
	}
	d.tried = now
	landed := make(chan struct{})
	d.flight = landed
	go func() {
		value, err := fetch()
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.err = err; err == nil {
			d.value, d.fetched = value, now
		}
		d.flight = nil
		close(landed)
	}()
}

// wait waits for the fetch that runs. d.mu must be held; it is given back.
func (d *document[T]) wait(ctx context.Context) (*T, error) {
	landed := d.flight
	d.mu.Unlock()
	select {
	case <-landed:
	case <-ctx.Done():
		return nil, unavailable(ctx, ctx.Err())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.value, d.err0()
}

// err0 is the error of the last attempt, if there is nothing else to give.
func (d *document[T]) err0() error {
	if d.value != nil {
		return nil
	}
	return d.err
}

// since is the time that has passed, or very long if the clock was set back.
func since(now, then time.Time) time.Duration {
	if passed := now.Sub(then); passed >= 0 {
		return passed
	}
	return documentAge
}

// load gets a document over mutual TLS, like everything else. Errors are
// ErrUnavailable and ErrMetadata.
func (ep *Endpoint) load(purpose Purpose, target, accept string) ([]byte, error) {
	ctx, cancel := ep.errandContext(context.Background(), purpose, "")
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil || ep.Do == nil || request.URL.Scheme != "https" {
		return nil, fmt.Errorf("%w: the %s URL cannot be used", ErrMetadata, purpose)
	}
	request.Header.Set("Accept", accept)
	request.Header.Set("X-Request-ID", uuid.NewString())
	return ep.loadOnce(ctx, request, purpose)
}

func (ep *Endpoint) loadOnce(ctx context.Context, request *http.Request, purpose Purpose) (body []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			body, err = nil, fmt.Errorf("%w: the call for %s panicked (%T)", ErrUnavailable, purpose, v)
		}
	}()
	response, err := ep.Do(request)
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	defer response.Body.Close()
	if firstRedirect(response) != nil || response.StatusCode != http.StatusOK {
		kind := ErrUnavailable
		if response.StatusCode < 500 && !isTransient(response.StatusCode, "") {
			kind = ErrMetadata
		}
		return nil, fmt.Errorf("%w: %s: HTTP %d", kind, purpose, response.StatusCode)
	}
	body, err = io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	switch {
	case err != nil:
		return nil, unavailable(ctx, err)
	case len(body) > maxDocument:
		return nil, fmt.Errorf("%w: %s: more than %d KiB", ErrMetadata, purpose, maxDocument>>10)
	case isHTML(body):
		return nil, fmt.Errorf("%w: %s: an HTML page", ErrUnavailable, purpose)
	}
	return body, nil
}

// hostOf is the host of a URL in lower case, with its port unless it is 443; ""
// if it is no URL that may be called.
func hostOf(target string) string {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return ""
	}
	return strings.TrimSuffix(strings.ToLower(u.Host), ":443")
}
