package certs

import "strings"

// Codes of findings. They are stable and fit for metrics and tests.
const (
	CodeExpired           = "expired"             // refuse: validity is over
	CodeNotYetValid       = "not-yet-valid"       // refuse: validity has not begun
	CodeWrongSlot         = "wrong-slot"          // refuse: QcType contradicts the slot
	CodeRoleMissing       = "role-missing"        // refuse: a PSD2 role that is needed
	CodeWeakKey           = "weak-key"            // refuse: RSA below 2048 bits, or another algorithm or curve
	CodeWeakSignature     = "weak-signature"      // refuse: issued with MD5 or SHA-1
	CodeCA                = "ca-certificate"      // refuse: certificate of an authority
	CodeNoClientAuth      = "no-client-auth"      // refuse: extendedKeyUsage forbids TLS clients
	CodeKeyUsageMissing   = "key-usage-missing"   // warn
	CodeKeyUsage          = "key-usage"           // warn: keyUsage lacks what the slot needs
	CodeExtKeyUsage       = "ext-key-usage"       // warn: QWAC without extendedKeyUsage
	CodeNoQcType          = "no-qc-type"          // warn
	CodeNoPSD2            = "no-psd2"             // warn: no PSD2 statement
	CodeOrganizationID    = "organization-id"     // warn: organizationIdentifier missing or of another form
	CodeOddStatement      = "odd-statement"       // warn: qcStatements deviate from the standard
	CodeExpiring          = "expiring"            // warn: validity ends soon
	CodeIssuerExpired     = "issuer-expired"      // warn: a certificate of the chain is over
	CodeChainOrder        = "chain-order"         // warn: put right while loading
	CodeChainUnrelated    = "chain-unrelated"     // warn
	CodeChainIncomplete   = "chain-incomplete"    // warn
	CodeKeyReadable       = "key-world-readable"  // warn: mode of the key file
	CodeDifferentTPP      = "different-tpp"       // warn: QWAC and QSEAL of different organizationIdentifier
	CodeOrganizationMoved = "organization-change" // warn: a rotation changed the organizationIdentifier
)

// Finding is something noteworthy about a certificate.
type Finding struct {
	// Refuse says that the certificate must not be used. Otherwise the finding
	// is a warning.
	Refuse bool
	// Code is one of this package's codes.
	Code string
	// Slot and File say which certificate.
	Slot Slot
	File string
	// Message continues a sentence that starts with the file's name.
	Message string
	// Remedy says what to do.
	Remedy string

	role string
}

// String gives slot, file, message and remedy in one line.
func (f Finding) String() string {
	return f.asError().Error()
}

func (f Finding) asError() *Error {
	return location{f.Slot, f.role, f.File}.fail(ErrRefused, f.Message, f.Remedy, nil)
}

func (l location) warn(code, message, remedy string) Finding {
	return Finding{Code: code, Slot: l.slot, File: l.file, Message: message, Remedy: remedy, role: l.role}
}

func (l location) refuse(code, message, remedy string) Finding {
	f := l.warn(code, message, remedy)
	f.Refuse = true
	return f
}

// refusals are the findings that refuse, as errors.
func refusals(findings []Finding) []error {
	var errs []error
	for _, f := range findings {
		if f.Refuse {
			errs = append(errs, f.asError())
		}
	}
	return errs
}

// fingerprint identifies a set of findings, in order to report it only once. It
// leaves out what is a finding only at the moment of the change.
func fingerprint(findings []Finding) string {
	var b strings.Builder
	for _, f := range findings {
		if f.Code == CodeOrganizationMoved {
			continue
		}
		b.WriteString(f.Slot.String() + " " + f.Code + "\n")
	}
	return b.String()
}
