package sandbox

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// pageSize is the number of transactions on a page.
	pageSize = 20
	// historyDays is how far every account's history goes back, one booking a
	// day; shortHistoryDays is what a token without
	// extended_transaction_history sees of it.
	historyDays      = 130
	shortHistoryDays = 90
)

type transaction struct {
	Reference   string   `json:"entryReference"`
	Amount      amount   `json:"transactionAmount"`
	Indicator   string   `json:"creditDebitIndicator"`
	Status      string   `json:"status"`
	BookingDate string   `json:"bookingDate"`
	Remittance  []string `json:"remittanceInformation"`
	booked      time.Time
	number      int
}

// history makes the same bookings up for the same day, newest first. The
// reference counts days since 1970, so it does not change from day to day.
func history(a account, today time.Time, days int) []transaction {
	list := make([]transaction, 0, days)
	for i := range days {
		day := today.AddDate(0, 0, -i)
		number := int(day.Unix() / 86400)
		t := transaction{Reference: fmt.Sprintf("%s-%08d", a.ID[7:], number), Status: "BOOK", Indicator: "DBIT",
			BookingDate: day.Format(time.DateOnly), booked: day, number: number,
			Amount: amount{decimal(int64(500 + number*37%9000)), "EUR"}, Remittance: []string{"PAIEMENT CB " + day.Format("0201")}}
		if day.Day() == 28 {
			t.Indicator, t.Amount, t.Remittance = "CRDT", amount{"2150.00", "EUR"}, []string{"VIREMENT SALAIRE"}
		}
		list = append(list, t)
	}
	return list
}

// transactions lists bookings: dateFrom inclusive, dateTo exclusive, and the
// version's own bounds on entryReference.
func (c *call) transactions() (*answer, *problem) {
	a, p := c.ownAccount(forTransactions)
	if p != nil {
		return nil, p
	}
	days := shortHistoryDays
	if c.grant.has("extended_transaction_history") {
		days = historyDays
	}
	// checkQuery has seen that the query can be read and its names are known.
	q := c.r.URL.Query()
	keep, p := transactionFilter(a, q, c.endpoint.query)
	if p != nil {
		return nil, p
	}
	today := c.bank.now().UTC().Truncate(24 * time.Hour)
	var list []transaction
	for _, t := range history(a, today, days) {
		if keep(t) {
			list = append(list, t)
		}
	}
	if len(list) == 0 {
		return newAnswer(http.StatusNoContent, "", nil), nil
	}
	return c.page(list, q)
}

func transactionFilter(a account, q url.Values, known []string) (func(transaction) bool, *problem) {
	var from, to time.Time
	for name, into := range map[string]*time.Time{"dateFrom": &from, "dateTo": &to} {
		if !q.Has(name) {
			continue
		}
		t, err := time.Parse(time.DateOnly, q.Get(name))
		if err != nil {
			if t, err = time.Parse(time.RFC3339, q.Get(name)); err != nil {
				return nil, refuse(http.StatusBadRequest, codeFormat, "%s is no date", name)
			}
		}
		*into = t
	}
	// The last two names are the version's lower (exclusive) and upper bound.
	bounds := [2]int{}
	for i, name := range known[len(known)-2:] {
		if name == "" || !q.Has(name) {
			continue
		}
		number, ok := strings.CutPrefix(q.Get(name), a.ID[7:]+"-")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || n < 1 {
			return nil, refuse(http.StatusBadRequest, codeFormat, "%s is no entryReference of this account", name)
		}
		bounds[i] = n
	}
	return func(t transaction) bool {
		return (from.IsZero() || !t.booked.Before(from)) && (to.IsZero() || t.booked.Before(to)) &&
			(bounds[0] == 0 || t.number > bounds[0]) && (bounds[1] == 0 || t.number <= bounds[1])
	}, nil
}

// pageOf is the page that a query asks for, the first unless it says.
func pageOf(q url.Values, last int) (int, *problem) {
	if !q.Has("page") {
		return 1, nil
	}
	n, err := strconv.Atoi(q.Get("page"))
	if err != nil || n < 1 || n > last {
		return 0, refuse(http.StatusBadRequest, codeFormat, "page is not between 1 and the last page")
	}
	return n, nil
}

// page cuts one page out and links to the others.
func (c *call) page(list []transaction, q url.Values) (*answer, *problem) {
	last := (len(list) + pageSize - 1) / pageSize
	page, refused := pageOf(q, last)
	if refused != nil {
		return nil, refused
	}
	at := func(n int) link {
		q.Set("page", strconv.Itoa(n))
		return c.link(c.r.URL.Path + "?" + q.Encode())
	}
	l := links{"self": c.link(c.r.URL.RequestURI())}
	if last > 1 {
		l["first"], l["last"] = at(1), at(last)
		if page > 1 {
			l["prev"] = at(page - 1)
		}
		if page < last {
			l["next"] = at(page + 1)
		}
	}
	list = list[(page-1)*pageSize : min(page*pageSize, len(list))]
	return asJSON(http.StatusOK, typeHAL, map[string]any{"transactions": list, "_links": l}), nil
}

// decimal writes cents as a decimal number.
func decimal(cents int64) string {
	sign := ""
	if cents < 0 {
		sign, cents = "-", -cents
	}
	return fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100)
}
