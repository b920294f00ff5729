package storagecheck

import (
	"context"
	"fmt"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

func lostChecks() []check {
	return []check{
		{"holder-vanishes", "the lock of a process that was killed is released in bounded time", vanishes},
		{"holder-vanishes-amid", "who takes over the lock of a process that was killed can lock, store and unlock as ever", vanishesAmid},
		{"holder-vanishes-after-use", "a lock through the vault is got in bounded time, also if its holder was killed just after others had held it", vanishesAfterUse},
	}
}

const noProcess = errSkip("it needs another process to kill")

func vanishes(ctx context.Context, e *environment) error {
	name := e.lock("vanishes")
	if err := e.vanish(ctx, name); err != nil {
		return err
	}
	return e.takeOver(ctx, name)
}

func vanishesAmid(ctx context.Context, e *environment) error {
	name, key := e.lock("amid"), e.key("value")
	if err := e.a.Store(ctx, key, []byte("before")); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := e.vanish(ctx, name); err != nil {
		return err
	}
	if err := e.takeOver(ctx, name); err != nil {
		return err
	}
	for i := range 3 {
		handle, value := e.handle(i), fmt.Appendf(nil, "after %d", i)
		if err := lockFree(ctx, handle, name); err != nil {
			return fmt.Errorf("after it was taken over and unlocked: %w", err)
		}
		if err := handle.Store(ctx, key, value); err != nil {
			return fmt.Errorf("store: %w", err)
		}
		if err := handle.Unlock(ctx, name); err != nil {
			return fmt.Errorf("unlock: %w", err)
		}
		if err := loads(ctx, e.handle(i+1), key, value); err != nil {
			return err
		}
	}
	return nil
}

func (e *environment) vanish(ctx context.Context, name string) error {
	if e.HolderVanishes == nil {
		return noProcess
	}
	waiting, cancel := context.WithTimeout(ctx, 2*soon)
	defer cancel()
	if err := e.HolderVanishes(waiting, name); err != nil {
		return fmt.Errorf("let a holder vanish: %w", err)
	}
	return nil
}

// takeOver gets the lock of a holder that has just vanished, and unlocks it.
func (e *environment) takeOver(ctx context.Context, name string) error {
	started := time.Now()
	if err := lockWithin(ctx, e.b, name, e.LockTTL); err != nil {
		return fmt.Errorf("the lock of a vanished holder is not released within %v: %w", e.LockTTL, err)
	}
	e.note = "taken over after " + time.Since(started).Round(10*time.Millisecond).String()
	return e.unlock(ctx, name)
}

// vanishesAfterUse goes through the vault, which makes up for storages that let
// former holders renew a lock that is not theirs any more.
func vanishesAfterUse(ctx context.Context, e *environment) error {
	v, err := vault.New(vault.Options{
		Storage: e.a,
		Keys:    []vault.Key{{ID: "check", Secret: vault.NewSecret()}},
		Prefix:  e.Folder,
		MaxHold: e.LockTTL / 4,
	})
	if err != nil {
		return err
	}
	const record = "after/use"
	name := v.LockName(record)
	if err := lockFree(ctx, e.b, name); err != nil {
		return err
	}
	if err := e.unlock(ctx, name); err != nil {
		return err
	}
	if err := e.vanish(ctx, name); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, e.LockTTL)
	defer cancel()
	lock, err := v.Lock(waiting, record)
	if err != nil {
		return fmt.Errorf("the lock of a vanished holder is not released within %v: %w", e.LockTTL, err)
	}
	e.note = "taken over after " + lock.Waited.Round(10*time.Millisecond).String()
	return lock.Unlock()
}
