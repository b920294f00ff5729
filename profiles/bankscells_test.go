package profiles

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/signer"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

const noContainer = "none"

// listed is how many operations a cell of the table may list.
const listed = 4

// cellsOf gives what a profile has in the table, from container to certainty.
func cellsOf(p *Profile) []string {
	s := &p.Signature
	if s.Container == noContainer {
		return []string{"none", "nothing", "", "", "", "", tokenCell(&p.Token), p.Certainty}
	}
	return []string{
		cmp.Or(s.Container, "signature"), signedCell(s), cmp.Or(s.Algorithm, "by the key"),
		keyIDCell(s), digestCell(s), s.Certificate.Header, tokenCell(&p.Token), p.Certainty,
	}
}

func signedCell(s *signer.Spec) string {
	var parts []string
	switch s.Container {
	case "jws":
		parts = append(parts, "the body"+map[bool]string{true: " as it is (b64 false)"}[s.JWS.Unencoded])
	case "jwt":
		parts = append(parts, "the body, which becomes a JWT")
	default:
		parts = append(parts, code(s.Signed)+map[bool]string{true: ", sorted"}[s.Sort])
	}
	byList := make(map[string][]string)
	for operation, list := range s.SignedByOperation {
		byList[code(list)] = append(byList[code(list)], operation)
	}
	for _, list := range slices.Sorted(maps.Keys(byList)) {
		slices.Sort(byList[list])
		parts = append(parts, strings.Join(byList[list], ", ")+": "+list)
	}
	if len(s.Only) > listed {
		parts = append(parts, fmt.Sprintf("only %d operations, listed below", len(s.Only)))
	} else if len(s.Only) > 0 {
		parts = append(parts, "only "+strings.Join(s.Only, ", "))
	}
	return strings.Join(parts, "; ")
}

func code(list []string) string { return "`" + strings.Join(list, " ") + "`" }

func keyIDCell(s *signer.Spec) string {
	k := &s.KeyID
	if s.Container == "http-headers-jws" {
		return strings.Join(slices.Sorted(maps.Keys(s.JWS.Members)), ", ")
	}
	serial := cmp.Or(k.Serial, "hex") + " serial"
	switch form := cmp.Or(k.Form, "serial-issuer"); form {
	case "serial-issuer":
		name := cmp.Or(k.Name, "issuer") + " " + cmp.Or(k.DN, "rfc2253-jdk")
		if k.Reverse {
			name += " in reverse"
		}
		switch k.Spaces {
		case "remove":
			name += " without blanks"
		case "percent":
			name += " with %20"
		}
		if k.PercentCommas {
			name += " and %2C"
		}
		if k.Charset != "" && k.Charset != "utf-8" {
			name += " in " + k.Charset
		}
		return "SN= " + serial + ", CA= " + name
	case "serial":
		return serial
	case "serial-prefixed":
		return "SN= " + serial
	case "certificate-url":
		if strings.Contains(k.URL, "{fingerprint}") {
			return fmt.Sprintf("URL with the certificate's %s fingerprint%s", cmp.Or(k.Fingerprint, "sha-256"), map[bool]string{true: ", with colons"}[k.FingerprintColons])
		}
		return "URL of the certificate"
	case "certificate":
		return "the certificate in base64"
	case "literal":
		return "given by the bank"
	default:
		return form
	}
}

func digestCell(s *signer.Spec) string {
	if s.Container == "jws" || s.Container == "jwt" || s.Digest.Algorithm == noContainer {
		return "none"
	}
	cell := cmp.Or(s.Digest.Prefix, s.Digest.Algorithm, "SHA-256")
	if s.Digest.Header != "" && s.Digest.Header != "Digest" {
		cell += " in " + s.Digest.Header
	}
	switch s.Digest.Empty {
	case "hash":
		cell += ", also of nothing"
	case "braces":
		cell += ", of {} without a body"
	}
	return cell
}

