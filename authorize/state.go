package authorize

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// The state parameter is a letter for the slot that its record lies in, and 160
// random bits: 33 characters, of the 34 that STET banks take.
const (
	stateLength   = 1 + 32
	stateAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" // RFC 4648 section 6
	// slots is how many folders the records are spread over, one for each hour
	// of the day in which a flow begins. So what has expired is found by looking
	// into the folders of other hours, however many records there are.
	slots = 24
)

// newState makes the state of a flow that begins now.
func newState(now time.Time) string {
	random := make([]byte, 20)
	_, _ = rand.Read(random) // never fails (crypto/rand)
	return string(stateAlphabet[slotOf(now)]) + base32.StdEncoding.EncodeToString(random)
}

func slotOf(t time.Time) int { return t.UTC().Hour() }

// folderOf is where the records of a slot lie in the vault.
func folderOf(slot int) string {
	number := strconv.Itoa(slot)
	if slot < 10 {
		number = "0" + number
	}
	return "states/" + number
}

// recordName is where the record of a state lies, under the state's hash: the
// storage does not tell a state to somebody who can list it. ok is false for
// what cannot be a state of the sidecar's making, which needs no look at the
// storage.
func recordName(state string) (name string, ok bool) {
	if len(state) != stateLength || strings.Trim(state, stateAlphabet) != "" {
		return "", false
	}
	slot := strings.IndexByte(stateAlphabet, state[0])
	if slot >= slots {
		return "", false
	}
	sum := sha256.Sum256([]byte(state))
	return folderOf(slot) + "/" + hex.EncodeToString(sum[:]), true
}

// newVerifier makes a code verifier (RFC 7636 section 4.1) or a nonce: 256
// random bits in 43 characters.
func newVerifier() string {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(random)
}

// challengeOf is the code challenge S256 of a verifier (RFC 7636 section 4.2).
func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
