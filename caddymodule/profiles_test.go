package caddymodule_test

import (
	"os"
	"strings"
	"testing"
)

// A bank of one's own is a file; what is wrong with it is said with its line.
func TestProfilesOfOnesOwn(t *testing.T) {
	r := newRig(t)
	r.check(os.Mkdir(r.file("profiles"), 0o700))
	profile := func(text string) {
		r.check(os.WriteFile(r.file("profiles/mine.json"), []byte("{\"schema\": 1, \"name\": \"mine\",\n\"title\": \"Mine\", \"inherits\": \"bpce\","+text+"}"), 0o600))
	}
	mine := parts{
		tpp: "profiles \"{{DIR}}/profiles\"\naspsp mine {\nprofile mine/by-client\nbase_url {{BANK}}/stet/psd2/v1.4.2\nidentity acme\n" +
			"trust_pool \"{{DIR}}/bank-ca.pem\"\nheaders {\nset X-Portal-Key 4711\n}\n}",
		site: "tpp_proxy /mine/* mine {\nstrip_prefix /mine\n}",
	}
	const sound = `"headers": {"set": {"X-Portal-Key": "none"}},
		"requires": [{"setting": "headers.set.X-Portal-Key", "why": "the portal shows it"}],
		"variants": {"by-client": {"title": "t", "why": "w", "signature": {"key_id": "client-id"}}}`
	profile(sound)
	r.load(mine)
	r.call("GET", "/mine/accounts", "")
	record := r.bank.Last()
	if record.KeyID != organization || record.Header.Get("X-Portal-Key") != "4711" {
		t.Errorf("the bank got keyId %q and %v", record.KeyID, record.Header)
	}

	without := mine
	without.tpp = strings.Replace(mine.tpp, "set X-Portal-Key 4711", "allow X-Other", 1)
	mentions(t, r.validate(without), "aspsp mine", "headers.set.X-Portal-Key", "mine/by-client", "the portal shows it")
	other := mine
	other.tpp = strings.Replace(mine.tpp, "mine/by-client", "mine/by-clint", 1)
	mentions(t, r.validate(other), "aspsp mine", `"mine/by-clint"`, "the variants of mine are mine/by-client")

	profile(sound + ",\n\"psu\": {\n  \"rule\": \"always\"}")
	mentions(t, r.validate(mine), "profiles: ", "/profiles/mine.json:6:11: psu: ", `"always"`)
	profile(sound + ",\n\"scopes\": \"x\"")
	mentions(t, r.validate(mine), "/profiles/mine.json:5:1: scopes: unknown field")
	r.check(os.RemoveAll(r.file("profiles")))
	mentions(t, r.validate(mine), "profiles: ", "/profiles: ", "no such file")
}
