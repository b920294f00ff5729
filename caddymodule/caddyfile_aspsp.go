package caddymodule

import (
	"encoding/json"
	"reflect"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-tpp/caddy-tpp/answers"
	"github.com/caddy-tpp/caddy-tpp/headers"
	"github.com/caddy-tpp/caddy-tpp/links"
	"github.com/caddy-tpp/caddy-tpp/psu"
	"github.com/caddy-tpp/caddy-tpp/signer"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// parseOption parses one line, or block, of an aspsp block.
func (c *ASPSP) parseOption(d *caddyfile.Dispenser) (err error) {
	option := d.Val()
	switch option {
	case "profile":
		return textArg(d, &c.Profile)
	case "base_url":
		return textArg(d, &c.BaseURL)
	case "identity":
		return textArg(d, &c.Identity)
	case "client_certificate":
		return textArg(d, &c.ClientCertificate)
	case "scope":
		return textArg(d, &c.Scope)
	case "client_id":
		return textArg(d, &c.ClientID)
	case "token_endpoint":
		return textArg(d, &c.TokenEndpoint)
	case "client_secret":
		return textArg(d, &c.ClientSecret)
	case "client_key":
		return textArg(d, &c.ClientKey)
	case "client_key_passphrase":
		return textArg(d, &c.ClientKeyPassphrase)
	case "redirect_uri":
		return textArg(d, &c.RedirectURI)
	case "return_urls":
		return listArg(d, &c.ReturnURLs)
	case "hide_tokens":
		c.HideTokens, err = switchArg(d)
	case "trust_pool":
		return listArg(d, &c.TrustPool)
	case "versions":
		return listArg(d, &c.Versions)
	case "max_body":
		c.MaxBody, err = sizeArg(d)
	case "fallback":
		c.Fallback, err = switchArg(d)
	case "rewrite_links":
		c.RewriteLinks, err = switchArg(d)
	case "connect_timeout":
		c.ConnectTimeout, err = durationArg(d)
	case "answer_timeout":
		c.AnswerTimeout, err = durationArg(d)
	case "idle_conns":
		c.IdleConns, err = numberArg(d)
	case "signature":
		err = section[signer.Spec](d, &c.Signature)
	case "headers":
		err = section[headers.Policy](d, &c.Headers)
	case "psu":
		err = section[psu.Policy](d, &c.PSU)
	case "token":
		err = section[tokens.Spec](d, &c.Token)
	case "responses":
		err = section[answers.Policy](d, &c.Responses)
	case "links":
		err = section[links.Policy](d, &c.Links)
	case "application_signature":
		err = section[signer.Spec](d, &c.ApplicationSignature)
	default:
		err = d.Errf("unknown option %q in aspsp; there are: profile, base_url, identity, scope, client_id, "+
			"token_endpoint, client_secret, client_key, client_key_passphrase, redirect_uri, return_urls, hide_tokens, trust_pool, max_body, fallback, rewrite_links, connect_timeout, answer_timeout, versions, idle_conns, "+
			"client_certificate, signature, headers, psu, token, responses, links, application_signature", option)
	}
	return err
}

func textArg(d *caddyfile.Dispenser, into *string) error {
	if *into != "" {
		return d.Errf("%s is configured twice", d.Val())
	}
	if !d.AllArgs(into) {
		return d.ArgErr()
	}
	return nil
}

func listArg(d *caddyfile.Dispenser, into *[]string) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.ArgErr()
	}
	*into = append(*into, args...)
	return nil
}

// section parses a block that overrides a section of the profile. Its options
// are the section's JSON keys, so profile and Caddyfile have one schema.
func section[T any](d *caddyfile.Dispenser, into *json.RawMessage) error {
	if *into != nil {
		return d.Errf("%s is configured twice", d.Val())
	}
	value, err := parseStruct(d, reflect.TypeFor[T]())
	if err != nil {
		return err
	}
	*into, err = json.Marshal(value)
	return err
}
