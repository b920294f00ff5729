package sidecar

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/google/uuid"
)

// usualRequestIDKey is X-Request-ID as net/http spells it.
const usualRequestIDKey = "X-Request-Id"

// readRequestID keeps the app's own id, under the name that the bank knows or as
// X-Request-ID, or makes the first one.
func (ex *Exchange) readRequestID(h http.Header) error {
	name := ex.aspsp.filter.RequestID()
	values := h[usualRequestIDKey]
	if ex.aspsp.requestIDKey != usualRequestIDKey {
		values = slices.Concat(values, h[ex.aspsp.requestIDKey])
	}
	for _, value := range values {
		if value != values[0] || value != "" && !validRequestID(value) {
			ex.requestID = ex.aspsp.newRequestID() // for the refusal
			return refuse(CodeHeaderInvalid, name+" must be one value of at most 128 visible ASCII characters", nil)
		}
	}
	if len(values) > 0 && values[0] != "" {
		ex.requestID = values[0]
		return nil
	}
	ex.requestID, ex.madeRequestID = ex.aspsp.newRequestID(), true
	return nil
}

// readRequestIDMember takes the id from the body, where the bank wants the same
// in both. A body that has none is the bank's to judge.
func (ex *Exchange) readRequestIDMember() error {
	path := ex.aspsp.requestIDMember
	if path == nil {
		return nil
	}
	var id string
	if json.Unmarshal(memberAt(ex.body, path), &id) != nil || id == "" {
		return nil
	}
	switch {
	case !validRequestID(id):
		return refuse(CodeHeaderInvalid, "the id in the body must be at most 128 visible ASCII characters", nil)
	case !ex.madeRequestID && id != ex.requestID:
		return refuse(CodeHeaderInvalid, fmt.Sprintf("%s and the id in the body differ", ex.aspsp.filter.RequestID()), nil)
	}
	ex.requestID, ex.madeRequestID = id, false
	return nil
}

// memberAt is the text of a member of a JSON document, nil if it has none there.
func memberAt(document []byte, path []string) []byte {
	for _, name := range path {
		var members map[string]json.RawMessage
		if json.Unmarshal(document, &members) != nil {
			return nil
		}
		document = members[name]
	}
	return document
}

// validRequestID reports whether a value is 1 to 128 visible ASCII characters.
func validRequestID(value string) bool {
	for i := range len(value) {
		if value[i] <= ' ' || value[i] > '~' {
			return false
		}
	}
	return value != "" && len(value) <= 128
}

// newRequestID makes an id of the kind that the bank wants.
func (a *ASPSP) newRequestID() string {
	switch {
	case a.deps.NewRequestID != nil:
		return a.deps.NewRequestID()
	case a.config.Profile.Headers.RequestIDVersion == 1:
		return newTimeUUID()
	}
	return uuid.NewString()
}

// newTimeUUID makes a UUID of version 1 whose node is random (RFC 9562 section
// 6.10): the usual one, a network card's address, is nobody's business.
func newTimeUUID() string {
	id, err := uuid.NewUUID()
	if err != nil {
		return uuid.NewString() // no time to be had
	}
	random := uuid.New()
	copy(id[10:], random[10:])
	id[10] |= 1 // multicast: no card's address
	return id.String()
}
