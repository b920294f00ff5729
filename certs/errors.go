package certs

import (
	"errors"
	"io/fs"
)

// Errors to test for with errors.Is. Every failure to load is also ErrLoad.
var (
	// ErrLoad: a file cannot be read or does not hold what it should.
	ErrLoad = errors.New("certificate or key cannot be loaded")
	// ErrFormat: the file is something else than the PEM expected, or damaged.
	ErrFormat = errors.New("wrong or damaged file format")
	// ErrEncrypted: the key is encrypted and cannot be decrypted as configured.
	ErrEncrypted = errors.New("key is encrypted")
	// ErrMismatch: certificate and key do not belong together.
	ErrMismatch = errors.New("certificate and key do not match")
	// ErrRefused: the certificate was loaded, but a check refuses it.
	ErrRefused = errors.New("certificate refused")
)

// Error is what is wrong with one file of one slot and what to do about it.
type Error struct {
	// Kind is one of this package's sentinel errors.
	Kind error
	// Slot is the slot concerned.
	Slot Slot
	// File is the file to look at.
	File string
	// Problem continues a sentence that starts with the file's name.
	Problem string
	// Remedy says what to do.
	Remedy string
	// Err is the cause, if there is one.
	Err error

	role string // "certificate" or "key"
}

// Error gives slot, file, problem and remedy in one line.
func (e *Error) Error() string {
	role := e.role
	if role == "" {
		role = "certificate"
	}
	text := e.Slot.String() + " " + role + " " + e.File + " " + e.Problem
	if e.Err != nil {
		text += " (" + e.Err.Error() + ")"
	}
	if e.Remedy != "" {
		text += ": " + e.Remedy
	}
	return text
}

// Unwrap makes errors.Is find the kind, ErrLoad where it applies, and the cause.
func (e *Error) Unwrap() []error {
	errs := []error{e.Kind}
	if e.Kind != ErrRefused && e.Kind != ErrLoad {
		errs = append(errs, ErrLoad)
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// location names a file and what it is configured as.
type location struct {
	slot Slot
	role string
	file string
}

func (l location) fail(kind error, problem, remedy string, cause error) *Error {
	return &Error{Kind: kind, Slot: l.slot, role: l.role, File: l.file, Problem: problem, Remedy: remedy, Err: cause}
}

func (l location) unreadable(err error) *Error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err // the file is named already
	}
	return l.fail(ErrLoad, "cannot be read", "check the path, and that this process may read the file", err)
}
