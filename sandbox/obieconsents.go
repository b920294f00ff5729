package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// States of a consent (Open Banking 3.1.x).
const (
	intentAwaiting   = "AwaitingAuthorisation"
	intentAuthorised = "Authorised"
	intentConsumed   = "Consumed"
	intentRejected   = "Rejected"
)

// intent is a consent of Open Banking, which is there before the PSU has seen
// it. Its fields but State, PSU and Updated are never changed.
type intent struct {
	ID, ClientID, Scope string
	// Data and Risk are as the TPP sent them.
	Data        map[string]json.RawMessage
	Risk        json.RawMessage
	Permissions []string
	Expires     time.Time // zero: never

	State            string
	PSU              string
	Created, Updated time.Time
}

// intents are the consents by id.
type intents struct {
	mu sync.Mutex
	m  map[string]*intent
}

func (s *intents) add(i *intent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = map[string]*intent{}
	}
	s.m[i.ID] = i
}

// of finds a client's consent.
func (s *intents) of(clientID, id string) (intent, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.m[id]
	if !ok || i.ClientID != clientID {
		return intent{}, false
	}
	return *i, true
}

// move changes a consent's state; false if it is not in the state from.
func (s *intents) move(now time.Time, id, from, to, psu string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.m[id]
	if !ok || i.State != from {
		return false
	}
	i.State, i.Updated = to, now
	if psu != "" {
		i.PSU = psu
	}
	return true
}

func (s *intents) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, id)
}

// obieBody is the frame of every request.
type obieBody struct {
	Data map[string]json.RawMessage `json:"Data"`
	Risk json.RawMessage            `json:"Risk"`
}

func (c *call) obieBody(risk bool) (obieBody, *problem) {
	var body obieBody
	err := decodeStrict(c.body, &body)
	switch {
	case err != nil || body.Data == nil:
		return body, refuse(http.StatusBadRequest, codeFormat, "the body is no JSON object with Data")
	case risk && (body.Risk == nil || body.Risk[0] != '{'):
		return body, refuse(http.StatusBadRequest, codeFormat, "Risk is missing")
	case !risk && body.Risk != nil:
		return body, refuse(http.StatusBadRequest, codeFormat, "Risk does not belong here")
	}
	return body, nil
}

// postIntent takes a consent.
func (c *call) postIntent() (*answer, *problem) {
	return c.once(func(c *call) (*answer, *problem) {
		body, p := c.obieBody(c.endpoint.scope != obieFunds)
		if p != nil {
			return nil, p
		}
		now := c.bank.now()
		i := &intent{ID: uuid.NewString(), ClientID: c.grant.ClientID, Scope: c.endpoint.scope, Data: body.Data, Risk: body.Risk,
			State: intentAwaiting, Created: now, Updated: now}
		var err error
		switch c.endpoint.scope {
		case obieAccounts:
			err = i.readAccess()
		case obiePayments:
			_, err = readInitiation(body.Data["Initiation"])
		default:
			err = checkOBIEAccount(body.Data["DebtorAccount"])
		}
		if raw, ok := body.Data["ExpirationDateTime"]; err == nil && ok {
			i.Expires, err = readTime(raw)
			if err == nil && !i.Expires.After(now) {
				err = errors.New("Data.ExpirationDateTime is not in the future")
			}
		}
		if err != nil {
			return nil, refuse(http.StatusBadRequest, codeFormat, "%v", err)
		}
		c.bank.intents.add(i)
		return c.showIntent(http.StatusCreated, *i), nil
	})
}

func readTime(raw json.RawMessage) (time.Time, error) {
	var text string
	_ = json.Unmarshal(raw, &text)
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, errors.New("Data.ExpirationDateTime is no time with an offset")
	}
	return t, nil
}

