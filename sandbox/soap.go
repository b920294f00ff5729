package sandbox

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Namespaces of Payline's services: SOAP 1.1, document/literal.
const (
	soapNamespace = "http://schemas.xmlsoap.org/soap/envelope/"
	implNamespace = "http://impl.ws.payline.experian.com"
	objNamespace  = "http://obj.ws.payline.experian.com"
)

// maxSOAPDepth bounds how deep elements may lie in each other.
const maxSOAPDepth = 32

// soapRequest is what is in the envelope.
type soapRequest struct {
	// operation is the name of the element in the body without "Request".
	operation string
	// fields are the texts of the elements below it, by their local names:
	// "payment/amount".
	fields map[string]string
}

func (s *soapRequest) field(name string) string { return s.fields[name] }

// errSOAP is wrapped by every error of parseSOAP.
var errSOAP = errors.New("not a SOAP 1.1 request")

// parseSOAP takes an envelope apart. A DTD is refused, since SOAP forbids it
// (SOAP 1.1 section 3) and parsers have been led astray by them.
func parseSOAP(body []byte) (*soapRequest, error) {
	s := &soapRequest{fields: map[string]string{}}
	d := xml.NewDecoder(bytes.NewReader(body))
	var path []xml.Name
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: the XML is malformed or not in UTF-8", errSOAP)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if path = append(path, token.Name); len(path) > maxSOAPDepth {
				return nil, fmt.Errorf("%w: more than %d elements in each other", errSOAP, maxSOAPDepth)
			}
			if err := s.enter(path); err != nil {
				return nil, err
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if len(path) > 3 && path[1].Local == "Body" {
				s.fields[fieldPath(path)] += string(token)
			}
		case xml.Directive:
			return nil, fmt.Errorf("%w: it has a DTD", errSOAP)
		}
	}
	if s.operation == "" {
		return nil, fmt.Errorf("%w: the body holds no request of Payline", errSOAP)
	}
	return s, nil
}

func fieldPath(path []xml.Name) string {
	var names []string
	for _, name := range path[3:] {
		names = append(names, name.Local)
	}
	return strings.Join(names, "/")
}

// enter looks at an element by where it is.
func (s *soapRequest) enter(path []xml.Name) error {
	here := path[len(path)-1]
	switch {
	case len(path) == 1:
		if here != (xml.Name{Space: soapNamespace, Local: "Envelope"}) {
			return fmt.Errorf("%w: the document is no Envelope of %s", errSOAP, soapNamespace)
		}
	case len(path) == 2:
		if here.Space != soapNamespace || (here.Local != "Header" && here.Local != "Body") {
			return fmt.Errorf("%w: the Envelope holds something else than Header and Body", errSOAP)
		}
	case path[1].Local == "Header":
	case len(path) == 3:
		name, ok := strings.CutSuffix(here.Local, "Request")
		if here.Space != implNamespace || !ok || s.operation != "" {
			return fmt.Errorf("%w: the Body does not hold one request of the namespace %s", errSOAP, implNamespace)
		}
		s.operation = name
	default:
		if !slices.Contains([]string{implNamespace, objNamespace}, here.Space) {
			return fmt.Errorf("%w: an element of the request is in no namespace of Payline", errSOAP)
		}
	}
	return nil
}

// tag writes an element with content that is XML already.
func tag(name string, content ...string) string {
	end, _, _ := strings.Cut(name, " ")
	return "<" + name + ">" + strings.Join(content, "") + "</" + end + ">"
}

// obj writes an element of Payline's objects with a text.
func obj(name, text string) string {
	var b strings.Builder
	// A strings.Builder takes everything.
	_ = xml.EscapeText(&b, []byte(text))
	return tag("obj:"+name, b.String())
}

// soapAnswer puts the answer of an operation into an envelope.
func soapAnswer(status int, content string) *answer {
	return newAnswer(status, "text/xml; charset=utf-8", []byte(xml.Header+
		tag(`soapenv:Envelope xmlns:soapenv="`+soapNamespace+`"`, tag("soapenv:Body", content))))
}

// soapFault is the answer to a request that was not understood or not allowed
// (SOAP 1.1 section 4.4). It comes with the status of what was wrong.
func soapFault(status int, texts []string) *answer {
	code := "soapenv:Client"
	if status >= 500 {
		code = "soapenv:Server"
	}
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(strings.Join(texts, "; ")))
	return soapAnswer(status, tag("soapenv:Fault", tag("faultcode", code), tag("faultstring", b.String())))
}
