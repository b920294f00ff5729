package caddymodule

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

// vaultPatience bounds how long the state of the vault waits for the storage.
const vaultPatience = 15 * time.Second

// vaultRoutes adds what is asked about the vault.
func (a *Admin) vaultRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /tpp/vault", a.vaultState)
	mux.HandleFunc("POST /tpp/vault/rotate", a.rotate)
}

// vaultKeyState describes a key of the vault.
type vaultKeyState struct {
	ID       string `json:"id"`
	Encrypts bool   `json:"encrypts"`
}

// vaultState describes the vault.
type vaultState struct {
	// Storage is "ok", or "unavailable" with the reason beside it. A reason with
	// a storage that is ok means that keys or records are not.
	Storage string          `json:"storage"`
	Keys    []vaultKeyState `json:"keys"`
	Damaged []vault.Damage  `json:"damaged"`
	adminRefusal
}

// Values of vaultState.Storage.
const (
	storageOK          = "ok"
	storageUnavailable = "unavailable"
)

// vaultState tries the storage as the start does, so that it also tells of a
// wrong key when the storage was not there at the start.
func (a *Admin) vaultState(w http.ResponseWriter, r *http.Request) {
	if a.app.vault == nil {
		withoutVault().write(w)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), vaultPatience)
	defer cancel()
	state := vaultState{Storage: storageOK, Damaged: []vault.Damage{}}
	for n, key := range a.app.Vault.Keys {
		state.Keys = append(state.Keys, vaultKeyState{ID: key.ID, Encrypts: n == 0})
	}
	err := a.app.vault.Check(ctx)
	damaged, listErr := a.app.vault.Damaged(ctx)
	if err == nil {
		err = listErr
	}
	state.Damaged = append(state.Damaged, damaged...)
	if err != nil {
		state.adminRefusal = refusalOf(err)
		if state.status == http.StatusServiceUnavailable {
			state.Storage = storageUnavailable
		}
	}
	writeJSON(w, http.StatusOK, state)
}

// rotationState is what a rotation of the keys did.
type rotationState struct {
	Rewritten int `json:"rewritten"`
	Current   int `json:"current"`
	Failed    int `json:"failed"`
	// ByKey counts the records by the key that they are encrypted with now.
	ByKey map[string]int `json:"by_key"`
	// UnusedKeys are configured, and no record needs them.
	UnusedKeys []string `json:"unused_keys"`
	adminRefusal
}

// rotate encrypts everything under the first key.
func (a *Admin) rotate(w http.ResponseWriter, r *http.Request) {
	if a.app.vault == nil {
		withoutVault().write(w)
		return
	}
	done, err := a.app.vault.Rotate(r.Context())
	state := rotationState{Rewritten: done.Rewritten, Current: done.Current, Failed: done.Failed, ByKey: done.ByKey, UnusedKeys: []string{}}
	if err != nil {
		// What is left may need any of the keys.
		state.adminRefusal = refusalOf(err)
		writeJSON(w, state.status, state)
		return
	}
	for _, key := range a.app.Vault.Keys[1:] {
		if done.ByKey[key.ID] == 0 {
			state.UnusedKeys = append(state.UnusedKeys, key.ID)
		}
	}
	slices.Sort(state.UnusedKeys)
	if done.Cause != nil {
		state.adminRefusal = refusalOf(done.Cause)
	}
	writeJSON(w, http.StatusOK, state)
}
