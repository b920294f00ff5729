package capture

import "strings"

// option is what an option of curl means here.
type option struct {
	takesValue bool
	// apply changes the command; nil: the option does not show in the request.
	apply func(c *curl, value string) error
}

// shortNames are the one-letter options with their long names.
var shortNames = map[byte]string{
	'0': "http1.0", '1': "tlsv1", '2': "sslv2", '3': "sslv3", '4': "ipv4", '6': "ipv6", ':': "next", '#': "progress-bar",
	'a': "append", 'A': "user-agent", 'b': "cookie", 'B': "use-ascii", 'c': "cookie-jar", 'C': "continue-at", 'd': "data", 'D': "dump-header",
	'e': "referer", 'E': "cert", 'f': "fail", 'F': "form", 'g': "globoff", 'G': "get", 'h': "help", 'H': "header", 'i': "include", 'I': "head",
	'j': "junk-session-cookies", 'J': "remote-header-name", 'k': "insecure", 'K': "config", 'l': "list-only", 'L': "location",
	'm': "max-time", 'M': "manual", 'n': "netrc", 'N': "no-buffer", 'o': "output", 'O': "remote-name", 'p': "proxytunnel", 'P': "ftp-port",
	'q': "disable", 'Q': "quote", 'r': "range", 'R': "remote-time", 's': "silent", 'S': "show-error", 't': "telnet-option", 'T': "upload-file",
	'u': "user", 'U': "proxy-user", 'v': "verbose", 'V': "version", 'w': "write-out", 'x': "proxy", 'X': "request", 'y': "speed-time",
	'Y': "speed-limit", 'z': "time-cond", 'Z': "parallel",
}

// options are those that show in a request.
var options = map[string]option{
	"request":         {true, func(c *curl, v string) error { c.method = v; return nil }},
	"request-target":  {true, func(c *curl, v string) error { c.target = v; return nil }},
	"url":             {true, (*curl).url},
	"url-query":       {true, (*curl).urlQuery},
	"header":          {true, (*curl).header},
	"data":            {true, (*curl).text},
	"data-ascii":      {true, (*curl).text},
	"data-binary":     {true, (*curl).binary},
	"data-raw":        {true, func(c *curl, v string) error { c.addData([]byte(v)); return nil }},
	"data-urlencode":  {true, (*curl).urlencode},
	"json":            {true, (*curl).json},
	"user":            {true, func(c *curl, v string) error { c.user = &v; return nil }},
	"oauth2-bearer":   {true, func(c *curl, v string) error { c.bearer = v; return nil }},
	"user-agent":      {true, func(c *curl, v string) error { c.agent = &v; return nil }},
	"referer":         {true, (*curl).referer},
	"cookie":          {true, (*curl).cookie},
	"range":           {true, func(c *curl, v string) error { c.rangeOf = v; return nil }},
	"upload-file":     {true, (*curl).upload},
	"get":             {false, func(c *curl, _ string) error { c.get = true; return nil }},
	"head":            {false, func(c *curl, _ string) error { c.head = true; return nil }},
	"compressed":      {false, func(c *curl, _ string) error { c.compressed = true; return nil }},
	"path-as-is":      {false, func(c *curl, _ string) error { c.pathAsIs = true; return nil }},
	"next":            {false, func(c *curl, _ string) error { c.next = true; return nil }},
	"form":            {true, unreadable("form", "its multipart boundary is drawn by curl; give the request as raw HTTP")},
	"form-string":     {true, unreadable("form-string", "its multipart boundary is drawn by curl; give the request as raw HTTP")},
	"config":          {true, unreadable("config", "it stands for options in a file; write them out")},
	"aws-sigv4":       {true, unreadable("aws-sigv4", "curl signs the request by itself; give the request as raw HTTP")},
	"version":         {false, unreadable("version", "it makes no request")},
	"help":            {false, unreadable("help", "it makes no request")},
	"variable":        {true, unreadable("variable", "it stands for values elsewhere; write them out")},
	"expand-data":     {true, unreadable("expand-data", "it stands for values elsewhere; write them out")},
	"expand-header":   {true, unreadable("expand-header", "it stands for values elsewhere; write them out")},
	"digest":          {false, authNote},
	"ntlm":            {false, authNote},
	"negotiate":       {false, authNote},
	"anyauth":         {false, authNote},
	"netrc":           {false, authNote},
	"netrc-file":      {true, authNote},
	"netrc-optional":  {false, authNote},
	"proto-default":   {true, func(c *curl, v string) error { c.defaultScheme = strings.ToLower(v); return nil }},
	"basic":           {},
	"location":        {},
	"insecure":        {},
	"globoff":         {},
	"cert":            {takesValue: true},
	"http2":           {},
	"http1.1":         {},
	"no-progress-bar": {},
}

