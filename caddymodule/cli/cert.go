package cli

import (
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-tpp/caddy-tpp/certs"
	"github.com/caddy-tpp/caddy-tpp/signer"
)

func certCommand() *cobra.Command {
	var passphraseFile string
	cmd := newCommand("cert <qwac|qseal> <certificate> [<key>]",
		"Describe a qualified certificate and check whether it can be used",
		"Loads a certificate and its key as the sidecar would, shows what a bank sees in it, and lists\n"+
			"what is wrong or odd. Exits with a status other than 0 if the sidecar would refuse it.",
		cobra.RangeArgs(2, 3), func(cmd *cobra.Command, args []string) error {
			slot, err := slotOf(args[0])
			if err != nil {
				return err
			}
			source := certs.Source{CertFile: args[1], KeyFile: args[len(args)-1]}
			if passphraseFile != "" {
				source.Passphrase = func() ([]byte, error) {
					content, err := os.ReadFile(passphraseFile)
					return []byte(strings.TrimRight(string(content), "\r\n")), err
				}
			}
			return describeCertificate(cmd.OutOrStdout(), slot, source)
		})
	cmd.Flags().StringVar(&passphraseFile, "passphrase-file", "", "file with the passphrase of an encrypted key")
	return cmd
}

func slotOf(name string) (certs.Slot, error) {
	switch strings.ToLower(name) {
	case "qwac":
		return certs.QWAC, nil
	case "qseal":
		return certs.QSEAL, nil
	}
	return 0, fmt.Errorf("%q is neither qwac nor qseal", name)
}

func describeCertificate(out io.Writer, slot certs.Slot, source certs.Source) error {
	pair, err := certs.LoadPair(slot, source)
	if err != nil {
		return err
	}
	leaf := pair.Leaf()
	subject, err := signer.RenderDN(leaf.RawSubject, "openssl-utf8", false)
	if err != nil {
		return err
	}
	issuer, err := signer.RenderDN(leaf.RawIssuer, "openssl-utf8", false)
	if err != nil {
		return err
	}
	keyID, err := signer.KeyIDFor(signer.KeyID{}, signer.Credentials{Key: pair.Key, Certificate: leaf, ClientID: pair.Info.OrganizationIdentifier})
	if err != nil {
		return err
	}
	row := func(name string, value any) { fmt.Fprintf(out, "%-24s %v\n", name, value) }
	row("slot", slot)
	row("subject", subject)
	row("issuer", issuer)
	row("serial", hex.EncodeToString(leaf.SerialNumber.Bytes()))
	row("valid", leaf.NotBefore.UTC().Format(time.DateOnly)+" to "+leaf.NotAfter.UTC().Format(time.DateOnly))
	row("organizationIdentifier", pair.Info.OrganizationIdentifier)
	row("types", pair.Info.Types)
	row("PSD2 roles", pair.Info.Roles)
	row("competent authority", strings.TrimSpace(pair.Info.NCAName+" "+pair.Info.NCAID))
	row("x5t#S256", pair.Thumbprint)
	if slot == certs.QSEAL {
		row("keyId (SN=,CA=)", keyID)
	}
	return reportFindings(out, certs.Check(pair, certs.Requirements{}))
}

// reportFindings lists findings and returns an error if one refuses.
func reportFindings(out io.Writer, findings []certs.Finding) error {
	refused := 0
	for _, finding := range findings {
		word := "warning"
		if finding.Refuse {
			word, refused = "REFUSED", refused+1
		}
		fmt.Fprintf(out, "%s: %s\n", word, finding)
	}
	if refused > 0 {
		return fmt.Errorf("the sidecar would refuse this certificate")
	}
	fmt.Fprintln(out, "usable")
	return nil
}
