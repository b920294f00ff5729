package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// DefaultWarnBefore is how long before its end a certificate is warned about.
// A QTSP needs days to weeks to issue the next one.
const DefaultWarnBefore = 30 * 24 * time.Hour

// Requirements are what certificates are checked against.
type Requirements struct {
	// Roles are the PSD2 roles that the configured scopes need. A certificate
	// with a PSD2 statement that lacks one is refused.
	Roles []Role
	// WarnBefore is how long before its end a certificate is warned about.
	// Default DefaultWarnBefore.
	WarnBefore time.Duration
	// Now is the time to judge by. Default: the time of the check.
	Now time.Time
}

func (r Requirements) withDefaults() Requirements {
	if r.WarnBefore == 0 {
		r.WarnBefore = DefaultWarnBefore
	}
	if r.Now.IsZero() {
		r.Now = time.Now()
	}
	return r
}

// Check judges a pair. It refuses what no bank could accept, or what would be a
// misuse, and warns about what real certificates lack, yet banks take. Nothing
// is checked over the network, revocation in particular.
func Check(p *Pair, req Requirements) []Finding {
	c := checker{Requirements: req.withDefaults(), pair: p, leaf: p.Leaf()}
	c.cert, c.key = locate(p.Slot, p.Source)
	c.validity()
	c.slot()
	c.roles()
	c.keyStrength()
	c.signature()
	c.usage()
	c.organization()
	c.chain()
	c.keyFile()
	for _, odd := range p.Info.Odd {
		c.warn(CodeOddStatement, "is odd: "+odd, "ask the QTSP if a bank objects")
	}
	return append(c.findings, p.loadFindings...)
}

// CheckTogether judges what only the two certificates of a TPP show together.
func CheckTogether(qwac, qseal *Pair) []Finding {
	a, b := qwac.Info.OrganizationIdentifier, qseal.Info.OrganizationIdentifier
	if a == "" || b == "" || a == b {
		return nil
	}
	at, _ := locate(QSEAL, qseal.Source)
	return []Finding{at.warn(CodeDifferentTPP,
		fmt.Sprintf("has the organizationIdentifier %q, the QWAC has %q", b, a),
		"configure two certificates of the same TPP: banks compare both with the client_id")}
}

type checker struct {
	Requirements
	pair      *Pair
	leaf      *x509.Certificate
	cert, key location
	findings  []Finding
}

func (c *checker) refuse(code, message, remedy string) {
	c.findings = append(c.findings, c.cert.refuse(code, message, remedy))
}

func (c *checker) warn(code, message, remedy string) {
	c.findings = append(c.findings, c.cert.warn(code, message, remedy))
}

func date(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func (c *checker) validity() {
	switch {
	case c.Now.After(c.leaf.NotAfter):
		c.refuse(CodeExpired, "expired on "+date(c.leaf.NotAfter), "replace it with a valid one")
	case c.Now.Before(c.leaf.NotBefore):
		c.refuse(CodeNotYetValid, "is not valid before "+date(c.leaf.NotBefore),
			"wait until then, use the former one, or set the clock right")
	case c.leaf.NotAfter.Sub(c.Now) < c.WarnBefore:
		c.warn(CodeExpiring, "expires on "+date(c.leaf.NotAfter), "order the next one and register it with the banks")
	}
}

func (c *checker) slot() {
	types := c.pair.Info.Types
	want := c.pair.Slot.qcType()
	if len(types) == 0 {
		c.warn(CodeNoQcType, "does not say its QcType", fmt.Sprintf("make sure that it is a %s", c.pair.Slot))
		return
	}
	if slices.Contains(types, want) {
		return
	}
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = string(t)
	}
	remedy := fmt.Sprintf("configure a %s, whose QcType is %s", c.pair.Slot, want)
	if slices.Contains(types, QcTypeWeb) || slices.Contains(types, QcTypeESeal) {
		remedy = "look whether QWAC and QSEAL are exchanged"
	}
	c.refuse(CodeWrongSlot, fmt.Sprintf("has the QcType %s and cannot be used as %s", strings.Join(names, ", "), c.pair.Slot), remedy)
}

