package signer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-tpp/caddy-tpp/jws"
)

// httpHeadersID says that a signature covers HTTP headers (ETSI TS 119 182-1
// section 5.2.8.3).
const httpHeadersID = "http://uri.etsi.org/19182/HttpHeaders"

// joseSigner is what the JOSE containers have ready at compile time.
type joseSigner struct {
	spec      *Spec
	algorithm jose.SignatureAlgorithm
	key       jose.OpaqueSigner
	members   *jws.Bound
	claims    *jws.Bound
	lifetime  time.Duration
	// latest is the last header made. Most headers tell the time in seconds, so
	// that it serves all signatures of one second.
	latest atomic.Pointer[joseHeader]
}

// joseHeader is a protected header as it is signed and sent.
type joseHeader struct {
	second  int64
	pars    string
	encoded string // base64url
}

func newJOSESigner(spec *Spec, algorithm *algorithm, key jose.OpaqueSigner, facts jws.Facts) (*joseSigner, error) {
	j := &joseSigner{spec: spec, algorithm: algorithm.jose, key: key, lifetime: time.Duration(spec.ExpiresSeconds) * time.Second}
	var err error
	if j.members, err = bind(spec.JWS.Members, facts); err != nil {
		return nil, fmt.Errorf("%w: signature.jws.members: %w", ErrSpec, err)
	}
	if j.claims, err = bind(spec.JWS.Claims, facts); err != nil {
		return nil, fmt.Errorf("%w: signature.jws.claims: %w", ErrSpec, err)
	}
	return j, nil
}

func bind(configured map[string]string, facts jws.Facts) (*jws.Bound, error) {
	members, err := jws.CompileMembers(configured)
	if err != nil {
		return nil, err
	}
	return members.Bind(facts)
}

// moment is what members may say of msg at now.
func (j *joseSigner) moment(msg *Message, now time.Time) jws.Moment {
	at := jws.Moment{Now: now, Lifetime: j.lifetime}
	if !j.members.OncePerSecond() || !j.claims.OncePerSecond() {
		at.Audience = "https://" + msg.Host + msg.Target
	}
	return at
}

// header gives the protected header of a signature at a moment; pars are the
// names of the headers it covers, "" but for container "http-headers-jws".
func (j *joseSigner) header(pars []byte, at jws.Moment) (string, error) {
	reusable := j.members.OncePerSecond()
	if known := j.latest.Load(); reusable && known != nil && known.second == at.Now.Unix() && known.pars == string(pars) {
		return known.encoded, nil
	}
	made := &joseHeader{second: at.Now.Unix(), pars: string(pars)}
	var err error
	if made.encoded, err = j.newHeader(made.pars, at); err == nil && reusable {
		j.latest.Store(made)
	}
	return made.encoded, err
}

// newHeader has go-jose write a header: it is what stands before the first dot
// of what a key would be given to sign.
func (j *joseSigner) newHeader(pars string, at jws.Moment) (string, error) {
	record := &recorder{OpaqueSigner: j.key}
	made, err := jose.NewSigner(jose.SigningKey{Algorithm: j.algorithm, Key: record}, j.options(pars, at))
	if err == nil {
		_, err = made.Sign(nil)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrKey, err)
	}
	encoded, _, _ := bytes.Cut(record.input, []byte{'.'})
	return string(encoded), nil
}

// recorder takes what would be signed in place of a key.
type recorder struct {
	jose.OpaqueSigner
	input []byte
}

// SignPayload implements [jose.OpaqueSigner].
func (r *recorder) SignPayload(payload []byte, _ jose.SignatureAlgorithm) ([]byte, error) {
	r.input = slices.Clone(payload)
	return []byte{0}, nil
}

// options are the members of the protected header.
func (j *joseSigner) options(pars string, at jws.Moment) *jose.SignerOptions {
	options := &jose.SignerOptions{}
	j.members.Each(at, func(name string, value json.RawMessage) { options.WithHeader(jose.HeaderKey(name), value) })
	if j.spec.Container == containerHTTPHeaders {
		options.WithHeader("sigT", at.Now.UTC().Format(time.RFC3339))
		options.WithHeader("sigD", detachedHeaders{Pars: strings.Fields(pars), ID: httpHeadersID})
	}
	if j.spec.JWS.Unencoded {
		options.WithHeader("b64", false)
	}
	if critical := j.spec.critical(); len(critical) > 0 {
		options.WithHeader("crit", critical)
	}
	return options
}

