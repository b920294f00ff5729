package caddymodule

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-tpp/caddy-tpp/certs"
)

// TestHangingWatcherDelaysNothing holds that a watcher that hangs in a file
// system that is gone does not keep a reload, or the end of Caddy, waiting.
func TestHangingWatcherDelaysNothing(t *testing.T) {
	for name, test := range map[string]struct {
		hangs, took time.Duration
		lines       int
	}{
		"ends":  {time.Second, time.Second, 0},
		"hangs": {time.Minute, watcherGrace, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				core, logged := observer.New(zap.WarnLevel)
				p := &pooledIdentity{
					Identity: new(certs.Identity), metrics: newMetrics(), cancel: func() {},
					log: func() *zap.Logger { return zap.New(core) },
				}
				p.ended.Go(func() { time.Sleep(test.hangs) })
				start := time.Now()
				if err := p.Destruct(); err != nil {
					t.Error(err)
				}
				if took := time.Since(start); took != test.took {
					t.Errorf("took %s, want %s", took, test.took)
				}
				if logged.Len() != test.lines {
					t.Errorf("logged %v", logged.All())
				}
				p.ended.Wait()
				// What it still reads is of no identity that is in use.
				p.metrics.certificates(p.Name(), new(certs.Generation))
				gauges := make(chan prometheus.Metric, 1)
				if p.metrics.generation.Collect(gauges); len(gauges) != 0 {
					t.Error("a gauge of an identity that is gone")
				}
			})
		})
	}
}
