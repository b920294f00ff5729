// Command buildargs prints the flags of go build that xcaddy.json asks for, so
// that the image is built with what that file says on a machine that has Go
// and no xcaddy:
//
//	go build $(go run ./packaging/buildargs) ./cmd/caddy
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

// errNotHonoured is for settings of xcaddy.json that a plain go build cannot
// follow; better no image than one that is not what the file says.
var errNotHonoured = errors.New("xcaddy.json: not honoured by the build of the image")

// builder is the part of xcaddy's Builder, in its JSON form, that shapes the
// binary. Which Caddy and which plugins are built stands in go.mod and
// cmd/caddy; a test holds those against this file.
type builder struct {
	Cgo          bool              `json:"cgo"`
	RaceDetector bool              `json:"race_detector"`
	Debug        bool              `json:"debug"`
	Replacements []json.RawMessage `json:"replacements"`
	BuildFlags   string            `json:"build_flags"`
}

func main() {
	text, err := os.ReadFile("xcaddy.json")
	if err == nil {
		var flags string
		if flags, err = buildFlags(text); err == nil {
			fmt.Println(flags)
			return
		}
	}
	fmt.Fprintln(os.Stderr, "buildargs:", err)
	os.Exit(1)
}

// buildFlags returns the flags in one line, to be split at blanks by the
// shell: a flag with a blank in its value is refused by go build itself.
func buildFlags(text []byte) (string, error) {
	var b builder
	if err := json.Unmarshal(text, &b); err != nil {
		return "", fmt.Errorf("xcaddy.json: %w", err)
	}
	switch {
	case b.Cgo || b.RaceDetector:
		return "", fmt.Errorf("%w: cgo; the image has no C library", errNotHonoured)
	case b.Debug:
		return "", fmt.Errorf("%w: debug", errNotHonoured)
	case len(b.Replacements) > 0:
		return "", fmt.Errorf("%w: replacements; put them into go.mod", errNotHonoured)
	}
	return strings.Join(strings.Fields(b.BuildFlags), " "), nil
}
