package signer

import (
	"errors"
	"reflect"
	"testing"
)

func TestParseSignature(t *testing.T) {
	for value, want := range map[string]map[string]string{
		`keyId="a",headers="b c"`:                   {"keyId": "a", "headers": "b c"},
		` keyId="a" , (created)=12,	x="" `:          {"keyId": "a", "(created)": "12", "x": ""},
		`keyId="a\\b\"c,d=\"",algorithm=rsa-sha256`: {"keyId": `a\b"c,d="`, "algorithm": "rsa-sha256"},
		`keyId="Zażółć"`:                            {"keyId": "Zażółć"},
	} {
		if got, err := ParseSignature(value); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v", value, got, err)
		}
	}
	for _, value := range []string{
		"", " ", ",", "a", "a=", `a="`, `a="\`, `a="\"`, `a="b"c="d"`, `a="b" c="d"`, `a="b",`, `a="b",,c="d"`,
		`a="b",a="c"`, `="b"`, `a ="b"`, `a= "b"`, `()="b"`, "a=\"b\nc\"", "a=\"b\\\nc\"", `a=b"c"`, `(a="b"`,
	} {
		if got, err := ParseSignature(value); !errors.Is(err, ErrSignature) {
			t.Errorf("%q: %v, %v", value, got, err)
		}
	}
}

func FuzzParseSignature(f *testing.F) {
	f.Add(`keyId="a\\b\"c",algorithm="rsa-sha256",(created)=12, headers="(request-target) date",signature="QQ=="`)
	f.Add(`a="b",a="c"`)
	f.Add("a=\"\\\r\n\"")
	f.Fuzz(func(t *testing.T, value string) {
		params, err := ParseSignature(value)
		if err != nil {
			if params != nil || !errors.Is(err, ErrSignature) {
				t.Fatalf("%v, %v", params, err)
			}
			return
		}
		// What was read can be written and read again.
		written := ""
		for name, v := range params {
			if !isParameterName(name) || hasControl(v, true) {
				t.Fatalf("%q=%q", name, v)
			}
			quoted, err := (&KeyID{}).quote(v)
			if err != nil {
				t.Fatal(err)
			}
			if written != "" {
				written += ","
			}
			written += name + `="` + quoted + `"`
		}
		again, err := ParseSignature(written)
		if err != nil || !reflect.DeepEqual(params, again) {
			t.Fatalf("%q: %v, %v, %v", written, params, again, err)
		}
	})
}
