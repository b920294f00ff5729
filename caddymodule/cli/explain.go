package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/spf13/cobra"

	"github.com/caddy-tpp/caddy-tpp/caddymodule"
	"github.com/caddy-tpp/caddy-tpp/capture"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// explainFlags are what "caddy tpp explain" is told.
type explainFlags struct {
	config, adapter string
	aspsp, request  string
	headers         []string
	body            string
	asJSON, live    bool
	address         *string
}

func explainCommand() *cobra.Command {
	var f explainFlags
	cmd := newCommand("explain [<method> <path> | -- curl <arguments>]",
		"Show how a request would leave for a bank, and why, without sending it",
		`
Takes a plain request of the application and shows, without sending anything:
each header in and out with its reason, the signing string with invisible
characters marked, what was digested, the keyId and how it was derived, the
algorithm, and the final request. Tokens are never asked for; [access token]
stands for one, and secrets stay {file./path}.

The request is given as method and path (as the application calls the sidecar);
or as a curl command line, pasted behind "--" as it is; or with --request as a
file that holds a raw HTTP message or a curl command line, "-" for standard
input. Exits with a status other than 0 if the sidecar would refuse the request.

With --live the running sidecar is asked over its admin endpoint, which must be
allowed to answer (explain on). It shows no values of the PSU's context and no
body, and signs nothing.
`,
		cobra.ArbitraryArgs, func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) })
	flags := cmd.Flags()
	flags.StringVarP(&f.config, "config", "c", "", "configuration file (default Caddyfile)")
	flags.StringVarP(&f.adapter, "adapter", "a", "", "configuration adapter, if it is neither JSON nor a Caddyfile")
	flags.StringVar(&f.aspsp, "aspsp", "", "the ASPSP, where the request does not tell")
	flags.StringVar(&f.request, "request", "", `file with a raw HTTP message or a curl command line, "-" for standard input`)
	flags.StringArrayVarP(&f.headers, "header", "H", nil, `header of the application's request: "Name: value"`)
	flags.StringVarP(&f.body, "data", "d", "", "body of the application's request; @file reads one")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	flags.BoolVar(&f.live, "live", false, "ask the running sidecar")
	f.address = addressFlag(cmd)
	return cmd
}

// errWouldRefuse sets the exit status; the explanation has said why.
var errWouldRefuse = errors.New("the sidecar would refuse this request")

func (f *explainFlags) run(cmd *cobra.Command, args []string) error {
	text, err := f.text(cmd.InOrStdin(), args)
	if err != nil {
		return err
	}
	var explanation *sidecar.Explanation
	if f.live {
		explanation, err = f.ask(cmd, text)
	} else {
		explanation, err = f.explain(text)
	}
	if err != nil {
		return err
	}
	if f.asJSON {
		err = printJSON(cmd.OutOrStdout(), explanation)
	} else {
		printExplanation(cmd.OutOrStdout(), explanation)
	}
	if err == nil && explanation.Refusal != nil {
		err = errWouldRefuse
	}
	return err
}

// text is the request as a raw HTTP message or curl command line.
func (f *explainFlags) text(stdin io.Reader, args []string) (string, error) {
	switch {
	case f.request != "" && len(args)+len(f.headers)+len(f.body) > 0:
		return "", errors.New("--request holds the whole request: leave method, path, --header and --data out")
	case f.request == "-":
		data, err := io.ReadAll(io.LimitReader(stdin, capture.MaxSize+1))
		return string(data), err
	case f.request != "":
		data, err := os.ReadFile(f.request)
		return string(data), err
	case len(args) > 0 && args[0] == "curl" && len(f.headers)+len(f.body) == 0:
		return commandLine(args), nil
	case len(args) != 2:
		return "", errors.New("say which request: <method> <path>, -- curl …, or --request with a file")
	}
	return f.raw(args[0], args[1])
}

// commandLine writes a command and its arguments as a shell would have to read
// them.
func commandLine(words []string) string {
	quoted := slices.Clone(words)
	for i, word := range words[1:] {
		quoted[i+1] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return strings.Join(quoted, " ")
}

// raw writes the request that the flags describe.
func (f *explainFlags) raw(method, path string) (string, error) {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s HTTP/1.1\r\n", strings.ToUpper(method), path)
	for _, header := range f.headers {
		if strings.ContainsAny(header, "\r\n") || !strings.Contains(header, ":") {
			return "", errors.New(`a header is written "Name: value"`)
		}
		out.WriteString(header + "\r\n")
	}
	body := f.body
	if name, ok := strings.CutPrefix(body, "@"); ok {
		data, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		body = string(data)
	}
	if body != "" {
		fmt.Fprintf(&out, "Content-Length: %d\r\n", len(body))
	}
	return out.String() + "\r\n" + body, nil
}

// explain loads the configuration's file.
func (f *explainFlags) explain(text string) (*sidecar.Explanation, error) {
	captured, err := capture.Parse([]byte(text), capture.Options{ReadFile: os.ReadFile})
	if err != nil {
		return nil, err
	}
	for _, warning := range captured.Warnings {
		fmt.Fprintln(os.Stderr, "note:", warning.Text)
	}
	file := cmp.Or(f.config, "Caddyfile")
	config, err := loadConfig(file, f.adapter)
	if err != nil {
		return nil, err
	}
	explanation, err := caddymodule.Explain(config, f.aspsp, captured, sidecar.ExplainOptions{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return explanation, nil
}

// ask has the running sidecar explain.
func (f *explainFlags) ask(cmd *cobra.Command, text string) (*sidecar.Explanation, error) {
	admin, err := newClient(*f.address)
	if err != nil {
		return nil, err
	}
	defer admin.close()
	query, err := json.Marshal(map[string]string{"aspsp": f.aspsp, "request": text})
	if err != nil {
		return nil, err
	}
	answer, err := admin.send(cmd.Context(), http.MethodPost, "/tpp/explain", "application/json", query)
	if err != nil {
		return nil, err
	}
	var explanation sidecar.Explanation
	if err := json.Unmarshal(answer, &explanation); err != nil {
		return nil, fmt.Errorf("%s: %w", admin.address, errNotASidecar)
	}
	return &explanation, nil
}

// loadConfig reads a configuration as caddy run does, but without logging that
// it does: a file that is not JSON by its name is a Caddyfile.
func loadConfig(file, adapter string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w; name the configuration's file with --config", err)
	}
	if err != nil {
		return nil, err
	}
	if adapter == "" && filepath.Ext(file) == ".json" {
		return text, nil
	}
	known := caddyconfig.GetAdapter(cmp.Or(adapter, "caddyfile"))
	if known == nil {
		return nil, fmt.Errorf("there is no configuration adapter %q", adapter)
	}
	config, _, err := known.Adapt(text, map[string]any{"filename": file})
	return config, err
}
