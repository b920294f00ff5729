package storagecheck

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

// Defaults of Options.
const (
	DefaultHold    = 15 * time.Second
	DefaultLockTTL = time.Minute
)

// Options says what is checked, and how patiently.
type Options struct {
	// Open returns a new handle of the storage that is as independent as it can
	// be: what another process would have. It is called twice per check, from
	// several goroutines. Required.
	Open func() (vault.Storage, error)

	// HolderVanishes may be called from several goroutines at once. It takes the named lock in another process, lets that process
	// end without unlocking as kill -9 does, and returns when it has ended. Where
	// it is nil, the checks of vanished holders are skipped, and say so.
	HolderVanishes func(ctx context.Context, lock string) error

	// Hold is how long a lock is held to see whether it is kept for a living
	// holder; default DefaultHold. Choose more than the storage's own time to
	// live of a lock, which a living holder has to renew.
	Hold time.Duration

	// LockTTL is the longest acceptable time until the lock of a vanished holder
	// is released; default DefaultLockTTL.
	LockTTL time.Duration

	// Folder is where values are written; default a new one with a random name,
	// "tpp-check-…".
	Folder string

	// Log is told each result when it is there, if not nil; from any goroutine.
	Log func(format string, arguments ...any)
}

// Result is the outcome of one check.
type Result struct {
	// Name is the check's short name, such as "lock-excludes".
	Name string
	// Meaning says in a sentence what the storage has to do.
	Meaning string
	// Err says what it did instead; nil if the check passed or was skipped.
	Err error
	// Skipped says why the check was not made, or is "".
	Skipped string
	// Note is a figure worth knowing, such as how long a takeover took, or "".
	Note string
	// Took is how long the check took.
	Took time.Duration
}

// OK tells whether the check did not fail.
func (r Result) OK() bool { return r.Err == nil }

// String is one line for a person.
func (r Result) String() string {
	line := fmt.Sprintf("ok    %s", r.Name)
	switch {
	case r.Err != nil:
		line = fmt.Sprintf("FAIL  %s: %v. Expected: %s", r.Name, r.Err, r.Meaning)
	case r.Skipped != "":
		line = fmt.Sprintf("skip  %s: %s", r.Name, r.Skipped)
	}
	if r.Note != "" {
		line += " (" + r.Note + ")"
	}
	return line
}

// errSkip makes a result with Skipped.
type errSkip string

func (e errSkip) Error() string { return string(e) }

// check is one thing that a storage has to do.
type check struct {
	name    string
	meaning string
	run     func(ctx context.Context, e *environment) error
}

// environment is what a check works with.
type environment struct {
	Options
	a, b vault.Storage // two handles
	name string        // of the running check
	note string        // for its result
}

// Check tries everything and returns one Result per check, in a fixed order. It
// stops early when ctx ends: the checks that were left then have ctx's error.
// With the defaults it takes half a minute on a storage that keeps to the
// contract, and somewhat more than LockTTL at most.
func Check(ctx context.Context, options Options) []Result {
	if options.Hold <= 0 {
		options.Hold = DefaultHold
	}
	if options.LockTTL <= 0 {
		options.LockTTL = DefaultLockTTL
	}
	if options.Log == nil {
		options.Log = func(string, ...any) {}
	}
	if options.Folder == "" {
		options.Folder = "tpp-check-" + random()
	}
	var results []Result
	for _, checks := range [][]check{valueChecks(), concurrencyChecks(), slices.Concat(lockChecks(), lostChecks()), cleanupChecks()} {
		results = append(results, stage(ctx, checks, options)...)
	}
	return results
}

// stage runs checks side by side. None touches another's values or locks, and
// those of locks spend their time waiting.
func stage(ctx context.Context, checks []check, options Options) []Result {
	results := make([]Result, len(checks))
	var wait sync.WaitGroup
	for i, c := range checks {
		wait.Go(func() {
			started := time.Now()
			result := Result{Name: c.name, Meaning: c.meaning}
			result.run(ctx, c, options)
			result.Took = time.Since(started)
			options.Log("%v", result)
			results[i] = result
		})
	}
	wait.Wait()
	return results
}

func (r *Result) run(ctx context.Context, c check, options Options) {
	if r.Err = ctx.Err(); r.Err != nil {
		return
	}
	e := &environment{Options: options, name: c.name}
	var err error
	if e.a, err = options.Open(); err == nil {
		e.b, err = options.Open()
	}
	if err != nil {
		r.Err = fmt.Errorf("the storage does not open: %w", err)
		return
	}
	r.Err = c.run(ctx, e)
	if skip, ok := errors.AsType[errSkip](r.Err); ok {
		r.Err, r.Skipped = nil, string(skip)
	}
	r.Note = e.note
}

// key is where this check keeps a value.
func (e *environment) key(below string) string { return e.Folder + "/" + e.name + "/" + below }

// lock is the name of a lock of this check alone. It is spelled so that no
// storage changes it.
func (e *environment) lock(name string) string {
	return e.Folder + "-" + e.name + "-" + name
}

func random() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
