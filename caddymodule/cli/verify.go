package cli

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-tpp/caddy-tpp/capture"
	"github.com/caddy-tpp/caddy-tpp/diagnose"
	"github.com/caddy-tpp/caddy-tpp/profiles"
)

// verifyFlags are the options of "verify".
type verifyFlags struct {
	request, profile, clientID, at string
	certs                          []string
	asJSON, verbose                bool
	load                           func() (*profiles.Set, error)
}

// errRefused is why "verify" exits with status 1; the verdict is printed.
var errRefused = errors.New("the bank would refuse this request")

func verifyCommand() *cobra.Command {
	var f verifyFlags
	cmd := newCommand("verify --request <file>|- [--cert <file>]… [--profile <name>]",
		"Verify the signature of a captured request as a bank would",
		`
Reads a request as it was captured (a raw HTTP message, a curl command line, or
a log in which a request is written down), verifies its signature, and says in
one sentence what is wrong first: which header was changed, what a digest is of,
how a keyId differs from what the bank wants. Without --profile it names the
known profiles that the request fits.

--cert names the certificate that the bank has, in PEM; several are tried. A file
with a public key will do. Without it the certificate that the request carries is
used. Times are judged as of --at, when the bank got the request; without it as of
the request's own time.

Exits with status 0 if the bank would take the signature, 1 if not, and 2 if the
question cannot be answered, as when a file cannot be read.
`,
		cobra.ArbitraryArgs, nil)
	flags := cmd.Flags()
	flags.StringVar(&f.request, "request", "", `file with the captured request, "-" for standard input`)
	flags.StringArrayVar(&f.certs, "cert", nil, "certificate or public key that the bank has, in PEM; may be given several times")
	flags.StringVar(&f.profile, "profile", "", "profile of the bank; default: any that is known")
	flags.StringVar(&f.clientID, "client-id", "", "client_id, where the bank wants it as keyId")
	flags.StringVar(&f.at, "at", "", `when the bank got the request, as 2026-01-02T15:04:05Z, "now", or "never" to judge no time; default: the request's own time`)
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "show the signing string, with invisible characters marked")
	f.load = folderFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		valid, err := f.run(cmd, args)
		switch {
		case err != nil:
			return unanswered(cmd, err)
		case !valid:
			cmd.SilenceErrors = true // said already
			return errRefused
		}
		return nil
	}
	cmd.SetFlagErrorFunc(unanswered)
	return cmd
}

// unanswered has Caddy exit with a status of its own where there is no verdict.
func unanswered(cmd *cobra.Command, err error) error {
	return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return exitUnanswered, err })(cmd, nil)
}

// exitUnanswered is the exit status where no verdict could be given.
const exitUnanswered = 2

// run prints the verdict.
func (f *verifyFlags) run(cmd *cobra.Command, args []string) (valid bool, err error) {
	if len(args) > 0 {
		return false, errors.New("the request is named with --request <file>")
	}
	in, err := f.input(cmd.InOrStdin())
	if err != nil {
		return false, err
	}
	result := diagnose.Check(in)
	if f.asJSON {
		err = printJSON(cmd.OutOrStdout(), result)
	} else {
		printVerdict(cmd.OutOrStdout(), result, f.verbose)
	}
	return result.Valid, err
}

func (f *verifyFlags) input(stdin io.Reader) (in diagnose.Input, err error) {
	in.Profile, in.ClientID = f.profile, f.clientID
	if in.Dialects, err = f.dialects(); err != nil {
		return in, err
	}
	for _, file := range f.certs {
		if err := addCertificates(&in, file); err != nil {
			return in, err
		}
	}
	if in.Request, err = f.captured(stdin); err != nil {
		return in, err
	}
	in.At, err = f.moment(in.Request)
	return in, err
}

// moment is when the request is judged. A log is read long after.
func (f *verifyFlags) moment(r *capture.Request) (time.Time, error) {
	switch f.at {
	case "":
		if at, _ := diagnose.TimeOf(r); !at.IsZero() {
			return at, nil
		}
		return time.Now(), nil
	case "now":
		return time.Now(), nil
	case "never":
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, f.at)
	if err != nil {
		return at, errors.New("--at is not of the form 2026-01-02T15:04:05Z")
	}
	return at, nil
}

// captured reads the request. Files that a curl command names are read from
// the folder of the file that holds it.
func (f *verifyFlags) captured(stdin io.Reader) (*capture.Request, error) {
	var data []byte
	var err error
	opts := capture.Options{}
	switch f.request {
	case "":
		return nil, errors.New("name the captured request with --request, or - for standard input")
	case "-":
		data, err = io.ReadAll(io.LimitReader(stdin, capture.MaxSize+1))
	default:
		data, err = os.ReadFile(f.request)
		opts.ReadFile = func(name string) ([]byte, error) {
			return os.ReadFile(filepath.Join(filepath.Dir(f.request), filepath.Base(name)))
		}
	}
	if err != nil {
		return nil, err
	}
	return capture.Parse(data, opts)
}

// dialects are the signature sections of all profiles, and those of the requests
// of application tokens where these are signed otherwise.
func (f *verifyFlags) dialects() ([]diagnose.Dialect, error) {
	set, err := f.load()
	if err != nil {
		return nil, err
	}
	if f.profile != "" {
		if _, err := set.Get(f.profile); err != nil {
			return nil, err
		}
	}
	var list []diagnose.Dialect
	for _, name := range set.Names() {
		p, err := set.Get(name)
		if err != nil {
			return nil, err
		}
		list = append(list, diagnose.Dialect{Name: name, Spec: p.Signature})
		if application := p.SignatureOfApplication(); !reflect.DeepEqual(application, p.Signature) {
			list = append(list, diagnose.Dialect{Name: name, Spec: application})
		}
	}
	return list, nil
}

// addCertificates reads the certificates and public keys of a PEM file. Of a
// chain the first counts.
func addCertificates(in *diagnose.Input, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "CERTIFICATE":
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			in.Certificates = append(in.Certificates, diagnose.Certificate{Source: filepath.Base(file), Certificate: cert})
			return nil
		case "PUBLIC KEY":
			key, err := x509.ParsePKIXPublicKey(block.Bytes)
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			in.PublicKeys = append(in.PublicKeys, key)
			return nil
		}
	}
	return fmt.Errorf("%s: holds neither a certificate nor a public key in PEM", file)
}

// printVerdict writes the sentence first, then what it rests on.
func printVerdict(out io.Writer, r diagnose.Result, verbose bool) {
	fmt.Fprintln(out, r.Sentence)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(out, "  %-12s %s\n", name, value)
		}
	}
	row("code", string(r.Code))
	for _, e := range r.Evidence {
		row(e.Name, e.Value)
	}
	row("container", r.Container)
	row("algorithm", r.Algorithm)
	row("key", r.Key)
	row("fits", strings.Join(r.Dialects, ", "))
	for _, f := range r.Also {
		row("also", f.Sentence)
	}
	if r.Nearest != nil {
		row("nearest", r.Nearest.Dialect)
		for _, f := range r.Nearest.Findings {
			fmt.Fprintf(out, "  %-12s %s\n", "", f.Sentence)
		}
	}
	for _, note := range r.Notes {
		row("note", note)
	}
	if !verbose {
		return
	}
	printText(out, "the bank checks the signature against", r.SigningString)
	printText(out, "what was signed", r.Signed)
}

func printText(out io.Writer, title, text string) {
	if text != "" {
		fmt.Fprintf(out, "\n%s (%s):\n%s\n", title, marks, visible(text))
	}
}
