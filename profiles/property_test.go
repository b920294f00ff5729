package profiles

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/signer"
)

// subject is one way of signing that a profile has.
type subject struct {
	name       string
	spec       signer.Spec
	cred       signer.Credentials
	signer     *signer.Signer
	operations []Operation
}

// subjects are those of all profiles and variants, each configured as its
// vectors say, with a key that signs fast where the bank lets it.
func subjects(t testing.TB) []*subject {
	t.Helper()
	first := make(map[string]*vector)
	for _, v := range loadVectors(t) {
		if first[v.Profile] == nil {
			first[v.Profile] = v
		}
	}
	var all []*subject
	for _, name := range vectorProfiles(t) {
		p := get(t, name)
		if v := first[name]; v != nil {
			p = v.profile(t)
		}
		for section, spec := range map[string]signer.Spec{"": p.Signature, " application": p.SignatureOfApplication()} {
			if spec.Container == "none" || section != "" && sameSpec(spec, p.Signature) {
				continue
			}
			s := &subject{name: name + section, spec: spec, operations: p.Operations}
			for _, identity := range []string{"p256", "rsa"} {
				var err error
				s.cred = vectorCredentials(t, identity, organizationID)
				if s.signer, err = signer.Compile(spec, s.cred); err == nil {
					break
				} else if identity == "rsa" {
					t.Fatalf("%s: %v", s.name, err)
				}
			}
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *subject) int { return strings.Compare(a.name, b.name) })
	return all
}

const organizationID = "PSDXX-NCA-12345"

func sameSpec(a, b signer.Spec) bool { return fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b) }

var propertyTime = time.Unix(1_700_000_000, 0)

// Whatever a request looks like, what is signed verifies; see TestTampering for
// what must not.
func TestSignedVerifies(t *testing.T) {
	const requests = 8
	for i, s := range subjects(t) {
		r := rand.New(rand.NewPCG(1, uint64(i)))
		for range requests {
			msg := s.signed(t, r)
			if err := signer.Verify(s.cred.Key.Public(), s.spec, msg); err != nil {
				t.Fatalf("%s: %v: %+v", s.name, err, msg)
			}
		}
	}
}

// signed makes a request and signs it.
func (s *subject) signed(t testing.TB, r *rand.Rand) *signer.Message {
	t.Helper()
	msg := s.request(r)
	err := s.signer.Sign(msg, propertyTime)
	if errors.Is(err, signer.ErrHeaderMissing) && len(msg.Body) == 0 { // a bank that wants a digest of all
		msg.Method, msg.Body = http.MethodPost, []byte("{}")
		err = s.signer.Sign(msg, propertyTime)
	}
	if err != nil {
		t.Fatalf("%s: %v: %+v", s.name, err, msg)
	}
	return msg
}

// request makes any request that the bank could get.
func (s *subject) request(r *rand.Rand) *signer.Message {
	op := Operation{Name: OperationOther, Path: "/" + word(r, 3)}
	if len(s.operations) > 0 && r.IntN(8) > 0 {
		op = s.operations[r.IntN(len(s.operations))]
	}
	msg := &signer.Message{Method: op.Method, Operation: op.Name, Host: "api.bank.example", Header: s.headers(r),
		Target: "/base" + anyPath(r, op.Path) + []string{"", "?", "?a=b&c=" + word(r, 4), "?q=%2F%2f&empty=&r=/?"}[r.IntN(4)]}
	if n := len(s.spec.Only); n > 0 && r.IntN(4) > 0 {
		switch only := s.spec.Only[r.IntN(n)]; {
		case strings.ToUpper(only) == only:
			msg.Method = only
		case only != msg.Operation:
			msg.Operation, msg.Method = only, http.MethodPost
		}
	}
	if msg.Method == "" {
		msg.Method = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}[r.IntN(5)]
	}
	if msg.Method[0] == 'P' && r.IntN(5) > 0 {
		msg.Body = fmt.Appendf(nil, `{"name": %q, "n": %d.00}`, word(r, 12), r.IntN(1000))
		if s.spec.Container != "jwt" && r.IntN(3) == 0 {
			msg.Body = []byte("--x\r\n\x00\xff" + word(r, 30))
		}
	}
	return msg
}

// anyPath fills the wildcards of an operation's path.
func anyPath(r *rand.Rand, pattern string) string {
	parts := strings.Split(pattern, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "{") {
			parts[i] = word(r, 5) + []string{"", "%2F", "%c3%A9"}[r.IntN(3)]
		}
		if part == "*" {
			parts[i] = word(r, 2) + "//" + word(r, 2)
		}
	}
	return strings.Join(parts, "/")
}

func word(r *rand.Rand, most int) string {
	return characters(r, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~", 1+r.IntN(most))
}

func characters(r *rand.Rand, of string, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(of[r.IntN(len(of))])
	}
	return b.String()
}

// named are the headers that the bank's lists name, with "?" if it can do without,
// but for what signing makes itself.
func (s *subject) named() []string {
	lists := append(slices.Collect(maps.Values(s.spec.SignedByOperation)), s.spec.Signed)
	names := slices.Concat(lists...)
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(entry string) bool {
		name := strings.TrimSuffix(entry, "?")
		return strings.ContainsAny(name, "(@*") || slices.Contains([]string{"host", "content-length", "digest", "content-digest"}, name) ||
			strings.EqualFold(name, s.spec.Certificate.Header)
	})
}

// headers are all that the bank wants signed, and some that it may or may not.
func (s *subject) headers(r *rand.Rand) http.Header {
	h := http.Header{"X-Unsigned": {text(r)}}
	for _, name := range s.named() {
		name, optional := strings.CutSuffix(name, "?")
		if optional && r.IntN(2) == 0 || header(h, name) != "" {
			continue
		}
		h[spelled(r, name)] = []string{text(r)}
	}
	for _, name := range []string{"psu-ip-address", "psu-user-agent", "psu-geo-location", "psu-x"} {
		if r.IntN(2) == 0 && header(h, name) == "" {
			h[spelled(r, name)] = []string{text(r), text(r)}[:1+r.IntN(2)]
		}
	}
	return h
}

func spelled(r *rand.Rand, name string) string {
	return []string{name, http.CanonicalHeaderKey(name), strings.ToUpper(name)}[r.IntN(3)]
}

// text is a header's value.
func text(r *rand.Rand) string {
	return word(r, 3) + characters(r, " \t!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ abcXYZ019", r.IntN(10)) + word(r, 3)
}
