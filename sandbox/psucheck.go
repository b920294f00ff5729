package sandbox

import (
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// geoLocation is the form of PSU-GEO-Location: GEO:<latitude>;<longitude>.
var geoLocation = regexp.MustCompile(`^GEO:-?\d{1,2}(\.\d+)?;-?\d{1,3}(\.\d+)?$`)

// checkPSU looks at the form of every PSU-* header. Their presence says that
// the PSU is connected, which BPCE wants to see by PSU-IP-Address.
func (c *call) checkPSU() {
	present := false
	for _, f := range c.msg.Fields {
		if !strings.HasPrefix(f.Lower, "psu-") {
			continue
		}
		// These identify the PSU and say nothing about presence.
		identifies := slices.Contains([]string{"psu-id", "psu-id-type", "psu-corporate-id", "psu-corporate-id-type"}, f.Lower)
		present = present || !identifies
		if why := psuProblem(f.Lower, f.Value); why != "" {
			c.fail(http.StatusBadRequest, codeRequest, "the header %s %s", f.Name, why)
		}
	}
	if _, ok := c.msg.first("psu-ip-address"); !ok && present {
		c.fail(http.StatusBadRequest, codeRequest, "PSU headers are there, but PSU-IP-Address is missing")
	}
}

// psuProblem says what is wrong with a PSU header, or "".
func psuProblem(lower, value string) string {
	if value == "" {
		return "is empty; leave it out instead"
	}
	switch lower {
	case "psu-ip-address":
		return ipProblem(value)
	case "psu-ip-port":
		if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != value {
			return "is no port number"
		}
	case "psu-http-method":
		if !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, value) {
			return "is none of GET, POST, PUT, PATCH, DELETE"
		}
	case "psu-date":
		if _, err := http.ParseTime(value); err != nil {
			if _, err := time.Parse(time.RFC3339, value); err != nil {
				return "is no date"
			}
		}
	case "psu-device-id":
		if len(value) != 36 || uuid.Validate(value) != nil {
			return "is no UUID"
		}
	case "psu-geo-location":
		if !geoLocation.MatchString(value) {
			return "is not GEO:latitude;longitude"
		}
	case "psu-referer", "psu-user-agent", "psu-accept", "psu-accept-charset", "psu-accept-encoding", "psu-accept-language",
		"psu-id", "psu-id-type", "psu-corporate-id", "psu-corporate-id-type":
	case "psu-referrer":
		return `is not understood; it is spelled "PSU-Referer"`
	default:
		return "is not known"
	}
	return ""
}

// notPublic are the blocks of IANA's special-purpose registries that are not
// globally reachable, and multicast.
var notPublic = parseBlocks(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"224.0.0.0/4", "240.0.0.0/4",
	"::/127", "64:ff9b:1::/48", "100::/64", "2001:db8::/32", "3fff::/20", "fc00::/7", "fe80::/10", "ff00::/8",
)

func parseBlocks(blocks ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, block := range blocks {
		out = append(out, netip.MustParsePrefix(block))
	}
	return out
}

// ipProblem refuses what cannot be the address of a PSU on the internet.
func ipProblem(value string) string {
	ip, err := netip.ParseAddr(value)
	switch {
	case err != nil || ip.Zone() != "":
		return "is no IP address"
	case ip.Is4In6():
		return "is an IPv4 address in IPv6 clothing"
	}
	if slices.ContainsFunc(notPublic, func(block netip.Prefix) bool { return block.Contains(ip) }) {
		return "is not a public address"
	}
	return ""
}
