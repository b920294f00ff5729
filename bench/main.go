// Command bench measures what the sidecar adds to plain Caddy: CPU time per
// request, side by side in one run, on loopback, against a bank that demands a
// client certificate, checks every Digest and verifies signatures.
//
//	go run ./bench
//
// It builds ./cmd/caddy, starts one Caddy for each target (a plain reverse_proxy
// with a client certificate; the sidecar signing nothing, with an RSA-2048 QSEAL
// and with a P-256 QSEAL), visits all of them in every round, and prints medians. CPU
// time is the scheduler's account of the proxy's process, so that neither the
// load generator nor the bank, nor another program, is counted. Linux only.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

// settings are the run's parameters.
type settings struct {
	rounds   int
	duration time.Duration
	warmup   time.Duration
	conns    int
	body     int
	verify   int
	caddy    string
}

func main() {
	var s settings
	flag.IntVar(&s.rounds, "rounds", 7, "rounds; each visits every target once")
	flag.DurationVar(&s.duration, "d", 2*time.Second, "time for each target in a round")
	flag.DurationVar(&s.warmup, "warmup", time.Second, "load before the first round, for each target")
	flag.IntVar(&s.conns, "conns", 8, "connections in parallel")
	flag.IntVar(&s.body, "body", 500, "request body in bytes")
	flag.IntVar(&s.verify, "verify", 10, "the bank verifies every nth signature")
	flag.StringVar(&s.caddy, "caddy", "", "Caddy binary to measure (default: build ./cmd/caddy)")
	flag.Parse()
	if err := run(s); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run sets up the bank and the proxies, measures, and prints.
func run(s settings) error {
	if err := leaveCPU(proxyCPU); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "caddy-tpp-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	people, err := newParties(dir)
	if err != nil {
		return err
	}
	bank, err := startBank(people, max(1, s.verify))
	if err != nil {
		return err
	}
	defer bank.close()
	binary, err := caddyBinary(s.caddy, dir)
	if err != nil {
		return err
	}
	targets, err := startTargets(binary, dir, bank)
	defer stopTargets(targets)
	if err != nil {
		return err
	}
	rounds, err := measure(s, targets, people)
	if err != nil {
		return err
	}
	report(os.Stdout, s, rounds)
	return bank.verdict()
}
