package sandbox

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// get sends a signed GET of the STET API.
func (w *world) get(token, target string) response {
	w.Helper()
	return w.signAndSend(w.stet("GET", target, "", token))
}

func list(v map[string]any, name string) []any {
	l, _ := v[name].([]any)
	return l
}

func TestAccountInformation(t *testing.T) {
	for _, version := range []string{"v1", "v1.4.2"} {
		t.Run(version, func(t *testing.T) {
			w := newWorld(t)
			base := "/stet/psd2/" + version
			token, _ := w.psuToken("aisp", "D0999990I0")
			got := w.get(token, base+"/accounts").json(t)
			accounts := list(got, "accounts")
			if len(accounts) != 3 {
				t.Fatalf("%v", got)
			}
			first := accounts[0].(map[string]any)
			if first["resourceId"] != "038-CPT30019654051" || first["accountId"].(map[string]any)["iban"] != "FR7613807008043001965405158" {
				t.Errorf("%v", first)
			}
			got = w.get(token, base+"/accounts/038-CPT30019654052/balances").json(t)
			if a := list(got, "balances")[0].(map[string]any)["balanceAmount"].(map[string]any); a["amount"] != "459.56" || a["currency"] != "EUR" {
				t.Errorf("%v", got)
			}
			w.expect(w.get(token, base+"/accounts/038-CPT30019654061/balances"), 404, "no such account")
			if len(list(w.get(token, base+"/trusted-beneficiaries").json(t), "beneficiaries")) != 2 {
				t.Error("beneficiaries")
			}
			lea, _ := w.psuToken("aisp", "755238649")
			if resp := w.get(lea, base+"/trusted-beneficiaries"); resp.status != 204 || resp.body != "" {
				t.Error(resp)
			}
			if version == "v1.4.2" {
				if got := w.get(token, base+"/end-user-identity").json(t); got["connectedPsu"] != "Marc" {
					t.Error(got)
				}
			}
		})
	}
}

