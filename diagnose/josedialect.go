package diagnose

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/signer"
)

// compareJOSE looks at the protected header, and at the claims of a JWT.
func (c *check) compareJOSE(who string, spec *signer.Spec) []Finding {
	j := c.facts.jose
	var list []Finding
	if spec.Container != "jwt" {
		if want := or(spec.JWS.Header, "x-jws-signature"); !strings.EqualFold(j.header, want) {
			list = append(list, finding(ContainerOther, fmt.Sprintf("The signature is in header %s, but %s wants it in %s.", j.header, who, want)))
		}
	}
	if unencoded := spec.JWS.Unencoded || spec.Container == "http-headers-jws"; spec.Container != "jwt" && j.b64 == unencoded {
		if unencoded {
			list = append(list, finding(PayloadForm, fmt.Sprintf("The protected header does not say b64 false, which %s wants.", who)))
		} else {
			list = append(list, finding(PayloadForm, fmt.Sprintf("The protected header says b64 false, but %s wants the body signed in base64url.", who)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(spec.JWS.Members)) {
		list = append(list, compareMember(who, "The protected header", name, spec.JWS.Members[name], j.members)...)
	}
	for _, name := range spec.JWS.Critical {
		if !slices.Contains(j.crit, name) && j.members[name] != nil {
			list = append(list, finding(CriticalMembers, fmt.Sprintf("crit does not name %s, which %s wants.", name, who)))
		}
	}
	wanted := slices.Concat(spec.JWS.Critical, []string{"b64", "sigT", "sigD"})
	for _, name := range j.crit {
		if !slices.Contains(wanted, name) {
			list = append(list, finding(CriticalMembers, fmt.Sprintf("crit names %s, which %s does not.", printable(name), who)))
		}
	}
	if spec.Container == "jwt" {
		list = append(list, c.compareClaims(who, spec)...)
	}
	return list
}

func compareMember(who, where, name, want string, members map[string]json.RawMessage) []Finding {
	raw, ok := members[name]
	if !ok {
		return []Finding{finding(MemberMissing, fmt.Sprintf("%s has no %s, which %s wants.", where, name, who))}
	}
	var text string
	if strings.HasPrefix(want, "{") || strings.HasPrefix(want, "json:") || json.Unmarshal(raw, &text) == nil && text == want {
		return nil
	}
	return []Finding{finding(MemberMissing, fmt.Sprintf("%s has another %s than %s wants.", where, name, who), "expected", want)}
}

func (c *check) compareClaims(who string, spec *signer.Spec) []Finding {
	var claims map[string]json.RawMessage
	data, err := base64.RawURLEncoding.DecodeString(c.facts.jose.payload)
	if err != nil || json.Unmarshal(data, &claims) != nil {
		return []Finding{finding(SignatureMalformed, "The claims are no JSON object in base64url.")}
	}
	var list []Finding
	for _, name := range slices.Sorted(maps.Keys(spec.JWS.Claims)) {
		list = append(list, compareMember(who, "The JWT", name, spec.JWS.Claims[name], claims)...)
	}
	want := or(spec.JWS.ContentType, "application/jwt")
	if got, _ := c.in.Request.Get("Content-Type"); !strings.EqualFold(got, want) {
		list = append(list, finding(ContainerOther, fmt.Sprintf("Content-Type is %s, but %s wants %s with a JWT.", printable(got), who, want)))
	}
	return list
}
