// Package testpki makes certificates that look like those of a qualified trust
// service provider: a QWAC and a QSEAL with the eIDAS qcStatements, the PSD2
// statement and the organizationIdentifier that a bank looks for.
//
// Nothing it issues is qualified. It serves the demo, the sandbox and tests,
// which is why it can also make certificates that a bank must refuse.
//
// It encodes on its own what package certs decodes, so that neither can hide
// an error of the other.
package testpki
