package grants

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

func TestSettledRecordIsReadEverywhere(t *testing.T) {
	r := settleRecord(StatusActive)
	p := settlePending(kindRefresh, &r)
	r = r.absorb(p.with(halfAnswer(), ""))
	plaintext, err := r.encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := decodeRecord(psu1, plaintext)
	if err != nil {
		t.Fatal(err)
	}
	second, _ := again.encode()
	if string(second) != string(plaintext) || again.Pending.Answer == nil {
		t.Error("the record has changed on its way")
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", r, r, *r.Pending), fmt.Sprint(&r)} {
		if strings.Contains(text, "R1") || strings.Contains(text, "A1") {
			t.Errorf("printed as %s", text)
		}
	}
}

func FuzzDecodeRecord(f *testing.F) {
	for _, status := range []Status{StatusAuthorizing, StatusActive, StatusQuarantined, StatusRevoked} {
		r := settleRecord(status)
		for _, ending := range endings() {
			withPending := r.absorb(ending(settlePending(kindCode, &r)))
			plaintext, err := withPending.encode()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(plaintext)
		}
	}
	spec := &tokens.Spec{}
	client := &Client{ClientID: "client", Thumbprint: "qwac-1", Endpoint: &tokens.Endpoint{URL: "https://bank.example/token"}}
	f.Fuzz(func(t *testing.T, plaintext []byte) {
		r, err := decodeRecord(psu1, plaintext)
		if err != nil {
			if !damaged(err) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		after, st := r.settle(spec, settleNow)
		if r.Pending != nil && st.settled() == (after.Pending != nil) {
			t.Fatal("settled and pending")
		}
		_ = after.refusal(client, settleNow)
		_ = after.state(settleNow)
		if token := after.token(client, settleNow); token != nil && !token.Usable(settleNow) {
			t.Fatal("a token that is not usable")
		}
		if _, err := after.encode(); err != nil {
			t.Fatalf("cannot be written back: %v", err)
		}
	})
}
