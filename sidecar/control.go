package sidecar

import (
	"net/http"
	"strings"
)

// Control headers are the app's words to the sidecar. They never leave.
const (
	controlPrefix = "Sidecar-"
	// HeaderGrant names the PSU's authorization to use.
	HeaderGrant = "Sidecar-Grant"
	// HeaderFallback asks for the bank's fallback interface; its value is the reason.
	HeaderFallback = "Sidecar-Fallback"
)

// maxReason bounds the reason for a fallback, which goes to the log.
const maxReason = 200

// readControl reads the control headers. An unknown one is refused: a
// misspelt control header would otherwise do nothing, silently.
func (ex *Exchange) readControl(h http.Header) error {
	unknown := ""
	for name := range h {
		known := name == HeaderGrant || name == HeaderFallback
		if !known && strings.HasPrefix(name, controlPrefix) && (unknown == "" || name < unknown) {
			unknown = name
		}
	}
	if unknown != "" {
		return refuse(CodeControlHeader, unknown, nil)
	}
	if names, ok := h[HeaderGrant]; ok {
		if err := ex.nameGrant(names); err != nil {
			return err
		}
	}
	if reasons, ok := h[HeaderFallback]; ok {
		return ex.askFallback(reasons)
	}
	return nil
}

// askFallback checks that the configuration, the operation and the app's
// reason allow the fallback interface. The automatic guard of RTS article 33
// (five unanswered requests) will decide here too.
func (ex *Exchange) askFallback(values []string) error {
	a := ex.aspsp
	if ex.grant.Name != "" {
		return refuse(CodeFallbackRefused, "a grant has no meaning there", nil)
	}
	if !a.config.Fallback {
		return refuse(CodeFallbackRefused, "fallback is not on for this ASPSP", nil)
	}
	if !a.fallbackCovers(ex.operation) {
		return refuse(CodeFallbackRefused, "not offered for operation "+ex.operation, nil)
	}
	reason := strings.TrimSpace(strings.Join(values, " "))
	if reason == "" {
		return refuse(CodeFallbackReason, "", nil)
	}
	if len(reason) > maxReason {
		return refuse(CodeFallbackReason, "the reason is longer than 200 bytes", nil)
	}
	ex.fallback = reason
	return nil
}
