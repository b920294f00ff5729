package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

// What can be wrong with every signed answer, with those that sign headers, and
// with every JWS.
var (
	wrongAnywhere = []string{sandbox.AnswerWrongBody, sandbox.AnswerWrongKey, sandbox.AnswerWrongMissing, sandbox.AnswerWrongForm}
	wrongHeaders  = []string{sandbox.AnswerWrongDigest, sandbox.AnswerWrongNoDigest, sandbox.AnswerWrongHeader}
	wrongJWS      = []string{sandbox.AnswerWrongCritical, sandbox.AnswerWrongNone}
)

// signing is a bank that signs its answers, in report and in enforce, and what
// can be wrong with them.
type signing struct {
	name, profile, base, config, responses string
	call                                   func(p *process, path string) answer
	wrong                                  []string
}

func signingBanks(aisp, pisp string) []signing {
	const keys, psu = "keys /obie/jwks\n", "81.2.69.160"
	accounts := func(p *process, path string) answer {
		return p.call("GET", path+"/accounts", aisp, "", "PSU-IP-Address", psu, "Consent-ID", "c")
	}
	consents := func(p *process, path string) answer {
		return p.call("POST", path+"/pisp/domestic-payment-consents", "", paymentConsent, "x-idempotency-key", uuid.NewString())
	}
	const openBanking = "scope payments\ntoken_endpoint /obie/token\n" + named
	x5c := []string{sandbox.AnswerWrongEncoding, sandbox.AnswerWrongTime, sandbox.AnswerWrongChain}
	return []signing{
		{"obie", "obie", "/obie/open-banking/v3.1", openBanking, keys, consents,
			slices.Concat(wrongAnywhere, wrongJWS, []string{sandbox.AnswerWrongKid, sandbox.AnswerWrongEncoding, sandbox.AnswerWrongTime})},
		{"unencoded", "obie/unencoded", "/obie-unencoded/open-banking/v3.1", openBanking, keys, consents,
			slices.Concat(wrongAnywhere, wrongJWS, []string{sandbox.AnswerWrongKid, sandbox.AnswerWrongEncoding, sandbox.AnswerWrongTime})},
		{"cavage", "carrefour/http-signature", "/obie-cavage/open-banking/v3.1", openBanking, "container signature\n" + keys, consents,
			slices.Concat(wrongAnywhere, wrongHeaders, []string{sandbox.AnswerWrongTime})},
		{"georgia", "georgia", "/georgia/v1", fromApp, "trust {{AUTHORITY}}\norganization_id PSDFR-ACPR-99001\n", accounts,
			slices.Concat(wrongAnywhere, wrongHeaders, wrongJWS, x5c, []string{sandbox.AnswerWrongStatus})},
		{"ing-jws", "ing-jws", "/ing-jws", "token {\ngrant none\nfrom_app\napplication_token off\nclient_id_from_answer off\n}\n", "certificates {{CERTIFICATES}}\n", accounts,
			slices.Concat(wrongAnywhere, wrongHeaders, wrongJWS, x5c)},
		{"rfc9421", "rfc9421", "/rfc9421/v1", fromApp + named, keys, accounts,
			slices.Concat(wrongAnywhere, wrongHeaders, []string{sandbox.AnswerWrongKid, sandbox.AnswerWrongTime, sandbox.AnswerWrongStatus})},
		{"brasil", "open-finance-brasil", "/brasil/open-banking", fromApp + named, keys, func(p *process, path string) answer {
			return p.call("POST", path+"/payments/v1/pix/payments", pisp, `{"data":{"payment":{"amount":"12.50","currency":"BRL"}}}`,
				"x-idempotency-key", uuid.NewString(), "x-fapi-interaction-id", uuid.NewString())
		}, slices.Concat(wrongAnywhere, wrongJWS, []string{sandbox.AnswerWrongKid, sandbox.AnswerWrongTime})},
		{"polish", "polish-api", "/polish/v2.1", fromApp + named, keys, func(p *process, path string) answer {
			id, err := uuid.NewUUID()
			check(p.t, err)
			return p.call("POST", path+"/accounts/v2_1.1/getAccounts", aisp, fmt.Sprintf(`{"requestHeader":{"requestId":%q,"userAgent":"x","ipAddress":%q,"sendDate":"2026-01-01T10:00:00.000Z","tppId":%q}}`,
				id, psu, organization), "Accept-Language", "pl", "Accept-Encoding", "identity")
		}, slices.Concat(wrongAnywhere, wrongJWS, []string{sandbox.AnswerWrongKid, sandbox.AnswerWrongEncoding})},
	}
}

