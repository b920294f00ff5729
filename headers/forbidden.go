package headers

import (
	"net/http"
	"strings"
)

// fate is what becomes of a header that is not allowed.
type fate uint8

const (
	unknown   fate = iota // not allowed, but a policy may allow it
	forbidden             // must never leave, whatever a policy says
	own                   // made or consumed by the sidecar, or ends at each hop by the rules of HTTP
)

// fates holds, in net/http's canonical spelling, the headers no policy can let through.
var fates = canonical(map[fate][]string{
	own: {
		// Hop-by-hop (RFC 9110 section 7.6.1) and framing: they belong to the
		// connection with the application. Proxy-* is a prefix below.
		"Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "HTTP2-Settings",
		"Host", "Content-Length", "Expect",
		// Made afresh or decided by the core.
		"Authorization", "Date", "X-Request-ID",
		// The PSU context (STET), which package psu checks.
		"PSU-IP-Address", "PSU-IP-Port", "PSU-HTTP-Method", "PSU-Date", "PSU-GEO-Location", "PSU-User-Agent",
		"PSU-Referer", "PSU-Accept", "PSU-Accept-Charset", "PSU-Accept-Encoding", "PSU-Accept-Language", "PSU-Device-ID",
		// Asked for with Sidecar-Fallback; a fallback call has conditions (RTS article 33).
		"Fallback",
	},
	forbidden: {
		// What the sidecar vouches for with the QSEAL.
		"Digest", "Content-Digest", "Repr-Digest", "Signature", "Signature-Input", "X-JWS-Signature",
		// Certificates that a gateway might believe instead of the TLS handshake
		// or the signature (RFC 9440, and the names that gateways use).
		"TPP-Signature-Certificate", "TPP-Signing-Certificate", "TPP-Certificate", "TPP-QWAC-Certificate",
		"Client-Cert", "Client-Cert-Chain", "X-ARR-ClientCert", "X-Amzn-Mtls-Clientcert",
		"SSLClientCert", "X-TLS-Client-Cert",
		// The way a request took inside (RFC 9110 section 7.6.3, RFC 7239).
		"Via", "Forwarded", "X-Real-IP", "X-Client-IP", "X-Cluster-Client-IP", "True-Client-IP", "CF-Connecting-IP",
		"Fastly-Client-IP", "X-Originating-IP", "X-Original-URL", "X-Rewrite-URL", "X-ProxyUser-IP",
		// Lets a receiver act twice on a request (RFC 8470); the TLS layer decides.
		"Early-Data",
		// Tracing (W3C Trace Context and Baggage, Zipkin, Jaeger, clouds): internal
		// ids and whatever an application puts into baggage.
		"Traceparent", "Tracestate", "Baggage", "B3", "Uber-Trace-ID", "X-Cloud-Trace-Context", "X-Amzn-Trace-ID",
		"Sentry-Trace", "X-Instana-T", "X-Instana-S", "Newrelic", "Elastic-Apm-Traceparent",
		// Sessions with the application.
		"Cookie", "Cookie2",
		// Would turn the signed method into another one.
		"X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override",
	},
})

func canonical(lists map[fate][]string) map[string]fate {
	m := make(map[string]fate)
	for f, list := range lists {
		for _, name := range list {
			m[http.CanonicalHeaderKey(name)] = f
		}
	}
	return m
}

// prefixes hold for all names that begin so, in canonical spelling.
var prefixes = []struct {
	prefix string
	fate   fate
}{
	{"Proxy-", own},
	{"Sidecar-", own}, // the application's words to the sidecar
	{"X-Forwarded-", forbidden},
	{"X-Original-Forwarded-", forbidden},
	{"X-Envoy-", forbidden},
	{"X-B3-", forbidden},
	{"X-Datadog-", forbidden},
	{"Uberctx-", forbidden}, // Jaeger baggage
	{"Ot-Tracer-", forbidden},
	{"Ot-Baggage-", forbidden},
	{"X-Ssl-", forbidden},
	{"Ssl-Client-", forbidden},
	{"X-Client-Cert", forbidden},
}

// IsForbidden tells whether a header can never be let through or set by a
// policy, in any case. A name that is no token (RFC 9110 section 5.1) is
// forbidden too.
func IsForbidden(name string) bool {
	return !isToken(name) || fateOf(http.CanonicalHeaderKey(name)) != unknown
}

// fateOf takes a name in canonical spelling.
func fateOf(key string) fate {
	if f := lookup(key); f != unknown {
		return f
	}
	// CGI-like gateways read a_b and a-b as one name, so X_Forwarded_For would
	// get where X-Forwarded-For may not.
	if strings.IndexByte(key, '_') >= 0 {
		return lookup(http.CanonicalHeaderKey(strings.ReplaceAll(key, "_", "-")))
	}
	return unknown
}

func lookup(key string) fate {
	if f, ok := fates[key]; ok {
		return f
	}
	for i := range prefixes {
		if strings.HasPrefix(key, prefixes[i].prefix) {
			return prefixes[i].fate
		}
	}
	return unknown
}
