// Package cli adds the command "caddy tpp" to Caddy: a demonstration, the
// sandbox bank, a health probe and a description of certificates.
package cli

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "tpp",
		Short: "Talk to PSD2 banks: demo, sandbox bank, health probe, certificates",
		Long: `
Tools of the TPP sidecar, which turns plain HTTP calls into what a bank (ASPSP)
accepts: mutual TLS with the QWAC, signatures with the QSEAL, OAuth2 tokens.

Start with: caddy tpp demo
`,
		CobraFunc: func(root *cobra.Command) {
			root.AddCommand(demoCommand(), sandboxCommand(), healthCommand(), certCommand())
		},
	})
}

// newCommand makes a subcommand whose errors are reported in one line.
func newCommand(use, short, long string, args cobra.PositionalArgs, f func(cmd *cobra.Command, args []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Long: long, Args: args, RunE: f, SilenceUsage: true}
}
