package cli

import "fmt"

// demoCaddyfile is the sidecar's configuration in the demo: what a user would
// write for a real bank, but for the addresses and trust_pool.
func demoCaddyfile(s *stage) string {
	return fmt.Sprintf(`# Written by "caddy tpp demo". With "caddy tpp sandbox --dir <this folder>" as
# the bank, "caddy run" serves the same.
{
	admin off
	persist_config off
	auto_https off
	log {
		level ERROR
	}
	tpp {
		identity acme {
			qwac "%[1]s/qwac.pem" "%[1]s/qwac-key.pem"
			qseal "%[1]s/qseal.pem" "%[1]s/qseal-key.pem"
		}
		aspsp bpgo {
			profile bpce
			base_url %[2]s/stet/psd2/v1.4.2
			identity acme
			scope cbpii
			trust_pool "%[1]s/bank-ca.pem"
			fallback on
		}
	}
}

# The app changes its base URL to http://%[3]s/bpgo.
:%[4]s {
	bind 127.0.0.1
	tpp_health /-/health
	tpp_proxy /bpgo/* bpgo {
		strip_prefix /bpgo
	}
	tpp_proxy
}
`, s.dir, s.bank.URL(), s.sidecar, port(s.sidecar))
}
