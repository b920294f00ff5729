package caddymodule_test

import (
	"encoding/json"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// TestJSONIsCheckedLikeACaddyfile holds that what the Caddyfile refuses is
// refused in JSON too.
func TestJSONIsCheckedLikeACaddyfile(t *testing.T) {
	identity := func(tpp map[string]any) map[string]any { return tpp["identities"].(map[string]any) }
	aspsps := func(tpp map[string]any) map[string]any { return tpp["aspsps"].(map[string]any) }
	set := func(option string, value any) func(map[string]any) {
		return func(tpp map[string]any) { aspsps(tpp)["bpgo"].(map[string]any)[option] = value }
	}
	for name, test := range map[string]struct {
		change func(tpp map[string]any)
		want   []string
	}{
		"answer_timeout":   {set("answer_timeout", "-30s"), []string{"aspsp bpgo", "answer_timeout", "30s"}},
		"connect_timeout":  {set("connect_timeout", -1), []string{"aspsp bpgo", "connect_timeout", "5s"}},
		"max_body":         {set("max_body", -1), []string{"aspsp bpgo", "max_body"}},
		"max_body too big": {set("max_body", 1<<41), []string{"aspsp bpgo", "max_body"}},
		"idle_conns":       {set("idle_conns", -256), []string{"aspsp bpgo", "idle_conns"}},
		"certificate_poll": {func(tpp map[string]any) { tpp["certificate_poll"] = "-2s" }, []string{"certificate_poll", "2s"}},
		"several at once": {func(tpp map[string]any) {
			set("idle_conns", -1)(tpp)
			set("max_body", -1)(tpp)
			set("base_url", "http://x.example")(tpp)
			set("token_endpoint", "https://x.example/?q")(tpp)
		}, []string{"idle_conns", "max_body", "base_url", "token endpoint"}},
		"aspsp without name":    {func(tpp map[string]any) { aspsps(tpp)[""] = aspsps(tpp)["bpgo"] }, []string{`aspsp: "" is no name`, "letters, digits, hyphens"}},
		"aspsp with a slash":    {func(tpp map[string]any) { aspsps(tpp)["bp/go"] = aspsps(tpp)["bpgo"] }, []string{`aspsp: "bp/go" is no name`}},
		"aspsp with a line end": {func(tpp map[string]any) { aspsps(tpp)["bp\ngo"] = aspsps(tpp)["bpgo"] }, []string{`aspsp: "bp\ngo" is no name`}},
		"identity without name": {func(tpp map[string]any) { identity(tpp)[""] = identity(tpp)["acme"] }, []string{`identity: "" is no name`}},
		"identity with braces":  {func(tpp map[string]any) { identity(tpp)["{x}"] = identity(tpp)["acme"] }, []string{`identity: "{x}" is no name`}},
		"empty identity":        {func(tpp map[string]any) { identity(tpp)["none"] = nil }, []string{"identity none", "qwac"}},
		"empty aspsp":           {func(tpp map[string]any) { aspsps(tpp)["none"] = nil }, []string{"aspsp none", "profile"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			var config map[string]any
			r.check(json.Unmarshal(must(adapt(r.text(parts{}))), &config))
			test.change(config["apps"].(map[string]any)["tpp"].(map[string]any))
			var parsed caddy.Config
			r.check(json.Unmarshal(must(json.Marshal(config)), &parsed))
			mentions(t, caddy.Validate(&parsed), test.want...)
		})
	}
}
