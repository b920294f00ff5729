package caddymodule

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-tpp/caddy-tpp/certs"
	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// pool keeps what outlives a configuration: while one configuration replaces
// another, both use the same entry. Nothing in it holds a configuration or its
// context, and only the present one's logger.
var pool = caddy.NewUsagePool()

// shared is the state that all configurations of the process have in common.
type shared struct {
	tokens  *tokens.Cache
	inboxes tokens.Inboxes  // where tokens come in that were asked for
	unsaved *grants.Unsaved // answers of banks that no storage took yet
	metrics *metrics
	logger  atomic.Pointer[zap.Logger] // of the configuration that runs now
}

// Destruct implements caddy.Destructor.
func (s *shared) Destruct() error {
	s.tokens.Close()
	s.unsaved.Close()
	return nil
}

type sharedKey struct{}

// useShared takes hold of the shared state until Cleanup.
func (a *App) useShared() (*shared, error) {
	value, _, err := pool.LoadOrNew(sharedKey{}, func() (caddy.Destructor, error) {
		s := &shared{metrics: newMetrics(), unsaved: grants.NewUnsaved()}
		s.tokens = tokens.NewCache(tokens.CacheOptions{OnFetch: s.fetched})
		return s, nil
	})
	if err != nil {
		return nil, err
	}
	a.release = append(a.release, func() { _, _ = pool.Delete(sharedKey{}) })
	return value.(*shared), nil
}

// identityKey tells identities apart: other files or another passphrase make
// another identity, even of the same name.
type identityKey struct {
	name        string
	qwac, qseal KeyPair
}

// pooledIdentity is an identity with its watcher.
type pooledIdentity struct {
	*certs.Identity
	cancel  context.CancelFunc
	context context.Context
	start   sync.Once
	ended   sync.WaitGroup
	metrics *metrics
	log     func() *zap.Logger
}

// watcherGrace is how long the end of a watcher is waited for. It ends at once,
// unless it hangs in a file system that does not answer.
const watcherGrace = 5 * time.Second

// watch starts the watcher, once.
func (p *pooledIdentity) watch(interval time.Duration) {
	p.start.Do(func() { p.ended.Go(func() { p.Watch(p.context, interval) }) })
}

// Destruct implements caddy.Destructor.
func (p *pooledIdentity) Destruct() error {
	p.cancel()
	ended := make(chan struct{})
	go func() {
		p.ended.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(watcherGrace):
		p.log().Warn("the watcher of certificate files does not end: does their file system answer?", zap.Duration("waited", watcherGrace))
	}
	p.metrics.forget(p.Name())
	return nil
}

// useIdentity takes hold of an identity until Cleanup, loading it unless a
// former configuration has. Findings are warnings.
func (a *App) useIdentity(name string, config *Identity) (*pooledIdentity, []certs.Finding, error) {
	key := identityKey{name: name, qwac: config.QWAC}
	if config.QSEAL != nil {
		key.qseal = *config.QSEAL
	}
	var findings []certs.Finding
	shared, metrics := a.shared, a.shared.metrics
	log := func() *zap.Logger { return shared.log().With(zap.String("identity", name)) }
	value, loaded, err := pool.LoadOrNew(key, func() (caddy.Destructor, error) {
		options, err := config.options(name)
		if err != nil {
			return nil, err
		}
		options.OnChange = func(_, fresh *certs.Generation) {
			metrics.certificates(name, fresh)
			log().Info("certificates renewed", zap.Uint64("generation", fresh.Number))
		}
		options.OnError = func(err error) {
			log().Error("changed certificate files cannot be used; going on with the former ones", zap.Error(err))
		}
		options.OnFindings = func(findings []certs.Finding) {
			for _, finding := range findings {
				log().Warn("certificate", zap.String("code", finding.Code), zap.Stringer("finding", finding))
			}
		}
		identity, found, err := certs.NewIdentity(options)
		if err != nil {
			return nil, err
		}
		findings = found
		ctx, cancel := context.WithCancel(context.Background())
		metrics.use(name)
		return &pooledIdentity{Identity: identity, context: ctx, cancel: cancel, metrics: metrics, log: log}, nil
	})
	if err != nil {
		return nil, nil, err
	}
	a.release = append(a.release, func() { _, _ = pool.Delete(key) })
	pooled := value.(*pooledIdentity)
	if loaded {
		// Changed files that the watcher has not seen yet count from this load on.
		if _, findings, err = pooled.Reload(); err != nil {
			a.logger.Error("certificate files cannot be used; going on with those loaded before",
				zap.String("identity", name), zap.Error(err))
		}
	}
	metrics.certificates(name, pooled.Current())
	return pooled, findings, nil
}

// options makes the library's options of an identity's configuration.
func (i *Identity) options(name string) (certs.IdentityOptions, error) {
	options := certs.IdentityOptions{Name: name}
	var err error
	if options.QWAC, err = i.QWAC.source(name, "qwac"); err != nil {
		return options, err
	}
	if i.QSEAL != nil {
		qseal, err := i.QSEAL.source(name, "qseal")
		if err != nil {
			return options, err
		}
		options.QSEAL = &qseal
	}
	return options, nil
}

// source resolves the placeholders of file names now, and that of the
// passphrase whenever it is needed.
func (k KeyPair) source(identity, slot string) (certs.Source, error) {
	repl := caddy.NewReplacer()
	source := certs.Source{CertFile: repl.ReplaceAll(k.Certificate, ""), KeyFile: repl.ReplaceAll(k.Key, "")}
	if source.CertFile == "" {
		return source, fmt.Errorf("identity %s: %s needs a certificate file and a key file", identity, slot)
	}
	if source.KeyFile == "" {
		source.KeyFile = source.CertFile
	}
	if k.Passphrase == "" {
		return source, nil
	}
	if !isPlaceholder(k.Passphrase) {
		return source, fmt.Errorf("identity %s: the passphrase of %s must not stand in the configuration: write {file./path/to/it} or {env.NAME}", identity, slot)
	}
	source.Passphrase = func() ([]byte, error) { return resolvePassphrase(k.Passphrase) }
	return source, nil
}
