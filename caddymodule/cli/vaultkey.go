package cli

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

func vaultKeyCommand() *cobra.Command {
	var file string
	cmd := newCommand("key [--output <file>]",
		"Make a new key for the vault",
		"Prints 32 random bytes in base64, or writes them to a new file that only its owner can read. Keep a\n"+
			"copy apart from the storage's backups: without the key, all tokens are lost.",
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			secret := base64.StdEncoding.EncodeToString(vault.NewSecret()) + "\n"
			if file == "" {
				_, err := fmt.Fprint(cmd.OutOrStdout(), secret)
				return err
			}
			if err := writeNew(file, secret); err != nil {
				return err
			}
			path, err := filepath.Abs(file)
			if err != nil {
				path = file
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "in the vault block of the configuration, with an id that was never used before: key <id> {file.%s}\n", path)
			return err
		})
	cmd.Flags().StringVar(&file, "output", "", "new file to write the key to, instead of printing it")
	return cmd
}

// writeNew writes a secret to a file that must not exist yet: a key that is
// overwritten takes all that it encrypted with it.
func writeNew(file, secret string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already, and is not overwritten: what is encrypted with a lost key is lost; choose another name", file)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(secret)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return nil
}
