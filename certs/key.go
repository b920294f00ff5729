package certs

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/youmark/pkcs8"
)

// parseKeys gives the private keys of a file. Keys are parsed through
// crypto/x509, which also precomputes what makes RSA fast.
func parseKeys(at location, data []byte, passphrase func() ([]byte, error)) ([]crypto.Signer, error) {
	blocks, err := decodePEM(at, data)
	if err != nil {
		return nil, err
	}
	var keys []crypto.Signer
	for _, block := range blocks {
		key, err := parseKey(at, block, passphrase)
		if err != nil {
			return nil, err
		}
		if key != nil {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		problem, remedy := "holds no private key", "name the key file"
		if blocks[0].Type == "CERTIFICATE" {
			problem, remedy = "holds a certificate and no key", "look whether certificate and key file are exchanged"
		}
		return nil, at.fail(ErrFormat, problem, remedy, nil)
	}
	return keys, nil
}

// parseKey gives nil for a block that is not a private key.
func parseKey(at location, block *pem.Block, passphrase func() ([]byte, error)) (crypto.Signer, error) {
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return decryptKey(at, block.Bytes, passphrase)
	case "RSA PRIVATE KEY", "EC PRIVATE KEY":
		if _, encrypted := block.Headers["DEK-Info"]; encrypted {
			return nil, at.fail(ErrEncrypted, "is encrypted in the old PEM way, which is not safe",
				"convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out FILE.pem", nil)
		}
		if block.Type == "RSA PRIVATE KEY" {
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		} else {
			key, err = x509.ParseECPrivateKey(block.Bytes)
		}
	default:
		return nil, nil
	}
	if err != nil {
		return nil, at.fail(ErrFormat, "holds a key that cannot be parsed", "look at it: openssl pkey -in FILE -check -noout", err)
	}
	return asSigner(at, key)
}

func asSigner(at location, key any) (crypto.Signer, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, at.fail(ErrFormat, fmt.Sprintf("is a %T, which cannot sign", key), "use an RSA or ECDSA key", nil)
	}
	return signer, nil
}

func decryptKey(at location, der []byte, passphrase func() ([]byte, error)) (crypto.Signer, error) {
	if passphrase == nil {
		return nil, at.fail(ErrEncrypted, "is encrypted", "configure its passphrase", nil)
	}
	secret, err := passphrase()
	if err != nil {
		return nil, at.fail(ErrEncrypted, "is encrypted and its passphrase cannot be had", "check where the passphrase comes from", err)
	}
	if len(secret) == 0 {
		return nil, at.fail(ErrEncrypted, "is encrypted and its passphrase is empty", "configure its passphrase", nil)
	}
	key, err := decryptPKCS8(der, secret)
	if err != nil {
		return nil, at.fail(ErrEncrypted, "cannot be decrypted",
			"check its passphrase, and that it was encrypted with PBES2 (openssl pkcs8 -topk8 -v2 aes-256-cbc)", err)
	}
	return asSigner(at, key)
}

// decryptPKCS8 turns a panic into an error: package pkcs8 hands the length of the
// initialisation vector to crypto/cipher unchecked, and a damaged file must not
// end the process.
func decryptPKCS8(der, passphrase []byte) (key any, err error) {
	defer func() {
		if recover() != nil {
			key, err = nil, errors.New("pkcs8: malformed encrypted key")
		}
	}()
	return pkcs8.ParsePKCS8PrivateKey(der, passphrase)
}
