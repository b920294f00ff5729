package e2e

import (
	"crypto"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

const (
	initiation = `{"InstructionIdentification":"I1","EndToEndIdentification":"E.1","InstructedAmount":{"Amount":"1.00","Currency":"EUR"},` +
		`"CreditorAccount":{"SchemeName":"UK.OBIE.IBAN","Identification":"DE89370400440532013000","Name":"Zażółć"}}`
	paymentConsent = `{"Data": {"Initiation": ` + initiation + `}, "Risk": {}}`
)

// keysNamed registers a key under a name.
func keysNamed(kid string, public crypto.PublicKey) *jose.JSONWebKeySet {
	return &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: kid}}}
}

// field is a text in a JSON object, at a path.
func field(t testing.TB, body string, path ...string) string {
	t.Helper()
	var value any
	check(t, json.Unmarshal([]byte(body), &value))
	for _, name := range path {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	text, ok := value.(string)
	if !ok {
		t.Fatalf("no text %v in %s", path, body)
	}
	return text
}

var _ = fmt.Sprint