func (c *checker) roles() {
	if !c.pair.Info.HasPSD2 {
		c.warn(CodeNoPSD2, "has no PSD2 statement", "use a certificate of ETSI TS 119 495 unless this is a sandbox")
		return
	}
	for _, role := range c.Roles {
		if !c.pair.Info.HasRole(role) {
			c.refuse(CodeRoleMissing, fmt.Sprintf("lacks the role %s that a configured scope needs", role),
				"remove the scope, or have a certificate issued with the role")
		}
	}
}

func (c *checker) keyStrength() {
	const remedy = "have a certificate issued for an RSA key of 2048 bits or more, or a P-256 key"
	switch key := c.leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < 2048 {
			c.refuse(CodeWeakKey, fmt.Sprintf("has an RSA key of %d bits", bits), remedy)
		}
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
		default:
			c.refuse(CodeWeakKey, "has a key on the curve "+key.Curve.Params().Name, remedy)
		}
	default:
		c.refuse(CodeWeakKey, fmt.Sprintf("has a key of the algorithm %s", c.leaf.PublicKeyAlgorithm), remedy)
	}
}

func (c *checker) signature() {
	switch c.leaf.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		c.refuse(CodeWeakSignature, fmt.Sprintf("was issued with %s", c.leaf.SignatureAlgorithm),
			"have one issued with SHA-256 or better")
	}
}

func (c *checker) usage() {
	if c.leaf.BasicConstraintsValid && c.leaf.IsCA {
		c.refuse(CodeCA, "is the certificate of a certification authority", "configure the TPP's own certificate first in the file")
	}
	c.keyUsage()
	if c.pair.Slot != QWAC {
		return // a QSEAL has none
	}
	usages := c.leaf.ExtKeyUsage
	switch {
	case len(usages) == 0 && len(c.leaf.UnknownExtKeyUsage) == 0:
		c.warn(CodeExtKeyUsage, "has no extendedKeyUsage", "expect banks that ask for clientAuth to refuse it")
	case !slices.Contains(usages, x509.ExtKeyUsageClientAuth) && !slices.Contains(usages, x509.ExtKeyUsageAny):
		c.refuse(CodeNoClientAuth, "has an extendedKeyUsage without clientAuth", "have a QWAC issued that allows TLS client authentication")
	}
}

func (c *checker) keyUsage() {
	need := x509.KeyUsageDigitalSignature
	name := "digitalSignature"
	if c.pair.Slot == QSEAL {
		need |= x509.KeyUsageContentCommitment // either will do
		name = "digitalSignature or nonRepudiation"
	}
	switch {
	case c.leaf.KeyUsage == 0:
		c.warn(CodeKeyUsageMissing, "has no keyUsage", "expect strict banks to refuse it")
	case c.leaf.KeyUsage&need == 0:
		c.warn(CodeKeyUsage, "has a keyUsage without "+name, "make sure that it is a "+c.pair.Slot.String())
	}
}

// organizationID is the form of ETSI TS 119 495 section 5.2.1.
var organizationID = regexp.MustCompile(`^PSD[A-Z]{2}-[A-Z]{2,8}-.+$`)

func (c *checker) organization() {
	switch id := c.pair.Info.OrganizationIdentifier; {
	case id == "":
		c.warn(CodeOrganizationID, "has no organizationIdentifier", "configure the client_id, since it cannot be taken from the certificate")
	case !organizationID.MatchString(id):
		c.warn(CodeOrganizationID, fmt.Sprintf(`has the organizationIdentifier %q, which is not of the form "PSDFR-ACPR-12345"`, id),
			"make sure that the banks know it as client_id")
	}
}

func (c *checker) chain() {
	for _, issuer := range c.pair.Chain[1:] {
		if c.Now.After(issuer.NotAfter) {
			c.warn(CodeIssuerExpired, fmt.Sprintf("holds the issuer %q, expired on %s", issuer.Subject.CommonName, date(issuer.NotAfter)),
				"replace the chain with the QTSP's present one")
		}
	}
}

// keyFile looks at the mode as it is now, since it can be mended without
// touching the key.
func (c *checker) keyFile() {
	if runtime.GOOS == "windows" {
		return // no such mode
	}
	info, err := os.Stat(c.key.file)
	if err != nil || info.Mode().Perm()&0o004 == 0 {
		return
	}
	c.findings = append(c.findings, c.key.warn(CodeKeyReadable,
		fmt.Sprintf("can be read by every user (mode %04o)", info.Mode().Perm()), "chmod 600, or 640 with a group of its own"))
}
