package caddymodule

import (
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// parseVault parses the block that says how grants are kept.
func (a *App) parseVault(d *caddyfile.Dispenser) (err error) {
	if a.Vault != nil {
		return d.Err("vault is configured twice")
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	vault := new(Vault)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		switch d.Val() {
		case "key":
			var key VaultKey
			if !d.AllArgs(&key.ID, &key.Secret) {
				return d.Err("key takes an id and where the key is: key 2026a {file./run/tpp/vault-2026a}")
			}
			vault.Keys = append(vault.Keys, key)
		case "recheck":
			vault.Recheck, err = durationArg(d)
		case "hot":
			vault.Hot, err = numberArg(d)
		case "parallel":
			vault.Parallel, err = numberArg(d)
		default:
			err = d.Errf("unknown option %q in vault; there are: key, recheck, hot, parallel", d.Val())
		}
		if err != nil {
			return err
		}
	}
	a.Vault = vault
	return nil
}

// numberArg reads a whole number above 0.
func numberArg(d *caddyfile.Dispenser) (int, error) {
	option := d.Val()
	var text string
	if !d.AllArgs(&text) {
		return 0, d.ArgErr()
	}
	number, err := strconv.Atoi(text)
	if err != nil || number < 1 {
		return 0, d.Errf("%s: %q is no number above 0", option, text)
	}
	return number, nil
}
