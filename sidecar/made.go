package sidecar

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/caddy-tpp/caddy-tpp/headers"
)

// appearance is what the headers that the sidecar makes say of one appearance of
// a request on the wire.
type appearance struct {
	at                                time.Time
	requestID, clientID, organization string
}

// addMade adds the request's id, Date, and what the profile wants made beside.
func (a *ASPSP) addMade(out *http.Request, of appearance) {
	date := of.at.UTC().Format(http.TimeFormat)
	out.Header[a.filter.RequestID()] = []string{of.requestID}
	out.Header["Date"] = []string{date}
	for _, made := range a.made {
		var value string
		switch made.Kind {
		case headers.MakeHost:
			value = out.URL.Host
		case headers.MakeDate:
			value = date
		case headers.MakeRequestID:
			value = of.requestID
		case headers.MakeClientID:
			value = of.clientID
		case headers.MakeOrganizationID:
			value = of.organization
		case headers.MakeUnixTime:
			value = strconv.FormatInt(of.at.Unix(), 10)
		}
		out.Header[made.Name] = []string{value}
	}
}

// checkMade refuses what could only be made empty.
func (a *ASPSP) checkMade(clientID, organization string) error {
	for _, made := range a.made {
		switch {
		case made.Kind == headers.MakeClientID && clientID == "":
			return fmt.Errorf("headers.make: %s wants the client_id, and there is none: set client_id", made.Name)
		case made.Kind == headers.MakeOrganizationID && organization == "":
			return fmt.Errorf("headers.make: %s wants the organizationIdentifier, and there is no certificate with one: set %[1]s in headers.set instead", made.Name)
		}
	}
	return nil
}
