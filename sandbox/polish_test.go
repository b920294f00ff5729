package sandbox

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
)

const polishPath = "/polish/v2.1/accounts/v2_1.1/getAccounts"

// polish prepares a call of PolishAPI.
func (w *world) polish(token string, change ...func(string) string) *jwsMessage {
	w.Helper()
	id, err := uuid.NewUUID()
	if err != nil {
		w.Fatal(err)
	}
	body := fmt.Sprintf(`{"requestHeader":{"requestId":%q,"userAgent":"x","ipAddress":"81.2.69.160","sendDate":"2026-01-01T10:00:00.000Z","tppId":%q,"token":"x"}}`, id, orgID)
	for _, f := range change {
		body = f(body)
	}
	r := (&request{method: "POST", target: polishPath}).json(body)
	r.set("Host", w.bank.Addr().String())
	r.set("Authorization", "Bearer "+token)
	r.set("X-Request-ID", id.String())
	r.set("Accept-Encoding", "identity")
	r.set("Accept-Language", "pl")
	r.set("Accept-Charset", "utf-8")
	return &jwsMessage{request: r, algorithm: "RS256", by: w.qseal, plain: true,
		protected: map[string]any{"kid": x5t(w.qseal), "b64": false, "crit": []string{"b64"}}}
}

func TestPolish(t *testing.T) {
	w := newWorld(t)
	aisp, _ := w.psuToken("aisp", marc)
	resp := w.send(w.polish(aisp).seal(t))
	w.expect(resp, 200, "")
	if header, _ := resp.json(t)["responseHeader"].(map[string]any); header["requestId"] != resp.header.Get("X-Request-ID") {
		t.Error(resp.body)
	}
	for name, test := range map[string]struct {
		change   func(*jwsMessage)
		body     func(string) string
		sentence string
	}{
		"encoded":     {func(m *jwsMessage) { m.plain = false; m.protected["b64"], m.protected["crit"] = nil, nil }, nil, "b64 is not false"},
		"PS256":       {func(m *jwsMessage) { m.algorithm = "PS256" }, nil, "only RS256 is taken"},
		"no kid":      {func(m *jwsMessage) { m.protected["kid"] = nil }, nil, "kid is missing"},
		"charset":     {func(m *jwsMessage) { m.set("Accept-Charset", "latin1") }, nil, "is not utf-8"},
		"language":    {func(m *jwsMessage) { m.del("Accept-Language") }, nil, "the header Accept-Language is missing"},
		"another id":  {func(m *jwsMessage) { m.set("X-Request-ID", uuid.NewString()) }, nil, "is not requestHeader.requestId"},
		"version 4":   {nil, func(b string) string { return b[:31] + uuid.NewString() + b[67:] }, "no UUID of version 1"},
		"no tppId":    {nil, func(b string) string { return strings.Replace(b, "tppId", "x", 1) }, "requestHeader.tppId is missing"},
		"other tppId": {nil, func(b string) string { return strings.Replace(b, orgID, "x", 1) }, "tppId is not the organizationIdentifier"},
		"psu":         {func(m *jwsMessage) { m.set("PSU-IP-Address", "81.2.69.160") }, nil, "is not known here"},
		"no header":   {nil, func(string) string { return "{}" }, "no JSON object with requestHeader"},
		"changed":     {func(m *jwsMessage) { m.finish = func(v string) string { m.json(m.body + " "); return v } }, nil, "does not verify over what was received"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t, w.pki, w.bank}
			var bodies []func(string) string
			if test.body != nil {
				bodies = append(bodies, test.body)
			}
			m := w.polish(aisp, bodies...)
			if test.change != nil {
				test.change(m)
			}
			w.expect(w.send(m.seal(t)), 400, test.sentence)
		})
	}
}
