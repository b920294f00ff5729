// Command redis is Caddy with its standard modules, the TPP sidecar, and a
// storage in Redis, for a TPP that has several machines. It is a Go module of
// its own, so that nobody else needs Redis's client:
//
//	go -C packaging/redis build -tags nobadger,nomysql,nopgx -o ../../caddy .
//
// The files beside it configure both sides: Caddyfile the sidecar, redis.conf
// and users.acl the server. The tests here run with these very files.
package main

import (
	// The image has no file system but ours: carry the time zones along.
	_ "time/tzdata"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	// Plugged in: Caddy's own modules, the sidecar, the storage.
	_ "github.com/caddy-tpp/caddy-tpp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	_ "github.com/pberkel/caddy-storage-redis"
)

func main() {
	caddycmd.Main()
}
