package tokens

// Key names a token. Two requests share a token exactly if their keys are
// equal. A Key is comparable and used as it is, so that a look-up needs no
// allocation; the package does not interpret its fields beyond what the token
// request says (ClientID, Scope) and what [Cache.DropAll] selects by (ASPSP).
type Key struct {
	// ASPSP is the configured name of the bank.
	ASPSP string `json:"aspsp"`
	// Endpoint is the token endpoint's URL: a configuration that moves an ASPSP
	// from the bank's sandbox to the live bank must not take tokens along.
	Endpoint string `json:"endpoint,omitempty"`
	// Identity is the configured name of the TPP identity.
	Identity string `json:"identity"`
	// Thumbprint is the x5t#S256 of the QWAC that fetches the token. A
	// certificate-bound token (RFC 8705 section 3) is only good on connections
	// made with that certificate, so a renewed QWAC needs a token of its own.
	Thumbprint string `json:"thumbprint"`
	// ClientID is the TPP's client_id at this bank; in STET the
	// organizationIdentifier of the certificate.
	ClientID string `json:"client_id"`
	// Scope is the scope asked for: space-separated values (RFC 6749 section 3.3).
	Scope string `json:"scope,omitempty"`
	// Grant tells tokens of different authorizations apart.
	Grant string `json:"grant,omitempty"`
}
