package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagecheck"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// storage is what a storage module is loaded into.
type storage struct {
	Raw json.RawMessage `json:"storage" caddy:"namespace=caddy.storage inline_key=module"`
}

// The storage of the Caddyfile does what the vault needs. A lock is held longer
// than any call to a bank takes with the timeouts of the Caddyfile.
func TestStorageIsFit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(read(t, w.caddyfile("suite"))), nil)
	check(t, err)
	var parsed storage
	check(t, json.Unmarshal(config, &parsed))
	base, err := caddy.ProvisionContext(new(caddy.Config))
	check(t, err)
	ctx, cancel := caddy.NewContext(base)
	t.Cleanup(cancel)
	storagetest.Run(t, storagecheck.Options{
		Open: func() (vault.Storage, error) {
			module, err := ctx.LoadModule(&storage{Raw: append(json.RawMessage(nil), parsed.Raw...)}, "Raw")
			if err != nil {
				return nil, err
			}
			return module.(caddy.StorageConverter).CertMagicStorage()
		},
		HolderVanishes: func(ctx context.Context, lock string) error { return w.killHolder(ctx, parsed.Raw, lock) },
		Hold:           38 * time.Second,
		LockTTL:        10 * time.Second,
	})
	if left := w.redis.locks(); len(left) > 0 {
		t.Errorf("left locked: %q", left)
	}
}

// killHolder lets another process take a lock, and kills it.
func (w *world) killHolder(ctx context.Context, raw json.RawMessage, lock string) error {
	process, _ := w.caddy("tpp", "vault", "hold", lock)
	process.Stdout = nil
	input, err := process.StdinPipe()
	if err != nil {
		return err
	}
	output, err := process.StdoutPipe()
	if err != nil {
		return err
	}
	if err := process.Start(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(input, "%s\n", raw)
	stop := context.AfterFunc(ctx, func() { _ = process.Process.Kill() })
	defer stop()
	line, _ := bufio.NewReader(output).ReadString('\n')
	_ = process.Process.Kill()
	_ = process.Wait() // it was killed
	if line != "held\n" {
		return fmt.Errorf("the process did not get the lock: %q, %w", line, err)
	}
	return nil
}

// The command that the documentation tells to run first passes, too.
func TestVaultCheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cmd, said := w.caddy("tpp", "vault", "check", "--config", w.caddyfile("check"), "--adapter", "caddyfile", "--lock-ttl", "10s")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if text := said.String(); !strings.Contains(text, "checking the storage redis") || !strings.Contains(text, "checks passed") ||
		strings.Contains(text, "skip ") {
		t.Errorf("it said:\n%s", text)
	}
}