func tokenCell(t *tokens.Spec) string {
	var parts []string
	switch {
	case t.Grant != "" && t.Grant != tokens.GrantNone:
		parts = append(parts, t.Grant)
		if t.ApplicationToken {
			parts = append(parts, "then as the application")
		}
	case t.FromApp:
		parts = append(parts, "the application's own")
	}
	if t.ClientAuth != "" && t.ClientAuth != tokens.ClientAuthTLS {
		parts = append(parts, t.ClientAuth)
	}
	for _, setting := range []struct {
		set  bool
		text string
	}{
		{t.Sign, "signed"}, {t.Authorize.PKCE, "PKCE"}, {t.CodeScope, "scope with the code"}, {t.RefreshScope, "scope with a refresh"}, {t.NoClientID, "no client_id"},
	} {
		if setting.set {
			parts = append(parts, setting.text)
		}
	}
	return strings.Join(parts, ", ")
}

// renderBank writes what there is to know about one profile.
func renderBank(b *strings.Builder, set *Set, name string) {
	p := documentsOf(set)[name].profile
	fmt.Fprintf(b, "\n### %s\n\n%s.", name, p.Title)
	if p.Country != "" {
		fmt.Fprintf(b, " Country: %s.", p.Country)
	}
	fmt.Fprintf(b, " Standard: %s.", p.Standard)
	if parent := documentsOf(set)[name].inherits; parent != "" {
		fmt.Fprintf(b, " Inherits [`%s`](#%[1]s).", parent)
	}
	b.WriteString("\n")
	var variants, required, rests []string
	for _, variant := range set.variantsOf(name) {
		v := p.Variants[variant]
		variants = append(variants, fmt.Sprintf("`%s/%s` (%s): %s", name, variant, cmp.Or(v.Certainty, p.Certainty), v.Why))
	}
	for _, requirement := range p.Requires {
		required = append(required, fmt.Sprintf("`%s`: %s", requirement.Setting, requirement.Why))
	}
	for _, source := range p.Sources {
		title := source.Title
		if source.URL != "" {
			title = fmt.Sprintf("[%s](%s)", title, source.URL)
		}
		rests = append(rests, fmt.Sprintf("%s (%s): %s", title, source.Certainty, source.Covers))
	}
	renderList(b, "Variants", variants)
	renderList(b, "To configure", required)
	renderList(b, "Beside signing", furtherRules(p))
	if parent, ok := documentsOf(set)[documentsOf(set)[name].inherits]; ok && reflect.DeepEqual(parent.profile.Sources, p.Sources) {
		fmt.Fprintf(b, "\nSources and questions are those of [`%s`](#%[1]s).\n", parent.profile.Name)
		return
	}
	renderList(b, "Rests on", rests)
	renderList(b, "Ask the bank", p.OpenQuestions)
}

func renderList(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n\n", title)
	for _, line := range lines {
		fmt.Fprintf(b, "* %s\n", line)
	}
}

// furtherRules says what else a profile does, beside signing.
func furtherRules(p *Profile) (lines []string) {
	if len(p.Signature.Only) > listed {
		lines = append(lines, "signs only "+strings.Join(p.Signature.Only, ", "))
	}
	var made []string
	for _, name := range slices.Sorted(maps.Keys(p.Headers.Make)) {
		made = append(made, name+" ("+p.Headers.Make[name]+")")
	}
	made = append(made, slices.Sorted(maps.Keys(p.Headers.Set))...)
	if p.Headers.RequestID != "" {
		made = append(made, p.Headers.RequestID+" for the request's id")
	}
	if len(made) > 0 {
		lines = append(lines, "adds headers: "+strings.Join(made, ", "))
	}
	byRule := make(map[string][]string)
	for operation, rule := range p.PSU.Operations {
		byRule[string(rule)] = append(byRule[string(rule)], operation)
	}
	for _, rule := range slices.Sorted(maps.Keys(byRule)) {
		slices.Sort(byRule[rule])
		lines = append(lines, "PSU context: "+rule+" on "+strings.Join(byRule[rule], ", "))
	}
	if p.Fallback.Header != "" {
		lines = append(lines, fmt.Sprintf("fallback: header %s: %s", p.Fallback.Header, p.Fallback.Value))
	}
	return lines
}
