package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-tpp/caddy-tpp/answers"
	"github.com/caddy-tpp/caddy-tpp/authorize"
	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
	"github.com/caddy-tpp/caddy-tpp/vault"
)

// defaultPoll is how often certificate files are looked at.
const defaultPoll = caddy.Duration(2 * time.Second)

// App holds the TPP's identities and the banks (ASPSPs) it talks to. Tokens and
// watched certificates outlive a change of the configuration.
type App struct {
	// Identities are the TPP's pairs of qualified certificates, by name.
	Identities map[string]*Identity `json:"identities,omitempty"`
	// ASPSPs are the banks, by name.
	ASPSPs map[string]*ASPSP `json:"aspsps,omitempty"`
	// Profiles is a folder with bank profiles of one's own: every *.json file in
	// it. They may inherit those that ship, but not replace them. Default: none.
	Profiles string `json:"profiles,omitempty"`
	// Vault is where the tokens of PSUs are kept. Without it there are no grants.
	Vault *Vault `json:"vault,omitempty"`
	// CertificatePoll is how often certificate files are looked at for changes. Default 2s.
	CertificatePoll caddy.Duration `json:"certificate_poll,omitempty"`

	// Explain lets the admin endpoint explain how a request would leave (POST
	// /tpp/explain): without values of the PSU, bodies, tokens or signatures.
	// Default off.
	Explain bool `json:"explain,omitempty"`

	registry   *sidecar.Registry
	identities map[string]*pooledIdentity
	shared     *shared
	logger     *zap.Logger
	release    []func()

	vault     *vault.Vault
	grants    *grants.Store
	flow      *authorize.Flow
	messenger *messenger
	stopClock context.CancelFunc
	clock     *sync.WaitGroup
}

// CaddyModule returns the Caddy module information.
func (App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "tpp", New: func() caddy.Module { return new(App) }}
}

// appOf returns the configuration's tpp app.
func appOf(ctx caddy.Context) (*App, error) {
	app, err := ctx.AppIfConfigured("tpp")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil, fmt.Errorf("there is no tpp app: add the global option tpp { … } with an identity and an aspsp")
	}
	if err != nil {
		return nil, err
	}
	return app.(*App), nil
}

