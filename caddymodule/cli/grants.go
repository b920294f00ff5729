package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-tpp/caddy-tpp/grants"
)

// listPage is how many grants are asked for at a time: the most that there are
// on a page.
const listPage = 1000

func grantsCommand() *cobra.Command {
	return groupCommand("grants", "Look after the grants that PSUs gave",
		"A grant is the authorization of one PSU at one bank (ASPSP), under a name that the application chose.\n"+
			"These commands ask a running sidecar. None of them shows a token, and there is no export.",
		grantsListCommand(), grantsShowCommand(), grantsImportCommand(),
		grantCommand("refresh", "Fetch a new access token now",
			"Fetches a new access token with the refresh token, whatever the present one is good for.",
			func(ctx context.Context, out io.Writer, c *client, path string) error {
				return c.change(ctx, out, "POST", path+"/refresh", "refreshed")
			}),
		grantCommand("release", "Let a quarantined or refused grant be tried once more",
			"A grant is quarantined if nobody can tell whether the bank still honours its refresh token. Once\n"+
				"released, the next call tries it; if the bank refuses it, the PSU has to authorize anew.",
			func(ctx context.Context, out io.Writer, c *client, path string) error {
				return c.change(ctx, out, "POST", path+"/release", "released")
			}),
		grantCommand("adopt", "Bind a grant to the token endpoint that the bank has moved to",
			"For a bank that kept its grants when it moved its token endpoint or gave the TPP another client_id:\n"+
				"binds the grant to those that the configuration names now. The bank is not asked; the next call will.",
			func(ctx context.Context, out io.Writer, c *client, path string) error {
				return c.change(ctx, out, "POST", path+"/adopt", "adopted")
			}),
		grantCommand("revoke", "End a grant, here and at the bank",
			"Ends the grant on every instance within the vault's recheck time, then at the bank if it offers that.\n"+
				"If only the bank could not be told, the status is not 0: repeat it.",
			revokeGrant),
		grantCommand("forget", "Delete the record of a grant that is not active",
			"Deletes what is known of a grant, tokens included. An active one has to be revoked first.",
			func(ctx context.Context, out io.Writer, c *client, path string) error {
				if err := c.call(ctx, "DELETE", path, nil); err != nil {
					return err
				}
				_, err := fmt.Fprintln(out, "forgotten")
				return err
			}))
}

// grantCommand makes a command about one grant.
func grantCommand(verb, short, long string, do func(ctx context.Context, out io.Writer, c *client, path string) error) *cobra.Command {
	var address *string
	cmd := newCommand(verb+" <aspsp> <grant> [--address <address>]", short, long,
		cobra.ExactArgs(2), func(cmd *cobra.Command, args []string) error {
			c, err := newClient(*address)
			if err != nil {
				return err
			}
			defer c.close()
			return do(cmd.Context(), cmd.OutOrStdout(), c, grantPath(args[0], args[1]))
		})
	address = addressFlag(cmd)
	return cmd
}

// grantPath is the path of a grant. Dots are escaped too, since "." and ".."
// are names of grants, and in a path are not.
func grantPath(names ...string) string {
	path := "/tpp/grants"
	for _, name := range names {
		if name == "." || name == ".." {
			path += "/%2E" + map[string]string{".": "", "..": "%2E"}[name]
			continue
		}
		path += "/" + url.PathEscape(name)
	}
	return path
}

// change makes a call that answers with the grant's new state.
func (c *client) change(ctx context.Context, out io.Writer, method, path, done string) error {
	var state grants.State
	if err := c.call(ctx, method, path, &state); err != nil {
		return err
	}
	text := fmt.Sprintf("%s: %s is %s", done, state.Fingerprint, state.Status)
	if !state.AccessExpiry.IsZero() {
		text += ", access token until " + clock(state.AccessExpiry)
	}
	_, err := fmt.Fprintln(out, text)
	return err
}

// revocation is what POST …/revoke answers.
type revocation struct {
	AtBank bool         `json:"at_bank"`
	Grant  grants.State `json:"grant"`
	refusedError
}

func revokeGrant(ctx context.Context, out io.Writer, c *client, path string) error {
	var result revocation
	if err := c.call(ctx, "POST", path+"/revoke", &result); err != nil {
		return err
	}
	switch {
	case result.AtBank:
		fmt.Fprintln(out, "revoked, here and at the bank")
	case result.Text != "":
		fmt.Fprintln(out, "revoked here")
		return fmt.Errorf("the bank was not told: %w; repeat the command", &result.refusedError)
	default:
		fmt.Fprintln(out, "revoked here; the bank was not told, since it offers no revocation, is not configured any more, or knows no token")
	}
	return nil
}

