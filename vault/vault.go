package vault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultPrefix is the folder of the storage that records are kept below.
const DefaultPrefix = "tpp"

// Options is what a Vault is made of.
type Options struct {
	// Storage keeps the records. Required.
	Storage Storage
	// Keys decrypt; the first of them encrypts. At least one.
	Keys []Key
	// Prefix is the folder of the storage that all is kept below; default
	// DefaultPrefix. Vaults with different prefixes share nothing.
	Prefix string
	// MaxHold is more than the longest time that anything is done under a Lock;
	// default DefaultMaxHold. A lock file of CertMagic's FileStorage that stays
	// the same for longer is released, for its holder has vanished.
	MaxHold time.Duration
	// CheckFirst makes the Vault call [Vault.Check] before it is first used, and
	// fail with its error until that has succeeded once: for those who start
	// without a storage, and must not write with a wrong key when it is back.
	CheckFirst bool
	// Now is the clock; default [time.Now].
	Now func() time.Time
	// OnDamage is told of each damaged value once per distinct content and
	// Vault, from the goroutine that met it. Optional.
	OnDamage func(Damage)
}

// Vault keeps encrypted records on a Storage. Its methods may be called from
// any number of goroutines.
type Vault struct {
	storage  Storage
	prefix   string
	current  Key
	keys     []Key
	secrets  map[string][]byte // by key id
	maxHold  time.Duration
	now      func() time.Time
	onDamage func(Damage)

	// unchecked is true until Check has succeeded, where that has to be first;
	// checking is held by whoever finds out.
	unchecked atomic.Bool
	// known is true once Check has found or written the canaries.
	known, fresh atomic.Bool
	checking     chan struct{}

	mu      sync.Mutex
	damages map[digest]Damage // met so far
}

// New makes a Vault. It does no I/O: call [Vault.Check] before the first use.
// Errors: ErrNoKey, ErrKey, ErrName for the prefix.
func New(options Options) (*Vault, error) {
	if len(options.Keys) == 0 {
		return nil, fmt.Errorf("%w: records are never kept in plaintext; configure one, with a secret such as from: openssl rand -base64 %d", ErrNoKey, SecretSize)
	}
	v := &Vault{
		storage:  options.Storage,
		prefix:   options.Prefix,
		secrets:  make(map[string][]byte, len(options.Keys)),
		maxHold:  options.MaxHold,
		now:      options.Now,
		onDamage: options.OnDamage,
		damages:  make(map[digest]Damage),
		checking: make(chan struct{}, 1),
	}
	v.unchecked.Store(options.CheckFirst)
	if v.prefix == "" {
		v.prefix = DefaultPrefix
	}
	if err := checkPath(v.prefix); err != nil {
		return nil, fmt.Errorf("prefix: %w", err)
	}
	if v.maxHold <= 0 {
		v.maxHold = DefaultMaxHold
	}
	if v.now == nil {
		v.now = time.Now
	}
	if v.onDamage == nil {
		v.onDamage = func(Damage) {}
	}
	for _, key := range options.Keys {
		if err := v.addKey(key); err != nil {
			return nil, err
		}
	}
	v.current = v.keys[0]
	return v, nil
}

func (v *Vault) addKey(key Key) error {
	if err := checkKeyID(key.ID); err != nil {
		return err
	}
	if _, twice := v.secrets[key.ID]; twice {
		return fmt.Errorf("%w: two keys have the id %q", ErrKey, key.ID)
	}
	if len(key.Secret) != SecretSize {
		return fmt.Errorf("%w %q: the secret has %d bytes, and must have %d", ErrKey, key.ID, len(key.Secret), SecretSize)
	}
	key.Secret = append([]byte(nil), key.Secret...)
	v.secrets[key.ID] = key.Secret
	v.keys = append(v.keys, key)
	return nil
}

// Put encrypts plaintext and stores it under name, over what was there. The
// name is a path such as "grants/bpgo/3f/3fab…": components of letters, digits,
// "-", "_" and inner dots, at least one folder. Nothing is retried.
// Errors: ErrName, ErrTooLarge, ErrUnavailable (a full disk too).
func (v *Vault) Put(ctx context.Context, name string, plaintext []byte) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := v.ready(ctx); err != nil {
		return err
	}
	return v.write(ctx, v.current, name, plaintext)
}

// write is Put without a check of the name, under any of the keys.
func (v *Vault) write(ctx context.Context, key Key, name string, plaintext []byte) error {
	value, err := seal(key, v.path(name), plaintext)
	if err != nil {
		return err
	}
	if err := v.storage.Store(ctx, v.storageKey(name), value); err != nil {
		return unavailable(ctx, "store a record", err)
	}
	return nil
}

// Get returns the record of that name. Errors: ErrName, ErrNotFound,
// *DamagedError (in whose chain is ErrDamaged), ErrUnknownKey, ErrUnavailable;
// the last also if, since Check, the storage has lost the key's own record.
func (v *Vault) Get(ctx context.Context, name string) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if err := v.ready(ctx); err != nil {
		return nil, err
	}
	plaintext, _, err := v.read(ctx, name)
	if !errors.Is(err, ErrNotFound) || !v.known.Load() {
		return plaintext, err
	}
	if v.lost(ctx) {
		return nil, unavailable(ctx, "find the record of the vault's own key", errLost)
	}
	plaintext, _, err = v.read(ctx, name) // it may have come back between the two looks
	return plaintext, err
}

// errLost is the cause when a storage has nothing of what it had.
var errLost = errors.New("it was there before: either the storage cannot be reached, or it was emptied")

// lost reports whether the storage no longer has what Check found there. Some
// storages say that a value is not there when they cannot be reached, and a
// customer must not be sent to log in for that.
func (v *Vault) lost(ctx context.Context) bool {
	_, err := v.load(ctx, v.storageKey(canaryName(v.current)))
	return errors.Is(err, ErrNotFound)
}

// Delete removes the record of that name; it is no error if there is none.
// Errors: ErrName, ErrUnavailable.
func (v *Vault) Delete(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := v.ready(ctx); err != nil {
		return err
	}
	if err := v.storage.Delete(ctx, v.storageKey(name)); err != nil && !missing(err) {
		return unavailable(ctx, "delete a record", err)
	}
	return nil
}

// load is Load with this package's errors.
func (v *Vault) load(ctx context.Context, key string) ([]byte, error) {
	value, err := v.storage.Load(ctx, key)
	switch {
	case err == nil:
		return value, nil
	case missing(err):
		return nil, ErrNotFound
	default:
		return nil, unavailable(ctx, "load a record", err)
	}
}
