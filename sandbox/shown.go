package sandbox

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// shownRecord is a Record on the control plane.
type shownRecord struct {
	Time          time.Time `json:"time"`
	Conn          string    `json:"conn"`
	Proto         string    `json:"proto"`
	Head          string    `json:"head,omitempty"`
	Method        string    `json:"method,omitempty"`
	RequestURI    string    `json:"request_uri,omitempty"`
	Operation     string    `json:"operation,omitempty"`
	Body          string    `json:"body,omitempty"`
	ClientSerial  string    `json:"qwac_serial,omitempty"`
	QSEALSerial   string    `json:"qseal_serial,omitempty"`
	KeyID         string    `json:"key_id,omitempty"`
	SigningString string    `json:"signing_string,omitempty"`
	SignatureOK   bool      `json:"signature_ok"`
	Problems      []string  `json:"problems"`
	Status        int       `json:"status"`
	Fault         bool      `json:"fault,omitempty"`
}

// secretLine is a header line of a raw head whose value is a secret.
// In a signature base of RFC 9421 the name is in quotation marks.
var secretLine = regexp.MustCompile(`(?im)^("?(?:authorization|merchant_key|token)"?:[ \t]*)[^\r\n]*`)

// secretMember is the access token that PolishAPI has in the body.
var secretMember = regexp.MustCompile(`("token"\s*:\s*")[^"]*`)

// withoutSecrets leaves the values of secrets out of what was received.
func withoutSecrets(text string) string {
	text = secretLine.ReplaceAllString(text, "${1}REDACTED")
	return secretMember.ReplaceAllString(text, "${1}REDACTED")
}

func (b *Bank) shownRecords() []shownRecord {
	list := []shownRecord{}
	for _, rec := range b.Records() {
		s := shownRecord{Time: rec.Time, Conn: rec.Conn, Proto: rec.Proto, Method: rec.Method, RequestURI: rec.RequestURI,
			Operation: rec.Operation, KeyID: rec.KeyID, SigningString: withoutSecrets(rec.SigningString),
			SignatureOK: rec.SignatureOK, Problems: rec.Problems, Status: rec.Status, Fault: rec.Fault}
		s.Head = withoutSecrets(string(rec.RawHead))
		// Codes, tokens and secrets are in the body of the others: those of
		// acquirers, in the case of Carat.
		if !slices.Contains([]string{operationToken, operationRevoke, operationPush, operationCaratMerchants}, rec.Operation) {
			s.Body = withoutSecrets(string(rec.Body))
		}
		if rec.ClientCert != nil {
			s.ClientSerial = strings.ToLower(rec.ClientCert.SerialNumber.Text(16))
		}
		if rec.QSEAL != nil {
			s.QSEALSerial = strings.ToLower(rec.QSEAL.SerialNumber.Text(16))
		}
		list = append(list, s)
	}
	return list
}
