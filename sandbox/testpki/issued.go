package testpki

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Issued is a certificate with its key.
type Issued struct {
	// Certificate is the leaf.
	Certificate *x509.Certificate
	// Chain is the leaf followed by its issuers. A root is only in it if it
	// issued the leaf itself.
	Chain []*x509.Certificate
	// Key is the leaf's private key.
	Key crypto.Signer
	// CertPEM is Chain as PEM.
	CertPEM []byte
	// KeyPEM is the key as unencrypted PKCS#8 PEM; nil if the key does not
	// show itself.
	KeyPEM []byte
}

func newIssued(leaf *x509.Certificate, issuers []*x509.Certificate, key crypto.Signer) (*Issued, error) {
	i := &Issued{Certificate: leaf, Chain: append([]*x509.Certificate{leaf}, issuers...), Key: key}
	for _, certificate := range i.Chain {
		i.CertPEM = append(i.CertPEM, encodeCertificate(certificate.Raw)...)
	}
	if der, err := x509.MarshalPKCS8PrivateKey(key); err == nil {
		i.KeyPEM = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	return i, nil
}

// TLSCertificate is the certificate in the form crypto/tls wants.
func (i *Issued) TLSCertificate() tls.Certificate {
	c := tls.Certificate{PrivateKey: i.Key, Leaf: i.Certificate}
	for _, certificate := range i.Chain {
		c.Certificate = append(c.Certificate, certificate.Raw)
	}
	return c
}

// WriteFiles writes <dir>/<name>.pem (mode 0644) and <dir>/<name>-key.pem (mode
// 0600). Each file appears at once under its name, the key first.
func (i *Issued) WriteFiles(dir, name string) (certFile, keyFile string, err error) {
	if i.KeyPEM == nil {
		return "", "", errors.New("testpki: the key cannot be written to a file")
	}
	certFile = filepath.Join(dir, name+".pem")
	keyFile = filepath.Join(dir, name+"-key.pem")
	if err := writeFile(keyFile, i.KeyPEM, 0o600); err != nil {
		return "", "", err
	}
	if err := writeFile(certFile, i.CertPEM, 0o644); err != nil {
		return "", "", err
	}
	return certFile, keyFile, nil
}

// writeFile writes beside the file and renames, so that a reader sees the old
// content or the new one and nothing between.
func writeFile(name string, content []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".testpki-*")
	if err != nil {
		return fmt.Errorf("testpki: %w", err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			err = fmt.Errorf("testpki: write %s: %w", name, err)
		}
	}()
	if _, err = f.Write(content); err != nil {
		f.Close()
		return err
	}
	if err = f.Chmod(mode); err != nil {
		f.Close()
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