// critical are the members that crit names (RFC 7515 section 4.1.11).
func (s *Spec) critical() (names []string) {
	if s.Container == containerHTTPHeaders {
		names = append(names, "sigT", "sigD")
	}
	names = append(names, s.JWS.Critical...)
	if s.JWS.Unencoded {
		names = append(names, "b64")
	}
	return names
}

// detachedHeaders is the sigD member (ETSI TS 119 182-1 section 5.2.8).
type detachedHeaders struct {
	Pars []string `json:"pars"`
	ID   string   `json:"mId"`
}

// input appends the JWS signing input (RFC 7515 section 5.1, RFC 7797 section 3)
// to dst.
func (j *joseSigner) input(dst, payload, pars []byte, at jws.Moment) ([]byte, error) {
	header, err := j.header(pars, at)
	if err != nil {
		return nil, err
	}
	dst = append(append(dst, header...), '.')
	if j.spec.JWS.Unencoded {
		return append(dst, payload...), nil
	}
	return base64.RawURLEncoding.AppendEncode(dst, payload), nil
}

// sign makes the compact form of the signature over what input gave, without the
// payload if detached.
func (j *joseSigner) sign(input []byte) (string, error) {
	signature, err := j.key.SignPayload(input, j.algorithm)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrKey, err)
	}
	kept := input
	if j.spec.Container != containerJWT {
		kept = input[:bytes.IndexByte(input, '.')+1]
	}
	compact := make([]byte, 0, len(kept)+1+base64.RawURLEncoding.EncodedLen(len(signature)))
	compact = append(append(compact, kept...), '.')
	return string(base64.RawURLEncoding.AppendEncode(compact, signature)), nil
}

// payload is what is signed of msg, and for container "http-headers-jws" the
// names of the headers in it.
func (j *joseSigner) payload(sc *scratch, p *plan, msg *Message, f *facts, at jws.Moment) (payload, pars []byte, err error) {
	switch j.spec.Container {
	case containerHTTPHeaders:
		if err := p.build(sc, j.spec, msg, f); err != nil {
			return nil, nil, err
		}
		return sc.text, sc.list, nil
	case containerJWT:
		payload, err := j.claimsOf(msg.Body, at)
		return payload, nil, err
	default:
		return msg.Body, nil, nil
	}
}

// signJOSE signs msg with a JSON Web Signature.
func (s *Signer) signJOSE(sc *scratch, msg *Message, now time.Time) error {
	f := s.facts(msg, now)
	at := s.jose.moment(msg, now)
	payload, pars, err := s.jose.payload(sc, s.plans.find(msg), msg, &f, at)
	if err != nil {
		return err
	}
	if hasControl(f.digest, false) {
		return fmt.Errorf("%w: header digest holds a control character", ErrHeaderValue)
	}
	if sc.value, err = s.jose.input(sc.value, payload, pars, at); err != nil {
		return err
	}
	compact, err := s.jose.sign(sc.value)
	if err != nil {
		return err
	}
	if s.spec.Container == containerJWT {
		if s.blind {
			compact = s.withoutSignature(compact)
		}
		msg.Body = []byte(compact)
		replace(&msg.Header, "Content-Type", s.spec.JWS.ContentType)
		s.commit(sc, msg, &f, nil)
		return nil
	}
	s.commit(sc, msg, &f, []headerValue{{s.spec.JWS.Header, compact}})
	return nil
}

// replace sets a header in place of all spellings of it.
func replace(header *http.Header, name, value string) {
	if *header == nil {
		*header = make(http.Header, 1)
	}
	for key := range *header {
		if equalFold(name, key) {
			delete(*header, key)
		}
	}
	(*header)[name] = []string{value}
}

// joseInput is the JWS signing input of msg (RFC 7515 section 5.1), and the
// headers it covers.
func (s *Signer) joseInput(msg *Message, now time.Time) (text string, signed []string, err error) {
	var sc scratch
	f := s.facts(msg, now)
	at := s.jose.moment(msg, now)
	payload, pars, err := s.jose.payload(&sc, s.plans.find(msg), msg, &f, at)
	if err != nil {
		return "", nil, err
	}
	input, err := s.jose.input(nil, payload, pars, at)
	if err != nil {
		return "", nil, err
	}
	return string(input), strings.Fields(string(pars)), nil
}
