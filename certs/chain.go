package certs

import (
	"bytes"
	"crypto/x509"
	"slices"
)

// orderChain puts the certificates of a file into the order TLS sends them in
// (RFC 5246 section 7.4.2): the leaf, then each one's issuer. What is left over is
// kept at the end, since a bank may still need it. It reports what it changed.
func orderChain(at location, certificates []*x509.Certificate, leaf int) ([]*x509.Certificate, []Finding) {
	rest := slices.Clone(certificates)
	chain := []*x509.Certificate{rest[leaf]}
	rest = slices.Delete(rest, leaf, leaf+1)
	for len(rest) > 0 {
		last := chain[len(chain)-1]
		next := slices.IndexFunc(rest, func(c *x509.Certificate) bool { return issued(c, last) })
		if next < 0 || selfIssued(last) {
			break
		}
		chain = append(chain, rest[next])
		rest = slices.Delete(rest, next, next+1)
	}
	linked := len(chain)
	chain = append(chain, rest...)

	var findings []Finding
	switch {
	case leaf != 0:
		findings = append(findings, at.warn(CodeChainOrder, "does not start with the certificate that the key belongs to",
			"put the certificate first, then its issuers; until then they are sent in that order"))
	case !slices.Equal(chain, certificates):
		findings = append(findings, at.warn(CodeChainOrder, "has its issuers out of order",
			"put each certificate's issuer behind it; until then they are sent in that order"))
	}
	if linked < len(chain) {
		findings = append(findings, at.warn(CodeChainUnrelated, "holds certificates that did not issue the others",
			"leave them out; until then they are sent behind the chain"))
	}
	if linked == 1 && !selfIssued(chain[0]) {
		findings = append(findings, at.warn(CodeChainIncomplete, "lacks the certificate of the issuer",
			"add the issuing CA's certificate behind it, which banks may need to build the chain"))
	}
	return chain, findings
}

// issued tells by names and key identifiers, which is all it takes to find an
// order. Signatures are for the far side to check.
func issued(issuer, subject *x509.Certificate) bool {
	if !bytes.Equal(issuer.RawSubject, subject.RawIssuer) {
		return false
	}
	return len(issuer.SubjectKeyId) == 0 || len(subject.AuthorityKeyId) == 0 ||
		bytes.Equal(issuer.SubjectKeyId, subject.AuthorityKeyId)
}

func selfIssued(c *x509.Certificate) bool {
	return bytes.Equal(c.RawSubject, c.RawIssuer)
}