// withValue are the options that take a value and do not show in a request, or
// only to a proxy (curl(1), as of curl 8.10).
const withValue = ` abstract-unix-socket alt-svc cacert capath cert-type ciphers connect-timeout connect-to continue-at
cookie-jar create-file-mode crlfile curves delegation dns-interface dns-ipv4-addr dns-ipv6-addr dns-servers doh-url dump-header
ech egd-file engine etag-compare etag-save expect100-timeout ftp-account ftp-alternative-to-user ftp-method ftp-port ftp-ssl-ccc-mode
happy-eyeballs-timeout-ms haproxy-clientip hostpubmd5 hostpubsha256 hsts interface ipfs-gateway keepalive-cnt keepalive-time key
key-type krb libcurl limit-rate local-port login-options mail-auth mail-from mail-rcpt max-filesize max-redirs max-time noproxy
output output-dir parallel-max pass pinnedpubkey preproxy proto proto-redir proxy proxy-cacert proxy-capath proxy-cert
proxy-cert-type proxy-ciphers proxy-crlfile proxy-header proxy-key proxy-key-type proxy-pass proxy-pinnedpubkey proxy-service-name
proxy-tls13-ciphers proxy-tlsauthtype proxy-tlspassword proxy-tlsuser proxy-user proxy1.0 pubkey quote random-file rate resolve
retry retry-delay retry-max-time sasl-authzid service-name socks4 socks4a socks5 socks5-gssapi-service socks5-hostname speed-limit
speed-time stderr telnet-option tftp-blksize time-cond tls-max tls13-ciphers tlsauthtype tlspassword tlsuser trace trace-ascii
trace-config unix-socket vlan-priority ip-tos write-out `

// withoutValue are those without one.
const withoutValue = ` append ca-native cert-status compressed-ssh create-dirs crlf disable disable-eprt disable-epsv
disallow-username-in-url doh-cert-status doh-insecure fail fail-early fail-with-body false-start form-escape ftp-create-dirs ftp-pasv
ftp-pret ftp-skip-pasv-ip ftp-ssl-ccc ftp-ssl-control haproxy-protocol http0.9 http1.0 http2-prior-knowledge http3 http3-only
ignore-content-length include ipv4 ipv6 junk-session-cookies list-only location-trusted mail-rcpt-allowfails manual metalink alpn
npn buffer clobber keepalive progress-meter sessionid ntlm-wb parallel parallel-immediate post301 post302 post303 progress-bar
proxy-anyauth proxy-basic proxy-ca-native proxy-digest proxy-http2 proxy-insecure proxy-negotiate proxy-ntlm
proxy-ssl-allow-beast proxy-ssl-auto-client-cert proxy-tlsv1 proxytunnel raw remote-header-name remote-name remote-name-all
remote-time remove-on-error retry-all-errors retry-connrefused sasl-ir show-error show-headers silent skip-existing socks5-basic
socks5-gssapi socks5-gssapi-nec ssl ssl-allow-beast ssl-auto-client-cert ssl-no-revoke ssl-reqd ssl-revoke-best-effort sslv2 sslv3
styled-output suppress-connect-headers tcp-fastopen tcp-nodelay tls-earlydata tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 tr-encoding
trace-ids trace-time use-ascii verbose xattr no-buffer no-keepalive no-sessionid no-alpn no-npn `

// find looks an option up by its long name; --no-… turns an option without a
// value off.
func find(name string) (option, bool) {
	if o, ok := options[name]; ok {
		return o, true
	}
	if listed(withValue, name) {
		return option{takesValue: true}, true
	}
	if listed(withoutValue, name) || listed(withoutValue, strings.TrimPrefix(name, "no-")) {
		return option{}, true
	}
	if positive, ok := strings.CutPrefix(name, "no-"); ok {
		if o, ok := options[positive]; ok && !o.takesValue {
			return option{}, true
		}
	}
	return option{}, false
}

func listed(list, name string) bool {
	return strings.Contains(strings.ReplaceAll(list, "\n", " "), " "+name+" ")
}
