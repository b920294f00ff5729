package sandbox

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
)

// caratAnswer is the answer to the creation of a merchant.
type caratAnswer struct {
	ID                        string `json:"id,omitempty"`
	Key                       string `json:"key,omitempty"`
	ResponseCode              string `json:"response_code"`
	ResponseMessage           string `json:"response_message"`
	AuthorizerResponseCode    string `json:"authorizer_response_code,omitempty"`
	AuthorizerResponseMessage string `json:"authorizer_response_message,omitempty"`
}

// caratField is a row of the table of parameters: up to max characters, or
// exactly that many.
type caratField struct {
	path     string
	max      int
	exact    bool
	digits   bool
	required bool
}

// caratFields are the rows of the merchant creation page with a rule that a
// program can check. "[]" is each element of an array.
func caratFields() []caratField {
	list := []caratField{
		{"cnpj", 14, false, true, true}, {"fantasy_name", 250, false, false, true}, {"corporate_name", 250, false, false, true},
		{"state", 2, true, false, false}, {"mcc", 4, false, true, false}, {"version", 1, true, true, false},
		{"threeds_payment_link_authentication", 1, true, true, false},
		{"soft_descriptor.id", 22, false, false, false}, {"soft_descriptor.fantasy_name", 22, false, false, false},
		{"subacquirer_group.id", 6, false, false, false}, {"subacquirer_group.cnpj", 14, true, true, false},
		{"establishments[].code", 32, false, false, false}, {"establishments[].routing_id", 4, false, true, false},
		{"authorizers[].id", 4, false, true, true}, {"authorizers[].routing_id", 4, false, true, true},
		{"authorizers[].acquirer_merchant_id", 35, false, false, false},
	}
	for path, most := range map[string]int{"domain": 500, "address": 200, "city": 50, "zip_code": 9, "phone_number": 30, "email": 100,
		"transactional_urls.status": 500, "transactional_urls.authenticity": 500, "transactional_urls.hash": 500,
		"return_urls.success": 500, "return_urls.failure": 500, "return_urls.cancel": 500} {
		list = append(list, caratField{path: path, max: most})
	}
	return list
}

var onlyDigits = regexp.MustCompile(`^[0-9]*$`)

// check holds a value, nil if it is not there, against the row.
func (f *caratField) check(value any) *problem {
	if value == nil && !f.required {
		return nil
	}
	text, ok := value.(string)
	length := len([]rune(text))
	switch {
	case value == nil || text == "" && ok && f.required:
		return refuse(http.StatusBadRequest, codeFormat, "%s is missing", f.path)
	case !ok:
		return refuse(http.StatusBadRequest, codeFormat, "%s is no text; numbers and booleans are texts, too", f.path)
	case length > f.max || f.exact && length != f.max:
		return refuse(http.StatusBadRequest, codeFormat, "%s has a wrong length", f.path)
	case f.digits && !onlyDigits.MatchString(text):
		return refuse(http.StatusBadRequest, codeFormat, "%s is not made of digits", f.path)
	}
	return nil
}

// at collects the values at a path; nil for one that is not there. An array
// that is not there has no elements.
func at(value any, path string) []any {
	if path == "" {
		return []any{value}
	}
	name, rest, _ := strings.Cut(path, ".")
	name, each := strings.CutSuffix(name, "[]")
	object, ok := value.(map[string]any)
	if !ok {
		return []any{nil}
	}
	if !each {
		if object[name] == nil {
			return []any{nil}
		}
		return at(object[name], rest)
	}
	var out []any
	list, _ := object[name].([]any)
	for _, element := range list {
		out = append(out, at(element, rest)...)
	}
	return out
}

// createMerchant registers a merchant. Only 201 is success: a refusal for
// reasons of business comes with 200, for those who look at nothing else.
func (c *call) createMerchant() (*answer, *problem) {
	var body map[string]any
	if json.Unmarshal(c.body, &body) != nil || body == nil {
		return nil, refuse(http.StatusBadRequest, codeFormat, "the body is no JSON object")
	}
	for _, field := range caratFields() {
		for _, value := range at(body, field.path) {
			if p := field.check(value); p != nil {
				return nil, p
			}
		}
	}
	if list, _ := body["authorizers"].([]any); len(list) == 0 {
		return nil, refuse(http.StatusBadRequest, codeFormat, "authorizers is missing or empty")
	}
	if body["threeds_enabled"] == "true" && body["mcc"] == nil {
		return nil, refuse(http.StatusBadRequest, codeFormat, "mcc is missing; threeds_enabled needs it")
	}
	if p := c.useCaratToken(); p != nil {
		return nil, p
	}
	// Checked above to be a text.
	cnpj, _ := body["cnpj"].(string)
	if !c.bank.shops.carat.enrol(cnpj, body["force_sitef_merchant_creation"] == "true") {
		return asJSON(http.StatusOK, typeJSON, caratAnswer{ResponseCode: "131", ResponseMessage: "a merchant with this cnpj is there already"}), nil
	}
	key := rand.Text() + rand.Text()
	c.bank.tokens.issued(key)
	return asJSON(http.StatusCreated, typeJSON, caratAnswer{ID: mixedCase(), Key: key,
		ResponseCode: "0", ResponseMessage: "OK", AuthorizerResponseCode: "0", AuthorizerResponseMessage: "OK"}), nil
}

// mixedCase makes a merchant_id in which case matters.
func mixedCase() string {
	id := []byte(rand.Text()[:12])
	for i := 1; i < len(id); i += 2 {
		id[i] = strings.ToLower(string(id[i]))[0]
	}
	return string(id)
}

// enrol notes a cnpj; false if it is there already and may not be twice.
func (s *caratStore) enrol(cnpj string, again bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.registered[cnpj] && !again {
		return false
	}
	if s.registered == nil {
		s.registered = map[string]bool{}
	}
	s.registered[cnpj] = true
	return true
}
