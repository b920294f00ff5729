package profiles

import (
	"bytes"
	"errors"
	"fmt"
)

// Fault is what is wrong at one place of a profile's file. It wraps ErrProfile.
type Fault struct {
	Place
	// Path is the setting's path, such as signature.key_id.form; empty if the
	// file is meant as a whole.
	Path string
	// What says what is wrong, beginning with the setting, and what to write
	// instead.
	What string
	// User says what something is wrong in, if the value stands elsewhere: in a
	// file that inherits it, or in a variant.
	User string

	bare  string // What without the path, of what was read strictly
	cause error
}

// Error begins with file, line and column, as compilers write them.
func (f *Fault) Error() string {
	text := f.What
	if f.User != "" {
		text += " (" + f.User + ")"
	}
	if f.Line > 0 {
		text = fmt.Sprintf("%d:%d: %s", f.Line, f.Column, text)
		if f.File != "" {
			return f.File + ":" + text
		}
	}
	if f.File != "" {
		return f.File + ": " + text
	}
	return text
}

// Unwrap gives ErrProfile, and the error of the package that the setting
// belongs to.
func (f *Fault) Unwrap() []error {
	if f.cause == nil {
		return []error{ErrProfile}
	}
	return []error{ErrProfile, f.cause}
}

// Faults lists the faults that an error of [Load] is made of, in its order.
func Faults(err error) (faults []*Fault) {
	switch err := err.(type) {
	case *Fault:
		return []*Fault{err}
	case interface{ Unwrap() error }:
		return Faults(err.Unwrap())
	case interface{ Unwrap() []error }:
		for _, part := range err.Unwrap() {
			faults = append(faults, Faults(part)...)
		}
	}
	return faults
}

// inSection gives the error of a section that was read by itself its full path
// instead of a place in a text that the operator has not written as such.
func inSection(section string, err error) error {
	var f *Fault
	if !errors.As(err, &f) {
		return fmt.Errorf("%s: %w", section, err)
	}
	if f.Path != "" {
		section += "." + f.Path
	}
	return errors.New(labelled(section, f.bare))
}

func newFault(data []byte, offset int, path, format string, args ...any) *Fault {
	offset = min(offset, len(data))
	before, what := data[:offset], fmt.Sprintf(format, args...)
	return &Fault{
		Place: Place{Line: bytes.Count(before, []byte("\n")) + 1, Column: offset - bytes.LastIndexByte(before, '\n')},
		Path:  path, What: labelled(path, what), bare: what,
	}
}

// labelled puts a setting's path before what is said of it.
func labelled(path, what string) string {
	if path == "" {
		return what
	}
	return path + ": " + what
}
