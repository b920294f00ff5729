package caddymodule

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

const (
	// maxImport bounds one grant that is imported, maxImports a request of many.
	maxImport  = 64 << 10
	maxImports = 16 << 20
	// maxImportLines bounds the work of one request.
	maxImportLines = 10_000
	// typeNDJSON is JSON values, one a line.
	typeNDJSON = "application/x-ndjson"
)

// importGrants imports one grant, or one a line. Answers repeat nothing of what
// was sent: a member in another's place would be a token on a screen.
func (a *Admin) importGrants(w http.ResponseWriter, r *http.Request) {
	aspsp := r.PathValue("aspsp")
	client := a.client(aspsp)
	if client == nil {
		unknownASPSP().write(w)
		return
	}
	contentType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	limit := int64(maxImport)
	if contentType == typeNDJSON {
		limit = maxImports
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		adminRefusal{status: http.StatusRequestEntityTooLarge, Text: fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit),
			Code: sidecar.CodeBodyTooLarge, Remedy: "import many grants as " + typeNDJSON + ", some thousand at a time"}.write(w)
		return
	}
	if err != nil {
		invalid("the body could not be read to its end").write(w)
		return
	}
	if contentType == typeNDJSON {
		a.importLines(w, r, aspsp, client, body)
		return
	}
	name, what, err := parseImport(body)
	if err != nil {
		refusalOf(err).write(w)
		return
	}
	id := grants.ID{ASPSP: aspsp, Name: name}
	a.writeGrant(w, r, http.StatusCreated, id, a.app.grants.Import(r.Context(), id, client, what))
}

// importResult is the answer to one line.
type importResult struct {
	Line        int    `json:"line"`
	Fingerprint string `json:"fingerprint,omitempty"`
	// Status is "imported", or "" with the reason beside it.
	Status string `json:"status,omitempty"`
	adminRefusal
}

// importLines imports one grant a line, and answers each line that is not blank
// with one. A line that is refused stops nothing.
func (a *Admin) importLines(w http.ResponseWriter, r *http.Request, aspsp string, client *grants.Client, body []byte) {
	if bytes.Count(body, []byte("\n")) > maxImportLines {
		invalid(fmt.Sprintf("more than %d lines: send fewer at a time", maxImportLines)).write(w)
		return
	}
	w.Header().Set("Content-Type", typeNDJSON)
	out := bufio.NewWriter(w)
	answers := json.NewEncoder(out)
	number := 0
	for line := range bytes.Lines(body) {
		number++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		result := importResult{Line: number}
		if fingerprint, err := a.importLine(r, aspsp, client, line); err != nil {
			result.Fingerprint, result.adminRefusal = fingerprint, refusalOf(err)
		} else {
			result.Fingerprint, result.Status = fingerprint, "imported"
		}
		if answers.Encode(result) != nil {
			return // the client is gone
		}
	}
	_ = out.Flush()
}

func (a *Admin) importLine(r *http.Request, aspsp string, client *grants.Client, line []byte) (fingerprint string, err error) {
	name, what, err := parseImport(line)
	if err != nil {
		return "", err
	}
	id := grants.ID{ASPSP: aspsp, Name: name}
	return id.Fingerprint(), a.app.grants.Import(r.Context(), id, client, what)
}

// importMembers are the members of an import, and where they go.
func importMembers(name *string, what *grants.Import) map[string]any {
	return map[string]any{
		"grant": name, "refresh_token": &what.RefreshToken, "access_token": &what.AccessToken, "access_expiry": &what.AccessExpiry,
		"scope": &what.Scope, "authorized_at": &what.AuthorizedAt, "consent_until": &what.ConsentUntil, "replace": &what.Replace,
	}
}

// parseImport reads a grant to import: one JSON object with known members, each
// once. Errors are grants.ErrImport and quote nothing of the text.
func parseImport(text []byte) (name string, what grants.Import, err error) {
	wrong := func(format string, values ...any) (string, grants.Import, error) {
		return "", grants.Import{}, fmt.Errorf("%w: "+format, append([]any{grants.ErrImport}, values...)...)
	}
	switch {
	case len(text) > maxImport:
		return wrong("it is longer than %d bytes", maxImport)
	case !utf8.Valid(text):
		// Decoding would silently put another character into a token.
		return wrong("it is not UTF-8")
	}
	members := importMembers(&name, &what)
	known := make([]string, 0, len(members))
	for member := range members {
		known = append(known, member)
	}
	slices.Sort(known)
	decoder := json.NewDecoder(bytes.NewReader(text))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return wrong("it is no JSON object")
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return wrong("it is no valid JSON, at byte %d", decoder.InputOffset())
		}
		member, _ := key.(string)
		into := members[member]
		if into == nil {
			return wrong("a member before byte %d is unknown, or there twice; there are: %s", decoder.InputOffset(), strings.Join(known, ", "))
		}
		if err := decoder.Decode(into); err != nil {
			return wrong("%s is not %s", member, kindOf(into))
		}
		members[member] = nil
	}
	if _, err := decoder.Token(); err != nil {
		return wrong("it is no valid JSON, at byte %d", decoder.InputOffset())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return wrong("something follows the JSON object")
	}
	if name == "" {
		return wrong("grant, the name to keep it under, is missing")
	}
	return name, what, nil
}

// kindOf says what a member has to be.
func kindOf(into any) string {
	switch into.(type) {
	case *time.Time:
		return "a time such as 2026-01-31T10:00:00Z"
	case *bool:
		return "true or false"
	}
	return "a string"
}
