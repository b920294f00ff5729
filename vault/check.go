package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// canary is what is encrypted with each key to know it again.
const canary = "caddy-tpp vault"

// Check compares each key with a canary that the storage holds for its id, and
// writes the canaries that are missing. Call it before the first use: with a
// wrong secret every record would look damaged.
//
// Errors:
//   - ErrWrongKey: a secret is not the one that the storage knows by that id.
//   - ErrUnknownKey: the storage was written with keys of which none is
//     configured, such as after a key was replaced where a second one should
//     have been added.
//   - *DamagedError: a canary is torn. It is not written anew, since nothing
//     would then tell a wrong secret.
//   - ErrUnavailable.
func (v *Vault) Check(ctx context.Context) error {
	if err := v.checkAll(ctx); err != nil {
		return err
	}
	v.known.Store(true)
	v.unchecked.Store(false)
	return nil
}

// Fresh reports whether Check has found a storage that no vault has used before:
// the first start ever, or one without the volume that everything is on.
func (v *Vault) Fresh() bool { return v.fresh.Load() }

// ready lets nothing happen with keys that were not checked, where Options say
// so.
func (v *Vault) ready(ctx context.Context) error {
	if !v.unchecked.Load() {
		return nil
	}
	select {
	case v.checking <- struct{}{}:
		defer func() { <-v.checking }()
	case <-ctx.Done():
		return unavailable(ctx, "check the keys", ctx.Err())
	}
	if !v.unchecked.Load() {
		return nil // another call has found out meanwhile
	}
	return v.Check(ctx)
}

func (v *Vault) checkAll(ctx context.Context) error {
	absent, err := v.checkCanaries(ctx, v.keys)
	if err != nil || len(absent) == 0 {
		return err
	}
	// Two processes that start at once must not both think that they are first.
	lock, err := v.lock(ctx, keysFolder)
	if err != nil {
		return err
	}
	err = v.addCanaries(ctx, absent)
	if unlocked := lock.Unlock(); err == nil {
		err = unlocked
	}
	return err
}

// checkCanaries returns the keys that have no canary.
func (v *Vault) checkCanaries(ctx context.Context, keys []Key) (absent []Key, err error) {
	for _, key := range keys {
		switch err := v.checkCanary(ctx, key); {
		case errors.Is(err, ErrNotFound):
			absent = append(absent, key)
		case err != nil:
			return nil, err
		}
	}
	return absent, nil
}

// checkCanary errors: ErrNotFound, ErrWrongKey, *DamagedError, ErrUnavailable.
func (v *Vault) checkCanary(ctx context.Context, key Key) error {
	name := canaryName(key)
	value, plaintext, keyID, err := v.look(ctx, name)
	if err == nil && (keyID != key.ID || string(plaintext) != canary) || errors.Is(err, ErrUnknownKey) {
		err = damageHeader
	}
	reason, damaged := errors.AsType[damage](err)
	switch {
	case !damaged:
		return err
	case reason == damageIntegrity && keyID == key.ID:
		return fmt.Errorf("%w %q: its secret is not the one that the storage knows by this id (%s); configure that one again, or give the new secret an id of its own and keep the old key after it",
			ErrWrongKey, key.ID, v.storageKey(name))
	}
	return fmt.Errorf("vault key %q cannot be checked: %w; restore %s from a backup, or delete it if the secret is certainly right",
		key.ID, v.report(ctx, name, value, keyID, reason), v.storageKey(name))
}

// addCanaries needs the lock of keysFolder.
func (v *Vault) addCanaries(ctx context.Context, absent []Key) error {
	first := len(absent) == len(v.keys)
	if first {
		if err := v.checkKnown(ctx); err != nil {
			return err
		}
	}
	absent, err := v.checkCanaries(ctx, absent)
	if err != nil {
		return err
	}
	for _, key := range absent {
		if err := v.write(ctx, key, canaryName(key), []byte(canary)); err != nil {
			return err
		}
		// Read back: of two that held the lock, one has lost.
		err := v.checkCanary(ctx, key)
		if errors.Is(err, ErrNotFound) {
			return unavailable(ctx, "read back what was written", err)
		}
		if err != nil {
			return err
		}
	}
	if first {
		v.fresh.Store(true)
	}
	return nil
}

// checkKnown refuses keys of which the storage knows none while it knows others.
func (v *Vault) checkKnown(ctx context.Context) error {
	names, err := v.names(ctx, keysFolder)
	if err != nil {
		return err
	}
	var known []string
	for _, name := range names {
		id := strings.TrimPrefix(name, keysFolder+"/")
		if _, configured := v.secrets[id]; configured {
			return nil // since the first look
		}
		known = append(known, id)
	}
	if len(known) == 0 {
		return nil
	}
	return fmt.Errorf("%w: records below %q are encrypted with %s, and none of these keys is configured; add the last one in use after %q, or choose another prefix to start empty",
		ErrUnknownKey, v.prefix, strings.Join(known, ", "), v.current.ID)
}

func canaryName(key Key) string { return keysFolder + "/" + key.ID }
