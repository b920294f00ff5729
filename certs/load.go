package certs

import "errors"

// LoadPair reads a certificate and its key, from regular files of up to 1 MiB;
// symbolic links to them will do. It refuses what does not belong together but leaves all other judgement to Check. Errors are of type *Error,
// several of them joined if both files are at fault.
func LoadPair(slot Slot, src Source) (*Pair, error) {
	content, err := readSource(slot, src)
	if err != nil {
		return nil, err
	}
	return parsePair(slot, src, content)
}

// content is what the files of a source held when they were read.
type content struct {
	cert, key []byte
}

func readSource(slot Slot, src Source) (content, error) {
	certAt, keyAt := locate(slot, src)
	if src.CertFile == "" {
		return content{}, certAt.fail(ErrLoad, "is not configured", "name the certificate file", nil)
	}
	cert, certErr := readFile(certAt)
	if keyAt.file == certAt.file {
		return content{cert: cert, key: cert}, certErr
	}
	key, keyErr := readFile(keyAt)
	return content{cert: cert, key: key}, errors.Join(certErr, keyErr)
}

func locate(slot Slot, src Source) (cert, key location) {
	return location{slot, "certificate", src.CertFile}, location{slot, "key", src.keyFile()}
}

// parsePair is LoadPair on bytes.
func parsePair(slot Slot, src Source, c content) (*Pair, error) {
	certAt, keyAt := locate(slot, src)
	certificates, certErr := parseCertificates(certAt, c.cert)
	keys, keyErr := parseKeys(keyAt, c.key, src.Passphrase)
	if err := errors.Join(certErr, keyErr); err != nil {
		return nil, err
	}
	leaf, key := match(certificates, keys)
	if leaf < 0 {
		return nil, keyAt.fail(ErrMismatch, "does not belong to the certificate "+certAt.file,
			"configure the key that the certificate was requested with; during a rotation replace both files", nil)
	}
	pair := &Pair{Slot: slot, Key: key, Source: src}
	pair.Chain, pair.loadFindings = orderChain(certAt, certificates, leaf)
	pair.Thumbprint = thumbprint(pair.Leaf())
	info, err := Describe(pair.Leaf())
	if err != nil {
		info.Odd = append(info.Odd, err.Error())
	}
	pair.Info = info
	return pair, nil
}
