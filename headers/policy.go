package headers

// Policy is the "headers" section of a bank profile and of an ASPSP's
// configuration: what may leave beside what the sidecar makes itself.
type Policy struct {
	// Allow names request headers of the app that may pass to the bank, in
	// the spelling to be used on the wire. An entry may end in "*" ("TPP-*").
	// What content and its negotiation need passes anyway: Accept and
	// Accept-*, Content-Type, Content-Encoding, Content-Language, If-*,
	// Cache-Control, User-Agent, Idempotency-Key, X-Idempotency-Key. What the
	// sidecar makes or consumes, what is internal and what ends at each hop
	// never passes; naming it here is an error.
	Allow []string `json:"allow,omitempty"`

	// Set adds fixed headers to every request, such as an API key. Values may
	// hold {env.NAME} and {file./path} placeholders. An empty value drops the
	// header, whatever the app sent.
	Set map[string]string `json:"set,omitempty"`
}
