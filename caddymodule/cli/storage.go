package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

// configuredStorage is the storage that a configuration names, without
// anything else of it. Each handle of it is a module of its own.
type configuredStorage struct {
	module string          // for people
	raw    json.RawMessage // empty: Caddy's default
	base   caddy.Context

	mu    sync.Mutex
	close func() // everything that was opened
}

// storageModule is what a storage module is loaded into.
type storageModule struct {
	Raw json.RawMessage `json:"storage,omitempty" caddy:"namespace=caddy.storage inline_key=module"`
}

// storageOf finds the storage of a configuration in JSON.
func storageOf(config []byte) (*configuredStorage, error) {
	var parsed storageModule
	if err := json.Unmarshal(config, &parsed); err != nil {
		return nil, fmt.Errorf("the configuration is not Caddy's JSON: %w; if it is a Caddyfile, add --adapter caddyfile", err)
	}
	return newStorage(parsed.Raw)
}

// newStorage prepares to load a storage module. Its context belongs to a
// configuration that has nothing else, and logs errors only.
func newStorage(raw json.RawMessage) (*configuredStorage, error) {
	s := &configuredStorage{module: "file_system (Caddy's default, " + caddy.AppDataDir() + ")", raw: raw, close: func() {}}
	if len(raw) > 0 {
		var named struct {
			Module string `json:"module"`
		}
		if err := json.Unmarshal(raw, &named); err != nil {
			return nil, fmt.Errorf("storage: %w", err)
		}
		s.module = named.Module
	}
	var err error
	s.base, err = caddy.ProvisionContext(&caddy.Config{Logging: &caddy.Logging{
		Logs: map[string]*caddy.CustomLog{caddy.DefaultLoggerName: {BaseLog: caddy.BaseLog{Level: "ERROR"}}},
	}})
	return s, err
}

// open provisions the storage module once more, as another process would.
func (s *configuredStorage) open() (vault.Storage, error) {
	if len(s.raw) == 0 {
		own := *caddy.DefaultStorage
		return &own, nil
	}
	ctx, cancel := caddy.NewContext(s.base)
	s.mu.Lock()
	before := s.close
	s.close = func() { cancel(); before() }
	s.mu.Unlock()
	module, err := ctx.LoadModule(&storageModule{Raw: append(json.RawMessage(nil), s.raw...)}, "Raw")
	if err != nil {
		return nil, fmt.Errorf("loading the storage module %s: %w", s.module, err)
	}
	return module.(caddy.StorageConverter).CertMagicStorage()
}

// held is what the process that holds a lock prints once it has it.
const held = "held"

// holderVanishes lets another process of this program take a lock, and kills it.
func (s *configuredStorage) holderVanishes(ctx context.Context, lock string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, "tpp", "vault", "hold", lock)
	cmd.Args[0] = os.Args[0] // a program may look at the name it is called by
	cmd.Stderr = os.Stderr
	// The storage's settings may hold a password, so they are no argument.
	settings, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(settings, "%s\n", compact(s.raw))
	said := ""
	if err == nil {
		said, err = bufio.NewReader(output).ReadString('\n')
	}
	err = errors.Join(err, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	if said != held+"\n" {
		return fmt.Errorf("the process did not get the lock: %w", errors.Join(ctx.Err(), err))
	}
	return nil
}

// compact puts a configuration into one line; null for none.
func compact(raw json.RawMessage) json.RawMessage {
	line, err := json.Marshal(raw)
	if err != nil {
		return json.RawMessage("null")
	}
	return line
}

// vaultHoldCommand is the process that holderVanishes kills.
func vaultHoldCommand() *cobra.Command {
	cmd := newCommand("hold <lock>", "Hold a lock of a storage until the input ends; used by check", "",
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			input := bufio.NewReader(cmd.InOrStdin())
			line, err := input.ReadBytes('\n')
			if err != nil {
				return err
			}
			if string(line) == "null\n" {
				line = nil
			}
			return hold(cmd.Context(), cmd.OutOrStdout(), input, line, args[0])
		})
	cmd.Hidden = true
	return cmd
}

// hold takes a lock, says so, and unlocks when the input ends.
func hold(ctx context.Context, out io.Writer, input io.Reader, raw json.RawMessage, lock string) error {
	s, err := newStorage(raw)
	if err != nil {
		return err
	}
	defer func() { s.close() }()
	storage, err := s.open()
	if err != nil {
		return err
	}
	if err := storage.Lock(ctx, lock); err != nil {
		return err
	}
	fmt.Fprintln(out, held)
	_, err = io.Copy(io.Discard, input)
	return errors.Join(err, storage.Unlock(ctx, lock))
}
