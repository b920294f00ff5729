//go:build race

package signer

// The race detector makes sync.Pool forget at random, so that working memory is
// allocated anew.
const poolMisses = 12
