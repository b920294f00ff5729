package psu

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxText is the length in bytes up to which a text header of the PSU context
// is accepted. No standard sets one; common servers take 8 KiB for all headers.
const MaxText = 1024

// CheckValue checks the value of one header of the PSU context. The value is
// judged as it stands; surrounding blanks are the caller's to remove. Errors
// wrap ErrInvalid, name the header and the remedy, and never hold the value.
//
// Text headers may hold printable ASCII up to MaxText bytes. Other bytes are
// refused because gateways that decode and encode header values again arrive
// at other bytes than those signed.
func CheckValue(name, value string) error {
	i := index(name)
	if i < 0 {
		return invalid(strconv.Quote(name), "is no header of the PSU context")
	}
	return checkValue(i, names[i], value)
}

// checkValue is CheckValue for the header i, called name in errors.
func checkValue(i int, name, value string) error {
	if err := checkText(name, value); err != nil {
		return err
	}
	switch names[i] {
	case IPAddress:
		return checkAddress(name, value)
	case IPPort:
		return checkPort(name, value)
	case HTTPMethod:
		return checkMethod(name, value)
	case Date:
		return checkDate(name, value)
	case GeoLocation:
		return checkLocation(name, value)
	case DeviceID:
		return checkUUID(name, value)
	}
	return nil
}

func checkText(name, value string) error {
	if value == "" {
		return invalid(name, "is empty; leave the header out")
	}
	if len(value) > MaxText {
		return invalid(name, "is longer than "+strconv.Itoa(MaxText)+" bytes; shorten it or leave the header out")
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' {
			return invalid(name, "holds a control or non-ASCII character; remove or percent-encode it")
		}
	}
	if value[0] == ' ' || value[len(value)-1] == ' ' {
		return invalid(name, "begins or ends with a blank; remove it")
	}
	return nil
}

func checkPort(name, value string) error {
	port, err := strconv.ParseUint(value, 10, 16)
	if err != nil || port == 0 || value[0] == '0' {
		return invalid(name, "is no port; send a decimal number from 1 to 65535 or leave the header out")
	}
	return nil
}

// checkMethod knows the five methods that Berlin Group NextGenPSD2 1.3 lists
// for PSU-Http-Method; STET leaves them open.
func checkMethod(name, value string) error {
	switch value {
	case "GET", "POST", "PUT", "PATCH", "DELETE":
		return nil
	}
	return invalid(name, "is none of GET, POST, PUT, PATCH, DELETE; send one of them in capitals or leave the header out")
}

// checkDate accepts an HTTP date (RFC 9110 section 5.6.7, IMF-fixdate) and a
// date-time with offset (RFC 3339, or ISO 8601 with an offset without colon),
// since STET only says "timestamp".
func checkDate(name, value string) error {
	if t, err := time.Parse(http.TimeFormat, value); err == nil && t.Format(http.TimeFormat) == value {
		return nil
	}
	// Go's parser alone would accept a one-digit hour and a comma.
	const shape = "2006-01-02T15:04:05Z"
	if len(value) >= len(shape) && value[13] == ':' && !strings.Contains(value, ",") {
		for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04:05Z0700"} {
			if _, err := time.Parse(layout, value); err == nil {
				return nil
			}
		}
	}
	return invalid(name, `is no date; send it like "Tue, 07 Jun 2022 20:51:35 GMT" or "2022-06-07T20:51:35Z", or leave the header out`)
}

// checkLocation accepts GEO:<latitude>;<longitude> in decimal degrees, such as
// GEO:52.506931;13.144558 (Berlin Group NextGenPSD2 1.3, PSU-Geo-Location).
func checkLocation(name, value string) error {
	rest, ok := strings.CutPrefix(value, "GEO:")
	latitude, longitude, both := strings.Cut(rest, ";")
	if !ok || !both || !degrees(latitude, 90) || !degrees(longitude, 180) {
		return invalid(name, `is no location; send it like "GEO:52.506931;13.144558" (latitude;longitude in degrees) or leave the header out`)
	}
	return nil
}

// degrees tells whether text is a plain decimal number (no exponent, no plus
// sign) between -limit and limit.
func degrees(text string, limit float64) bool {
	digits := strings.TrimPrefix(text, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if !decimal(whole, 3) || point && !decimal(fraction, 15) {
		return false
	}
	number, err := strconv.ParseFloat(digits, 64)
	return err == nil && number <= limit
}

func decimal(text string, most int) bool {
	if text == "" || len(text) > most {
		return false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// checkUUID accepts the 8-4-4-4-12 form of RFC 9562 section 4, in any case.
func checkUUID(name, value string) error {
	ok := len(value) == 36
	for i := 0; ok && i < len(value); i++ {
		switch i {
		case 8, 13, 18, 23:
			ok = value[i] == '-'
		default:
			c := value[i] | 0x20
			ok = value[i] >= '0' && value[i] <= '9' || c >= 'a' && c <= 'f'
		}
	}
	if !ok {
		return invalid(name, "is no UUID; send it in 8-4-4-4-12 form (RFC 9562) or leave the header out")
	}
	return nil
}
