package profiles

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/signer"
)

// piece is a part of a request that its signature covers.
type piece struct {
	what  string
	value string
	put   func(msg *signer.Message, value string)
}

// TestTampering changes single bytes of whatever is signed, and of the
// signature. The keyId of draft-cavage's containers, the certificate sent along
// and headers that are not on the bank's list may change unnoticed: no
// signature covers them.
func TestTampering(t *testing.T) {
	all := make(map[string]bool) // of each container one signature is tried at every byte
	for i, s := range subjects(t) {
		r := rand.New(rand.NewPCG(2, uint64(i)))
		const enough = 2
		signed := 0
		for requests := 0; signed < enough && requests < 100; requests++ { // some are not to be signed
			msg := s.signed(t, r)
			pieces := s.pieces(t, msg)
			if len(pieces) > 0 {
				signed++
			}
			for _, p := range pieces {
				positions := []int{0, len(p.value) - 1, r.IntN(len(p.value)), r.IntN(len(p.value))}
				if !all[s.spec.Container+p.what] {
					positions = nil
					for at := range len(p.value) {
						positions = append(positions, at)
					}
					all[s.spec.Container+p.what] = true
				}
				for _, at := range positions {
					s.mustRefuse(t, msg, p, at)
				}
			}
		}
		if signed < enough {
			t.Errorf("%s: %d requests were signed", s.name, signed)
		}
	}
}

// mustRefuse changes one byte of a piece.
func (s *subject) mustRefuse(t *testing.T, msg *signer.Message, p piece, at int) {
	t.Helper()
	for _, change := range []byte{1, 2} { // not 0x20: methods and hosts are signed whatever their case
		forged := *msg
		forged.Header = make(http.Header, len(msg.Header))
		for name, values := range msg.Header {
			forged.Header[name] = append([]string(nil), values...)
		}
		value := []byte(p.value)
		value[at] ^= change
		p.put(&forged, string(value))
		if err := signer.Verify(s.cred.Key.Public(), s.spec, &forged); err == nil {
			t.Errorf("%s: %s with byte %d changed passes: %q", s.name, p.what, at, value)
		}
	}
}

// pieces are what the signature of a sent request covers, by its own account.
func (s *subject) pieces(t testing.TB, msg *signer.Message) []piece {
	t.Helper()
	var list []piece
	add := func(what, value string, put func(*signer.Message, string)) {
		if value != "" {
			list = append(list, piece{what, value, put})
		}
	}
	ofHeader := func(name string) {
		for key, values := range msg.Header {
			for i := range values {
				if strings.EqualFold(key, name) {
					add("header "+name, values[i], func(m *signer.Message, v string) { m.Header[key][i] = v })
				}
			}
		}
	}
	covered := s.covered(t, msg)
	for _, name := range covered {
		switch name {
		case "(request-target)", "@request-target", "@target-uri", "@path", "@query":
			target := msg.Target
			if s.spec.RequestTarget == "path" || name == "@path" {
				target, _, _ = strings.Cut(target, "?")
			}
			if name == "@query" {
				_, target, _ = strings.Cut(msg.Target, "?")
			}
			add("request-target", target, func(m *signer.Message, v string) { m.Target = strings.Replace(m.Target, target, v, 1) })
			if name == "(request-target)" {
				add("method", msg.Method, func(m *signer.Message, v string) { m.Method = v })
			}
		case "@method":
			add("method", msg.Method, func(m *signer.Message, v string) { m.Method = v })
		case "host", "@authority":
			add("host", msg.Host, func(m *signer.Message, v string) { m.Host = v })
		case "(created)", "(expires)", "content-length", "@scheme":
		default:
			ofHeader(name)
		}
	}
	if s.coversBody(msg) {
		add("body", string(msg.Body), func(m *signer.Message, v string) { m.Body = []byte(v) })
	}
	for _, p := range s.signatures(msg) {
		add(p.what, p.value, p.put)
	}
	return list
}

// coversBody says whether anything in the request speaks for its body.
func (s *subject) coversBody(msg *signer.Message) bool {
	switch s.spec.Container {
	case "jws":
		return header(msg.Header, s.jwsHeader()) != ""
	case "jwt":
		return bytes.Count(msg.Body, []byte(".")) == 2 && !bytes.HasPrefix(msg.Body, []byte("{"))
	}
	return header(msg.Header, "Digest")+header(msg.Header, "Content-Digest") != ""
}

func (s *subject) jwsHeader() string {
	if s.spec.JWS.Header != "" {
		return s.spec.JWS.Header
	}
	return "x-jws-signature"
}

var (
	signedList    = regexp.MustCompile(`headers="([^"]*)"`)
	signatureText = regexp.MustCompile(`signature="([^"]*)"`)
	times         = regexp.MustCompile(`\(?(?:created|expires)\)?="?([0-9]+)"?`)
	component     = regexp.MustCompile(`"([^"]+)"`)
)

// covered are the names that the signature lists.
func (s *subject) covered(t testing.TB, msg *signer.Message) []string {
	t.Helper()
	switch s.spec.Container {
	case "jws", "jwt":
		return nil
	case "http-headers-jws":
		head, _, _ := strings.Cut(header(msg.Header, s.jwsHeader()), ".")
		decoded, err := base64.RawURLEncoding.DecodeString(head)
		var protected struct{ SigD struct{ Pars []string } }
		if head == "" || err != nil {
			return nil
		}
		if err := json.Unmarshal(decoded, &protected); err != nil {
			t.Fatal(err)
		}
		return protected.SigD.Pars
	case "message-signature":
		list, _, _ := strings.Cut(header(msg.Header, "Signature-Input"), ")")
		var names []string
		for _, match := range component.FindAllStringSubmatch(list, -1) {
			names = append(names, match[1])
		}
		return names
	}
	if match := signedList.FindStringSubmatch(s.cavage(msg)); match != nil {
		return strings.Fields(match[1])
	}
	return nil
}

// cavage is the header that holds a signature of draft-cavage.
func (s *subject) cavage(msg *signer.Message) string {
	if s.spec.Container == "authorization" {
		return header(msg.Header, "Authorization")
	}
	return header(msg.Header, "Signature")
}

// signatures are the signature itself, and what else of its header counts.
func (s *subject) signatures(msg *signer.Message) []piece {
	whole := func(name string) (list []piece) {
		for key := range maps.Keys(msg.Header) {
			if strings.EqualFold(key, name) {
				list = append(list, piece{name, msg.Header[key][0], func(m *signer.Message, v string) { m.Header[key] = []string{v} }})
			}
		}
		return list
	}
	switch s.spec.Container {
	case "jws", "http-headers-jws":
		return whole(s.jwsHeader())
	case "jwt":
		return nil // it is the body
	case "message-signature":
		return append(whole("Signature"), whole("Signature-Input")...)
	}
	name := "Signature"
	if s.spec.Container == "authorization" {
		name = "Authorization"
	}
	value := header(msg.Header, name)
	var list []piece
	for what, pattern := range map[string]*regexp.Regexp{"signature": signatureText, "list of headers": signedList, "time": times} {
		if where := pattern.FindStringSubmatchIndex(value); where != nil {
			list = append(list, piece{what, value[where[2]:where[3]], func(m *signer.Message, v string) {
				m.Header[name] = []string{value[:where[2]] + v + value[where[3]:]}
			}})
		}
	}
	return list
}
