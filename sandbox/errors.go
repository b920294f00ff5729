package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Media types of answers (BPCE API reference).
const (
	typeHAL     = "application/hal+json; charset=utf-8"
	typeJSON    = "application/json; charset=utf-8"
	typeProblem = "application/json; charset=utf-8"
	typeJWT     = "application/jwt"
)

// problem is one check that failed: what the bank answers and why. Text is a
// sentence that names headers and fields but no personal data.
type problem struct {
	Status int
	Code   string
	Text   string
}

// refuse makes a problem.
func refuse(status int, code, format string, args ...any) *problem {
	return &problem{status, code, fmt.Sprintf(format, args...)}
}

// Codes of the STET API in BPCE's product page, and of this package's own
// making where that page has none.
const (
	codeAccountNumber = "AC01" // wrong or unknown account
	codeClosed        = "AC04" // closed account
	codeBlocked       = "AC06" // blocked account
	codeFormat        = "FF01" // body not in the STET format
	codeScope         = "BADS" // token of another role
	codeInternal      = "INTE"
	codeNotGranted    = "NGAC" // account not consented
	codeVerb          = "NIMP" // wrong verb
	codeTooMany       = "TMRQ"
	codeCertificate   = "CERTIFICATE_INVALID"
	codeSignature     = "SIGNATURE_INVALID"
	codeSigMissing    = "SIGNATURE_MISSING"
	codeRequest       = "FORMAT_ERROR"
	codeToken         = "TOKEN_INVALID"
	codeResource      = "RESOURCE_UNKNOWN"
)

// answer is what goes back, kept in one piece so that it can be recorded,
// delayed or cut before anything is sent.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func newAnswer(status int, mediaType string, body []byte) *answer {
	h := http.Header{}
	if mediaType != "" {
		h.Set("Content-Type", mediaType)
	}
	return &answer{status, h, body}
}

// asJSON makes an answer of any value; the values are this package's own, so
// encoding cannot fail.
func asJSON(status int, mediaType string, v any) *answer {
	body, err := json.Marshal(v)
	if err != nil {
		return newAnswer(http.StatusInternalServerError, typeProblem, []byte(`{"error":"INTE"}`))
	}
	return newAnswer(status, mediaType, body)
}

// stetError is the envelope of an error. BPCE does not print one: the fields
// are those of STET's ErrorModel, error holds the code, problems is ours.
type stetError struct {
	Timestamp string   `json:"timestamp"`
	Status    int      `json:"status"`
	Error     string   `json:"error"`
	Message   string   `json:"message"`
	Path      string   `json:"path"`
	Problems  []string `json:"problems"`
}

// refusal answers with the first problem's status and all problems' texts.
func (c *call) refusal(problems []*problem) *answer {
	first := problems[0]
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.Text
	}
	var a *answer
	switch {
	case c.endpoint.dialect == dialectToken || c.endpoint.name == operationToken:
		a = tokenError(first, texts)
	case c.endpoint.dialect == dialectBerlin || c.endpoint.dialect == dialectGeorgia || c.endpoint.dialect == dialectINGJWS:
		a = berlinError(problems)
	case c.endpoint.dialect == dialectPayline:
		a = soapFault(first.Status, texts)
	case c.endpoint.dialect == dialectCarat:
		a = c.caratError(first.Status, texts)
	case c.endpoint.dialect.openBanking():
		a = c.obieError(problems)
	case c.endpoint.dialect == dialectBrasil:
		a = brasilError(c.bank.now(), problems)
	case c.endpoint.dialect == dialectPolish:
		a = c.polishError(first, texts)
	default:
		a = asJSON(first.Status, typeProblem, stetError{
			Timestamp: c.bank.now().UTC().Format(time.RFC3339Nano), Status: first.Status, Error: first.Code,
			Message: strings.Join(texts, "; "), Path: c.r.URL.Path, Problems: texts,
		})
	}
	if first.Status == http.StatusMethodNotAllowed && c.endpoint.method != "" {
		a.header.Set("Allow", c.endpoint.method)
	}
	if _, ok := c.msg.first("authorization"); ok && first.Code == "invalid_client" && c.endpoint.dialect == dialectToken {
		// RFC 6749 section 5.2.
		a.header.Set("WWW-Authenticate", "Basic")
	}
	switch {
	case first.Status == http.StatusUnauthorized && c.endpoint.dialect == dialectPayline:
		a.header.Set("WWW-Authenticate", `Basic realm="Payline"`)
	case first.Status == http.StatusUnauthorized && first.Code == codeToken:
		a.header.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	}
	return a
}
