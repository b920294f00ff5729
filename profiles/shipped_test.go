package profiles

import (
	"crypto"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/signer"
)

// Every shipped profile and variant says what it rests on, how sure it is, and
// what to ask the bank.
func TestShippedSayWhatTheyRestOn(t *testing.T) {
	for _, name := range vectorProfiles(t) {
		p := get(t, name)
		if p.Title == "" || p.Standard == "" || p.Certainty == "" || len(p.Sources) == 0 {
			t.Errorf("%s lacks title, standard, certainty or sources", name)
		}
		if p.Certainty != "verified" && len(p.OpenQuestions) == 0 {
			t.Errorf("%s is not verified, and has no question", name)
		}
		for _, source := range p.Sources {
			if source.Covers == "" {
				t.Errorf("%s: what rests on %q?", name, source.Title)
			}
		}
		if bank, variant := splitName(name); variant != "" && get(t, bank).Variants[variant].Why == "" {
			t.Errorf("%s says not why", name)
		}
	}
}

// Every shipped profile signs what an application may send to each of its
// operations, and to others, with and without a PSU, so that it verifies.
func TestShippedSignEveryOperation(t *testing.T) {
	cred := vectorCredentials(t, "rsa", "client")
	for _, name := range vectorProfiles(t) {
		t.Run(name, func(t *testing.T) {
			p := get(t, name)
			for section, spec := range map[string]signer.Spec{"signature": p.Signature, "application_signature": p.ApplicationSignature} {
				if reflect.ValueOf(spec).IsZero() {
					continue
				}
				s, err := signer.Compile(spec, cred)
				if err != nil {
					t.Fatalf("%s: %v", section, err)
				}
				for _, op := range append(operationsToSign(p),
					Operation{Name: OperationToken, Method: "POST", Path: "/token"}, Operation{Name: OperationOther, Path: "/somewhere/else"}) {
					for _, msg := range requestsOf(p, op) {
						signAndVerify(t, s, spec, cred.Key.Public(), msg)
					}
				}
			}
		})
	}
}

// operationsToSign are those of a profile. Of a variant, whose operations are
// the profile's, one of each method will do.
func operationsToSign(p *Profile) []Operation {
	if _, variant := splitName(p.Name); variant == "" {
		return slices.Clone(p.Operations)
	}
	seen := make(map[string]bool)
	return slices.DeleteFunc(slices.Clone(p.Operations), func(op Operation) bool {
		former := seen[op.Method]
		seen[op.Method] = true
		return former
	})
}

// requestsOf makes requests of an operation as they are before signing.
func requestsOf(p *Profile, op Operation) (list []*signer.Message) {
	methods := []string{op.Method}
	if op.Method == "" {
		methods = []string{"GET", "POST"}
	}
	path := strings.NewReplacer("{", "", "}", "", "*", "rest").Replace(op.Path)
	for _, method := range methods {
		for _, psu := range []bool{false, true} {
			h := http.Header{"Date": {"Tue, 07 Jun 2022 20:51:35 GMT"}, "X-Request-ID": {"95126d8f-ae9d-4ac3-ac9e-c357dcd78811"},
				"Accept": {"application/json"}, "Authorization": {"Bearer of-a-token"}}
			for made := range p.Headers.Make {
				h[made] = []string{"made"}
			}
			for set := range p.Headers.Set {
				h[set] = []string{"set"}
			}
			if psu {
				h["PSU-IP-Address"], h["PSU-User-Agent"] = []string{"203.0.113.7"}, []string{"Agent/1.0"}
				h["PSU-ID"], h["TPP-Redirect-URI"] = []string{"psu"}, []string{"https://tpp.example/cb"}
			}
			msg := &signer.Message{Method: method, Target: "/base" + path + "?a=%2F&b=", Host: "bank.example", Header: h, Operation: op.Name}
			if method != "GET" && method != "DELETE" {
				h["Content-Type"] = []string{"application/json"}
				msg.Body = []byte(`{"amount": "1.00"}`)
			}
			list = append(list, msg)
		}
	}
	return list
}

func signAndVerify(t *testing.T, s *signer.Signer, spec signer.Spec, public crypto.PublicKey, msg *signer.Message) {
	t.Helper()
	if err := s.Sign(msg, time.Now()); err != nil {
		t.Fatalf("%s %s: %v", msg.Operation, msg.Method, err)
	}
	if !s.SignsAnything() {
		return
	}
	if err := signer.Verify(public, spec, msg); err != nil {
		t.Errorf("%s %s: %v", msg.Operation, msg.Method, err)
	}
}
