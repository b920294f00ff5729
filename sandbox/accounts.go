package sandbox

import (
	"net/http"
	"strings"
	"time"
)

// accountResource is an account as GET /accounts lists it.
type accountResource struct {
	ResourceID      string           `json:"resourceId"`
	BIC             string           `json:"bicFi"`
	AccountID       accountReference `json:"accountId"`
	Name            string           `json:"name"`
	Usage           string           `json:"usage"`
	CashAccountType string           `json:"cashAccountType"`
	Currency        string           `json:"currency"`
	PSUStatus       string           `json:"psuStatus"`
	Links           links            `json:"_links"`
}

// owner is the PSU behind the token.
func (c *call) owner() (*persona, *problem) {
	if p := personaByLogin(c.grant.PSU); p != nil {
		return p, nil
	}
	return nil, refuse(http.StatusForbidden, "IPSU", "the token stands for no subscriber")
}

// accounts lists the PSU's accounts: 204 if the consent names none.
func (c *call) accounts() (*answer, *problem) {
	psu, p := c.owner()
	if p != nil {
		return nil, p
	}
	usage := "PRIV"
	if psu.Segment == "company" || psu.Segment == "entrepreneur" {
		usage = "ORGA"
	}
	list := []accountResource{}
	for _, a := range psu.Accounts {
		self := c.r.URL.Path + "/" + a.ID
		l := links{}
		if c.consented(a, forBalances) {
			l["balances"] = c.link(self + "/balances")
		}
		if c.consented(a, forTransactions) {
			l["transactions"] = c.link(self + "/transactions")
		}
		if len(l) > 0 {
			list = append(list, accountResource{a.ID, "CCBPFRPPNAN", accountReference{IBAN: a.IBAN},
				"Compte de " + psu.Name, usage, "CACC", "EUR", "Account Holder", l})
		}
	}
	if len(list) == 0 {
		return newAnswer(http.StatusNoContent, "", nil), nil
	}
	return asJSON(http.StatusOK, typeHAL, map[string]any{
		"accounts": list, "_links": links{"self": c.link(c.r.URL.Path)},
	}), nil
}

// ownAccount finds the account of the path among the PSU's own.
func (c *call) ownAccount(purpose string) (account, *problem) {
	psu, p := c.owner()
	if p != nil {
		return account{}, p
	}
	for _, a := range psu.Accounts {
		if a.ID != c.params["id"] {
			continue
		}
		if !c.consented(a, purpose) {
			return a, refuse(http.StatusForbidden, codeNotGranted, "the account is not consented for %s", purpose)
		}
		return a, nil
	}
	return account{}, refuse(http.StatusNotFound, codeResource, "the PSU has no such account")
}

func (c *call) balances() (*answer, *problem) {
	a, p := c.ownAccount(forBalances)
	if p != nil {
		return nil, p
	}
	base := strings.TrimSuffix(c.r.URL.Path, "/"+a.ID+"/balances")
	return asJSON(http.StatusOK, typeHAL, map[string]any{
		"balances": []map[string]any{{
			"name": "Solde instantané", "balanceAmount": amount{decimal(a.Cents), "EUR"}, "balanceType": "XPCD",
			"lastChangeDateTime": c.bank.now().UTC().Truncate(time.Minute).Format(time.RFC3339),
		}},
		"_links": links{"self": c.link(c.r.URL.Path), "parent-list": c.link(base)},
	}), nil
}

func (c *call) trustedBeneficiaries() (*answer, *problem) {
	psu, p := c.owner()
	if p != nil {
		return nil, p
	}
	if !c.bank.consents.of(c.consentKey()).allows("trustedBeneficiaries") {
		return nil, refuse(http.StatusForbidden, codeNotGranted, "the trusted beneficiaries are not consented")
	}
	var list []map[string]any
	for _, a := range psu.Accounts[1:] {
		list = append(list, map[string]any{"id": "B" + a.ID[7:], "isTrusted": true,
			"creditor": map[string]string{"name": psu.Name}, "creditorAccount": accountReference{IBAN: a.IBAN}})
	}
	if list == nil {
		return newAnswer(http.StatusNoContent, "", nil), nil
	}
	return asJSON(http.StatusOK, typeHAL, map[string]any{
		"beneficiaries": list, "_links": links{"self": c.link(c.r.URL.Path)},
	}), nil
}

func (c *call) endUserIdentity() (*answer, *problem) {
	psu, p := c.owner()
	if p != nil {
		return nil, p
	}
	if !c.bank.consents.of(c.consentKey()).allows("psuIdentity") {
		return nil, refuse(http.StatusForbidden, codeNotGranted, "the identity is not consented")
	}
	return asJSON(http.StatusOK, typeHAL, map[string]any{
		"connectedPsu": psu.Name, "_links": links{"self": c.link(c.r.URL.Path)},
	}), nil
}
