//go:build !race

package signer

const poolMisses = 0
