package caddymodule

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/dustin/go-humanize"
)

// parseApp parses the global option tpp. It may appear several times.
//
//	tpp {
//		certificate_poll <duration>
//		explain          on
//		profiles <folder>
//		identity <name> {
//			qwac  <certificate> [<key>] {
//				passphrase {file./path}
//			}
//			qseal <certificate> [<key>]
//		}
//		vault {
//			key      <id> {file./path}
//			recheck  <duration>
//			hot      <number>
//			parallel <number>
//		}
//		aspsp <name> {
//			profile  <name>
//			base_url <url>
//			identity <name>
//			…
//		}
//	}
func parseApp(d *caddyfile.Dispenser, existing any) (any, error) {
	app := &App{Identities: map[string]*Identity{}, ASPSPs: map[string]*ASPSP{}}
	if former, ok := existing.(httpcaddyfile.App); ok {
		if err := json.Unmarshal(former.Value, app); err != nil {
			return nil, err
		}
	}
	d.Next() // the option's name
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	for d.NextBlock(0) {
		var err error
		switch d.Val() {
		case "identity":
			err = app.parseIdentity(d)
		case "aspsp":
			err = app.parseASPSP(d)
		case "vault":
			err = app.parseVault(d)
		case "explain":
			app.Explain, err = switchArg(d)
		case "profiles":
			err = textArg(d, &app.Profiles)
		case "certificate_poll":
			app.CertificatePoll, err = durationArg(d)
		default:
			err = d.Errf("unknown option %q in tpp; there are: identity, aspsp, vault, profiles, certificate_poll, explain", d.Val())
		}
		if err != nil {
			return nil, err
		}
	}
	return httpcaddyfile.App{Name: "tpp", Value: caddyconfig.JSON(app, nil)}, nil
}

// nameArg reads the one argument that names an identity or an ASPSP.
func nameArg(d *caddyfile.Dispenser) (string, error) {
	var name string
	if !d.AllArgs(&name) {
		return "", d.ArgErr()
	}
	if err := checkName(name); err != nil {
		return "", d.WrapErr(err)
	}
	return name, nil
}

// checkName refuses a name that could not stand in a Caddyfile, in a path of the
// admin endpoint or in a metric.
func checkName(name string) error {
	if name == "" || strings.ContainsAny(name, "/{}*") || strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return fmt.Errorf("%q is no name: use letters, digits, hyphens", name)
	}
	return nil
}

func (a *App) parseIdentity(d *caddyfile.Dispenser) error {
	name, err := nameArg(d)
	if err != nil {
		return err
	}
	if a.Identities[name] != nil {
		return d.Errf("identity %s is configured twice", name)
	}
	identity := new(Identity)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		switch d.Val() {
		case "qwac":
			err = identity.QWAC.parse(d)
		case "qseal":
			if identity.QSEAL == nil {
				identity.QSEAL = new(KeyPair)
			}
			err = identity.QSEAL.parse(d)
		default:
			err = d.Errf("unknown option %q in identity %s; there are: qwac, qseal", d.Val(), name)
		}
		if err != nil {
			return err
		}
	}
	a.Identities[name] = identity
	return nil
}

func (k *KeyPair) parse(d *caddyfile.Dispenser) error {
	slot := d.Val()
	if k.Certificate != "" {
		return d.Errf("%s is configured twice", slot)
	}
	args := d.RemainingArgs()
	switch len(args) {
	case 1:
		k.Certificate = args[0]
	case 2:
		k.Certificate, k.Key = args[0], args[1]
	default:
		return d.Errf("%s takes the certificate's file and the key's file", slot)
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if d.Val() != "passphrase" {
			return d.Errf("unknown option %q in %s; there is: passphrase", d.Val(), slot)
		}
		if !d.AllArgs(&k.Passphrase) {
			return d.ArgErr()
		}
	}
	return nil
}

func (a *App) parseASPSP(d *caddyfile.Dispenser) error {
	name, err := nameArg(d)
	if err != nil {
		return err
	}
	if a.ASPSPs[name] != nil {
		return d.Errf("aspsp %s is configured twice", name)
	}
	aspsp := new(ASPSP)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := aspsp.parseOption(d); err != nil {
			return err
		}
	}
	a.ASPSPs[name] = aspsp
	return nil
}

func durationArg(d *caddyfile.Dispenser) (caddy.Duration, error) {
	var text string
	if !d.AllArgs(&text) {
		return 0, d.ArgErr()
	}
	duration, err := caddy.ParseDuration(text)
	if err != nil || duration <= 0 {
		return 0, d.Errf("%q is no duration: write it like 30s", text)
	}
	return caddy.Duration(duration), nil
}

func sizeArg(d *caddyfile.Dispenser) (int64, error) {
	var text string
	if !d.AllArgs(&text) {
		return 0, d.ArgErr()
	}
	size, err := humanize.ParseBytes(text)
	if err != nil || size == 0 || size > 1<<40 {
		return 0, d.Errf("%q is no size: write it like 1MiB", text)
	}
	return int64(size), nil
}

// switchArg reads on or off; alone, the option means on.
func switchArg(d *caddyfile.Dispenser) (bool, error) {
	args := d.RemainingArgs()
	switch {
	case len(args) == 0 || len(args) == 1 && args[0] == "on":
		return true, nil
	case len(args) == 1 && args[0] == "off":
		return false, nil
	}
	return false, d.Err("write on or off")
}
