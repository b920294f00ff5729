package answers

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

// ReadCertificates reads PEM files with certificates and public keys of a bank.
// Errors wrap ErrPolicy and name the file.
func ReadCertificates(files []string) (Keys, error) {
	var keys Keys
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return Keys{}, fmt.Errorf("%w: certificates: %w", ErrPolicy, err)
		}
		if err := keys.addPEM(text); err != nil {
			return Keys{}, fmt.Errorf("%w: certificates: %s: %w", ErrPolicy, file, err)
		}
	}
	return keys, nil
}

// addPEM takes all that is in a PEM text.
func (k *Keys) addPEM(text []byte) error {
	found := false
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if err := k.add(block, found); err != nil {
			return err
		}
		found = true
	}
	if !found {
		return errors.New("it holds neither a certificate nor a public key in PEM form")
	}
	return nil
}

// add takes a certificate or public key from a PEM block. An authority that
// follows another certificate is only that one's chain.
func (k *Keys) add(block *pem.Block, follows bool) error {
	switch block.Type {
	case "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		if certificate.IsCA && follows {
			return nil
		}
		k.Certificates = append(k.Certificates, certificate)
		return usable(certificate.PublicKey)
	case "PUBLIC KEY":
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return err
		}
		k.Public = append(k.Public, key)
		return usable(key)
	default:
		return fmt.Errorf("%s: only certificates and public keys belong here", block.Type)
	}
}

// usable refuses keys that no accepted algorithm goes with.
func usable(key crypto.PublicKey) error {
	for i := range algorithms {
		if algorithms[i].takes(key) {
			return nil
		}
	}
	return fmt.Errorf("a key of this kind or length (%T) is not accepted", key)
}

// ReadTrust reads PEM files with certification authorities, nil if there are
// none. Errors wrap ErrPolicy and name the file.
func ReadTrust(files []string) (*x509.CertPool, error) {
	if len(files) == 0 {
		return nil, nil
	}
	pool := x509.NewCertPool()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("%w: trust: %w", ErrPolicy, err)
		}
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%w: trust: %s holds no certificate in PEM form", ErrPolicy, file)
		}
	}
	return pool, nil
}
