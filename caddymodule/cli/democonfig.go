package cli

import "fmt"

// demoCaddyfile is the sidecar's configuration in the demo: what a user would
// write for a real bank, but for the addresses and trust_pool.
func demoCaddyfile(s *stage) string {
	return fmt.Sprintf(`# Written by "caddy tpp demo". With "caddy tpp sandbox --dir <this folder>" as
# the bank, "caddy run" serves the same.
{
	admin "unix/%[1]s/admin.sock"
	persist_config off
	auto_https off
	storage file_system "%[1]s/storage"
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
		# For customers who authorize: their tokens are kept in the storage, encrypted.
		vault {
			key demo "{file.%[1]s/vault-key}"
		}
		aspsp bpgo-aisp {
			profile bpce
			base_url %[2]s/stet/psd2/v1.4.2
			identity acme
			scope aisp
			trust_pool "%[1]s/bank-ca.pem"
			redirect_uri http://%[3]s/callback
			return_urls http://%[3]s/-/health http://127.0.0.1:9000/
			token {
				grant none
				authorize {
					endpoint http://%[5]s/stet/psd2/oauth/authorize
				}
			}
		}
	}
}

# The app changes its base URL to http://%[3]s/bpgo.
:%[4]s {
	bind 127.0.0.1
	tpp_health /-/health
	tpp_authorize /authorize
	tpp_callback /callback bpgo-aisp
	tpp_proxy /bpgo-aisp/* bpgo-aisp {
		strip_prefix /bpgo-aisp
	}
	tpp_proxy /bpgo/* bpgo {
		strip_prefix /bpgo
	}
	tpp_proxy
}
`, s.dir, s.bank.URL(), s.sidecar, port(s.sidecar), s.controls)
}
