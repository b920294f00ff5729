package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

const (
	// batchLines and batchBytes bound one request of an import; they are within
	// what the admin endpoint takes.
	batchLines = 500
	batchBytes = 4 << 20
	// maxLine is the longest line that the admin endpoint takes.
	maxLine = 64 << 10
)

func grantsImportCommand() *cobra.Command {
	var (
		address *string
		file    string
	)
	cmd := newCommand("import <aspsp> [--file <file>] [--address <address>]",
		"Import grants that another system has kept so far",
		"Reads grants from a file or the standard input: one JSON object a line, or a single JSON object.\n\n"+
			`  {"grant": "alice", "refresh_token": "…", "authorized_at": "2026-01-31T10:00:00Z"}`+"\n\n"+
			"Also: access_token with access_expiry, scope, consent_until (default: authorized_at and what the\n"+
			"bank's profile allows), replace (true overwrites a grant of that name). The bank is not asked. A line\n"+
			"that cannot be imported is reported by its number and does not stop the others; the status is then\n"+
			"not 0. The same input may be given again: what is there already is left as it is.",
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			input := cmd.InOrStdin()
			if file != "" && file != "-" {
				f, err := os.Open(file)
				if err != nil {
					return err
				}
				defer f.Close()
				input = f
			}
			c, err := newClient(*address)
			if err != nil {
				return err
			}
			defer c.close()
			return c.importGrants(cmd.Context(), cmd.OutOrStdout(), args[0], input)
		})
	address = addressFlag(cmd)
	cmd.Flags().StringVar(&file, "file", "", "file to read (default: the standard input)")
	return cmd
}

// importing is an import in progress.
type importing struct {
	client *client
	out    io.Writer
	path   string

	batch           bytes.Buffer
	numbers         []int // of the batch's lines in the input
	imported, wrong int
}

// importGrants imports what it reads and prints a line for each that failed.
func (c *client) importGrants(ctx context.Context, out io.Writer, aspsp string, input io.Reader) error {
	i := &importing{client: c, out: out, path: grantPath(aspsp)}
	lines, err := oneObject(bufio.NewReaderSize(input, maxLine+1))
	for number := 1; err == nil; number++ {
		var line []byte
		if line, err = readLine(lines); err != nil && !errors.Is(err, io.EOF) {
			break
		}
		if addErr := i.add(ctx, number, line); addErr != nil {
			return i.stopped(addErr)
		}
	}
	if !errors.Is(err, io.EOF) {
		return i.stopped(err)
	}
	if err := i.send(ctx); err != nil {
		return i.stopped(err)
	}
	fmt.Fprintf(out, "%d imported, %d not\n", i.imported, i.wrong)
	switch {
	case i.wrong > 0:
		return fmt.Errorf("%d grants were not imported", i.wrong)
	case i.imported == 0:
		return errors.New("the input holds no grant: give one JSON object a line, with --file or on the standard input")
	}
	return nil
}

// stopped says how far the import came.
func (i *importing) stopped(err error) error {
	return fmt.Errorf("stopped after %d imported, %d not: %w; the same input may be given again", i.imported, i.wrong, err)
}

// oneObject puts an input that is one JSON object over several lines into one.
func oneObject(input *bufio.Reader) (*bufio.Reader, error) {
	start, err := input.Peek(maxLine + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var object bytes.Buffer
	if len(start) > maxLine || json.Compact(&object, start) != nil {
		return input, nil // lines, or nothing sensible
	}
	return bufio.NewReaderSize(&object, maxLine+1), nil
}

// errLong stands for a line that is too long.
var errLong = errors.New("longer than 64 KiB")

// readLine reads a line without its end, nil if it is too long. io.EOF comes
// with the last.
func readLine(input *bufio.Reader) ([]byte, error) {
	line, err := input.ReadSlice('\n')
	long := false
	for errors.Is(err, bufio.ErrBufferFull) {
		long = true
		_, err = input.ReadSlice('\n')
	}
	if line = bytes.TrimSpace(line); long || len(line) > maxLine {
		return nil, err
	}
	return append([]byte{}, line...), err
}

// add puts a line into the batch, and sends that if it is full. Blank lines are
// passed over; nil is one that is too long.
func (i *importing) add(ctx context.Context, number int, line []byte) error {
	if line == nil {
		i.report(number, &refusedError{Text: errLong.Error(), Code: "import-invalid"})
		return nil
	}
	if len(line) == 0 {
		return nil
	}
	i.batch.Write(line)
	i.batch.WriteByte('\n')
	i.numbers = append(i.numbers, number)
	if len(i.numbers) < batchLines && i.batch.Len() < batchBytes {
		return nil
	}
	return i.send(ctx)
}

// report prints why a line was not imported.
func (i *importing) report(number int, why *refusedError) {
	i.wrong++
	fmt.Fprintf(i.out, "line %d: %v\n", number, why)
}

// send imports the batch.
func (i *importing) send(ctx context.Context) error {
	if len(i.numbers) == 0 {
		return nil
	}
	answer, err := i.client.send(ctx, "POST", i.path, "application/x-ndjson", i.batch.Bytes())
	if err != nil {
		return err
	}
	results := json.NewDecoder(bytes.NewReader(answer))
	for _, number := range i.numbers {
		var result struct {
			Status string `json:"status"`
			refusedError
		}
		if err := results.Decode(&result); err != nil {
			return fmt.Errorf("%s: %w", i.client.address, errNotASidecar)
		}
		if result.Status == "imported" {
			i.imported++
			continue
		}
		i.report(number, &result.refusedError)
	}
	i.batch.Reset()
	i.numbers = i.numbers[:0]
	return nil
}
