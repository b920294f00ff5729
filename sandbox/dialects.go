package sandbox

import (
	"net/http"
	"strings"
)

// Prefixes of the standards that sign messages as a whole.
const (
	obiePrefix          = "/obie/open-banking/v3.1/"
	obieUnencodedPrefix = "/obie-unencoded/open-banking/v3.1/"
	obieCavagePrefix    = "/obie-cavage/open-banking/v3.1/"
	georgiaPrefix       = "/georgia/v1/"
	ingJWSPrefix        = "/ing-jws/"
	brasilPrefix        = "/brasil/open-banking/"
	polishPrefix        = "/polish/v2.1/"
	messagePrefix       = "/rfc9421/v1/"
)

// dialectOf tells whose rules hold at a path that is not served.
func dialectOf(path string) dialect {
	for _, d := range []struct {
		prefix  string
		dialect dialect
	}{
		{berlinPrefix, dialectBerlin}, {obiePrefix, dialectOBIE}, {obieUnencodedPrefix, dialectOBIEUnencoded},
		{obieCavagePrefix, dialectOBIECavage}, {georgiaPrefix, dialectGeorgia}, {ingJWSPrefix, dialectINGJWS},
		{brasilPrefix, dialectBrasil}, {polishPrefix, dialectPolish}, {messagePrefix, dialectMessage},
		{paylinePrefix, dialectPayline}, {paylineCertPrefix, dialectPayline}, {caratPrefix, dialectCarat},
	} {
		if strings.HasPrefix(path, d.prefix) {
			return d.dialect
		}
	}
	return dialectSTET
}

// openBanking tells that it is one of the UK's Open Banking.
func (d dialect) openBanking() bool {
	return d == dialectOBIE || d == dialectOBIEUnencoded || d == dialectOBIECavage
}

// seal is how answers are signed, nil if they are not.
func (d dialect) seal() func(*answerSigner) error {
	switch d {
	case dialectOBIE:
		return func(s *answerSigner) error { return s.obie(false) }
	case dialectOBIEUnencoded:
		return func(s *answerSigner) error { return s.obie(true) }
	case dialectOBIECavage:
		return (*answerSigner).cavage
	case dialectGeorgia:
		return (*answerSigner).georgia
	case dialectINGJWS:
		return (*answerSigner).ing
	case dialectBrasil:
		return (*answerSigner).jwt
	case dialectPolish:
		return (*answerSigner).polish
	case dialectMessage:
		return (*answerSigner).message
	}
	return nil
}

// checkMessage runs the checks of the standards that sign messages as a whole.
func (c *call) checkMessage() {
	switch c.endpoint.dialect {
	case dialectOBIE, dialectOBIEUnencoded, dialectOBIECavage:
		c.checkOBIE()
	case dialectGeorgia:
		c.checkGeorgia()
	case dialectINGJWS:
		c.checkINGJWS()
	case dialectBrasil:
		c.checkBrasil()
	case dialectPolish:
		c.checkPolish()
	case dialectMessage:
		c.checkMessageSignature()
		c.checkMediaType("application/json")
		c.checkRequestID()
		c.checkPSU()
		c.checkToken()
		c.checkAccept()
	}
	c.checkMethod()
	c.checkQuery()
	c.checkUnattended()
}

// checkMediaType wants a body to say what it is.
func (c *call) checkMediaType(want string) {
	if len(c.body) == 0 {
		return
	}
	if !isMedia(c.msg.value("content-type"), want) {
		c.fail(http.StatusUnsupportedMediaType, codeRequest, "the header Content-Type is not %s", want)
	}
}