// obiePermissions are those of the standard.
var obiePermissions = []string{"ReadAccountsBasic", "ReadAccountsDetail", "ReadBalances", "ReadBeneficiariesBasic",
	"ReadBeneficiariesDetail", "ReadDirectDebits", "ReadOffers", "ReadPAN", "ReadParty", "ReadPartyPSU", "ReadProducts",
	"ReadScheduledPaymentsBasic", "ReadScheduledPaymentsDetail", "ReadStandingOrdersBasic", "ReadStandingOrdersDetail",
	"ReadStatementsBasic", "ReadStatementsDetail", "ReadTransactionsBasic", "ReadTransactionsCredits",
	"ReadTransactionsDebits", "ReadTransactionsDetail"}

// readAccess reads what a consent to accounts allows.
func (i *intent) readAccess() error {
	if json.Unmarshal(i.Data["Permissions"], &i.Permissions) != nil || len(i.Permissions) == 0 {
		return errors.New("Data.Permissions is missing or empty")
	}
	for _, permission := range i.Permissions {
		if !slices.Contains(obiePermissions, permission) {
			return errors.New("Data.Permissions names a permission that is not known")
		}
	}
	for name := range i.Data {
		if !slices.Contains([]string{"Permissions", "ExpirationDateTime", "TransactionFromDateTime", "TransactionToDateTime"}, name) {
			return errors.New("the object Data holds a member that a consent to accounts does not have")
		}
	}
	return nil
}

func (i *intent) permits(permissions ...string) bool {
	return slices.ContainsFunc(permissions, func(p string) bool { return slices.Contains(i.Permissions, p) })
}

// showIntent is a consent as the bank shows it.
func (c *call) showIntent(status int, i intent) *answer {
	data := map[string]any{"ConsentId": i.ID, "Status": i.State, "CreationDateTime": obieTime(i.Created), "StatusUpdateDateTime": obieTime(i.Updated)}
	for name, raw := range i.Data {
		data[name] = raw
	}
	members := map[string]any{"Data": data}
	if i.Risk != nil {
		members["Risk"] = i.Risk
	}
	self := c.r.URL.Path
	if c.msg.Method == http.MethodPost {
		self += "/" + i.ID
	}
	members["Links"] = map[string]string{"Self": c.link(self).Href}
	a := c.obieAnswer(status, members)
	if status == http.StatusCreated {
		a.header.Set("Location", c.link(self).Href)
	}
	return a
}

// ownIntent is the consent of the path.
func (c *call) ownIntent() (intent, *problem) {
	i, ok := c.bank.intents.of(c.grant.ClientID, c.params["id"])
	if !ok || i.Scope != c.endpoint.scope {
		return i, refuse(http.StatusBadRequest, codeResource, "the TPP has no such consent")
	}
	return i, nil
}

func (c *call) getIntent() (*answer, *problem) {
	i, p := c.ownIntent()
	if p != nil {
		return nil, p
	}
	return c.showIntent(http.StatusOK, i), nil
}

// deleteIntent ends a consent and the tokens under it.
func (c *call) deleteIntent() (*answer, *problem) {
	i, p := c.ownIntent()
	if p != nil {
		return nil, p
	}
	c.bank.intents.remove(i.ID)
	c.bank.tokens.endIntent(i.ID)
	return newAnswer(http.StatusNoContent, "", nil), nil
}

// intentOfToken is the consent that an access token is bound to.
func (c *call) intentOfToken() (intent, *problem) {
	if c.grant.Intent == "" {
		return intent{}, refuse(http.StatusForbidden, codeNotGranted, "the access token is bound to no consent")
	}
	i, ok := c.bank.intents.of(c.grant.ClientID, c.grant.Intent)
	switch {
	case !ok:
		return i, refuse(http.StatusForbidden, codeNotGranted, "the consent of the access token is no longer there")
	case i.State == intentConsumed && c.endpoint.signed:
		// A payment asked for twice under one x-idempotency-key is one payment.
	case i.State != intentAuthorised:
		return i, refuse(http.StatusForbidden, codeNotGranted, "the consent of the access token is %s, not %s", i.State, intentAuthorised)
	case !i.Expires.IsZero() && c.bank.now().After(i.Expires):
		return i, refuse(http.StatusForbidden, codeNotGranted, "the consent of the access token has expired")
	}
	return i, nil
}
