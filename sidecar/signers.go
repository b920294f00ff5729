package sidecar

import (
	"fmt"
	"sync"

	"github.com/caddy-tpp/caddy-tpp/certs"
	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/signer"
)

// signers are the ways of signing with one generation of certificates.
type signers struct {
	// calls signs calls of the API and most token requests; application the
	// request of an application token.
	calls, application *signer.Signer

	// renamed holds the signers for calls under a client_id that came with an
	// application token (token.client_id_from_answer), made when first seen.
	credentials signer.Credentials
	spec        signer.Spec
	mu          sync.Mutex
	renamed     map[string]*signer.Signer
}

func newSigners(profile *profiles.Profile, generation *certs.Generation, clientID string) (*signers, error) {
	s := &signers{credentials: signer.Credentials{ClientID: clientID}, spec: profile.Signature}
	application := profile.SignatureOfApplication()
	if generation.QSEAL != nil {
		s.credentials.Key, s.credentials.Certificate = generation.QSEAL.Key, generation.QSEAL.Leaf()
		s.credentials.Chain = generation.QSEAL.Chain[1:]
	} else if s.spec.Container != "none" || application.Container != "none" {
		return nil, errNoQSEAL
	}
	var err error
	if s.calls, err = signer.Compile(s.spec, s.credentials); err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	if s.application, err = signer.Compile(application, s.credentials); err != nil {
		return nil, fmt.Errorf("application_signature: %w", err)
	}
	return s, nil
}

// maxRenamed bounds the client_ids that are remembered. A bank gives one.
const maxRenamed = 16

// under returns the signer for calls that are made under a client_id.
func (s *signers) under(clientID string) (*signer.Signer, error) {
	if clientID == "" || clientID == s.credentials.ClientID {
		return s.calls, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.renamed[clientID]; known != nil {
		return known, nil
	}
	credentials := s.credentials
	credentials.ClientID = clientID
	made, err := signer.Compile(s.spec, credentials)
	if err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	if s.renamed == nil || len(s.renamed) >= maxRenamed {
		s.renamed = make(map[string]*signer.Signer, 1)
	}
	s.renamed[clientID] = made
	return made, nil
}
