package sandbox

import (
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// obieScheme names IBANs in Open Banking.
const obieScheme = "UK.OBIE.IBAN"

// permitted wants one of the permissions in the consent.
func (c *call) permitted(permissions ...string) *problem {
	i, p := c.intentOfToken()
	if p == nil && !i.permits(permissions...) {
		p = refuse(http.StatusForbidden, codeNotGranted, "the consent does not hold %s", permissions[0])
	}
	return p
}

// obieAccounts lists the PSU's accounts (OBReadAccount6).
func (c *call) obieAccounts() (*answer, *problem) {
	psu, p := c.owner()
	if p != nil {
		return nil, p
	}
	return c.obieAccountList(psu, psu.Accounts)
}

func (c *call) obieAccount() (*answer, *problem) {
	psu, a, p := c.obieOwn()
	if p != nil {
		return nil, p
	}
	return c.obieAccountList(psu, []account{a})
}

func (c *call) obieAccountList(psu *persona, accounts []account) (*answer, *problem) {
	if p := c.permitted("ReadAccountsBasic", "ReadAccountsDetail"); p != nil {
		return nil, p
	}
	detail := c.permitted("ReadAccountsDetail") == nil
	list := []map[string]any{}
	for _, a := range accounts {
		item := map[string]any{"AccountId": a.ID, "Currency": "EUR", "AccountType": "Personal", "AccountSubType": "CurrentAccount",
			"Nickname": "Compte de " + psu.Name}
		if detail {
			item["Account"] = []map[string]string{{"SchemeName": obieScheme, "Identification": a.IBAN, "Name": psu.Name}}
		}
		list = append(list, item)
	}
	return c.obieAnswer(http.StatusOK, map[string]any{"Data": map[string]any{"Account": list}}), nil
}

// obieOwn finds the account of the path.
func (c *call) obieOwn() (*persona, account, *problem) {
	psu, p := c.owner()
	if p != nil {
		return nil, account{}, p
	}
	for _, a := range psu.Accounts {
		if a.ID == c.params["id"] {
			return psu, a, nil
		}
	}
	return nil, account{}, refuse(http.StatusBadRequest, codeResource, "the PSU has no such account")
}

// obieAmount is an amount with its sign apart.
func obieAmount(cents int64) (amount map[string]string, indicator string) {
	indicator = "Credit"
	if cents < 0 {
		cents, indicator = -cents, "Debit"
	}
	return map[string]string{"Amount": decimal(cents), "Currency": "EUR"}, indicator
}

// obieBalances is OBReadBalance1.
func (c *call) obieBalances() (*answer, *problem) {
	_, a, p := c.obieOwn()
	if p == nil {
		p = c.permitted("ReadBalances")
	}
	if p != nil {
		return nil, p
	}
	sum, indicator := obieAmount(a.Cents)
	return c.obieAnswer(http.StatusOK, map[string]any{"Data": map[string]any{"Balance": []map[string]any{{
		"AccountId": a.ID, "Amount": sum, "CreditDebitIndicator": indicator, "Type": "InterimAvailable",
		"DateTime": obieTime(c.bank.now().Truncate(time.Minute)),
	}}}}), nil
}

// obieTransactions is OBReadTransaction6, in pages.
func (c *call) obieTransactions() (*answer, *problem) {
	_, a, p := c.obieOwn()
	if p == nil {
		p = c.permitted("ReadTransactionsBasic", "ReadTransactionsDetail")
	}
	if p != nil {
		return nil, p
	}
	q := c.r.URL.Query()
	var bounds [2]time.Time
	for i, name := range []string{"fromBookingDateTime", "toBookingDateTime"} {
		if !q.Has(name) {
			continue
		}
		// Times without an offset are taken; one that is there is ignored.
		t, err := time.Parse("2006-01-02T15:04:05", q.Get(name)[:min(19, len(q.Get(name)))])
		if err != nil {
			return nil, refuse(http.StatusBadRequest, codeFormat, "%s is no time", name)
		}
		bounds[i] = t
	}
	list := []map[string]any{}
	for _, t := range history(a, c.bank.now().UTC().Truncate(24*time.Hour), shortHistoryDays) {
		if (!bounds[0].IsZero() && t.booked.Before(bounds[0])) || (!bounds[1].IsZero() && t.booked.After(bounds[1])) {
			continue
		}
		indicator := "Debit"
		if t.Indicator == "CRDT" {
			indicator = "Credit"
		}
		list = append(list, map[string]any{"AccountId": a.ID, "TransactionId": t.Reference, "CreditDebitIndicator": indicator,
			"Status": "Booked", "BookingDateTime": obieTime(t.booked), "TransactionInformation": t.Remittance[0],
			"Amount": map[string]string{"Amount": t.Amount.Amount, "Currency": t.Amount.Currency}})
	}
	return c.obiePage(list, q)
}

// obiePage cuts a page out, with absolute links to the others on the bank's
// own host.
func (c *call) obiePage(list []map[string]any, q url.Values) (*answer, *problem) {
	last := max(1, (len(list)+pageSize-1)/pageSize)
	page, refused := pageOf(q, last)
	if refused != nil {
		return nil, refused
	}
	at := func(n int) string {
		q.Set("page", strconv.Itoa(n))
		return c.link(c.r.URL.Path + "?" + q.Encode()).Href
	}
	l := map[string]string{"Self": c.link(c.r.URL.RequestURI()).Href}
	if last > 1 {
		l["First"], l["Last"] = at(1), at(last)
	}
	if page > 1 {
		l["Prev"] = at(page - 1)
	}
	if page < last {
		l["Next"] = at(page + 1)
	}
	list = list[(page-1)*pageSize : min(page*pageSize, len(list))]
	return c.obieAnswer(http.StatusOK, map[string]any{"Data": map[string]any{"Transaction": list}, "Links": l,
		"Meta": map[string]any{"TotalPages": last}}), nil
}
