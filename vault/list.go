package vault

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"time"
)

// List returns the names of the records below folder, at any depth, in order.
// The empty folder means all. A folder that is not there has none. What a
// storage leaves behind among the records is passed over. Errors: ErrName,
// ErrUnavailable.
func (v *Vault) List(ctx context.Context, folder string) ([]string, error) {
	if folder != "" {
		if err := checkName(folder + "/a"); err != nil {
			return nil, err
		}
	}
	if err := v.ready(ctx); err != nil {
		return nil, err
	}
	names, err := v.names(ctx, folder)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(names, func(name string) bool { return checkName(name) != nil }), nil
}

// names is List with the vault's own records.
func (v *Vault) names(ctx context.Context, folder string) ([]string, error) {
	path := v.prefix
	if folder != "" {
		path = v.path(folder)
	}
	keys, err := v.keysBelow(ctx, path)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(keys))
	for _, key := range keys {
		name, ours := strings.CutPrefix(key, v.prefix+"/")
		name, record := strings.CutSuffix(name, suffix)
		if ours && record && checkPath(name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// keysBelow returns all keys below a folder: records, folders and anything else.
func (v *Vault) keysBelow(ctx context.Context, folder string) ([]string, error) {
	keys, err := v.storage.List(ctx, folder, true)
	if missing(err) {
		// Not there, or there and changing: CertMagic's FileStorage gives up with
		// the same error when a file is renamed while it walks. Folder by folder
		// it is only that folder that must hold still.
		keys, err = v.walk(ctx, folder)
	}
	if err != nil {
		return nil, unavailable(ctx, "list records", err)
	}
	// Storages that compare strings list "a/bc" below "a/b".
	return slices.DeleteFunc(keys, func(key string) bool { return !strings.HasPrefix(key, folder+"/") }), nil
}

// walk lists folder by folder what is below path.
func (v *Vault) walk(ctx context.Context, path string) ([]string, error) {
	entries, err := v.listFolder(ctx, path)
	if err != nil {
		return nil, err
	}
	all := entries
	for _, entry := range entries {
		if strings.HasSuffix(entry, suffix) || !strings.HasPrefix(entry, path+"/") {
			continue
		}
		// A folder, or a file that was left behind, which has nothing below it.
		below, err := v.walk(ctx, entry)
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	return all, nil
}

// How often, and how long apart, a folder is listed that changes meanwhile.
const (
	restlessTries = 50
	restlessPause = 16 * time.Millisecond
)

// errRestless means that a folder changed each time it was listed.
var errRestless = errors.New("the folder changes faster than the storage lists it")

// absent reports whether the folder above does not have this one, which tells
// one that is not there from one that changes while it is listed.
func (v *Vault) absent(ctx context.Context, folder string) bool {
	if folder == v.prefix {
		return true // there are only folders in it, which stay
	}
	parent := path.Dir(folder)
	siblings, err := v.storage.List(ctx, parent, false)
	if missing(err) && len(siblings) == 0 {
		return v.absent(ctx, parent)
	}
	return err == nil && !slices.Contains(siblings, folder)
}

// listFolder lists one folder. What is not there has no entries.
func (v *Vault) listFolder(ctx context.Context, path string) ([]string, error) {
	some := false
	pause := time.Millisecond
	for range restlessTries {
		keys, err := v.storage.List(ctx, path, false)
		if !missing(err) {
			return keys, err
		}
		some = some || len(keys) > 0
		if !some && v.absent(ctx, path) {
			return nil, nil
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, restlessPause)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if some {
		return nil, errRestless
	}
	return nil, nil
}
