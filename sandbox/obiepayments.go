package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/google/uuid"
)

// takenPayment is one that was taken; nothing is ever executed.
type takenPayment struct {
	ID, ClientID, Consent string
	Initiation            json.RawMessage
	Created               time.Time
}

// takenPayments are those taken, by id.
type takenPayments struct {
	mu sync.Mutex
	m  map[string]takenPayment
}

func (s *takenPayments) add(p takenPayment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = map[string]takenPayment{}
	}
	s.m[p.ID] = p
}

func (s *takenPayments) of(clientID, id string) (takenPayment, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.m[id]
	return p, ok && p.ClientID == clientID
}

// Payments is the number of payments that the bank has taken since it was
// made, by any standard that has them as resources: Open Banking's and Open
// Finance Brasil's. A payment asked for again under its x-idempotency-key
// counts once.
func (b *Bank) Payments() int {
	b.payments.mu.Lock()
	defer b.payments.mu.Unlock()
	return len(b.payments.m)
}

// obieMoney is an amount as Open Banking writes it, obieCurrency a code of ISO
// 4217 by its form.
var (
	obieMoney    = regexp.MustCompile(`^\d{1,13}\.\d{1,5}$`)
	obieCurrency = regexp.MustCompile(`^[A-Z]{3}$`)
)

type obieSum struct {
	Amount   string `json:"Amount"`
	Currency string `json:"Currency"`
}

func (s *obieSum) check(where string) error {
	if s == nil || !obieMoney.MatchString(s.Amount) || !obieCurrency.MatchString(s.Currency) {
		return errors.New(where + " is missing, or its Amount is no text such as 10.00, or its Currency no code")
	}
	return nil
}

// obieInitiation is what a payment says of itself (OBDomestic2), as far as the
// sandbox looks.
type obieInitiation struct {
	InstructionID string          `json:"InstructionIdentification"`
	EndToEndID    string          `json:"EndToEndIdentification"`
	Amount        *obieSum        `json:"InstructedAmount"`
	Creditor      json.RawMessage `json:"CreditorAccount"`
	Debtor        json.RawMessage `json:"DebtorAccount"`
}

func readInitiation(raw json.RawMessage) (obieInitiation, error) {
	var i obieInitiation
	switch {
	case raw == nil || json.Unmarshal(raw, &i) != nil:
		return i, errors.New("Data.Initiation is missing or not of the right form")
	case i.InstructionID == "" || len(i.InstructionID) > 35:
		return i, errors.New("InstructionIdentification is missing or longer than 35 characters")
	case i.EndToEndID == "" || len(i.EndToEndID) > 35:
		return i, errors.New("EndToEndIdentification is missing or longer than 35 characters")
	}
	if err := i.Amount.check("InstructedAmount"); err != nil {
		return i, err
	}
	if i.Debtor != nil {
		if err := checkOBIEAccount(i.Debtor); err != nil {
			return i, err
		}
	}
	if checkOBIEAccount(i.Creditor) != nil {
		return i, errors.New("CreditorAccount is missing, or is no account with SchemeName and Identification")
	}
	return i, nil
}

// checkOBIEAccount wants an account with its scheme; IBANs must be right.
func checkOBIEAccount(raw json.RawMessage) error {
	var a struct{ SchemeName, Identification string }
	if raw == nil || json.Unmarshal(raw, &a) != nil || a.SchemeName == "" || a.Identification == "" {
		return errors.New("DebtorAccount is missing, or is no account with SchemeName and Identification")
	}
	if a.SchemeName == obieScheme && !validIBAN(a.Identification) {
		return errors.New("an account of scheme UK.OBIE.IBAN has no valid IBAN")
	}
	return nil
}

