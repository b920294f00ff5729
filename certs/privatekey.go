package certs

import (
	"crypto"
	"errors"
)

// LoadPrivateKey reads a private key that belongs to no certificate here, such
// as the one a TPP registered with a bank for private_key_jwt: from a regular
// PEM file of up to 1 MiB that holds exactly one key. passphrase may be nil for
// a key that is not encrypted. Errors are of type *Error.
func LoadPrivateKey(file string, passphrase func() ([]byte, error)) (crypto.Signer, error) {
	at := location{slot: ClientKey, role: "key", file: file}
	data, err := readFile(at)
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(at, data, passphrase)
	if err != nil {
		return nil, err
	}
	if len(keys) > 1 {
		return nil, at.fail(ErrFormat, "holds more than one private key", "leave only the one that the bank knows", errors.New("several keys"))
	}
	return keys[0], nil
}
