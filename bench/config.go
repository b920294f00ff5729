package main

import "fmt"

// caddyfile is a target's configuration. Both proxies get an idle pool larger
// than the load, HTTP/1.1 to the bank, and no access log.
func (t *target) caddyfile(dir, bank string) string {
	_, port := splitAddress(t.address)
	if t.key == "" {
		return fmt.Sprintf(`{
	admin off
	persist_config off
	auto_https off
}
:%s {
	bind 127.0.0.1
	reverse_proxy https://%s {
		transport http {
			versions 1.1
			keepalive_idle_conns_per_host 256
			tls_client_auth %[3]s/qwac.pem %[3]s/qwac-key.pem
			tls_trust_pool file %[3]s/bank-ca.pem
		}
	}
}
`, port, bank, dir)
	}
	seal, signature := t.key, "algorithm auto"
	if t.key == unsigned {
		seal, signature = "rsa2048", "container none"
	}
	return fmt.Sprintf(`{
	admin off
	persist_config off
	auto_https off
	tpp {
		identity bench {
			qwac %[3]s/qwac.pem %[3]s/qwac-key.pem
			qseal %[3]s/qseal-%[5]s.pem %[3]s/qseal-%[5]s-key.pem
		}
		aspsp bank {
			profile bpce
			base_url https://%[2]s/%[4]s
			token_endpoint https://%[2]s/token
			identity bench
			trust_pool %[3]s/bank-ca.pem
			signature {
				%[6]s
			}
		}
	}
}
:%[1]s {
	bind 127.0.0.1
	tpp_proxy bank
}
`, port, bank, dir, t.key, seal, signature)
}
