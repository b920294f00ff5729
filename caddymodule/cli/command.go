// Package cli adds the command "caddy tpp" to Caddy: a demonstration, the
// sandbox bank, a health probe, a description of certificates, what would be sent
// and what was wrong with what has been, what an operator does with grants and
// their vault, and what bank profiles say.
package cli

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "tpp",
		Short: "Talk to PSD2 banks: demo, sandbox bank, health probe, certificates, explain, verify, grants, vault, profiles",
		Long: `
Tools of the TPP sidecar, which turns plain HTTP calls into what a bank (ASPSP)
accepts: mutual TLS with the QWAC, signatures with the QSEAL, OAuth2 tokens.

Start with: caddy tpp demo
`,
		CobraFunc: func(root *cobra.Command) {
			root.AddCommand(commands()...)
		},
	})
}

// commands are all subcommands of "caddy tpp".
func commands() []*cobra.Command {
	return []*cobra.Command{
		demoCommand(), sandboxCommand(), healthCommand(), certCommand(), verifyCommand(), explainCommand(), profilesCommand(), grantsCommand(), vaultCommand(),
	}
}

// groupCommand makes a command that only has subcommands.
func groupCommand(use, short, long string, members ...*cobra.Command) *cobra.Command {
	cmd := newCommand(use, short, long, cobra.NoArgs, func(cmd *cobra.Command, _ []string) error { return cmd.Help() })
	cmd.AddCommand(members...)
	return cmd
}

// newCommand makes a subcommand whose errors are reported in one line.
func newCommand(use, short, long string, args cobra.PositionalArgs, f func(cmd *cobra.Command, args []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Long: long, Args: args, RunE: f, SilenceUsage: true}
}
