package vault_test

import (
	"bytes"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// grantSize is about what a grant's record takes.
const grantSize = 1536

func BenchmarkPut(b *testing.B) {
	v := open(b, storagetest.NewMemory(), key("k1"))
	plaintext := bytes.Repeat([]byte("x"), grantSize)
	b.SetBytes(grantSize)
	b.ReportAllocs()
	for b.Loop() {
		if err := v.Put(b.Context(), name, plaintext); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	v := open(b, storagetest.NewMemory(), key("k1"))
	put(b, v, name, string(bytes.Repeat([]byte("x"), grantSize)))
	b.SetBytes(grantSize)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Get(b.Context(), name); err != nil {
			b.Fatal(err)
		}
	}
}
