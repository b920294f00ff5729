package main

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// round is what one round measured, in CPU time for each request or signature.
type round struct {
	request   map[string]time.Duration // by target name
	signature map[string]time.Duration // by key type
	perSecond map[string]float64       // requests, by target name
}

func splitAddress(address string) (host, port string) {
	host, port, _ = net.SplitHostPort(address)
	return host, port
}

// measure warms up all targets and then visits each once a round.
func measure(s settings, targets []*target, p *parties) ([]round, error) {
	load := newLoad(s)
	for _, t := range targets {
		if _, err := load.run(t, s.warmup); err != nil {
			return nil, err
		}
	}
	var rounds []round
	for range s.rounds {
		r := round{map[string]time.Duration{}, map[string]time.Duration{}, map[string]float64{}}
		for _, t := range targets {
			if p.seals[t.key] != nil {
				// Right before the target, so that both see the machine in one state.
				raw, err := rawSignature(p.signer(t.key))
				if err != nil {
					return nil, err
				}
				r.signature[t.key] = raw
			}
			before, err := t.cpu()
			if err != nil {
				return nil, err
			}
			count, err := load.run(t, s.duration)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", t.name, err)
			}
			after, err := t.cpu()
			if err != nil {
				return nil, err
			}
			r.request[t.name] = (after - before) / time.Duration(count)
			r.perSecond[t.name] = float64(count) / s.duration.Seconds()
		}
		rounds = append(rounds, r)
	}
	return rounds, nil
}

// load makes POSTs on kept-alive connections.
type load struct {
	client *http.Client
	body   string
	conns  int
}

func newLoad(s settings) *load {
	return &load{
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: s.conns, DisableCompression: true}},
		body:   `{"padding":"` + strings.Repeat("x", max(0, s.body-14)) + `"}`, conns: s.conns,
	}
}

// run loads a target for a while and returns how many requests were answered 200.
func (l *load) run(t *target, d time.Duration) (int64, error) {
	var (
		count  atomic.Int64
		failed atomic.Value
		group  sync.WaitGroup
	)
	end := time.Now().Add(d)
	for range l.conns {
		group.Go(func() {
			for time.Now().Before(end) && failed.Load() == nil {
				if err := l.request(t); err != nil {
					failed.CompareAndSwap(nil, err)
				}
				count.Add(1)
			}
		})
	}
	group.Wait()
	if err, ok := failed.Load().(error); ok {
		return 0, err
	}
	return count.Load(), nil
}

func (l *load) request(t *target) error {
	response, err := l.client.Post("http://"+t.address+"/funds-confirmations", "application/json", strings.NewReader(l.body))
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	defer response.Body.Close()
	answered, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", response.StatusCode, answered)
	}
	return err
}

// rawSignature is the CPU time of one bare signature: the share of a signed
// request that no proxy can save. It is taken where the proxies run.
func rawSignature(key crypto.Signer) (took time.Duration, err error) {
	digest := sha256.Sum256([]byte("signing string"))
	sign := func(n int) error {
		for range n {
			if _, err := key.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
				return err
			}
		}
		return nil
	}
	err = onCPU(proxyCPU, func() error {
		if err := sign(20); err != nil {
			return err
		}
		const n = 300
		start := threadCPU()
		err := sign(n)
		took = (threadCPU() - start) / n
		return err
	})
	return took, err
}

func threadCPU() time.Duration {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now)
	return time.Duration(now.Nano())
}
