package cli

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

func sandboxCommand() *cobra.Command {
	var dir, address, control, keyID, rules string
	var http2, optional bool
	cmd := newCommand("sandbox [--dir <folder>]",
		"Run the sandbox bank",
		"Runs a bank (STET, Berlin Group, UK Open Banking and others, see docs/sandbox.md) that demands a QWAC, signatures, tokens and all the rest, and\n"+
			"says what was wrong. It writes new test certificates to the folder at every start.\n"+
			"A control address shows what it received and lets it fail on purpose.",
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			for _, listen := range []string{address, control} {
				if err := loopbackOnly(listen); err != nil {
					return err
				}
			}
			people, err := newParties()
			if err != nil {
				return err
			}
			if err := people.write(dir); err != nil {
				return err
			}
			bank, err := newBank(people, keyID, http2, optional)
			if err != nil {
				return err
			}
			if err := setRules(bank, rules); err != nil {
				return err
			}
			return serveSandbox(ctx, cmd, bank, dir, address, control)
		})
	cmd.Flags().StringVar(&dir, "dir", "sandbox", "folder for the test certificates")
	cmd.Flags().StringVar(&address, "listen", "127.0.0.1:8443", "the bank's address; loopback only")
	cmd.Flags().StringVar(&control, "control", "127.0.0.1:8444", "address of the control plane; loopback only")
	cmd.Flags().StringVar(&keyID, "key-id", sandbox.KeyIDSerialIssuer, "form of keyId to demand: serial-issuer, client-id, certificate-url")
	cmd.Flags().StringVar(&rules, "rules", "{}", "rules of the authorization server, as JSON; see docs/sandbox.md")
	cmd.Flags().BoolVar(&http2, "http2", false, "offer HTTP/2")
	cmd.Flags().BoolVar(&optional, "certificate-optional", false, "let clients without a certificate connect, as merchants of Payline and Carat do")
	return cmd
}

// newBank makes the sandbox bank, with the TPP's QSEAL registered.
func newBank(people *parties, keyID string, http2, optional bool) (*sandbox.Bank, error) {
	return sandbox.New(sandbox.Options{
		ClientCAs: people.authority.Pool(), Certificate: people.bank.TLSCertificate(),
		QSEALs: []*x509.Certificate{people.qseal.Certificate}, KeyID: keyID, HTTP2: http2,
		Shops: sandbox.ShopOptions{CertificateOptional: optional},
	})
}

// setRules replaces the bank's rules by those of a flag.
func setRules(bank *sandbox.Bank, text string) error {
	var rules sandbox.Rules
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&rules); err != nil {
		return fmt.Errorf("--rules: %w", err)
	}
	return bank.SetRules(rules)
}

// serveSandbox runs the bank and its control plane until the context ends.
func serveSandbox(ctx context.Context, cmd *cobra.Command, bank *sandbox.Bank, dir, address, control string) error {
	if err := bank.Start(address); err != nil {
		return err
	}
	defer bank.Close()
	listener, err := net.Listen("tcp", control)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: bank.Control(), ReadHeaderTimeout: 5 * time.Second}
	bank.SetBrowserURL("http://" + listener.Addr().String())
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Fprintf(cmd.OutOrStdout(), "bank     %s/stet/psd2/v1.4.2   (mutual TLS)\ncontrol  http://%s/records   (also /stats, /faults, /rules)\nfolder   %s   (qwac.pem, qseal.pem, bank-ca.pem and keys)\n",
		bank.URL(), listener.Addr(), dir)
	select {
	case <-ctx.Done():
		return server.Close()
	case err := <-failed:
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return err
	}
}

// loopbackOnly refuses an address that others could reach: the sandbox hands
// out tokens and shows what it received.
func loopbackOnly(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if host == "localhost" {
		return nil
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%s: the sandbox listens on loopback only, such as 127.0.0.1:8443", address)
	}
	return nil
}
