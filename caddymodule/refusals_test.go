package caddymodule_test

import (
	"strings"
	"testing"
)

// TestMistakesInACaddyfile holds that a message says what is wrong, where, and
// what would be right.
func TestMistakesInACaddyfile(t *testing.T) {
	global := func(inner string) string { return "{\n\ttpp {\n" + inner + "\n\t}\n}\n" }
	identity := func(inner string) string { return global("identity acme {\n" + inner + "\n}") }
	aspsp := func(inner string) string { return global("aspsp bpgo {\n" + inner + "\n}") }
	proxy := func(inner string) string { return ":8080 {\n\ttpp_proxy bpgo {\n" + inner + "\n}\n}\n" }
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"option of tpp":           {global("idenity acme"), []string{`"idenity"`, "identity, aspsp, vault, profiles, certificate_poll, explain", "Caddyfile:3"}},
		"argument of tpp":         {"{\n\ttpp acme {\n}\n}", []string{"wrong argument count", "Caddyfile:2"}},
		"option of an identity":   {identity("qseals x y"), []string{`"qseals"`, "identity acme", "qwac, qseal"}},
		"option of a key pair":    {identity("qwac a b {\npass x\n}"), []string{`"pass"`, "qwac", "passphrase"}},
		"key pair without files":  {identity("qwac"), []string{"qwac takes the certificate's file and the key's file"}},
		"key pair of three files": {identity("qwac a b c"), []string{"qwac takes the certificate's file"}},
		"qwac twice":              {identity("qwac a b\nqwac c d"), []string{"qwac is configured twice"}},
		"qseal twice":             {identity("qseal a b\nqseal c d"), []string{"qseal is configured twice"}},
		"identity twice":          {global("identity acme {\n}\nidentity acme {\n}"), []string{"identity acme is configured twice"}},
		"identity without name":   {global("identity {\n}"), []string{"wrong argument count"}},
		"empty name":              {global("identity \"\" {\n}"), []string{`"" is no name`}},
		"name with a slash":       {global("aspsp bp/go {\n}"), []string{`"bp/go" is no name`, "letters, digits, hyphens"}},
		"aspsp twice":             {global("aspsp bpgo {\n}\naspsp bpgo {\n}"), []string{"aspsp bpgo is configured twice"}},
		"aspsp twice in two blocks": {"{\n\ttpp {\naspsp bpgo {\n}\n}\n\ttpp {\naspsp bpgo {\n}\n}\n}\n",
			[]string{"aspsp bpgo is configured twice"}},
		"option of an aspsp":            {aspsp("baseurl https://x"), []string{`"baseurl"`, "there are: profile, base_url, identity", "token"}},
		"option twice":                  {aspsp("profile bpce\nprofile bpce-v1"), []string{"profile is configured twice"}},
		"option without value":          {aspsp("base_url"), []string{"wrong argument count", "base_url"}},
		"size":                          {aspsp("max_body many"), []string{`"many" is no size`, "1MiB"}},
		"size of nothing":               {aspsp("max_body 0"), []string{`"0" is no size`}},
		"duration":                      {aspsp("answer_timeout 30"), []string{`"30" is no duration`, "30s"}},
		"negative duration":             {aspsp("connect_timeout -1s"), []string{`"-1s" is no duration`}},
		"switch":                        {aspsp("fallback yes"), []string{"write on or off"}},
		"number of connections":         {aspsp("idle_conns none"), []string{`idle_conns: "none" is no number above 0`}},
		"option of signature":           {aspsp("signature {\nalgoritm x\n}"), []string{`"algoritm" in signature`, "algorithm, algorithm_label"}},
		"option of key_id":              {aspsp("signature {\nkey_id {\nkind serial\n}\n}"), []string{`"kind" in key_id`, "form", "serial"}},
		"option of psu twice":           {aspsp("psu {\nrule allow\nrule strip\n}"), []string{"rule is configured twice in psu"}},
		"entry of a map twice":          {aspsp("headers {\nset {\nX-A 1\nX-A 2\n}\n}"), []string{"X-A is configured twice in set"}},
		"section twice":                 {aspsp("psu {\nrule allow\n}\npsu {\nrule strip\n}"), []string{"psu is configured twice"}},
		"number in signature":           {aspsp("signature {\nexpires_seconds soon\n}"), []string{`expires_seconds: "soon" is no whole number`}},
		"list without entries":          {aspsp("signature {\nsigned\n}"), []string{"wrong argument count"}},
		"two banks in tpp_proxy":        {":8080 {\n\ttpp_proxy one two\n}\n", []string{"wrong argument count"}},
		"argument of tpp_health":        {":8080 {\n\ttpp_health /x now\n}\n", []string{"wrong argument count"}},
		"option of reverse_proxy":       {proxy("lb_polcy random"), []string{"lb_polcy"}},
		"to":                            {proxy("to https://elsewhere.example"), []string{"tpp_proxy does not take to", "base_url"}},
		"dynamic":                       {proxy("dynamic a example.org 80"), []string{"tpp_proxy does not take dynamic", "base_url"}},
		"transport":                     {proxy("transport http {\ntls_insecure_skip_verify\n}"), []string{"does not take transport", "aspsp block"}},
		"rewrite":                       {proxy("rewrite /x"), []string{"does not take rewrite", "in front of tpp_proxy"}},
		"method":                        {proxy("method GET"), []string{"does not take method", "in front of tpp_proxy"}},
		"lb_retry_match":                {proxy("flush_interval -1\nlb_retry_match {\nmethod POST\n}"), []string{"does not take lb_retry_match", "payment"}},
		"health_uri":                    {proxy("header_up -X-Internal\nhealth_uri /up"), []string{"does not take health_uri", "no PSU asked"}},
		"health_path":                   {proxy("health_path /up"), []string{"does not take health_path"}},
		"health_port":                   {proxy("health_port 1"), []string{"does not take health_port"}},
		"strip_prefix without a prefix": {proxy("strip_prefix"), []string{"wrong argument count", "strip_prefix"}},
		"strip_prefix twice":            {proxy("strip_prefix /a\nstrip_prefix /b"), []string{"strip_prefix is configured twice"}},
		"in an imported snippet":        {"(wrong) {\n\tto x\n}\n" + proxy("import wrong"), []string{"does not take to"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := adapt(test.text)
			mentions(t, err, test.want...)
		})
	}
}

// mentions fails unless there is an error that says all this.
func mentions(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
}
