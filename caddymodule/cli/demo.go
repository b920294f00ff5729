package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/spf13/cobra"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

// demoFlags are the demo's options.
type demoFlags struct {
	dir, listen, bank, control string
	once                       bool
}

func demoCommand() *cobra.Command {
	var flags demoFlags
	cmd := newCommand("demo [--once] [--dir <folder>]",
		"See the whole job: a plain call in, a compliant call out, a strict bank says yes",
		"Makes test certificates, starts a sandbox bank and a sidecar on loopback, makes one plain call as a\n"+
			"legacy app would, and shows what the bank received. Then it stays up for calls of your own, until Ctrl-C.",
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return demo(ctx, cmd.OutOrStdout(), flags)
		})
	cmd.Flags().BoolVar(&flags.once, "once", false, "exit after the call, with status 0 if the bank accepted it")
	cmd.Flags().StringVar(&flags.dir, "dir", "", "folder to keep configuration and certificates in (default: a temporary one)")
	cmd.Flags().StringVar(&flags.listen, "listen", "127.0.0.1:8080", "the sidecar's address; another port if it is taken")
	cmd.Flags().StringVar(&flags.bank, "bank", "127.0.0.1:8443", "the bank's address; another port if it is taken")
	cmd.Flags().StringVar(&flags.control, "control", "127.0.0.1:8444", "address of the bank's control plane; another port if it is taken")
	return cmd
}

// stage is what a running demo consists of.
type stage struct {
	dir      string
	keep     bool
	bank     *sandbox.Bank
	control  *http.Server
	sidecar  string // address
	controls string // address
}

// demo sets the stage, makes the call, reports and, unless once, stays up.
func demo(ctx context.Context, out io.Writer, flags demoFlags) (err error) {
	s := &stage{dir: flags.dir, keep: flags.dir != ""}
	defer s.close()
	if err := s.open(flags); err != nil {
		return err
	}
	s.describe(out)
	plain := plainRequest(s.sidecar)
	answer, err := send(ctx, s.sidecar, plain)
	if err != nil {
		return fmt.Errorf("calling the sidecar: %w", err)
	}
	record := s.bank.Last()
	report(out, plain, record, answer)
	if answer.status != http.StatusOK || len(record.Problems) > 0 {
		return fmt.Errorf("the bank did not accept the call: HTTP %d %q", answer.status, record.Problems)
	}
	if flags.once {
		return nil
	}
	s.invite(out)
	<-ctx.Done()
	return nil
}

// open makes the certificates, starts the bank, and starts the sidecar with
// the configuration it writes.
func (s *stage) open(flags demoFlags) error {
	for _, address := range []string{flags.listen, flags.bank, flags.control} {
		if err := loopbackOnly(address); err != nil {
			return err
		}
	}
	people, err := newParties()
	if err != nil {
		return err
	}
	if s.dir == "" {
		if s.dir, err = os.MkdirTemp("", "caddy-tpp-demo-"); err != nil {
			return err
		}
	}
	if s.dir, err = filepath.Abs(s.dir); err != nil {
		return err
	}
	if err := people.write(s.dir); err != nil {
		return err
	}
	if err := writeVaultKey(filepath.Join(s.dir, "vault-key")); err != nil {
		return err
	}
	if err := s.openBank(people, flags); err != nil {
		return err
	}
	return s.openSidecar(flags.listen)
}

func (s *stage) openBank(people *parties, flags demoFlags) (err error) {
	if s.bank, err = newBank(people, "", false, false); err != nil {
		return err
	}
	if err := s.bank.Start(flags.bank); err != nil {
		if err := s.bank.Start("127.0.0.1:0"); err != nil {
			return err
		}
	}
	listener, err := listen(flags.control)
	if err != nil {
		return err
	}
	s.controls = listener.Addr().String()
	s.control = &http.Server{Handler: s.bank.Control(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.control.Serve(listener) }()
	return nil
}

func (s *stage) openSidecar(wanted string) error {
	// The listener is only a probe for a free port: Caddy opens its own.
	probe, err := listen(wanted)
	if err != nil {
		return err
	}
	s.sidecar = probe.Addr().String()
	if err := probe.Close(); err != nil {
		return err
	}
	file := s.caddyfile()
	if err := os.WriteFile(file, []byte(demoCaddyfile(s)), 0o644); err != nil {
		return err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(content, map[string]any{"filename": file})
	if err != nil {
		return err
	}
	return caddy.Load(config, true)
}

func (s *stage) caddyfile() string { return filepath.Join(s.dir, "Caddyfile") }

// close ends everything and removes the folder, unless it is to be kept.
func (s *stage) close() {
	_ = caddy.Stop()
	if s.control != nil {
		_ = s.control.Close()
	}
	if s.bank != nil {
		_ = s.bank.Close()
	}
	if !s.keep && s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// port returns the port of an address.
func port(address string) string {
	_, p, _ := net.SplitHostPort(address)
	return p
}
