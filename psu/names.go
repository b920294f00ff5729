package psu

import (
	"net/http"
	"strings"
)

// The headers of the PSU context in the spelling of the STET PSD2 API, part 1,
// "request headers". Berlin Group NextGenPSD2 has the same ones except
// PSU-Date and PSU-Referer.
const (
	IPAddress      = "PSU-IP-Address"
	IPPort         = "PSU-IP-Port"
	HTTPMethod     = "PSU-HTTP-Method"
	Date           = "PSU-Date"
	GeoLocation    = "PSU-GEO-Location"
	UserAgent      = "PSU-User-Agent"
	Referer        = "PSU-Referer"
	Accept         = "PSU-Accept"
	AcceptCharset  = "PSU-Accept-Charset"
	AcceptEncoding = "PSU-Accept-Encoding"
	AcceptLanguage = "PSU-Accept-Language"
	DeviceID       = "PSU-Device-ID"
)

const count = 12

// names is in the order in which a Context lists its headers.
var names = [count]string{
	IPAddress, IPPort, HTTPMethod, Date, GeoLocation, UserAgent, Referer,
	Accept, AcceptCharset, AcceptEncoding, AcceptLanguage, DeviceID,
}

// ipAddress is the index of PSU-IP-Address, whose presence decides whether a
// call is attended.
const ipAddress = 0

// keys holds the names as net/http writes them into an http.Header.
var keys = func() (k [count]string) {
	for i, name := range names {
		k[i] = http.CanonicalHeaderKey(name)
	}
	return k
}()

// Names lists the headers of the PSU context in the spelling used on the wire.
func Names() [12]string { return names }

// IsContext tells whether name is a header of the PSU context, in any case.
// Identifiers of the PSU, such as Berlin Group's PSU-ID, are not context.
func IsContext(name string) bool { return index(name) >= 0 }

func index(name string) int {
	for i := range names {
		if len(name) == len(names[i]) && strings.EqualFold(name, names[i]) {
			return i
		}
	}
	return -1
}
