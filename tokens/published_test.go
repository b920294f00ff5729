package tokens

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestPublishedKeys(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: key.Public(), KeyID: "a"}, {Key: key.Public(), KeyID: "b", Algorithm: "ES256"}, {Key: key.Public(), KeyID: "c", Use: "enc"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	published, err := ParseKeySet(set)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		keyID, algorithm string
		found            int
	}{{"", "", 2}, {"a", "", 1}, {"b", "", 1}, {"c", "", 0}, {"", "ES256", 2}, {"", "PS256", 1}, {"b", "PS256", 0}, {"d", "", 0}} {
		if found := published.Find(test.keyID, test.algorithm); len(found) != test.found {
			t.Errorf("%+v: %d", test, len(found))
		}
	}
	for _, text := range []string{"", "{}", `{"keys":[]}`, `[]`} {
		if _, err := ParseKeySet([]byte(text)); !errors.Is(err, ErrMetadata) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
