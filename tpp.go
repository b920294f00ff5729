// Package tpp is a Caddy module that makes a third-party provider (TPP: an
// account information, payment initiation or card-based payment instrument
// service provider under PSD2) speak to banks (ASPSPs) as they demand, while
// its own application keeps making plain HTTP calls to the machine it runs on.
//
// What leaves the sidecar is authenticated with the provider's qualified
// website certificate (QWAC), signed with its qualified seal (QSEAL), carries
// the PSU context the application gave and an OAuth2 token obtained over the
// same certificate, and nothing else.
//
// The package has no identifiers of its own. Importing it registers the
// modules of package caddymodule, so that a Caddy with the sidecar can be
// built by module path alone:
//
//	xcaddy build --with github.com/caddy-tpp/caddy-tpp
//
// A checkout builds the same binary without xcaddy: go build ./cmd/caddy.
// The parts that need no Caddy (signer, certs, profiles, tokens, sidecar and
// the sandbox) are ordinary libraries; import those directly.
package tpp

import (
	// Registers the modules with Caddy.
	_ "github.com/caddy-tpp/caddy-tpp/caddymodule"
	// Registers the command "caddy tpp".
	_ "github.com/caddy-tpp/caddy-tpp/caddymodule/cli"
)
