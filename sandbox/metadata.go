package sandbox

import (
	"maps"
	"net/http"
	"sync"
)

// metadataChanges replace members of the metadata; nil takes one out.
type metadataChanges struct {
	mu sync.Mutex
	m  map[string]any
}

// SetMetadata makes the authorization server's metadata lie: members replace
// those of the document, nil takes one out. Nil changes end it.
func (b *Bank) SetMetadata(changes map[string]any) {
	b.lies.mu.Lock()
	defer b.lies.mu.Unlock()
	b.lies.m = maps.Clone(changes)
}

func (b *Bank) metadataAsked(changes map[string]any) error {
	b.SetMetadata(changes)
	return nil
}

// metadata is the document of RFC 8414 section 2 and OpenID Connect Discovery
// section 3.
func (c *call) metadata() (*answer, *problem) {
	b := c.bank
	rules := b.Rules()
	origin := b.URL() + stetPrefix + "oauth/"
	endpoints := map[string]string{
		"token_endpoint":                        origin + "token",
		"revocation_endpoint":                   origin + "revoke",
		"pushed_authorization_request_endpoint": origin + "par",
	}
	doc := map[string]any{
		"issuer":                                           b.issuer(),
		"authorization_endpoint":                           b.browserURL() + stetPrefix + "oauth/authorize",
		"jwks_uri":                                         origin + "jwks",
		"response_types_supported":                         []string{"code"},
		"response_modes_supported":                         []string{"query"},
		"grant_types_supported":                            []string{"authorization_code", "refresh_token", "client_credentials"},
		"scopes_supported":                                 []string{"aisp", "cbpii", "piisp", "pisp", "extended_transaction_history"},
		"subject_types_supported":                          []string{"pairwise"},
		"code_challenge_methods_supported":                 []string{"S256"},
		"token_endpoint_auth_methods_supported":            []string{AuthTLS, AuthBasic, AuthPost, AuthJWT},
		"token_endpoint_auth_signing_alg_values_supported": []string{"PS256", "ES256"},
		"request_object_signing_alg_values_supported":      []string{"PS256", "ES256"},
		"id_token_signing_alg_values_supported":            []string{rules.IDToken.Algorithm},
		"tls_client_certificate_bound_access_tokens":       true,
		"request_parameter_supported":                      true,
		"request_uri_parameter_supported":                  false,
		"require_pushed_authorization_requests":            rules.Authorize.Pushed,
		"require_signed_request_object":                    rules.Authorize.RequestObject,
		"authorization_response_iss_parameter_supported":   rules.Authorize.Issuer,
	}
	if rules.Authorize.OpenID {
		doc["scopes_supported"] = append(doc["scopes_supported"].([]string), "openid", "offline_access")
	}
	if rules.Authorize.Aliases {
		doc["mtls_endpoint_aliases"] = endpoints
		// Where nothing is served: who goes there took no notice of the aliases.
		endpoints = map[string]string{}
		for name, real := range doc["mtls_endpoint_aliases"].(map[string]string) {
			endpoints[name] = b.URL() + "/without-mtls" + real[len(b.URL()):]
		}
	}
	for name, value := range endpoints {
		doc[name] = value
	}
	b.lies.mu.Lock()
	defer b.lies.mu.Unlock()
	for name, value := range b.lies.m {
		doc[name] = value
		if value == nil {
			delete(doc, name)
		}
	}
	return asJSON(http.StatusOK, typeJSON, doc), nil
}
