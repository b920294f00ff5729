package headers

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Kind is what a header that the sidecar makes holds.
type Kind uint8

// All kinds, with what stands for them in a policy.
const (
	MakeHost           Kind = iota + 1 // "host": the host that the request goes to, with its port unless that is 443
	MakeDate                           // "date": the value of Date (RFC 9110 section 5.6.7)
	MakeRequestID                      // "request-id": the request's id
	MakeClientID                       // "client-id": the client_id that the request is made under
	MakeOrganizationID                 // "organization-id": the certificate's organizationIdentifier
	MakeUnixTime                       // "unix-time": the seconds since 1970, in decimal
)

// kinds is in the order of the constants.
var kinds = [...]string{"host", "date", "request-id", "client-id", "organization-id", "unix-time"}

// String is the kind as policies write it.
func (k Kind) String() string { return kinds[k-1] }

// Made is one header that the sidecar makes for each request.
type Made struct {
	// Name is the spelling to be used on the wire.
	Name string
	Kind Kind
}

// RequestID is the usual name of the header with a request's id.
const RequestID = "X-Request-ID"

// Made lists the headers that the policy has made for every request, by name.
func (f *Filter) Made() []Made { return slices.Clone(f.made) }

// RequestID is the header that carries a request's id, in the spelling for the wire.
func (f *Filter) RequestID() string { return f.requestID }

// Makes tells whether a header, in any case, is made for every request: by
// [Policy.Make], or as the request's id.
func (f *Filter) Makes(name string) bool {
	return strings.EqualFold(name, f.requestID) ||
		slices.ContainsFunc(f.made, func(m Made) bool { return strings.EqualFold(m.Name, name) })
}

// compileMade takes the headers that are made into the filter, which then
// passes none of them on from the application.
func (f *Filter) compileMade(p *Policy) {
	f.requestID = RequestID
	if p.RequestID != "" {
		f.requestID = p.RequestID
	}
	f.silence(f.requestID)
	for _, name := range slices.Sorted(maps.Keys(p.Make)) {
		f.made = append(f.made, Made{Name: name, Kind: Kind(slices.Index(kinds[:], p.Make[name]) + 1)})
		f.silent[http.CanonicalHeaderKey(name)] = true
	}
}

// silence keeps a header from passing as the application sent it, because
// others read it and make it anew.
func (f *Filter) silence(name string) {
	key := http.CanonicalHeaderKey(name)
	f.silent[key], f.read[key] = true, true
}

// checkMade is Validate for the headers that the sidecar makes.
func (p *Policy) checkMade() error {
	seen := map[string]string{http.CanonicalHeaderKey(RequestID): "request_id"}
	if p.RequestID != "" {
		if err := checkName("request_id", p.RequestID); err != nil && !strings.EqualFold(p.RequestID, RequestID) {
			return err
		}
		seen = map[string]string{http.CanonicalHeaderKey(p.RequestID): "request_id"}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Make)) {
		key := http.CanonicalHeaderKey(name)
		if former, twice := seen[key]; twice {
			return fmt.Errorf("%w: make: %q is in %s already; keep one", ErrPolicy, name, former)
		}
		seen[key] = "make"
		if !slices.Contains(kinds[:], p.Make[name]) {
			return fmt.Errorf("%w: make: %q cannot be made of %q; use one of %s", ErrPolicy, name, p.Make[name], strings.Join(kinds[:], ", "))
		}
		// The usual name is free where the id has another.
		if key == http.CanonicalHeaderKey(RequestID) && p.Make[name] == MakeRequestID.String() {
			continue
		}
		if err := checkName("make", name); err != nil {
			return err
		}
	}
	for _, name := range slices.Concat(p.Allow, slices.Sorted(maps.Keys(p.Set))) {
		if of, made := seen[http.CanonicalHeaderKey(name)]; made {
			return fmt.Errorf("%w: %q is in %s and in allow or set; keep one", ErrPolicy, name, of)
		}
	}
	if v := p.RequestIDVersion; v != 0 && v != 1 && v != 4 {
		return fmt.Errorf("%w: request_id_version: %d is not offered; use 4 (random) or 1 (by time)", ErrPolicy, v)
	}
	if m := p.RequestIDMember; m != "" && slices.Contains(strings.Split(m, "."), "") {
		return fmt.Errorf("%w: request_id_member: %q is no path; write the members' names with dots between them, such as requestHeader.requestId", ErrPolicy, m)
	}
	return nil
}

// checkName refuses a name that no header of the sidecar's can have.
func checkName(setting, name string) error {
	switch {
	case !isToken(name) || strings.Contains(name, "*"):
		return fmt.Errorf("%w: %s: %q is no header name; use letters, digits, hyphens and underscores", ErrPolicy, setting, name)
	case fateOf(http.CanonicalHeaderKey(name)) != unknown:
		return fmt.Errorf("%w: %s: %q has another use, or must not leave; use another name", ErrPolicy, setting, name)
	}
	return nil
}