func TestTransactions(t *testing.T) {
	now := newClock()
	w := newWorld(t, func(o *Options) { o.Now = now.Now })
	token, _ := w.psuToken("aisp", "D0999990I0")
	path := "/stet/psd2/v1.4.2/accounts/038-CPT30019654051/transactions"
	// Follow the links through all pages.
	var refs []string
	pages := 0
	for target := path; target != ""; pages++ {
		got := w.get(token, target).json(t)
		for _, item := range list(got, "transactions") {
			refs = append(refs, item.(map[string]any)["entryReference"].(string))
		}
		target = ""
		if next, ok := got["_links"].(map[string]any)["next"].(map[string]any); ok {
			u, err := url.Parse(next["href"].(string))
			if err != nil || u.Host != w.bank.Addr().String() {
				t.Fatal(next, err)
			}
			target = u.RequestURI()
		}
	}
	if len(refs) != 90 || pages != 5 {
		t.Fatalf("%d transactions on %d pages", len(refs), pages)
	}
	count := func(target string) int {
		t.Helper()
		resp := w.get(token, target)
		if resp.status == 204 {
			return 0
		}
		w.expect(resp, 200, "")
		return len(list(resp.json(t), "transactions"))
	}
	day := func(back int) string { return now.Now().UTC().AddDate(0, 0, -back).Format(time.DateOnly) }
	// From is inclusive, to exclusive; the reference's lower bound is exclusive, its upper one inclusive.
	for query, want := range map[string]int{
		"?dateFrom=" + day(5): 6, "?dateFrom=" + day(5) + "&dateTo=" + day(2): 3, "?dateTo=" + day(300): 0,
		"?entryReferenceFrom=" + refs[4]: 4, "?entryReferenceFrom=" + refs[4] + "&entryReferenceto=" + refs[2]: 2,
	} {
		if got := count(path + query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	v1 := strings.Replace(path, "v1.4.2", "v1", 1)
	if got := count(v1 + "?afterEntryReference=" + refs[4]); got != 4 {
		t.Errorf("afterEntryReference: %d", got)
	}
	w.expect(w.get(token, v1+"?entryReferenceFrom="+refs[4]), 400, "is not known here")
	w.expect(w.get(token, path+"?afterEntryReference="+refs[4]), 400, "is not known here")
	w.expect(w.get(token, path+"?dateFrom=monday"), 400, "dateFrom is no date")
	w.expect(w.get(token, path+"?entryReferenceto=x"), 400, "entryReferenceto is no entryReference")
	w.expect(w.get(token, path+"?page=6"), 400, "page is not between")
	long, _ := w.psuToken("aisp extended_transaction_history", "D0999990I0")
	got := w.get(long, path+"?page=7").json(t)
	if len(list(got, "transactions")) != 10 {
		t.Errorf("extended history: %v", got)
	}
}

func TestConsents(t *testing.T) {
	w := newWorld(t)
	token, _ := w.psuToken("aisp", "D0999990I0")
	base := "/stet/psd2/v1.4.2"
	put := func(body string) response {
		return w.signAndSend(w.stet("PUT", base+"/consents", body, token))
	}
	w.expect(put(`{"balances":[{"iban":"FR7613807008043001965405158"}],"transactions":[],"psuIdentity":true}`), 201, "")
	if n := len(list(w.get(token, base+"/accounts").json(t), "accounts")); n != 1 {
		t.Errorf("%d accounts", n)
	}
	w.expect(w.get(token, base+"/accounts/038-CPT30019654051/balances"), 200, "")
	w.expect(w.get(token, base+"/accounts/038-CPT30019654051/transactions"), 403, "not consented for transactions")
	w.expect(w.get(token, base+"/accounts/038-CPT30019654052/balances"), 403, "not consented for balances")
	w.expect(w.get(token, base+"/trusted-beneficiaries"), 403, "beneficiaries are not consented")
	w.expect(w.get(token, base+"/end-user-identity"), 200, "")
	w.expect(put(`{"balances":[],"transactions":[]}`), 201, "")
	w.expect(w.get(token, base+"/end-user-identity"), 403, "identity is not consented")
	if resp := w.get(token, base+"/accounts"); resp.status != 204 {
		t.Error(resp.status)
	}
	w.expect(put(`{"balances":[{"iban":"FR7613807008043001965406128"}]}`), 400, "that the PSU does not have")
	w.expect(put(`[]`), 400, "not a consent")
}

func TestOConfirmation(t *testing.T) {
	w := newWorld(t)
	token := w.cardToken("pisp")
	path := "/stet/psd2/v1.4.2/payment-requests/P1/o-confirmation"
	w.expect(w.signAndSend(w.stet("POST", path, "{}", token)), 200, "")
	w.expect(w.signAndSend(w.stet("POST", path, "", token)), 400, "send {}")
	w.expect(w.signAndSend(w.stet("POST", path, `{"x":1}`, token)), 400, "is not known")
	w.expect(w.signAndSend(w.stet("POST", path, "{}", w.cardToken("cbpii"))), 403, "lacks the scope pisp")
}

// TestUnattended: four calls a day without the PSU, more with.
func TestUnattended(t *testing.T) {
	now := newClock()
	w := newWorld(t, func(o *Options) { o.Now, o.UnattendedPerDay = now.Now, 4 })
	token, _ := w.psuToken("aisp", "D0999990I0")
	unattended := func() response {
		r := w.stet("GET", "/stet/psd2/v1/accounts", "", token)
		r.del("PSU-IP-Address")
		r.signed = []string{"(request-target)", "date", "x-request-id"}
		return w.signAndSend(r)
	}
	for range 4 {
		w.expect(unattended(), 200, "")
	}
	resp := unattended()
	w.expect(resp, 429, "more than 4 calls")
	if resp.json(t)["error"] != "TMRQ" {
		t.Error(resp.body)
	}
	w.expect(w.get(token, "/stet/psd2/v1/accounts"), 200, "")
	now.advance(24 * time.Hour)
	token, _ = w.psuToken("aisp", "D0999990I0")
	w.expect(unattended(), 200, "")
}

// TestKeyIDForms: the other two forms, and a certificate registered later.
func TestKeyIDForms(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.KeyID = KeyIDClientID })
	token := w.cardToken("cbpii")
	r := w.confirmation(token)
	w.expect(w.send(r), 400, "not the organizationIdentifier of a registered")
	for _, seal := range []string{"rsa", "ec"} {
		r = w.stet("POST", fundsPath, coverage("K", "1", "EUR", "FR7613807008043001965405158"), token)
		r.keyID = orgID
		if seal == "ec" {
			r.sealedBy, r.algorithm = w.qsealEC, "ecdsa-sha256"
		}
		w.expect(w.signAndSend(r), 200, "")
	}

	w = newWorld(t, func(o *Options) { o.KeyID, o.QSEALs = KeyIDCertificateURL, nil })
	token = w.cardToken("cbpii")
	const name = "https://tpp.example/seal_"
	hexPrint := fmt.Sprintf("%x", sha256.Sum256(w.qseal.Certificate.Raw))
	send := func(keyID string) response {
		r := w.stet("POST", fundsPath, coverage("K", "1", "EUR", "FR7613807008043001965405158"), token)
		r.keyID = keyID
		return w.signAndSend(r)
	}
	w.expect(send(name+hexPrint), 400, "fingerprint of a registered QSEAL certificate")
	if err := w.bank.AddQSEAL(w.qseal.Certificate); err != nil {
		t.Fatal(err)
	}
	w.expect(send(name+hexPrint), 200, "")
	w.expect(send(name+strings.ToUpper(hexPrint)), 400, "lower-case")
	w.expect(send(name+hexPrint+"?v=1"), 400, "https URL without query")
	w.expect(send("http://tpp.example/seal_"+hexPrint), 400, "https URL without query")
	w.expect(send("https://tpp.example/"+hexPrint), 400, "does not end in an underscore")
}