// TestSignedAnswers lets a bank that signs with code of its own sign answers in
// every form, and wrongly in every way.
func TestSignedAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.TokenRules{}, parts{})
	p, err := issued()
	check(t, err)
	check(t, w.bank.Register(sandbox.Client{Organization: organization, Keys: keysNamed(kid, p.qseal.Certificate.PublicKey)}))
	keys, err := w.bank.AnswerKeys()
	check(t, err)
	check(t, os.WriteFile(w.file("answer-authority.pem"), keys.Authority, 0o600))
	check(t, os.WriteFile(w.file("answer-certificates.pem"), keys.Certificates, 0o600))
	files := strings.NewReplacer("{{AUTHORITY}}", w.file("answer-authority.pem"), "{{CERTIFICATES}}", w.file("answer-certificates.pem"))
	banks := signingBanks(w.token("aisp"), w.token("pisp"))
	var list []bankOf
	for _, b := range banks {
		for _, mode := range []string{"report", "enforce"} {
			list = append(list, bankOf{b.name + "-" + mode, b.profile, b.base, b.config + "responses {\nverify " + mode + "\n" + files.Replace(b.responses) + "}\n"})
		}
	}
	config := w.serve(list...)
	sidecar := w.start("answers", func(p *parts) { p.tpp, p.site = config.tpp, config.site })
	for _, b := range banks {
		t.Run(b.name, func(t *testing.T) {
			for _, mode := range []string{"report", "enforce"} {
				if a := b.call(sidecar, "/"+b.name+"-"+mode); a.err != nil || a.status >= 300 || a.header.Get("Sidecar-Answer-Signature") != "valid" {
					t.Fatalf("%s: %v %d %v %s", mode, a.err, a.status, a.header, a.body)
				}
			}
			for _, wrong := range b.wrong {
				check(t, w.bank.SetRules(sandbox.Rules{Answers: sandbox.AnswerRules{Wrong: wrong}}))
				want := "invalid; "
				if wrong == sandbox.AnswerWrongMissing {
					want = "missing; "
				}
				if a := b.call(sidecar, "/"+b.name+"-report"); a.err != nil || a.status >= 300 || !strings.HasPrefix(a.header.Get("Sidecar-Answer-Signature"), want) {
					t.Errorf("%s: %v %d %v %s", wrong, a.err, a.status, a.header, a.body)
				}
				a := b.call(sidecar, "/"+b.name+"-enforce")
				if a.err != nil || a.status != 502 || a.header.Get("Sidecar-Error") != "bank-answer-signature" || field(t, a.body, "reached_bank") != "maybe" || !strings.HasPrefix(field(t, a.body, "detail"), want) {
					t.Errorf("%s: %v %d %v %s", wrong, a.err, a.status, a.header, a.body)
				}
			}
			check(t, w.bank.SetRules(sandbox.Rules{}))
		})
	}
}

// TestExchangedAnswerKeys lets a bank exchange the keys it signs with: the
// sidecar finds the new ones by itself.
func TestExchangedAnswerKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.TokenRules{}, parts{})
	p, err := issued()
	check(t, err)
	check(t, w.bank.Register(sandbox.Client{Organization: organization, Keys: keysNamed(kid, p.qseal.Certificate.PublicKey)}))
	config := w.serve(bankOf{"obie", "obie", "/obie/open-banking/v3.1", "scope payments\ntoken_endpoint /obie/token\n" + named + "responses {\nverify enforce\nkeys /obie/jwks\n}\n"})
	sidecar := w.start("keys", func(p *parts) { p.tpp, p.site = config.tpp, config.site })
	for range 2 {
		a := sidecar.call("POST", "/obie/pisp/domestic-payment-consents", "", paymentConsent, "x-idempotency-key", uuid.NewString())
		if a.err != nil || a.status != 201 || a.header.Get("Sidecar-Answer-Signature") != "valid" {
			t.Fatalf("%v %d %v %s", a.err, a.status, a.header, a.body)
		}
		w.bank.RotateKeys()
	}
}

// TestFollowedLinks follows the links of a bank's answer through the sidecar.
func TestFollowedLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.TokenRules{}, parts{})
	config := w.serve(bankOf{"linked", "bpce", "/stet/psd2/v1.4.2", fromApp + "rewrite_links on\n"}, bankOf{"plain", "bpce", "/stet/psd2/v1.4.2", fromApp})
	sidecar := w.start("links", func(p *parts) { p.tpp, p.site = config.tpp, config.site })
	token := w.token("aisp")
	get := func(path string) answer { return sidecar.call("GET", path, token, "", "PSU-IP-Address", "81.2.69.160") }
	plain := get("/plain/accounts")
	linked := get("/linked/accounts")
	next := field(t, linked.body, "_links", "self", "href")
	if linked.header.Get("Sidecar-Links") != "rewritten" || plain.header.Get("Sidecar-Links") != "" || !strings.HasSuffix(next, "/linked/accounts") {
		t.Fatalf("%v %s", linked.header, linked.body)
	}
	// The rest is what the bank wrote.
	if strings.ReplaceAll(plain.body, "/stet/psd2/v1.4.2/", "/linked/") != linked.body && strings.ReplaceAll(plain.body, w.network.url()+"/stet/psd2/v1.4.2/", "http://sidecar/linked/") != linked.body {
		t.Errorf("the bank's\n%s\nthe app's\n%s", plain.body, linked.body)
	}
	if again := get(strings.TrimPrefix(next, "http://sidecar")); !again.ok() || again.body != linked.body {
		t.Errorf("%d %s", again.status, again.body)
	}
}
