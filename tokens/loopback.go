package tokens

import (
	"net"
	"net/url"
)

// LoopbackHTTP reports whether an address is plain HTTP on this machine, which
// will do for a sandbox's authorization endpoint: the PSU's browser goes there,
// without the TPP's certificate and without a secret. No real bank is there.
func LoopbackHTTP(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Fragment != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback() || u.Hostname() == "localhost"
}
