package tokens

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-tpp/caddy-tpp/jws"
)

// jwtAlgorithms are those a JWT in place of a token may be signed with.
var jwtAlgorithms = []jose.SignatureAlgorithm{
	jose.PS256, jose.PS384, jose.PS512, jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// Maker makes the JWTs that a bank takes in place of tokens (grant "jwt"), with
// one key. It is safe for concurrent use.
type Maker struct {
	spec            *Spec
	key             crypto.Signer
	algorithm       jose.SignatureAlgorithm
	claims, members *jws.Bound
	lifetime        time.Duration
	audience        string
	fingerprint     string
}

// NewMaker prepares the JWTs of a validated section. audience is the value of
// {audience}: what the JWT is for. Errors wrap [ErrSpec].
func NewMaker(s *Spec, key crypto.Signer, facts jws.Facts, audience string) (*Maker, error) {
	if key == nil {
		return nil, fmt.Errorf("%w: grant %q needs a key: set client_key, or use an identity with a QSEAL", ErrSpec, GrantJWT)
	}
	m := &Maker{spec: s, key: key, audience: audience, lifetime: orDefault(s.JWT.Lifetime, defaultLifetime)}
	fitting := jws.Algorithms(key.Public())
	switch wanted := jose.SignatureAlgorithm(s.JWT.Algorithm); {
	case len(fitting) == 0:
		return nil, fmt.Errorf("%w: jwt: no JWS can be made with this key: use RSA of at least %d bits, ECDSA or Ed25519", ErrSpec, jws.MinRSABits)
	case wanted == "":
		m.algorithm = fitting[0]
	case slices.Contains(fitting, wanted):
		m.algorithm = wanted
	default:
		return nil, fmt.Errorf("%w: jwt.algorithm %s does not fit the key: use one of %v", ErrSpec, wanted, fitting)
	}
	var err error
	if m.claims, err = bind("claims", s.JWT.Claims, map[string]string{"iat": "{unix_time}", "exp": "{expires}"}, facts); err != nil {
		return nil, err
	}
	if m.members, err = bind("members", s.JWT.Members, map[string]string{"typ": "JWT"}, facts); err != nil {
		return nil, err
	}
	m.fingerprint, err = m.identify()
	return m, err
}

func bind(what string, values, otherwise map[string]string, facts jws.Facts) (*jws.Bound, error) {
	if len(values) == 0 {
		values = otherwise
	}
	members, err := jws.CompileMembers(values)
	if err != nil {
		return nil, fmt.Errorf("%w: jwt.%s: %w", ErrSpec, what, err)
	}
	bound, err := members.Bind(facts)
	if err != nil {
		return nil, fmt.Errorf("%w: jwt.%s: %w", ErrSpec, what, err)
	}
	return bound, nil
}

// Fingerprint tells makers apart whose JWTs differ in more than their time. It is
// for [Key.Thumbprint], so that a JWT of other claims or of another key is not
// used again.
func (m *Maker) Fingerprint() string { return m.fingerprint }

func (m *Maker) identify() (string, error) {
	public, err := x509.MarshalPKIXPublicKey(m.key.Public())
	if err != nil {
		return "", fmt.Errorf("%w: jwt: the key cannot be used", ErrSpec)
	}
	config, err := json.Marshal(m.spec.JWT)
	if err != nil {
		return "", fmt.Errorf("%w: jwt: the section cannot be written", ErrSpec)
	}
	content := slices.Concat(public, config, []byte(m.audience))
	for _, bound := range []*jws.Bound{m.claims, m.members} {
		if bound.OncePerSecond() { // else it holds a {uuid}, another one each time
			content = bound.Append(content, jws.Moment{})
		}
	}
	sum := sha256.Sum256(content)
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// token makes a JWT that is good from now on.
func (m *Maker) token(now time.Time) (*Token, error) {
	now = now.Add(-time.Duration(now.Nanosecond())) // as the claims tell it, so that both end at once
	moment := jws.Moment{Now: now, Lifetime: m.lifetime, Audience: m.audience}
	options := new(jose.SignerOptions)
	if m.spec.JWT.KeyID != "" {
		options.WithHeader("kid", m.spec.JWT.KeyID)
	}
	m.members.Each(moment, func(name string, value json.RawMessage) { options.WithHeader(jose.HeaderKey(name), value) })
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: m.algorithm, Key: jws.Opaque(m.key)}, options)
	if err != nil {
		return nil, fmt.Errorf("%w: jwt: %w", ErrSpec, err)
	}
	signed, err := signer.Sign(m.claims.Object(moment))
	if err != nil {
		return nil, fmt.Errorf("%w: jwt: signing failed: %w", ErrSpec, err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		return nil, fmt.Errorf("%w: jwt: %w", ErrSpec, err)
	}
	return NewToken(compact, now, m.lifetime, m.spec), nil
}
