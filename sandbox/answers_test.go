package sandbox

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// answerCases are one call for each way of signing answers.
func answerCases(w *world) map[string]answerCase {
	aisp, _ := w.psuToken("aisp", marc)
	pisp := w.cardToken("pisp")
	own := w.obieToken("payments")
	cases := map[string]answerCase{
		"obie": {func(w *world) response {
			return w.send(w.obieSigned("pisp/domestic-payment-consents", paymentConsent, own).seal(w.T))
		},
			(*world).checkOBIEAnswer},
		"georgia": {func(w *world) response {
			return w.send(w.onHeaders("/georgia/v1/accounts", "", aisp, true).sealed(w.T))
		}, func(w *world, r response) error {
			return w.checkHeadersAnswer(r, "(response-status) x-request-id content-type content-length digest")
		}},
		"ing-jws": {func(w *world) response { return w.send(w.onHeaders("/ing-jws/accounts", "", aisp, false).sealed(w.T)) },
			func(w *world, r response) error { return w.checkHeadersAnswer(r, "content-type digest") }},
		"brasil": {func(w *world) response { return w.send(w.pix(pisp).seal(w.T)) }, (*world).checkJWTAnswer},
		"polish": {func(w *world) response { return w.send(w.polish(aisp).seal(w.T)) }, (*world).checkPolishAnswer},
		"rfc9421": {func(w *world) response {
			return w.send(w.messageSigned("GET", "/rfc9421/v1/accounts", "", aisp).seal(w.T))
		},
			(*world).checkMessageAnswer},
	}
	return cases
}

func TestSignedAnswers(t *testing.T) {
	w := newWorld(t)
	for name, test := range answerCases(w) {
		t.Run(name, func(t *testing.T) {
			w := &world{t, w.pki, w.bank}
			if err := test.check(w, test.call(w)); err != nil {
				t.Error(err)
			}
			if name == "rfc9421" {
				return
			}
			if err := w.bank.SetRules(Rules{Answers: AnswerRules{Algorithm: "ES256"}}); err != nil {
				t.Fatal(err)
			}
			resp := test.call(w)
			if err := test.check(w, resp); err != nil {
				t.Error(err)
			}
			if err := w.bank.SetRules(Rules{}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestWrongAnswers: every way to be wrong is noticed by a strict client, or is
// none that the standard has.
func TestWrongAnswers(t *testing.T) {
	w := newWorld(t)
	cases := answerCases(w)
	all := "obie georgia ing-jws brasil polish rfc9421"
	for wrong, where := range map[string]string{
		AnswerWrongBody: all, AnswerWrongKey: all, AnswerWrongMissing: all, AnswerWrongForm: all,
		AnswerWrongKid: "obie brasil polish rfc9421", AnswerWrongDigest: "georgia ing-jws rfc9421", AnswerWrongNoDigest: "georgia ing-jws rfc9421",
		AnswerWrongHeader: "georgia ing-jws brasil rfc9421", AnswerWrongStatus: "georgia rfc9421",
		AnswerWrongCritical: "obie georgia ing-jws brasil polish", AnswerWrongEncoding: "obie georgia ing-jws polish",
		AnswerWrongTime: "obie georgia ing-jws brasil rfc9421", AnswerWrongChain: "georgia ing-jws", AnswerWrongNone: "obie georgia ing-jws brasil polish",
	} {
		t.Run(wrong, func(t *testing.T) {
			w := &world{t, w.pki, w.bank}
			if err := w.bank.SetRules(Rules{Answers: AnswerRules{Wrong: wrong}}); err != nil {
				t.Fatal(err)
			}
			for name, test := range cases {
				resp := test.call(w)
				if resp.status >= 300 {
					t.Fatalf("%s: %d %s", name, resp.status, resp.body)
				}
				err := test.check(w, resp)
				if spoiled := strings.Contains(where, name); spoiled != (err != nil) {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	if err := w.bank.SetRules(Rules{Answers: AnswerRules{Wrong: "x"}}); err == nil {
		t.Error("an unknown way to be wrong is taken")
	}
	if err := w.bank.SetRules(Rules{Answers: AnswerRules{Algorithm: "HS256"}}); err == nil {
		t.Error("an unknown algorithm is taken")
	}
}

// TestAnswerKeys: the endpoints, PEM, rotation.
func TestAnswerKeys(t *testing.T) {
	w := newWorld(t)
	keys, err := w.bank.AnswerKeys()
	if err != nil {
		t.Fatal(err)
	}
	resp := w.send(&request{method: "GET", target: "/obie/jwks", header: [][2]string{{"Host", "x"}}})
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(resp.body), &set); err != nil || len(set.Keys) != 2 || set.Keys[0].KeyID != keys.KeySet.Keys[0].KeyID {
		t.Errorf("%v %s", err, resp.body)
	}
	shown := func(path string) []byte {
		rec := httptest.NewRecorder()
		w.bank.Control().ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		return rec.Body.Bytes()
	}
	if !bytes.Equal(shown("/answer-keys/certificates.pem"), keys.Certificates) || !bytes.Equal(shown("/answer-keys/authority.pem"), keys.Authority) {
		t.Error("the control plane shows other keys")
	}
	if json.Unmarshal(shown("/answer-keys/jwks"), &set) != nil || set.Keys[1].KeyID != keys.KeySet.Keys[1].KeyID {
		t.Error("the control plane shows another key set")
	}
	block, _ := pem.Decode(keys.Certificates)
	if block == nil || !bytes.Equal(block.Bytes, keys.KeySet.Keys[0].Certificates[0].Raw) {
		t.Error("the first certificate is not that of the first key")
	}
	w.bank.RotateKeys()
	if later, err := w.bank.AnswerKeys(); err != nil || later.KeySet.Keys[0].KeyID == keys.KeySet.Keys[0].KeyID {
		t.Error("the keys have not changed", err)
	}
}

// TestAnswerDigest: standards without signed answers, and answers of a fault.
func TestAnswerDigest(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Rules.Answers.Digest = true })
	aisp, _ := w.psuToken("aisp", marc)
	resp := w.signAndSend(w.stet("GET", "/stet/psd2/v1.4.2/accounts", "", aisp))
	if resp.header.Get("Digest") != digestOf(resp.body) {
		t.Error(resp.header)
	}
	if err := w.bank.Faults().SetAPI(Fault{Next: 1, Status: 503}); err != nil {
		t.Fatal(err)
	}
	resp = w.send(w.onHeaders("/georgia/v1/accounts", "", aisp, true).sealed(t))
	if resp.status != 503 || resp.header.Get("x-jws-signature") != "" {
		t.Error(resp)
	}
	if err := w.bank.SetRules(Rules{Answers: AnswerRules{All: true}}); err != nil {
		t.Fatal(err)
	}
	resp = w.send(w.obie("POST", "aisp/account-access-consents", accessConsent, w.obieToken("accounts")))
	if err := w.checkOBIEAnswer(resp); err != nil {
		t.Error(err)
	}
	// Refusals are signed, too.
	resp = w.send(w.obie("GET", "pisp/domestic-payments/x", "", w.obieToken("payments")))
	if err := w.checkOBIEAnswer(resp); err != nil || resp.status != 400 {
		t.Error(resp.status, err)
	}
}
