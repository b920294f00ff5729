package headers

// Policy is the "headers" section of a bank profile and of an ASPSP's
// configuration: what may leave beside what the sidecar makes itself.
type Policy struct {
	// Allow names request headers of the app that may pass to the bank, in
	// the spelling to be used on the wire. An entry may end in "*".
	Allow []string `json:"allow,omitempty"`

	// Set adds fixed headers to every request, such as an API key. Values may
	// hold {env.NAME} and {file./path} placeholders. An empty value drops the
	// header, whatever the app sent.
	Set map[string]string `json:"set,omitempty"`
}
