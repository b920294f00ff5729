package docs_test

import (
	"os"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-tpp/caddy-tpp"
)

// actAsCaddy is the environment variable that makes this test binary behave as
// the command of cmd/caddy: it links the same modules, and linking them a
// second time would take longer than all the tests.
const actAsCaddy = "CADDY_TPP_DOCS_ACT_AS_CADDY"

func TestMain(m *testing.M) {
	if os.Getenv(actAsCaddy) != "" {
		caddycmd.Main()
		return
	}
	os.Exit(m.Run())
}
