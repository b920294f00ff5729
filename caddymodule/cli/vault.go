package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

func vaultCommand() *cobra.Command {
	return groupCommand("vault", "Look after the vault that keeps the tokens of PSUs",
		"The vault keeps the tokens of PSUs encrypted in Caddy's storage. These commands make its keys, show\n"+
			"its state, encrypt all under a new key, and try whether a storage can be relied on.",
		vaultKeyCommand(), vaultStatusCommand(), vaultRotateCommand(), vaultCheckCommand(), vaultHoldCommand())
}

// vaultState is what GET /tpp/vault answers.
type vaultState struct {
	Storage string `json:"storage"`
	Keys    []struct {
		ID       string `json:"id"`
		Encrypts bool   `json:"encrypts"`
	} `json:"keys"`
	Damaged []vault.Damage `json:"damaged"`
	refusedError
}

func vaultStatusCommand() *cobra.Command {
	var address *string
	cmd := newCommand("status [--address <address>]",
		"Show a running sidecar's vault: keys, storage, damaged records",
		"Asks a running sidecar whether its storage answers and holds what its keys encrypted. Exits with a\n"+
			"status other than 0 if not. Damaged records are listed, also those that were replaced since.",
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(*address)
			if err != nil {
				return err
			}
			defer c.close()
			var state vaultState
			if err := c.call(cmd.Context(), "GET", "/tpp/vault", &state); err != nil {
				return err
			}
			return reportVault(cmd.OutOrStdout(), state)
		})
	address = addressFlag(cmd)
	return cmd
}

func reportVault(out io.Writer, state vaultState) error {
	fmt.Fprintf(out, "%-8s %s\n", "storage", state.Storage)
	for _, key := range state.Keys {
		use := "decrypts"
		if key.Encrypts {
			use = "encrypts and decrypts"
		}
		fmt.Fprintf(out, "%-8s %-16s %s\n", "key", key.ID, use)
	}
	for _, damage := range state.Damaged {
		fmt.Fprintf(out, "%-8s %s  %s, found %s, copy at %s\n", "damaged", damage.Name, damage.Reason,
			damage.Found.Format(time.DateTime), damage.Copy)
	}
	if state.Text != "" {
		return &state.refusedError
	}
	return nil
}

// rotation is what POST /tpp/vault/rotate answers.
type rotation struct {
	Rewritten int            `json:"rewritten"`
	Current   int            `json:"current"`
	Failed    int            `json:"failed"`
	ByKey     map[string]int `json:"by_key"`
	Unused    []string       `json:"unused_keys"`
	refusedError
}

func vaultRotateCommand() *cobra.Command {
	var address *string
	cmd := newCommand("rotate [--address <address>]",
		"Encrypt all records of a running sidecar's vault under its first key",
		"Run it once every instance has the new key, as its first. It may be repeated, and goes on while the\n"+
			"sidecar serves. Keys that nothing is encrypted with any more can then be removed.",
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(*address)
			if err != nil {
				return err
			}
			defer c.close()
			var done rotation
			if err := c.call(cmd.Context(), "POST", "/tpp/vault/rotate", &done); err != nil {
				return err
			}
			return reportRotation(cmd.OutOrStdout(), done)
		})
	address = addressFlag(cmd)
	return cmd
}

// errNotRotated means that the old keys are still needed.
var errNotRotated = errors.New("some records could not be read, and stay as they are; keep all keys, and see caddy tpp vault status")

func reportRotation(out io.Writer, done rotation) error {
	fmt.Fprintf(out, "%d records encrypted anew, %d were so already, %d could not be read\n", done.Rewritten, done.Current, done.Failed)
	for _, id := range slices.Sorted(maps.Keys(done.ByKey)) {
		fmt.Fprintf(out, "%-8s %-16s %d records\n", "key", id, done.ByKey[id])
	}
	if done.Failed > 0 {
		return fmt.Errorf("%w: %w", errNotRotated, &done.refusedError)
	}
	if len(done.Unused) > 0 {
		fmt.Fprintf(out, "no record needs %s: it can be removed from the configuration of every instance\n", strings.Join(done.Unused, ", "))
	}
	return nil
}
