package storagetest_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/goleak"

	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagecheck"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// These variables turn the test program into a process that holds a lock until
// it is killed.
const (
	holdFolder = "TPP_TEST_HOLD_FOLDER"
	holdLock   = "TPP_TEST_HOLD_LOCK"
)

func TestMain(m *testing.M) {
	if folder := os.Getenv(holdFolder); folder != "" {
		storage := &certmagic.FileStorage{Path: folder}
		if err := storage.Lock(context.Background(), os.Getenv(holdLock)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("held")
		select {}
	}
	goleak.VerifyTestMain(m,
		// FileStorage's renewal of a lock ends up to 5 s after the lock.
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh"))
}

// killHolder lets another process take a lock of a FileStorage, and kills it.
func killHolder(folder string) func(context.Context, string) error {
	return func(ctx context.Context, lock string) error {
		process := exec.CommandContext(ctx, os.Args[0])
		process.Env = append(os.Environ(), holdFolder+"="+folder, holdLock+"="+lock)
		output, err := process.StdoutPipe()
		if err != nil {
			return err
		}
		if err := process.Start(); err != nil {
			return err
		}
		line, err := bufio.NewReader(output).ReadString('\n')
		_ = process.Process.Kill()
		_ = process.Wait() // "signal: killed"
		if line != "held\n" {
			return fmt.Errorf("the process does not hold the lock: %q, %w", line, err)
		}
		return nil
	}
}

func TestFileStoragePasses(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	storagetest.Run(t, storagecheck.Options{
		Open:           func() (vault.Storage, error) { return &certmagic.FileStorage{Path: folder}, nil },
		HolderVanishes: killHolder(folder),
		Hold:           12 * time.Second, // FileStorage gives up a lock that was not renewed for 10 s
		LockTTL:        40 * time.Second,
	})
}
