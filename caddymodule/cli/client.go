package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"
)

// maxAnswer bounds what is read of one answer of the admin endpoint.
const maxAnswer = 64 << 20

// client calls the admin endpoint of a running sidecar.
type client struct {
	address string // as given
	base    string
	// origin is what Caddy compares for requests over TCP, and must not be there
	// on a socket.
	origin string
	http   *http.Client
}

// addressFlag adds the flag that says where the admin endpoint is.
func addressFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("address", "", "the sidecar's admin endpoint: host:port or unix//path/to/socket (default "+caddy.DefaultAdminListen+")")
}

// newClient finds the admin endpoint of an address as Caddy spells it.
func newClient(address string) (*client, error) {
	address = cmp.Or(address, caddy.DefaultAdminListen)
	parsed, err := caddy.ParseNetworkAddress(address)
	if err != nil || parsed.PortRangeSize() != 1 && !parsed.IsUnixNetwork() {
		return nil, fmt.Errorf("--address %s is not one address, such as localhost:2019 or unix//run/caddy.sock", address)
	}
	network, target := parsed.Network, parsed.JoinHostPort(0)
	c := &client{address: address, base: "http://" + target, origin: "http://" + target}
	if parsed.IsUnixNetwork() {
		// A listener's address may end with the socket's permissions: |0220.
		target, _, _ = strings.Cut(target, "|")
		c.base, c.origin = "http://127.0.0.1", ""
	}
	var dialer net.Dialer
	c.http = &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, network, target)
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// close lets go of the connection.
func (c *client) close() { c.http.CloseIdleConnections() }

// refusedError is what the admin endpoint answers instead of a result.
type refusedError struct {
	status int
	Text   string `json:"error"`
	Code   string `json:"code"`
	Remedy string `json:"remedy"`
}

func (e *refusedError) Error() string {
	text := cmp.Or(e.Text, http.StatusText(e.status))
	if e.Code != "" {
		text = e.Code + ": " + text
	}
	if e.Remedy != "" {
		text += "; " + e.Remedy
	}
	return text
}

// errNotASidecar is the cause when something else answers.
var errNotASidecar = errors.New("what answers there is no sidecar of this version; compare --address with the admin option of its configuration")

// call sends one request and decodes the answer's JSON into result, if not nil.
func (c *client) call(ctx context.Context, method, path string, result any) error {
	answer, err := c.send(ctx, method, path, "", nil)
	if err != nil {
		return err
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(answer, result); err != nil {
		return fmt.Errorf("%s: %w", c.address, errNotASidecar)
	}
	return nil
}

// send sends one request and returns the answer's body. An answer that is an
// error is a *refusedError.
func (c *client) send(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if len(body) == 0 {
		req.Body = http.NoBody
	}
	if c.origin != "" {
		req.Header.Set("Origin", c.origin)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	response, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("the answer of %s broke off: %w", c.address, err)
	}
	if response.StatusCode == http.StatusOK || response.StatusCode == http.StatusCreated {
		return answer, nil
	}
	refused := &refusedError{status: response.StatusCode}
	if json.Unmarshal(answer, refused) != nil || refused.Text == "" {
		return nil, fmt.Errorf("%s answered %s: %w", c.address, response.Status, errNotASidecar)
	}
	return nil, refused
}

// unreachable says what to do about an endpoint that does not answer.
func (c *client) unreachable(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // without the URL, which names the grant
	}
	return fmt.Errorf("the admin endpoint at %s does not answer: %w; is the sidecar running? If its configuration says admin <address>, "+
		"name that with --address; with admin off it has none", c.address, err)
}
