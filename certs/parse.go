package certs

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"strings"
)

// decodePEM splits a file into its PEM blocks. encoding/pem skips what it cannot
// decode, which would make a file that is just being written look like a shorter
// one; so the markers are counted.
func decodePEM(at location, data []byte) ([]*pem.Block, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // byte order mark
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, at.fail(ErrFormat, "is empty", "write the PEM file", nil)
	}
	begun := bytes.Count(data, []byte("-----BEGIN "))
	if begun == 0 {
		problem, remedy := describeBinary(data)
		return nil, at.fail(ErrFormat, problem, remedy, nil)
	}
	var blocks []*pem.Block
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		blocks = append(blocks, block)
	}
	if len(blocks) != begun {
		return nil, at.fail(ErrFormat, "is damaged or only partly written",
			"write the file beside and rename it into place", nil)
	}
	return blocks, nil
}

// describeBinary says what a file without PEM markers seems to be.
func describeBinary(data []byte) (problem, remedy string) {
	if _, err := x509.ParseCertificate(data); err == nil {
		return "is a DER certificate, not PEM", "convert it: openssl x509 -inform der -in FILE -out FILE.pem"
	}
	if isDERKey(data) {
		return "is a DER key, not PEM", "convert it: openssl pkey -inform der -in FILE -out FILE.pem"
	}
	if isPKCS12(data) {
		return "is PKCS#12, not PEM", "convert it: openssl pkcs12 -in FILE -out FILE.pem"
	}
	return "holds no PEM", "name the PEM file"
}

func isDERKey(der []byte) bool {
	if _, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return true
	}
	if _, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return true
	}
	_, err := x509.ParseECPrivateKey(der)
	return err == nil
}

// isPKCS12 tells by the version 3 that starts a PFX (RFC 7292 section 4).
func isPKCS12(der []byte) bool {
	var pfx struct {
		Version  int
		AuthSafe asn1.RawValue
		MacData  asn1.RawValue `asn1:"optional"`
	}
	_, err := asn1.Unmarshal(der, &pfx)
	return err == nil && pfx.Version == 3
}

// parseCertificates gives the certificates of a file, in its order.
func parseCertificates(at location, data []byte) ([]*x509.Certificate, error) {
	blocks, err := decodePEM(at, data)
	if err != nil {
		return nil, err
	}
	var certificates []*x509.Certificate
	for _, block := range blocks {
		if block.Type != "CERTIFICATE" && block.Type != "X509 CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, at.fail(ErrFormat, "holds a certificate that cannot be parsed", "ask the QTSP for it again", err)
		}
		certificates = append(certificates, certificate)
	}
	if len(certificates) == 0 {
		problem, remedy := notACertificate(blocks[0].Type)
		return nil, at.fail(ErrFormat, problem, remedy, nil)
	}
	return certificates, nil
}

func notACertificate(blockType string) (problem, remedy string) {
	switch {
	case strings.HasSuffix(blockType, "PRIVATE KEY"):
		return "holds a key and no certificate", "look whether certificate and key file are exchanged"
	case strings.HasSuffix(blockType, "CERTIFICATE REQUEST"):
		return "is a certificate request", "configure the certificate that the QTSP issued for it"
	case blockType == "TRUSTED CERTIFICATE":
		return "is in OpenSSL's trusted form", "convert it: openssl x509 -in FILE -out FILE.pem"
	case blockType == "PKCS7":
		return "is PKCS#7", "convert it: openssl pkcs7 -print_certs -in FILE -out FILE.pem"
	}
	return "holds no certificate", "name the certificate file"
}

// match finds a certificate and the key that belongs to it: the first
// certificate that any of the keys fits. It gives -1 if there is none.
func match(certificates []*x509.Certificate, keys []crypto.Signer) (leaf int, key crypto.Signer) {
	for i, certificate := range certificates {
		for _, key := range keys {
			public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
			if ok && public.Equal(certificate.PublicKey) {
				return i, key
			}
		}
	}
	return -1, nil
}
