package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
)

// server is a Redis of its own, with redis.conf.
type server struct {
	t        testing.TB
	dir      string
	address  string
	password string
	cmd      *exec.Cmd
	exited   chan struct{}
}

// startServer runs redis-server, which has to be installed.
func startServer(t testing.TB) *server {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatalf("these tests need Redis itself: apt-get install redis-server (%v)", err)
	}
	p, err := issued()
	check(t, err)
	s := &server{t: t, dir: t.TempDir(), password: "a password of the test"}
	certificate, key, err := p.server.WriteFiles(s.dir, "redis")
	check(t, err)
	sum := sha256.Sum256([]byte(s.password))
	config := replaced(t, read(t, "redis.conf"),
		strings.Repeat("0", 64), hex.EncodeToString(sum[:]),
		"/etc/redis/redis.pem", certificate, "/etc/redis/redis-key.pem", key,
		"/var/lib/redis", s.dir,
		"tls-port 6379", "bind 127.0.0.1\ntls-port "+freePort(t))
	check(t, os.WriteFile(filepath.Join(s.dir, "redis.conf"), []byte(config), 0o600))
	_, port, _ := strings.Cut(config, "tls-port ")
	s.address = "127.0.0.1:" + strings.Fields(port)[0]
	s.cmd = exec.Command(program, filepath.Join(s.dir, "redis.conf"))
	s.run()
	t.Cleanup(func() { s.end(syscall.SIGKILL) })
	return s
}

// replaced replaces what an example has by what a test has. All of it has to be
// there: a test of something else proves nothing.
func replaced(t testing.TB, text string, oldAndNew ...string) string {
	t.Helper()
	for i := 0; i < len(oldAndNew); i += 2 {
		if !strings.Contains(text, oldAndNew[i]) {
			t.Fatalf("no %q to replace", oldAndNew[i])
		}
	}
	return strings.NewReplacer(oldAndNew...).Replace(text)
}

func freePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

// run starts the server, again if it was ended, with what it has on its disk.
func (s *server) run() {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	check(s.t, err)
	defer log.Close()
	s.cmd = exec.Command(s.cmd.Path, s.cmd.Args[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	check(s.t, s.cmd.Start())
	exited := make(chan struct{})
	s.exited = exited
	go func() {
		_ = s.cmd.Wait()
		close(exited)
	}()
	client := s.client()
	eventually(s.t, "Redis answers", func() bool {
		select {
		case <-exited:
			s.t.Fatalf("redis-server ended: %s", read(s.t, filepath.Join(s.dir, "log")))
		default:
		}
		return client.Ping(context.Background()).Err() == nil
	})
}

// end ends the server with a signal and waits.
func (s *server) end(signal syscall.Signal) {
	s.signal(signal)
	<-s.exited
}

func (s *server) signal(signal syscall.Signal) { _ = s.cmd.Process.Signal(signal) }

// client asks the server as its user tpp, as the sidecars do.
func (s *server) client() *redis.Client {
	p, err := issued()
	check(s.t, err)
	client := redis.NewClient(&redis.Options{Addr: s.address, Username: "tpp", Password: s.password,
		TLSConfig: &tls.Config{RootCAs: p.authority.Pool(), MinVersion: tls.VersionTLS12}})
	s.t.Cleanup(func() { client.Close() })
	return client
}

// locks are the keys of the locks that are held.
func (s *server) locks() []string {
	s.t.Helper()
	var found []string
	each := s.client().Scan(s.t.Context(), 0, "caddy/locks/*", 1000).Iterator()
	for each.Next(s.t.Context()) {
		found = append(found, each.Val())
	}
	check(s.t, each.Err())
	return found
}

// The user of redis.conf reaches the sidecars' keys, and nothing else.
func TestUserIsConfined(t *testing.T) {
	t.Parallel()
	client := startServer(t).client()
	check(t, client.Set(t.Context(), "caddy/x", "1", 0).Err())
	for name, err := range map[string]error{
		"another key": client.Set(t.Context(), "other/x", "1", 0).Err(),
		"FLUSHALL":    client.FlushAll(t.Context()).Err(),
		"KEYS":        client.Keys(t.Context(), "*").Err(),
		"CONFIG":      client.ConfigSet(t.Context(), "appendonly", "no").Err(),
	} {
		if err == nil || !strings.Contains(err.Error(), "NOPERM") {
			t.Errorf("%s: %v", name, fmt.Sprint(err))
		}
	}
}
