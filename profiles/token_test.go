package profiles

import (
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

func TestTokensOfBPCE(t *testing.T) {
	for _, name := range []string{"bpce", "bpce-v1"} {
		token := get(t, name).Token
		if !token.RefreshSurvives || token.ConsentPeriod() != 180 || token.CodeScope || token.RefreshScope || token.Unbound ||
			token.Authorize.Endpoint != "/stet/psd2/oauth/authorize" || token.Endpoint != "/stet/psd2/oauth/token" {
			t.Errorf("%s: %+v", name, token)
		}
	}
}

// There is one Authorization header.
func TestTokenRequestsThatNeedAuthorizationTwice(t *testing.T) {
	for name, tt := range map[string]struct {
		token       tokens.Spec
		container   string
		application string
		want        string
	}{
		"application token": {tokens.Spec{Grant: "client_credentials", Sign: true, ApplicationToken: true}, "authorization", "", "token.application_token"},
		"ING":               {tokens.Spec{Grant: "client_credentials", Sign: true, ApplicationToken: true}, "", "authorization", ""},
		"not signed":        {tokens.Spec{Grant: "client_credentials", ApplicationToken: true}, "authorization", "", ""},
		"basic":             {tokens.Spec{Sign: true, ClientAuth: tokens.ClientAuthBasic}, "authorization", "", "token.client_auth"},
		"basic, first":      {tokens.Spec{Sign: true, ClientAuth: tokens.ClientAuthBasic}, "", "authorization", "token.client_auth"},
		"post":              {tokens.Spec{Sign: true, ClientAuth: tokens.ClientAuthPost}, "authorization", "", ""},
	} {
		p := *get(t, "bpce")
		p.Token, p.Signature.Container = tt.token, tt.container
		if tt.application != "" {
			p.ApplicationSignature = p.Signature
			p.ApplicationSignature.Container = tt.application
		}
		err := p.Validate()
		if (err != nil) != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want+": ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
