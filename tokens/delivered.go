package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// delivered asks for a token and waits for its delivery, which may come before
// the answer to the asking. The asking is never repeated: the bank would
// deliver twice.
func (g fetcher) delivered(ctx context.Context, key Key, ep *Endpoint) (*Token, error) {
	d := &ep.Spec.Delivered
	asking, err := ep.Inbox.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer asking.end()
	asked := g.now()
	err = askDelivery(ctx, key, ep)
	if err != nil && !errors.Is(err, ErrUnavailable) {
		return nil, err
	}
	value, ok := "", false
	if err == nil {
		value, ok = asking.wait(ctx, d.wait())
		err = fmt.Errorf("%w, though it took the request", ErrUndelivered)
	}
	if !ok {
		// It may have come at the last moment, or with the answer lost.
		if value, ok = asking.end(); !ok {
			return nil, err
		}
	}
	return NewToken(value, asked, orDefault(d.Lifetime, ep.Spec.defaultLifetime()), &ep.Spec), nil
}

// wait waits for the delivery, for so long at most.
func (a *asking) wait(ctx context.Context, most time.Duration) (token string, ok bool) {
	late := time.NewTimer(most)
	defer late.Stop()
	select {
	case token = <-a.token:
		return token, true
	case <-late.C:
	case <-ctx.Done():
	}
	return "", false
}

// askDelivery makes the request that a delivery answers. What tells the bank who
// asks is in fixed headers, which [Endpoint.Do] adds.
func askDelivery(ctx context.Context, key Key, ep *Endpoint) error {
	target, err := ep.TokenEndpoint(ctx)
	if err != nil {
		return err
	}
	ctx = context.WithValue(ctx, errandKey{}, errand{PurposeDelivery, key.ClientID})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, http.NoBody)
	if err != nil {
		return fmt.Errorf("%w: the endpoint's URL cannot be used", ErrSpec)
	}
	request.GetBody = nil // as in newPost
	request.Header.Set("Accept", "application/json")
	response, err := ep.Do(request)
	if err != nil {
		return unavailable(ctx, err)
	}
	defer response.Body.Close()
	return readAsked(ctx, response)
}

// readAsked sorts the answer to an asking: nil if a delivery is to follow.
func readAsked(ctx context.Context, response *http.Response) error {
	status := response.StatusCode
	followed := response.Request != nil && response.Request.Response != nil
	if followed || status >= 300 && status < 400 {
		return fmt.Errorf("%w (HTTP %d)", ErrRedirected, status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return unavailable(ctx, err)
	}
	switch {
	case isTransient(status, ""):
		return fmt.Errorf("%w: HTTP %d", ErrUnavailable, status)
	case isHTML(body):
		return fmt.Errorf("%w: an HTML page (HTTP %d)", ErrUnavailable, status)
	case status != http.StatusOK:
		return &RefusedError{Status: status}
	}
	if code, ok := responseCode(body); ok && code != 0 {
		return &RefusedError{OAuthError: "response_code_" + strconv.Itoa(code), Status: status}
	}
	return nil
}

// responseCode is the response_code of a JSON answer: a number, or a number in a
// string. One that is neither counts as a refusal without a number, -1.
func responseCode(body []byte) (code int, ok bool) {
	var members struct {
		Code json.RawMessage `json:"response_code"`
	}
	if json.Unmarshal(body, &members) != nil || members.Code == nil {
		return 0, false
	}
	code, err := strconv.Atoi(strings.Trim(string(members.Code), `"`))
	if err != nil {
		return -1, true
	}
	return code, true
}

// Receive takes the token from a delivery: a POST of a form, whose body alone
// counts. Without an error the token has been handed to the one who waits for
// it. Other errors than those of [Inbox.Take] are [ErrDeliveryMalformed] and
// [ErrDeliveryTooLong].
func (in *Inbox) Receive(r *http.Request, d *Delivered) error {
	token, err := d.read(r)
	if err != nil {
		return err
	}
	return in.Take(token)
}

// read gives the token of a delivery. No error holds any part of it.
func (d *Delivered) read(r *http.Request) (string, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return "", fmt.Errorf("%w: it is no application/x-www-form-urlencoded", ErrDeliveryMalformed)
	}
	low, high := d.lengths()
	limit := int64(3*high + 4096) // each character may be percent-encoded; other fields are small
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return "", fmt.Errorf("%w: its body could not be read", ErrDeliveryMalformed)
	}
	if int64(len(body)) > limit {
		return "", ErrDeliveryTooLong
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return "", fmt.Errorf("%w: the form cannot be read", ErrDeliveryMalformed)
	}
	values := form[d.parameter()]
	switch {
	case len(values) != 1:
		return "", fmt.Errorf("%w: %s is there %d times", ErrDeliveryMalformed, d.parameter(), len(values))
	case len(values[0]) > high:
		return "", fmt.Errorf("%w: %s has more than %d characters", ErrDeliveryTooLong, d.parameter(), high)
	case len(values[0]) < low || !headerSafe(values[0]):
		return "", fmt.Errorf("%w: %s is too short, or holds what no header may", ErrDeliveryMalformed, d.parameter())
	}
	return values[0], nil
}
