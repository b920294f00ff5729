package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagecheck"
)

// checkFlags are the options of "vault check".
type checkFlags struct {
	config, adapter string
	hold, lockTTL   time.Duration
}

func vaultCheckCommand() *cobra.Command {
	var flags checkFlags
	cmd := newCommand("check --config <file> [--adapter <name>]",
		"Try whether the storage of a configuration can be relied on",
		"Puts the storage that a configuration names through everything that the vault relies on: values, lists,\n"+
			"and above all locks, also those of a process that is killed. Nothing of the configuration is started.\n"+
			"It writes to a folder of its own and removes that in the end, so it can be run beside live sidecars;\n"+
			"it takes a minute or more. Exits with a status other than 0 if a check fails.",
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			config, file, _, err := caddycmd.LoadConfig(flags.config, flags.adapter)
			if err != nil {
				return err
			}
			if file == "" {
				return errors.New("name the configuration with --config, whose storage is to be checked")
			}
			return checkStorage(ctx, cmd.OutOrStdout(), config, flags)
		})
	cmd.Flags().StringVar(&flags.config, "config", "", "configuration file (default: the Caddyfile in this folder)")
	cmd.Flags().StringVar(&flags.adapter, "adapter", "", "the configuration's adapter, such as caddyfile")
	cmd.Flags().DurationVar(&flags.hold, "hold", storagecheck.DefaultHold, "how long to hold a lock to see whether it is kept; more than the storage's own time to live of a lock")
	cmd.Flags().DurationVar(&flags.lockTTL, "lock-ttl", storagecheck.DefaultLockTTL, "longest acceptable time until the lock of a process that was killed is released")
	return cmd
}

// checkStorage runs the checks and prints a line for each.
func checkStorage(ctx context.Context, out io.Writer, config []byte, flags checkFlags) error {
	storage, err := storageOf(config)
	if err != nil {
		return err
	}
	defer func() { storage.close() }()
	fmt.Fprintf(out, "checking the storage %s; this takes a while\n", storage.module)
	failed := 0
	var printing sync.Mutex
	results := storagecheck.Check(ctx, storagecheck.Options{
		Open:           func() (vault.Storage, error) { return storage.open() },
		HolderVanishes: storage.holderVanishes,
		Hold:           flags.hold, LockTTL: flags.lockTTL,
		Log: func(_ string, arguments ...any) {
			printing.Lock()
			defer printing.Unlock()
			if result, done := arguments[0].(storagecheck.Result); done {
				fmt.Fprintln(out, result)
			}
		},
	})
	for _, result := range results {
		if !result.OK() {
			failed++
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped before all was checked; a folder tpp-check-… may be left in the storage: %w", err)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks failed: do not keep grants in this storage", failed, len(results))
	}
	fmt.Fprintf(out, "all %d checks passed\n", len(results))
	return nil
}
