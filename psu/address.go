package psu

import "net/netip"

// A reserved range can be no address of a PSU's terminal as a bank sees it.
type reserved struct {
	prefix netip.Prefix
	what   string
}

// reservedV4 follows the IANA IPv4 special-purpose address registry (RFC 6890).
var reservedV4 = []reserved{
	{netip.MustParsePrefix("0.0.0.0/8"), "is an address of \"this network\" (RFC 791)"},
	{netip.MustParsePrefix("10.0.0.0/8"), "is a private address (RFC 1918)"},
	{netip.MustParsePrefix("100.64.0.0/10"), "is a carrier's shared address (RFC 6598)"},
	{netip.MustParsePrefix("127.0.0.0/8"), "is a loopback address (RFC 1122)"},
	{netip.MustParsePrefix("169.254.0.0/16"), "is a link-local address (RFC 3927)"},
	{netip.MustParsePrefix("172.16.0.0/12"), "is a private address (RFC 1918)"},
	{netip.MustParsePrefix("192.0.0.0/24"), "is reserved for protocols (RFC 6890)"},
	{netip.MustParsePrefix("192.0.2.0/24"), "is a documentation address (RFC 5737)"},
	{netip.MustParsePrefix("192.31.196.0/24"), "is a name server's anycast address (RFC 7535)"},
	{netip.MustParsePrefix("192.52.193.0/24"), "is a multicast relay's address (RFC 7450)"},
	{netip.MustParsePrefix("192.88.99.0/24"), "is a 6to4 relay's address (RFC 7526)"},
	{netip.MustParsePrefix("192.168.0.0/16"), "is a private address (RFC 1918)"},
	{netip.MustParsePrefix("192.175.48.0/24"), "is a name server's anycast address (RFC 7534)"},
	{netip.MustParsePrefix("198.18.0.0/15"), "is a benchmarking address (RFC 2544)"},
	{netip.MustParsePrefix("198.51.100.0/24"), "is a documentation address (RFC 5737)"},
	{netip.MustParsePrefix("203.0.113.0/24"), "is a documentation address (RFC 5737)"},
	{netip.MustParsePrefix("224.0.0.0/4"), "is a multicast address (RFC 5771)"},
	{netip.MustParsePrefix("240.0.0.0/4"), "is reserved for future use or broadcast (RFC 1112, RFC 919)"},
}

// reservedV6 follows the IANA IPv6 special-purpose address registry (RFC 6890).
// Only global unicast space needs no entry here; see globalV6.
var reservedV6 = []reserved{
	{netip.MustParsePrefix("::/128"), "is the unspecified address (RFC 4291)"},
	{netip.MustParsePrefix("::1/128"), "is the loopback address (RFC 4291)"},
	{netip.MustParsePrefix("64:ff9b::/96"), "is a NAT64 translator's address (RFC 6052)"},
	{netip.MustParsePrefix("fc00::/7"), "is a unique local address (RFC 4193)"},
	{netip.MustParsePrefix("fe80::/10"), "is a link-local address (RFC 4291)"},
	{netip.MustParsePrefix("ff00::/8"), "is a multicast address (RFC 4291)"},
	// A Teredo address names a tunnel server, and its port and address are
	// those of a NAT, so it says little about the terminal. The service is gone.
	{netip.MustParsePrefix("2001::/32"), "is a Teredo address (RFC 4380)"},
	{netip.MustParsePrefix("2001::/23"), "is reserved for protocols (RFC 2928)"},
	{netip.MustParsePrefix("2001:db8::/32"), "is a documentation address (RFC 3849)"},
	{netip.MustParsePrefix("2620:4f:8000::/48"), "is a name server's anycast address (RFC 7534)"},
	{netip.MustParsePrefix("3fff::/20"), "is a documentation address (RFC 9637)"},
}

var (
	// globalV6 is all the global unicast space that IANA gives out (RFC 4291
	// section 2.4 and the IANA IPv6 address space registry).
	globalV6 = netip.MustParsePrefix("2000::/3")
	// sixToFour addresses carry the IPv4 address of their router (RFC 3056).
	sixToFour = netip.MustParsePrefix("2002::/16")
)

const addressRemedy = "; send the public IP address from which the PSU's terminal reached the TPP, or no PSU context for an unattended call"

// checkAddress accepts a public IPv4 or IPv6 address and nothing else. The
// value is never rewritten, so what banks cannot be expected to read (zone,
// brackets, port, IPv4-mapped IPv6) is refused.
func checkAddress(name, value string) error {
	addr, err := netip.ParseAddr(value)
	if err != nil {
		if _, err := netip.ParseAddrPort(value); err == nil {
			return invalid(name, "holds a port; send the port in "+IPPort)
		}
		return invalid(name, "is no IPv4 or IPv6 address"+addressRemedy)
	}
	if addr.Zone() != "" {
		return invalid(name, "holds a zone, which means nothing outside its host"+addressRemedy)
	}
	if addr.Is4In6() {
		if what := reservedAs(addr.Unmap()); what != "" {
			return invalid(name, what+addressRemedy)
		}
		return invalid(name, "is an IPv4 address in IPv6 form (RFC 4291 section 2.5.5.2); send it in dotted form")
	}
	if what := reservedAs(addr); what != "" {
		return invalid(name, what+addressRemedy)
	}
	return nil
}

// reservedAs says what hinders addr from being a public address, or "".
func reservedAs(addr netip.Addr) string {
	table := reservedV6
	if addr.Is4() {
		table = reservedV4
	}
	for i := range table {
		if table[i].prefix.Contains(addr) {
			return table[i].what
		}
	}
	if addr.Is4() {
		return ""
	}
	if !globalV6.Contains(addr) {
		return "is outside global unicast space (RFC 4291)"
	}
	if sixToFour.Contains(addr) {
		b := addr.As16()
		return reservedAs(netip.AddrFrom4([4]byte(b[2:6])))
	}
	return ""
}
