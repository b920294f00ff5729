package signer

import (
	"slices"
	"strconv"
)

// parameter is a part of the signature header that is known only per request.
type parameter uint8

const (
	noParameter parameter = iota
	headersParameter
	createdParameter
	expiresParameter
	signatureParameter
)

// piece is text that does not change, then a value that may.
type piece struct {
	text string
	then parameter
}

// buildPieces lays the signature header's value out for p, with everything in
// it that does not depend on the request.
func (p *plan) buildPieces(spec *Spec, quotedKeyID, label string) {
	text, first := "", true
	if spec.Container == containerAuthorization {
		text = "Signature "
	}
	for _, name := range spec.Parameters {
		p.addDefault(&text, &first, spec, name, quotedKeyID, label)
	}
	if spec.Parameters == nil {
		for _, name := range parameterNames {
			if name == "created" && !p.created || name == "expires" && !p.expires {
				continue
			}
			p.addDefault(&text, &first, spec, name, quotedKeyID, label)
		}
	}
	p.pieces = append(p.pieces, piece{text, noParameter})
}

// addDefault appends one parameter to text, closing a piece where its value
// depends on the request.
func (p *plan) addDefault(text *string, first *bool, spec *Spec, name, quotedKeyID, label string) {
	if name == "algorithm" && label == "" {
		return
	}
	if !*first {
		*text += spec.Separator
	}
	*first = false
	quote := `"`
	if slices.Contains(spec.Unquoted, name) {
		quote = ""
	}
	*text += spec.parameterName(name) + "=" + quote
	then := noParameter
	switch name {
	case "keyId":
		*text += quotedKeyID
	case "algorithm":
		*text += label
	case "headers":
		if *text += p.list; p.list == "" {
			then = headersParameter
		}
	case "created":
		then = createdParameter
	case "expires":
		then = expiresParameter
	case "signature":
		then = signatureParameter
	}
	if then != noParameter {
		p.pieces = append(p.pieces, piece{*text, then})
		*text = ""
	}
	*text += quote
}

// appendValue appends the signature header's value to dst.
func (p *plan) appendValue(dst []byte, f *facts, list []byte, signature []byte) []byte {
	for i := range p.pieces {
		dst = append(dst, p.pieces[i].text...)
		switch p.pieces[i].then {
		case headersParameter:
			dst = append(dst, list...)
		case createdParameter:
			dst = strconv.AppendInt(dst, f.created, 10)
		case expiresParameter:
			dst = strconv.AppendInt(dst, f.expires, 10)
		case signatureParameter:
			dst = base64Append(dst, signature)
		}
	}
	return dst
}