// obiePayment takes a payment under a consent that says the same.
func (c *call) obiePayment() (*answer, *problem) {
	return c.once(func(c *call) (*answer, *problem) {
		body, p := c.obieBody(true)
		if p != nil {
			return nil, p
		}
		given, p := c.intentOfToken()
		if p != nil {
			return nil, p
		}
		id, _ := jsonText(body.Data, "ConsentId")
		switch {
		case id == "":
			return nil, refuse(http.StatusBadRequest, codeFormat, "Data.ConsentId is missing")
		case id != given.ID:
			return nil, refuse(http.StatusBadRequest, codeNotGranted, "Data.ConsentId is not the consent that the access token is bound to")
		case !sameJSON(body.Data["Initiation"], given.Data["Initiation"]):
			return nil, refuse(http.StatusBadRequest, codeNotGranted, "Data.Initiation is not that of the consent")
		case !sameJSON(body.Risk, given.Risk):
			return nil, refuse(http.StatusBadRequest, codeNotGranted, "Risk is not that of the consent")
		}
		if !c.bank.intents.move(c.bank.now(), given.ID, intentAuthorised, intentConsumed, "") {
			return nil, refuse(http.StatusBadRequest, codeNotGranted, "the consent was used for a payment already")
		}
		made := takenPayment{uuid.NewString(), c.grant.ClientID, given.ID, body.Data["Initiation"], c.bank.now()}
		c.bank.payments.add(made)
		return c.showPayment(http.StatusCreated, made), nil
	})
}

func (c *call) obieGetPayment() (*answer, *problem) {
	made, ok := c.bank.payments.of(c.grant.ClientID, c.params["id"])
	if !ok {
		return nil, refuse(http.StatusBadRequest, codeResource, "the TPP has no such payment")
	}
	return c.showPayment(http.StatusOK, made), nil
}

// showPayment is OBWriteDomesticResponse5.
func (c *call) showPayment(status int, p takenPayment) *answer {
	self := c.r.URL.Path
	if c.msg.Method == http.MethodPost {
		self += "/" + p.ID
	}
	a := c.obieAnswer(status, map[string]any{
		"Data": map[string]any{"DomesticPaymentId": p.ID, "ConsentId": p.Consent, "CreationDateTime": obieTime(p.Created),
			"Status": "AcceptedSettlementInProcess", "StatusUpdateDateTime": obieTime(p.Created), "Initiation": p.Initiation},
		"Links": map[string]string{"Self": c.link(self).Href},
	})
	if status == http.StatusCreated {
		a.header.Set("Location", c.link(self).Href)
	}
	return a
}

// obieFunds confirms funds under a consent of the PSU
// (OBFundsConfirmationResponse1).
func (c *call) obieFunds() (*answer, *problem) {
	body, p := c.obieBody(false)
	if p != nil {
		return nil, p
	}
	given, p := c.intentOfToken()
	if p != nil {
		return nil, p
	}
	var sum *obieSum
	reference, _ := jsonText(body.Data, "Reference")
	id, _ := jsonText(body.Data, "ConsentId")
	if err := json.Unmarshal(body.Data["InstructedAmount"], &sum); err != nil || sum.check("Data.InstructedAmount") != nil {
		return nil, refuse(http.StatusBadRequest, codeFormat, "Data.InstructedAmount is missing, or its Amount is no text such as 10.00, or its Currency no code")
	}
	switch {
	case reference == "" || len(reference) > 35:
		return nil, refuse(http.StatusBadRequest, codeFormat, "Data.Reference is missing or longer than 35 characters")
	case id != given.ID:
		return nil, refuse(http.StatusBadRequest, codeNotGranted, "Data.ConsentId is not the consent that the access token is bound to")
	}
	var debtor struct{ Identification string }
	// It was read when the consent was made.
	_ = json.Unmarshal(given.Data["DebtorAccount"], &debtor)
	a, p := c.payableAccount(&accountReference{IBAN: debtor.Identification})
	if p != nil {
		return nil, p
	}
	cents, _ := amount{sum.Amount, sum.Currency}.cents()
	return c.obieAnswer(http.StatusCreated, map[string]any{"Data": map[string]any{"FundsConfirmationId": uuid.NewString(),
		"ConsentId": id, "CreationDateTime": obieTime(c.bank.now()), "FundsAvailable": cents <= a.Cents, "Reference": reference,
		"InstructedAmount": sum}}), nil
}