func grantsShowCommand() *cobra.Command {
	var asJSON *bool
	cmd := grantCommand("show", "Describe one grant, without its tokens",
		"Shows all that is known of a grant but its tokens.",
		func(ctx context.Context, out io.Writer, c *client, path string) error {
			var state json.RawMessage
			if err := c.call(ctx, "GET", path, &state); err != nil {
				return err
			}
			if *asJSON {
				_, err := fmt.Fprintf(out, "%s\n", state)
				return err
			}
			return describeGrant(out, state)
		})
	asJSON = cmd.Flags().Bool("json", false, "print it as JSON")
	return cmd
}

// describeGrant prints a line for each member that there is.
func describeGrant(out io.Writer, raw json.RawMessage) error {
	var state grants.State
	if err := json.Unmarshal(raw, &state); err != nil {
		return err
	}
	row := func(name string, value any) {
		if text := fmt.Sprint(value); text != "" {
			fmt.Fprintf(out, "%-18s %s\n", name, text)
		}
	}
	row("aspsp", state.ASPSP)
	row("grant", state.Name)
	row("fingerprint", state.Fingerprint)
	row("status", state.Status)
	row("reason", state.Reason)
	row("since", clock(state.Since))
	row("scope", state.Scope)
	row("authorized", clock(state.AuthorizedAt))
	row("consent until", clock(state.ConsentUntil))
	row("access until", clock(state.AccessExpiry))
	row("refreshed", clock(state.RefreshedAt))
	row("refresh token", map[bool]string{true: "yes", false: "no"}[state.HasRefreshToken])
	row("endpoint", state.Endpoint)
	row("client_id", state.ClientID)
	row("certificate", state.Thumbprint)
	row("asking the bank", state.Pending)
	row("asking since", clock(state.PendingSince))
	if state.Unsaved {
		row("unsaved", "the bank's answer is in this process's memory only, and is stored as soon as the storage works")
	}
	row("bank's revocation", state.BankRevocation)
	row("revision", state.Revision)
	return nil
}

// clock writes a time for people, in UTC; none as "".
func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func grantsListCommand() *cobra.Command {
	var (
		address *string
		asJSON  bool
	)
	cmd := newCommand("list [<aspsp> …] [--json] [--address <address>]",
		"List grants, without their tokens",
		"Lists the grants of the banks named, or of all that are configured. With --json it prints one JSON\n"+
			"object a line, with all that is known.",
		cobra.ArbitraryArgs, func(cmd *cobra.Command, aspsps []string) error {
			c, err := newClient(*address)
			if err != nil {
				return err
			}
			defer c.close()
			if len(aspsps) == 0 {
				if aspsps, err = c.aspsps(cmd.Context()); err != nil {
					return err
				}
			}
			return c.list(cmd.Context(), cmd.OutOrStdout(), aspsps, asJSON)
		})
	address = addressFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	return cmd
}

// aspsps asks for the names of the banks that are configured.
func (c *client) aspsps(ctx context.Context) ([]string, error) {
	var states []struct {
		Name string `json:"name"`
	}
	err := c.call(ctx, "GET", "/tpp/aspsps", &states)
	names := make([]string, 0, len(states))
	for _, state := range states {
		names = append(names, state.Name)
	}
	return names, err
}

// list prints the grants of ASPSPs page by page.
func (c *client) list(ctx context.Context, out io.Writer, aspsps []string, asJSON bool) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if !asJSON {
		fmt.Fprintln(table, "ASPSP\tFINGERPRINT\tGRANT\tSTATUS\tREASON\tCONSENT UNTIL\tACCESS UNTIL")
	}
	for _, aspsp := range aspsps {
		for after := ""; ; {
			var page struct {
				Grants []json.RawMessage `json:"grants"`
				Next   string            `json:"next"`
			}
			query := url.Values{"aspsp": {aspsp}, "after": {after}, "limit": {strconv.Itoa(listPage)}}
			if err := c.call(ctx, "GET", "/tpp/grants?"+query.Encode(), &page); err != nil {
				return err
			}
			for _, raw := range page.Grants {
				if asJSON {
					fmt.Fprintf(out, "%s\n", raw)
				} else if err := grantRow(table, raw); err != nil {
					return err
				}
			}
			if after = page.Next; after == "" {
				break
			}
		}
	}
	return table.Flush()
}

// grantRow adds a grant to the table.
func grantRow(table io.Writer, raw json.RawMessage) error {
	var state grants.State
	if err := json.Unmarshal(raw, &state); err != nil {
		return err
	}
	dash := func(text string) string { return cmp.Or(text, "-") }
	_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", state.ASPSP, state.Fingerprint, dash(state.Name), state.Status,
		dash(state.Reason), dash(clock(state.ConsentUntil)), dash(clock(state.AccessExpiry)))
	return err
}
