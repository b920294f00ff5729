package sandbox

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// order is a payment: with a gift card as far as it goes, and with another
// means for what is left. All its amounts are in cents.
type order struct {
	merchant       string
	gift, rest     int64 // parts of the amount
	balance        int64 // of the gift card before
	refunded       int64
	giftID, restID string // transactions; restID is "" if nothing was left
	result         result
}

// result is Payline's answer to whether it worked.
type result struct{ code, short, long string }

// Results (integration page of the Carrefour gift card).
func resultOK() result      { return result{"00000", "ACCEPTED", "Transaction approved"} }
func resultMax() result     { return result{"02610", "REFUSED", "The max amount is exceeded"} }
func resultAction() result  { return result{"02703", "ERROR", "Action not allowed"} }
func resultRefused() result { return result{"02998", "REFUSED", "Transaction refused"} }

// refusedAmount is the payment that the gift-card service refuses, in cents: a
// choice of this package, as test systems have them.
const refusedAmount = 2998

func (r result) xml() string {
	return tag("result", obj("code", r.code), obj("shortMessage", r.short), obj("longMessage", r.long))
}

// paylineOperations are the operations by name.
func paylineOperations() map[string]func(*call) (string, *problem) {
	return map[string]func(*call) (string, *problem){
		"doWebPayment":          (*call).doWebPayment,
		"getWebPaymentDetails":  (*call).getWebPaymentDetails,
		"doRefund":              (*call).doRefund,
		"getTransactionDetails": (*call).getTransactionDetails,
	}
}

// paylineOperation runs the operation that the body names. What Payline
// refuses is refused with a result code and status 200.
func (c *call) paylineOperation() (*answer, *problem) {
	operation := c.shop.soap.operation
	content, p := paylineOperations()[operation](c)
	if p != nil {
		return nil, p
	}
	return soapAnswer(http.StatusOK,
		tag(operation+`Response xmlns="`+implNamespace+`" xmlns:obj="`+objNamespace+`"`, content)), nil
}

func badPayline(format string, args ...any) *problem {
	return refuse(http.StatusBadRequest, codeFormat, format, args...)
}

// cents reads an amount, which Payline writes in the smallest unit.
func (s *soapRequest) cents(name string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(s.field(name)), 10, 64)
	return n, err == nil && n > 0
}

// doWebPayment opens a payment. The sandbox has no payment page: the buyer pays
// at once.
func (c *call) doWebPayment() (string, *problem) {
	soap := c.shop.soap
	amount, ok := soap.cents("payment/amount")
	switch {
	case !ok:
		return "", badPayline("payment/amount is not a positive number of cents")
	case soap.field("payment/currency") != "978":
		return "", badPayline("payment/currency is not 978 (Euro)")
	case soap.field("payment/action") != "101" || soap.field("payment/mode") != "CPT":
		return "", badPayline("payment/action and payment/mode are not 101 and CPT")
	}
	for _, name := range []string{"returnURL", "cancelURL", "order/ref"} {
		if soap.field(name) == "" {
			return "", badPayline("%s is missing", name)
		}
	}
	token := c.bank.shops.payline.sell(c.shop.payline, amount)
	return resultOK().xml() + tag("token", token) +
		tag("redirectURL", c.bank.URL()+paylinePrefix+"webpayment?token="+token), nil
}

// sell opens an order and pays it.
func (s *paylineStore) sell(m *PaylineMerchant, amount int64) (token string) {
	o := &order{merchant: m.ID, balance: m.GiftCard, gift: min(amount, m.GiftCard), giftID: "G" + rand.Text()[:13], result: resultOK()}
	switch {
	case amount > m.MaxAmount:
		o.result = resultMax()
	case amount == refusedAmount:
		o.result = resultRefused()
	case amount > o.gift:
		o.rest, o.restID = amount-o.gift, "C"+rand.Text()[:13]
	}
	if o.result != resultOK() {
		o.gift = 0
	}
	token = rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.orders == nil {
		s.orders, s.transactions = map[string]*order{}, map[string]*order{}
	}
	s.orders[token] = o
	s.transactions[o.giftID] = o
	if o.restID != "" {
		s.transactions[o.restID] = o
	}
	return token
}

// find gives the merchant's order of a token or transaction.
func (s *paylineStore) find(m *PaylineMerchant, orders *map[string]*order, id string) *order {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := (*orders)[id]; o != nil && o.merchant == m.ID {
		return o
	}
	return nil
}

// giftCard is partnerAdditionalData: a JSON array in a JSON array, inside a
// text. Of the card's number only what may be shown.
func (o *order) giftCard() string {
	type card struct {
		PAN            string `json:"PAN"`
		InitialBalance string `json:"initialBalance"`
		FinalBalance   string `json:"finalBalance"`
		PaymentAmount  string `json:"paymentAmount"`
	}
	euros := func(cents int64) string { return decimal(cents) }
	// Texts always encode.
	data, _ := json.Marshal([][]card{{{"639131******4242", euros(o.balance), euros(o.balance - o.gift), euros(o.gift)}}})
	return string(data)
}

// transaction is the object of that name, under the name of an element: the
// gift card's, or that of what was paid otherwise.
func (o *order) transaction(element, id string) string {
	content := obj("id", id) + obj("isDuplicated", "0") + obj("isPossibleFraud", "0")
	if id == o.giftID {
		content += obj("partnerAdditionalData", o.giftCard())
	}
	return tag(element, content)
}

func sum(element string, cents int64) string {
	return tag(element, obj("amount", strconv.FormatInt(cents, 10)), obj("currency", "978"), obj("action", "101"), obj("mode", "CPT"))
}

func (c *call) getWebPaymentDetails() (string, *problem) {
	store := &c.bank.shops.payline
	o := store.find(c.shop.payline, &store.orders, c.shop.soap.field("token"))
	if o == nil {
		return "", badPayline("the token names no payment of this merchant")
	}
	content := o.result.xml() + o.transaction("transaction", o.giftID) + sum("payment", o.gift)
	if o.restID != "" {
		content += tag("paymentAdditionalList", tag("obj:paymentAdditional", o.transaction("obj:transaction", o.restID), sum("obj:payment", o.rest)))
	}
	return content, nil
}

func (c *call) getTransactionDetails() (string, *problem) {
	store, id := &c.bank.shops.payline, c.shop.soap.field("transactionId")
	o := store.find(c.shop.payline, &store.transactions, id)
	if o == nil {
		return "", badPayline("transactionId names no transaction of this merchant")
	}
	paid := o.rest
	if id == o.giftID {
		paid = o.gift
	}
	return o.result.xml() + o.transaction("transaction", id) + sum("payment", paid), nil
}

// doRefund refunds what was not paid with the gift card, whichever transaction
// it names, and always answers with that one's.
func (c *call) doRefund() (string, *problem) {
	amount, ok := c.shop.soap.cents("payment/amount")
	if !ok {
		return "", badPayline("payment/amount is not a positive number of cents")
	}
	store := &c.bank.shops.payline
	o := store.find(c.shop.payline, &store.transactions, c.shop.soap.field("transactionID"))
	if o == nil {
		return "", badPayline("transactionID names no transaction of this merchant")
	}
	store.mu.Lock()
	defer store.mu.Unlock()
	if o.refunded+amount > o.rest {
		return resultAction().xml(), nil
	}
	o.refunded += amount
	return resultOK().xml() + o.transaction("transaction", o.restID), nil
}
