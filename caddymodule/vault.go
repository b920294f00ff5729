package caddymodule

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-tpp/caddy-tpp/authorize"
	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
	"github.com/caddy-tpp/caddy-tpp/vault"
)

// storageFolder is where, in Caddy's storage, everything of the vault is.
const storageFolder = "tpp"

// storable is what a storage of any kind takes as part of a name.
var storable = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// openVault makes what grants are kept in and renewed by. It touches no storage,
// so that caddy validate can do it.
func (a *App) openVault(ctx caddy.Context) error {
	if a.Vault == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(a.ASPSPs)) {
		if !storable.MatchString(name) {
			return fmt.Errorf("aspsp %s: with a vault, its name is part of the names of records: "+
				"use letters, digits, hyphens, underscores and single dots within", name)
		}
	}
	keys, err := a.Vault.keys()
	if err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	if a.Vault.Recheck < 0 || a.Vault.Hot < 0 || a.Vault.Parallel < 0 {
		return errors.New("vault: recheck, hot and parallel must not be negative; leave them out for their defaults")
	}
	a.vault, err = vault.New(vault.Options{
		Storage: ctx.Storage(), Keys: keys, Prefix: storageFolder, MaxHold: a.longestRefresh(), CheckFirst: true, OnDamage: a.damaged,
	})
	if err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	a.grants = grants.New(grants.Options{
		Vault: a.vault, Hot: a.Vault.Hot, Recheck: time.Duration(a.Vault.Recheck), Parallel: a.Vault.Parallel,
		OnEvent: a.grantEvent, Unsaved: a.shared.unsaved, StorageID: storageID(ctx.Storage()),
	})
	a.flow = authorize.New(authorize.Options{
		Vault: a.vault, Grants: a.grants, OnEvent: a.authorizeEvent,
		Code: func(err error) string { return string(sidecar.GrantRefusal(err).Code) },
	})
	a.release = append(a.release, a.grants.Close)
	return nil
}

// storageID tells storages apart: what a bank answered belongs into the one that
// the grant's record is in.
func storageID(storage any) string {
	settings, err := json.Marshal(storage)
	if err != nil {
		settings = fmt.Appendf(nil, "%p", storage) // the same only as long as it is this very one
	}
	digest := sha256.Sum256(settings) // they may hold a password
	return fmt.Sprintf("%T %x", storage, digest)
}

// longestRefresh is how long a grant's lock may be held: for two calls of the
// slowest bank, and what has to be stored between.
func (a *App) longestRefresh() time.Duration {
	var longest time.Duration
	for _, aspsp := range a.ASPSPs {
		connect := cmp.Or(time.Duration(aspsp.ConnectTimeout), sidecar.DefaultConnectTimeout)
		answer := cmp.Or(time.Duration(aspsp.AnswerTimeout), sidecar.DefaultAnswerTimeout)
		longest = max(longest, connect+answer)
	}
	return 2*longest + storagePatience
}

// keys reads the secrets of the vault's keys.
func (v *Vault) keys() ([]vault.Key, error) {
	if len(v.Keys) == 0 {
		return nil, errors.New("it has no key; make one with caddy tpp vault key, keep it in a file, and add: key 1 {file./path/to/it}")
	}
	var (
		keys  []vault.Key
		wrong []error
	)
	for _, key := range v.Keys {
		if !isPlaceholder(key.Secret) {
			wrong = append(wrong, fmt.Errorf("the secret of key %s must not stand in the configuration: write {file./path/to/it} or {env.NAME}", key.ID))
			continue
		}
		text, err := resolvePassphrase(key.Secret)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("key %s: %w", key.ID, err))
			continue
		}
		secret, err := vault.ParseSecret(string(text))
		if err != nil {
			wrong = append(wrong, fmt.Errorf("key %s (%s): %w", key.ID, key.Secret, err))
			continue
		}
		keys = append(keys, vault.Key{ID: key.ID, Secret: secret})
	}
	return keys, errors.Join(wrong...)
}

// storagePatience is what the storage may take while a lock is held.
const storagePatience = 20 * time.Second

// checkPatience bounds how long the start waits for the storage.
const checkPatience = 5 * time.Second

// startVault compares the keys with those that the records were written with. A
// wrong key ends the start: with it every grant would seem to be damaged. A
// storage that does not answer does not: other calls need none, and grants are
// refused until it is back.
func (a *App) startVault() error {
	if a.vault == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkPatience)
	defer cancel()
	err := a.vault.Check(ctx)
	switch {
	case errors.Is(err, vault.ErrWrongKey), errors.Is(err, vault.ErrUnknownKey), errors.Is(err, vault.ErrDamaged):
		return fmt.Errorf("vault: %w", err)
	case errors.Is(err, vault.ErrUnavailable):
		a.logger.Error("the storage of the vault cannot be used; calls with a grant are refused until it can", zap.Error(err))
	case err != nil:
		return fmt.Errorf("vault: %w", err)
	case a.vault.Fresh():
		a.logger.Warn("the vault is new, and holds no grants; if it should, look whether its storage is the right one, and mounted")
	}
	running, stop := context.WithCancel(context.Background())
	a.stopClock, a.clock = stop, new(sync.WaitGroup)
	a.clock.Go(func() { a.grants.Run(running) })
	a.clock.Go(func() { a.flow.Run(running) })
	return nil
}

// stopVault ends the consent clock, and waits for what is under way at banks. That
// must not wait for Cleanup: Caddy cleans up in no order, and a storage in a
// network may be closed before an answer is stored in it. At the end of the process
// nothing new may begin, either; after a reload, calls of the former configuration
// still finish, and an answer that its storage no longer takes is stored by the next.
func (a *App) stopVault() {
	if a.stopClock != nil {
		a.stopClock()
		a.clock.Wait()
	}
	if a.grants == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), a.longestRefresh())
	defer cancel()
	rest := a.grants.Await
	if caddy.Exiting() {
		rest = a.grants.Retire
	}
	if err := rest(ctx); err != nil {
		a.logger.Error("grants are not at rest at the end of this configuration", zap.Error(err))
	}
}

// damaged tells of a record that cannot be read, and where its copy is.
func (a *App) damaged(damage vault.Damage) {
	a.shared.metrics.damaged()
	a.logger.Error("a record of the vault cannot be read; a copy was kept aside", zap.Any("damage", damage))
}
