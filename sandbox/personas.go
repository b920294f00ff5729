package sandbox

import (
	"fmt"
	"strings"
)

// account is a current account in EUR. Balances are in cents.
type account struct {
	ID, IBAN string
	Cents    int64
	// State is codeClosed or codeBlocked, or "" for an open account.
	State string
}

// persona is an end user of BPCE's own sandbox.
type persona struct {
	Login, Name, Segment string
	Accounts             []account
}

// personas are those of BPCE's product page, with accounts, ids and balances
// as printed there.
func personas() []persona {
	return []persona{
		{"D0999990I0", "Marc", "executive", []account{
			open("FR7613807008043001965405158", 4_348_95),
			open("FR7613807008043001965405255", 459_56),
			open("FR7613807008043001965405352", 2_165_50)}},
		{"D0999991I0", "Marie", "retired", []account{
			open("FR7613807008043001965406128", 1_754_03),
			open("FR7613807008043001965406225", 11_429_00)}},
		{"D0999980", "Thomas", "student", []account{
			open("FR7613807008043001965407195", 749_27),
			open("FR7613807008043001965407292", -20_000_00)}},
		{"D0999992I0", "Alix", "executive", []account{
			open("FR7613807008043001965408165", 52_00),
			open("FR7613807008043001965408262", 395_45),
			open("FR7613807008043001965408359", 298_19)}},
		{"D0999993I0", "Tech'n Co", "company", []account{
			open("FR7613807008043001965409135", 63_917_00)}},
		{"D0999994I0", "Adam", "entrepreneur", []account{
			open("FR7613807008063031966574122", 0),
			open("FR7613807008063031966574219", -2_894_05)}},
		{"755238649", "Lea", "executive", []account{
			open("FR7617515000920400430518020", -150_00)}},
	}
}

// shut are accounts of no persona, to provoke AC04 and AC06. They are this
// package's own; their check digits are right.
func shut() []account {
	closed, blocked := open("FR7613807008043001965499054", 0), open("FR7613807008043001965499151", 0)
	closed.State, blocked.State = codeClosed, codeBlocked
	return []account{closed, blocked}
}

// open makes an account. Its id is "038-CPT" and the account number that the
// IBAN holds, as on the product page.
func open(iban string, cents int64) account {
	return account{ID: "038-CPT" + iban[14:25], IBAN: iban, Cents: cents}
}

// personaByLogin finds a persona, or makes one: logins of TEST and up to nine
// digits are people of the sandbox's own, as many as a test needs.
func personaByLogin(login string) *persona {
	if number, ok := strings.CutPrefix(login, "TEST"); ok {
		return madeUp(login, number)
	}
	for _, p := range personas() {
		if p.Login == login {
			return &p
		}
	}
	return nil
}

func madeUp(login, number string) *persona {
	if number == "" || len(number) > 9 || strings.Trim(number, "0123456789") != "" {
		return nil
	}
	rest := "1380700999" + strings.Repeat("0", 11-len(number)) + number + "00"
	for check := 2; check <= 98; check++ {
		if iban := fmt.Sprintf("FR%02d%s", check, rest); validIBAN(iban) {
			return &persona{login, "Test " + number, "executive", []account{open(iban, 1_000_00)}}
		}
	}
	return nil
}

// accountByIBAN finds an account and its owner's login ("" for shut ones).
func accountByIBAN(iban string) (account, string, bool) {
	for _, p := range personas() {
		for _, a := range p.Accounts {
			if a.IBAN == iban {
				return a, p.Login, true
			}
		}
	}
	for _, a := range shut() {
		if a.IBAN == iban {
			return a, "", true
		}
	}
	return account{}, "", false
}

// validIBAN checks form and check digits (ISO 13616).
func validIBAN(iban string) bool {
	if len(iban) < 15 || len(iban) > 34 {
		return false
	}
	rest := 0
	for _, r := range iban[4:] + iban[:4] {
		switch {
		case r >= '0' && r <= '9':
			rest = (rest*10 + int(r-'0')) % 97
		case r >= 'A' && r <= 'Z':
			rest = (rest*100 + int(r-'A') + 10) % 97
		default:
			return false
		}
	}
	return rest == 1 && strings.Trim(iban[:2], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
