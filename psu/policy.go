package psu

// Rule says what happens to the PSU context of a request.
type Rule string

const (
	// Require refuses a request without a PSU-IP-Address.
	Require Rule = "require"
	// Allow sends the context if there is one: with it the call counts as
	// made at the PSU's request, without it as unattended.
	Allow Rule = "allow"
	// Strip never sends PSU context, for banks that refuse it on this operation.
	Strip Rule = "strip"
)

// Policy is the "psu" section of a bank profile and of an ASPSP's configuration.
type Policy struct {
	// Rule applies to every operation that Operations does not name. Default "allow".
	Rule Rule `json:"rule,omitempty"`

	// Operations gives single operations a rule of their own.
	Operations map[string]Rule `json:"operations,omitempty"`

	// From takes header values from elsewhere than the app's own PSU-*
	// headers: the header's name to a text with placeholders, such as
	// "PSU-IP-Address": "{http.request.header.X-End-User-IP}". A value the app
	// sent itself wins. A value that comes out empty omits the header.
	From map[string]string `json:"from,omitempty"`

	// Names are the names under which the bank knows the context: the PSU header
	// to its name on the wire, such as "PSU-IP-Address":
	// "x-fapi-customer-ip-address". If there are any, only these are sent. The
	// app may use either name; values are checked alike. Default: the PSU-* names.
	Names map[string]string `json:"names,omitempty"`
}
