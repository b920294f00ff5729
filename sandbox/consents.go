package sandbox

import (
	"net/http"
	"slices"
	"sync"
)

// Purposes a consent can name accounts for.
const (
	forBalances     = "balances"
	forTransactions = "transactions"
)

// consent is the body of PUT /consents. It replaces any earlier one of the
// same TPP and PSU.
type consent struct {
	Balances             []accountReference `json:"balances"`
	Transactions         []accountReference `json:"transactions"`
	TrustedBeneficiaries bool               `json:"trustedBeneficiaries"`
	PSUIdentity          bool               `json:"psuIdentity"`
}

// allows tells whether a part without accounts is consented. Without a
// consent everything is: the bank then shows all accounts.
func (s *consent) allows(part string) bool {
	if s == nil {
		return true
	}
	return (part == "trustedBeneficiaries" && s.TrustedBeneficiaries) || (part == "psuIdentity" && s.PSUIdentity)
}

type consentStore struct {
	mu sync.Mutex
	m  map[string]*consent
}

func newConsentStore() *consentStore { return &consentStore{m: map[string]*consent{}} }

func (s *consentStore) of(key string) *consent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[key]
}

func (s *consentStore) put(key string, given *consent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[key] = given
}

func (c *call) consentKey() string { return c.grant.ClientID + " " + c.grant.PSU }

// consented tells whether an account may be used for a purpose.
func (c *call) consented(a account, purpose string) bool {
	given := c.bank.consents.of(c.consentKey())
	if given == nil {
		return true
	}
	list := given.Balances
	if purpose == forTransactions {
		list = given.Transactions
	}
	return slices.ContainsFunc(list, func(r accountReference) bool { return r.IBAN == a.IBAN })
}

func (c *call) putConsents() (*answer, *problem) {
	psu, p := c.owner()
	if p != nil {
		return nil, p
	}
	var given consent
	if decodeStrict(c.body, &given) != nil {
		return nil, refuse(http.StatusBadRequest, codeFormat, "the body is not a consent")
	}
	for _, ref := range slices.Concat(given.Balances, given.Transactions) {
		if !slices.ContainsFunc(psu.Accounts, func(a account) bool { return a.IBAN == ref.IBAN }) {
			return nil, refuse(http.StatusBadRequest, codeAccountNumber, "the consent names an account that the PSU does not have")
		}
	}
	c.bank.consents.put(c.consentKey(), &given)
	return newAnswer(http.StatusCreated, "", nil), nil
}