// Provision loads and checks everything: files, pairs, roles, profiles. It
// touches no network and starts nothing, so that caddy validate can do it.
func (a *App) Provision(ctx caddy.Context) error {
	a.logger = ctx.Logger()
	if a.CertificatePoll == 0 {
		a.CertificatePoll = defaultPoll
	}
	if err := a.check(); err != nil {
		return err
	}
	var err error
	if a.shared, err = a.useShared(); err != nil {
		return err
	}
	if err := a.shared.metrics.register(ctx.GetMetricsRegistry()); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	if err := a.startMessenger(ctx); err != nil {
		return err
	}
	if err := a.openVault(ctx); err != nil {
		return err
	}
	var wrong []error
	if err := a.loadIdentities(); err != nil {
		wrong = append(wrong, err)
	}
	aspsps, err := a.makeASPSPs()
	if err != nil {
		wrong = append(wrong, err)
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	a.registry = sidecar.NewRegistry(aspsps...)
	return nil
}

// check refuses in JSON what a Caddyfile cannot say.
func (a *App) check() error {
	var wrong []error
	if a.CertificatePoll < 0 {
		wrong = append(wrong, fmt.Errorf("certificate_poll of %s: write a time above 0, such as 2s", time.Duration(a.CertificatePoll)))
	}
	for _, name := range slices.Sorted(maps.Keys(a.Identities)) {
		if err := checkName(name); err != nil {
			wrong = append(wrong, fmt.Errorf("identity: %w", err))
		}
		if a.Identities[name] == nil {
			wrong = append(wrong, fmt.Errorf("identity %s is empty: it needs qwac and qseal", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.ASPSPs)) {
		if err := checkName(name); err != nil {
			wrong = append(wrong, fmt.Errorf("aspsp: %w", err))
		}
		if a.ASPSPs[name] == nil {
			wrong = append(wrong, fmt.Errorf("aspsp %s is empty: it needs profile, base_url and identity", name))
		}
	}
	return errors.Join(wrong...)
}

// loadIdentities loads all identities and warns of what is odd about them.
func (a *App) loadIdentities() error {
	a.identities = make(map[string]*pooledIdentity)
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(a.Identities)) {
		pooled, findings, err := a.useIdentity(name, a.Identities[name])
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		for _, finding := range findings {
			a.logger.Warn("certificate", zap.String("identity", name), zap.String("code", finding.Code), zap.Stringer("finding", finding))
		}
		a.identities[name] = pooled
	}
	return errors.Join(wrong...)
}

// profileSet gives the profiles that ship, and those of the configured folder.
func (a *App) profileSet() (*profiles.Set, error) {
	if a.Profiles == "" {
		return profiles.Builtin()
	}
	set, err := profiles.LoadDir(caddy.NewReplacer().ReplaceAll(a.Profiles, ""))
	if err != nil {
		return nil, fmt.Errorf("profiles: %w", err)
	}
	return set, nil
}

// makeASPSPs builds all ASPSPs whose identity could be loaded.
func (a *App) makeASPSPs() ([]*sidecar.ASPSP, error) {
	set, err := a.profileSet()
	if err != nil {
		return nil, err
	}
	var (
		made  []*sidecar.ASPSP
		wrong []error
	)
	for _, name := range slices.Sorted(maps.Keys(a.ASPSPs)) {
		config, err := a.ASPSPs[name].resolve(name, set, a)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		if config.Identity == nil && config.IdentityName != "" {
			// That is reported with the identity; what else is wrong, here.
			if err := sidecar.Check(config); err != nil {
				wrong = append(wrong, err)
			}
			continue
		}
		for header, value := range config.Profile.Headers.Set {
			if standsInClear(header, value) {
				a.logger.Warn("a secret seems to stand in the configuration; write {file./path} or {env.NAME} instead",
					zap.String("aspsp", name), zap.String("header", header))
			}
		}
		aspsp, err := sidecar.New(config, sidecar.Dependencies{Tokens: a.shared.tokens, Inboxes: &a.shared.inboxes, Grants: a.grants, Hooks: a.hooks()})
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		if unknown := unknownScopes(aspsp.Config()); unknown != "" {
			a.logger.Warn("the profile gives no role for this scope: whether the certificates cover it is not checked",
				zap.String("aspsp", name), zap.String("scope", unknown),
				zap.Strings("known", slices.Sorted(maps.Keys(config.Profile.Roles))))
		}
		a.release = append(a.release, aspsp.Close)
		made = append(made, aspsp)
	}
	return made, errors.Join(wrong...)
}

// Start begins to watch the certificate files.
func (a *App) Start() error {
	a.shared.logger.Store(a.logger)
	if err := a.startVault(); err != nil {
		return err
	}
	for _, identity := range a.identities {
		identity.watch(time.Duration(a.CertificatePoll))
	}
	a.logger.Info("serving",
		zap.Strings("identities", slices.Sorted(maps.Keys(a.Identities))),
		zap.Strings("aspsps", a.registry.Names()))
	return nil
}

// Stop ends the consent clock. What outlives a configuration is let go in
// Cleanup, and calls in flight finish.
func (a *App) Stop() error {
	a.stopVault()
	return nil
}

// Cleanup lets go of what this configuration used. Calls of it may still be in
// flight; they keep what they hold.
func (a *App) Cleanup() error {
	for _, release := range slices.Backward(a.release) {
		release()
	}
	return nil
}

// hooks connect what happens to calls with metrics and logs.
func (a *App) hooks() sidecar.Hooks {
	m, log := a.shared.metrics, a.logger
	return sidecar.Hooks{
		Signed: m.signed,
		Done: func(event sidecar.Event) {
			m.done(event)
			logDone(log, event)
		},
		Replayed:  m.replayed,
		Delivered: a.delivered,
		Fallback: func(aspsp, operation, requestID, reason string) {
			log.Warn("asking for the fallback interface", zap.String("aspsp", aspsp), zap.String("operation", operation),
				zap.String("request_id", requestID), zap.String("reason", reason))
		},
		Verified: func(aspsp, operation, requestID string, verdict answers.Verdict) {
			m.verified(aspsp, operation, verdict.Outcome)
			logVerdict(log, aspsp, operation, requestID, verdict)
		},
		Relinked: m.relinked,
		Unlinked: func(aspsp, identity string, err error) {
			log.Error("renewed certificates do not fit this bank; going on with the former ones",
				zap.String("aspsp", aspsp), zap.String("identity", identity), zap.Error(err))
		},
	}
}

// Interface guards.
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
