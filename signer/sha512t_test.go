package signer

import (
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"testing"
)

func TestSHA512t160(t *testing.T) {
	got, err := sha512t160([]byte("abc"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "0a74fe1b43eecbea62182658da8a68b8acef25bf"; hex.EncodeToString(got) != want {
		t.Errorf("SHA-512/160(abc) = %x, expected %s", got, want)
	}
}

// TestSHA512tInitialValue derives initial values as FIPS 180-4 section 5.3.6
// says; that of SHA-512/256 is checked through crypto/sha512.
func TestSHA512tInitialValue(t *testing.T) {
	generate := func(name string) (iv [8]uint64) {
		start := sha512IV
		for i := range start {
			start[i] ^= 0xa5a5a5a5a5a5a5a5
		}
		sum, err := sha512From(start, []byte(name))
		if err != nil {
			t.Fatal(err)
		}
		for i := range iv {
			iv[i] = binary.BigEndian.Uint64(sum[8*i:])
		}
		return iv
	}
	if got := generate("SHA-512/160"); got != sha512t160IV {
		t.Errorf("SHA-512/160: %x", got)
	}
	sum, err := sha512From(generate("SHA-512/256"), []byte("abc"))
	if want := sha512.Sum512_256([]byte("abc")); err != nil || string(sum[:32]) != string(want[:]) {
		t.Errorf("SHA-512/256(abc) = %x, %v, expected %x", sum[:32], err, want)
	}
}
