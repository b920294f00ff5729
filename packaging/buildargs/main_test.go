package main

import (
	"errors"
	"testing"
)

func TestBuildFlags(t *testing.T) {
	for _, tc := range []struct {
		name, text, want string
		err              error
	}{
		{"none", `{}`, "", nil},
		{"as written", `{"cgo": false, "build_flags": "-trimpath -tags=a,b"}`, "-trimpath -tags=a,b", nil},
		{"one line", `{"build_flags": " -trimpath\n\t-ldflags=-s "}`, "-trimpath -ldflags=-s", nil},
		{"cgo", `{"cgo": true}`, "", errNotHonoured},
		{"race", `{"race_detector": true}`, "", errNotHonoured},
		{"debug", `{"debug": true}`, "", errNotHonoured},
		{"replaced", `{"replacements": [{"old": "a", "new": "b"}]}`, "", errNotHonoured},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := buildFlags([]byte(tc.text))
			if got != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, tc.want, tc.err)
			}
		})
	}
	if _, err := buildFlags([]byte(`{`)); err == nil {
		t.Error("broken JSON passed")
	}
}
