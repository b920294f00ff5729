package main

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What Redis has said it stored is there after it was killed: the new tokens
// serve a sidecar that has never seen them.
func TestRedisIsKilledAfterRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.start("a")
	grant := a.expired()
	a.use(grant)
	w.redis.end(syscall.SIGKILL)
	w.redis.run()
	b := w.start("b")
	b.use(grant)
	if got := w.refreshes(grant); got.Asked != 1 {
		t.Errorf("refreshes %+v, want one", got)
	}
}

// While Redis is away this module says of each value that it is not there. Nobody
// is told that there is no such grant.
func TestRedisIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.start("a"), w.start("b")
	grant := a.grant()
	w.redis.end(syscall.SIGKILL)
	for range 3 {
		if a := b.accounts(grant); !strings.Contains(a.body, `"code":"vault-unavailable"`) {
			t.Errorf("Redis is away: %+v", a)
		}
	}
	w.redis.run()
	eventually(t, "b gets through", func() bool { return b.accounts(grant).ok() })
}

// With this module a sidecar does not start without Redis.
func TestStartWithoutRedis(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.redis.end(syscall.SIGKILL)
	cmd, said := w.caddy("run", "--config", w.caddyfile("a"), "--adapter", "caddyfile")
	_, err := cmd.StdinPipe()
	check(t, err)
	started := time.Now()
	if err := cmd.Run(); err == nil {
		t.Fatalf("it ends well: %s", said)
	}
	if !strings.Contains(said.String(), "connection refused") {
		t.Errorf("it does not say why: %s", said)
	}
	t.Logf("it ends after %v", time.Since(started).Round(time.Millisecond))
}

// An index that has lost an entry hides a record from lists, not from calls, and
// the module's own command puts it right.
func TestIndexIsRepaired(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.start("a")
	grant := a.grant()
	listed := func() bool {
		got := a.manage("GET", "/tpp/grants?aspsp=bpgo")
		if !got.ok() {
			t.Fatalf("list: %+v", got)
		}
		return strings.Contains(got.body, `"`+grant+`"`)
	}
	if !listed() {
		t.Fatal("the grant is not listed")
	}
	client, sum := w.redis.client(), sha256.Sum256([]byte(grant))
	digest := hex.EncodeToString(sum[:])
	if lost, err := client.ZRem(t.Context(), "caddy/tpp/grants/bpgo/"+digest[:2], digest+".jwe").Result(); err != nil || lost != 1 {
		t.Fatalf("the index has no %s: %v", digest, err)
	}
	if listed() {
		t.Fatal("listed without an index")
	}
	a.use(grant)
	w.start("b").use(grant)
	cmd, said := w.caddy("redis", "repair", "--config", w.caddyfile("repair"))
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if !listed() {
		t.Errorf("not listed after the repair: %s", said)
	}
}
