package psu

import (
	"errors"
	"fmt"
)

// Errors of Collect and CheckValue say which header is wrong and what to do.
// They never hold a header's value: it is personal data.
var (
	// ErrRequired means that the operation demands a PSU-IP-Address and there is none.
	ErrRequired = errors.New("PSU context required")

	// ErrIncomplete means that the application sent PSU context without a
	// PSU-IP-Address. A bank would count such a call as unattended.
	ErrIncomplete = errors.New("PSU context incomplete")

	// ErrInvalid means that a PSU header holds what must not be sent.
	ErrInvalid = errors.New("PSU context invalid")

	// ErrPolicy means that the configured policy is wrong.
	ErrPolicy = errors.New("PSU policy invalid")
)

func invalid(name, fault string) error {
	return fmt.Errorf("%w: %s %s", ErrInvalid, name, fault)
}
