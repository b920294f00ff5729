package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	plainCaddy = "plain Caddy, client certificate"
	unsigned   = "unsigned"
)

// target is one Caddy under measurement.
type target struct {
	name string
	// key is the key type of its signatures, "" for plain Caddy, unsigned for a
	// sidecar that signs nothing.
	key     string
	address string
	cmd     *exec.Cmd
	log     bytes.Buffer
}

func writeFile(dir, name string, content []byte) error {
	return os.WriteFile(filepath.Join(dir, name), content, 0o644)
}

// caddyBinary returns the binary to measure, built if none is given.
func caddyBinary(given, dir string) (string, error) {
	if given != "" {
		return given, nil
	}
	binary := filepath.Join(dir, "caddy")
	build := exec.Command("go", "build", "-tags", "nobadger,nomysql,nopgx", "-o", binary, "./cmd/caddy")
	build.Stderr = os.Stderr
	fmt.Fprintln(os.Stderr, "building ./cmd/caddy …")
	return binary, build.Run()
}

// startTargets starts all proxies. Those started are returned with the error.
func startTargets(binary, dir string, b *bank) ([]*target, error) {
	targets := []*target{
		{name: plainCaddy},
		{name: "sidecar, nothing signed", key: unsigned},
		{name: "sidecar, RSA-2048", key: "rsa2048"},
		{name: "sidecar, P-256", key: "p256"},
	}
	for i, t := range targets {
		if err := t.start(binary, dir, b); err != nil {
			return targets[:i+1], fmt.Errorf("%s: %w\n%s", t.name, err, t.log.String())
		}
	}
	return targets, nil
}

func stopTargets(targets []*target) {
	for _, t := range targets {
		if t.cmd != nil && t.cmd.Process != nil {
			_ = t.cmd.Process.Kill()
			_ = t.cmd.Wait()
		}
	}
}

func (t *target) start(binary, dir string, b *bank) error {
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	t.address = probe.Addr().String()
	if err := probe.Close(); err != nil {
		return err
	}
	file := "Caddyfile-" + t.key
	if err := writeFile(dir, file, []byte(t.caddyfile(dir, b.address()))); err != nil {
		return err
	}
	t.cmd = exec.Command(binary, "run", "--config", filepath.Join(dir, file), "--adapter", "caddyfile")
	t.cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	t.cmd.Stderr = &t.log
	if err := onCPU(proxyCPU, t.cmd.Start); err != nil {
		return err
	}
	return t.await()
}

// await waits until the proxy answers.
func (t *target) await() error {
	var last error
	for range 100 {
		response, err := http.Post("http://"+t.address+"/", "application/json", bytes.NewReader([]byte("{}")))
		if err == nil {
			body, _ := io.ReadAll(io.LimitReader(response.Body, 500))
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("it answers %s: %s", response.Status, body)
		}
		last = err
		time.Sleep(100 * time.Millisecond)
	}
	return last
}
