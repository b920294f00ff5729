// Command caddy is Caddy with its standard modules and the TPP sidecar built
// in. It is what xcaddy would produce from xcaddy.json; keeping it here lets
// the sidecar be built from a checkout with nothing but the Go toolchain.
//
// Build it without the certificate-authority databases that a sidecar never
// uses, which halves the time to build and takes a third off the binary:
//
//	go build -tags nobadger,nomysql,nopgx ./cmd/caddy
package main

import (
	// The image has no file system but ours: carry the time zones along.
	_ "time/tzdata"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	// Plugged in: Caddy's own modules, then those of xcaddy.json.
	_ "github.com/caddy-tpp/caddy-tpp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func main() {
	caddycmd.Main()
}
