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

	// Make adds headers that the sidecar makes for each request: the header's
	// name on the wire to "host", "date", "request-id", "client-id",
	// "organization-id" or "unix-time". What the app sends under such a name
	// never passes.
	Make map[string]string `json:"make,omitempty"`

	// RequestID is the header that carries the request's id, in the spelling to
	// be used on the wire. The app's own value is kept, under this name or as
	// X-Request-ID. Default X-Request-ID.
	RequestID string `json:"request_id,omitempty"`

	// RequestIDVersion is the version of the UUID that is made where the app
	// gave no id (RFC 9562): 4 (default, random) or 1 (by time, with a random node).
	RequestIDVersion int `json:"request_id_version,omitempty"`

	// RequestIDMember is where the id stands in a JSON body: names of members
	// with dots between them, such as "requestHeader.requestId". Where a body has
	// it, the header is made the same. Default: it stands in no body.
	RequestIDMember string `json:"request_id_member,omitempty"`
}
