package vault

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

const (
	// lookAgain is how long a write in progress may show as damage on a storage
	// that does not write atomically.
	lookAgain = 100 * time.Millisecond

	// maxDamages bounds what is remembered of damage; beyond it, some is
	// reported once more.
	maxDamages = 4096

	copySuffix = ".json"
)

// digest identifies a damaged value.
type digest [sha256.Size]byte

func digestOf(name string, value []byte) digest {
	return sha256.Sum256(append([]byte(name+"\x00"), value...))
}

// damagedCopy is the form that damaged values are kept aside in.
type damagedCopy struct {
	Damage
	// Value is what was found, cut to the size of the largest record.
	Value []byte `json:"value"`
}

// read is Get without a check of the name; it gives the key's id also with an
// error, as far as the value names one.
func (v *Vault) read(ctx context.Context, name string) (plaintext []byte, keyID string, err error) {
	value, plaintext, keyID, err := v.look(ctx, name)
	if reason, ok := errors.AsType[damage](err); ok {
		return nil, keyID, v.report(ctx, name, value, keyID, reason)
	}
	return plaintext, keyID, err
}

// look loads and opens a record, and looks a second time before it believes in
// damage. A damaged value is given back with an error of type damage.
func (v *Vault) look(ctx context.Context, name string) (value, plaintext []byte, keyID string, err error) {
	value, err = v.load(ctx, v.storageKey(name))
	if err != nil {
		return nil, nil, "", err
	}
	plaintext, keyID, err = v.open(v.path(name), value)
	if _, damaged := errors.AsType[damage](err); !damaged || v.met(digestOf(name, value)) {
		return value, plaintext, keyID, err
	}
	select {
	case <-time.After(lookAgain):
	case <-ctx.Done(): // then the first look has to do
		return value, nil, keyID, err
	}
	again, loadErr := v.load(ctx, v.storageKey(name))
	switch {
	case loadErr != nil:
		return nil, nil, "", loadErr
	case bytes.Equal(again, value):
		return value, nil, keyID, err
	}
	plaintext, keyID, err = v.open(v.path(name), again)
	return again, plaintext, keyID, err
}

func (v *Vault) met(d digest) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, met := v.damages[d]
	return met
}

// report keeps a copy aside and tells OnDamage, each once per content.
func (v *Vault) report(ctx context.Context, name string, value []byte, keyID string, reason damage) error {
	id := digestOf(name, value)
	v.mu.Lock()
	known, met := v.damages[id]
	v.mu.Unlock()
	if met && known.Copy != "" {
		return &DamagedError{Damage: known}
	}
	found := Damage{Name: name, Reason: string(reason), KeyID: keyID, Size: len(value), Found: v.now().UTC()}
	if met {
		found.Found = known.Found
	}
	found = v.keepAside(ctx, id, found, value)

	v.mu.Lock()
	if len(v.damages) >= maxDamages {
		clear(v.damages)
	}
	_, met = v.damages[id]
	v.damages[id] = found
	v.mu.Unlock()
	if !met {
		v.onDamage(found)
	}
	return &DamagedError{Damage: found}
}

// keepAside stores a copy, unless there is one, and notes it in the damage. A
// storage that fails leaves Copy empty: the damage is told all the same.
func (v *Vault) keepAside(ctx context.Context, id digest, found Damage, value []byte) Damage {
	key := v.path(damageFolder + "/" + hex.EncodeToString(id[:]) + copySuffix)
	earlier, err := v.loadCopy(ctx, key)
	if err == nil {
		return earlier
	}
	if !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrDamaged) {
		return found
	}
	found.Copy = key
	data, err := json.Marshal(damagedCopy{Damage: found, Value: value[:min(len(value), maxStored)]})
	if err != nil || v.storage.Store(ctx, key, data) != nil {
		found.Copy = ""
	}
	return found
}

// loadCopy reads what is known of a damaged value from its copy. Errors:
// ErrNotFound, ErrDamaged for a torn copy, ErrUnavailable.
func (v *Vault) loadCopy(ctx context.Context, key string) (Damage, error) {
	data, err := v.load(ctx, key)
	if err != nil {
		return Damage{}, err
	}
	var have damagedCopy
	if json.Unmarshal(data, &have) != nil || have.Copy != key {
		return Damage{}, ErrDamaged
	}
	return have.Damage, nil
}

// Damaged lists the damaged values that copies were kept of, oldest first, also
// those whose record was overwritten or deleted since. A copy is a JSON document
// at the key that Damage.Copy names; it may be deleted when it is of no more
// use. Error: ErrUnavailable.
func (v *Vault) Damaged(ctx context.Context) ([]Damage, error) {
	keys, err := v.keysBelow(ctx, v.path(damageFolder))
	if err != nil {
		return nil, err
	}
	var all []Damage
	for _, key := range keys {
		if !strings.HasSuffix(key, copySuffix) {
			continue
		}
		one, err := v.loadCopy(ctx, key)
		if errors.Is(err, ErrUnavailable) {
			return nil, err
		}
		if err == nil {
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b Damage) int {
		return cmp.Or(a.Found.Compare(b.Found), cmp.Compare(a.Copy, b.Copy))
	})
	return all, nil
}
