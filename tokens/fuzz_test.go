package tokens

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Whatever a bank answers: nothing panics, what is accepted can stand in a
// header and lives no longer than allowed, and no error shows any of it.
func FuzzParseTokenResponse(f *testing.F) {
	for _, body := range []string{
		`{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":3600}`,
		`{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"example","expires_in":"1e999"}`,
		`{"access_token":"line\r\nbreak-in-a-token","expires_in":-1}`,
		`{"error":"invalid_client","access_token":"2YotnFZFEjr1zCsicMWpAA"}`,
		`{"error":"2YotnFZFEjr1zCsicMWpAA","access_token":"2YotnFZFEjr1zCsicMWpAA"}`,
		`{"access_token":"a","access_token":"2YotnFZFEjr1zCsicMWpAA"}`,
		"\xef\xbb\xbf <html>", `null`, `[]`, ``,
	} {
		f.Add(200, []byte(body))
		f.Add(400, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		granted, err := readResponse(t.Context(), &http.Response{
			StatusCode: status,
			Body:       io.NopCloser(bytes.NewReader(body)),
		})
		if err != nil {
			checkErrorText(t, err, body)
			return
		}
		if status < 200 || status > 299 {
			t.Fatalf("HTTP %d gave a token", status)
		}
		if granted.value == "" {
			t.Fatal("accepted an empty token")
		}
		for i := range len(granted.value) {
			if c := granted.value[i]; c < 0x21 || c > 0x7e {
				t.Fatalf("accepted a token with %#x in it", c)
			}
		}
		lifetime := granted.lifetime(&Spec{})
		if lifetime < 0 || lifetime > 24*time.Hour {
			t.Fatalf("lifetime %v", lifetime)
		}
	})
}

// checkErrorText holds an error against the answer's token. Short ones are
// left out: any text has an "a" in it.
func checkErrorText(t *testing.T, err error, body []byte) {
	t.Helper()
	var refused *RefusedError
	if !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrMalformed) &&
		!errors.Is(err, ErrRedirected) && !errors.As(err, &refused) {
		t.Fatalf("unknown error %v", err)
	}
	var answer map[string]any
	_ = json.Unmarshal(body, &answer) // no object, no token
	token, _ := answer["access_token"].(string)
	if len(token) > 12 && strings.Contains(err.Error(), token) {
		t.Fatalf("%q shows the token", err)
	}
}
