package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// defaultHealthURL is where Caddyfile.example puts tpp_health.
const defaultHealthURL = "http://127.0.0.1:8080/-/health"

func healthCommand() *cobra.Command {
	var (
		url     string
		timeout time.Duration
	)
	cmd := newCommand("health [--url <url>] [--timeout <duration>]",
		"Ask a running sidecar whether it can serve; for container probes",
		"Asks the tpp_health handler of a running sidecar and exits with status 0 if it answers 200.\n"+
			"The image has no shell and no curl, so the binary is its own probe.",
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return probe(ctx, url, cmd.OutOrStdout())
		})
	cmd.Flags().StringVar(&url, "url", defaultHealthURL, "address of a tpp_health handler")
	cmd.Flags().DurationVar(&timeout, "timeout", 3*time.Second, "how long to wait")
	return cmd
}

func probe(ctx context.Context, url string, out io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.CopyN(out, response.Body, 64<<10); err != nil && err != io.EOF {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	return nil
}
