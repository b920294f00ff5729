package sandbox

import (
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Headers of Open Banking (Read/Write API 3.1.x, "Request Headers"), which Open
// Finance Brasil took over.
const (
	customerIP     = "x-fapi-customer-ip-address"
	idempotencyKey = "x-idempotency-key"
)

// checkFAPI looks at the x-fapi-* headers. The PSU's presence is said by
// x-fapi-customer-ip-address: with it everything about the PSU may come,
// without it nothing.
func (c *call) checkFAPI() {
	if id, ok := c.msg.first("x-fapi-interaction-id"); ok && (len(id) != 36 || uuid.Validate(id) != nil) {
		c.fail(http.StatusBadRequest, codeRequest, "the header x-fapi-interaction-id is no UUID")
	}
	if at, ok := c.msg.first("x-fapi-auth-date"); ok {
		if t, err := time.Parse(http.TimeFormat, at); err != nil || t.Format(http.TimeFormat) != at {
			c.fail(http.StatusBadRequest, codeRequest, "the header x-fapi-auth-date is not an IMF-fixdate in GMT")
		} else if t.After(c.bank.now().Add(jwtSkew)) {
			c.fail(http.StatusBadRequest, codeRequest, "the header x-fapi-auth-date is in the future")
		}
	}
	ip, present := c.msg.first(customerIP)
	if present {
		if why := psuProblem("psu-ip-address", ip); why != "" {
			c.fail(http.StatusBadRequest, codeRequest, "the header %s %s", customerIP, why)
		}
	}
	for _, f := range c.msg.Fields {
		known := []string{"x-fapi-interaction-id", "x-fapi-auth-date", "x-fapi-financial-id", customerIP}
		switch {
		case strings.HasPrefix(f.Lower, "psu-"):
			c.fail(http.StatusBadRequest, codeRequest, "the header %s is not known here; the PSU's address is sent as %s", f.Name, customerIP)
		case strings.HasPrefix(f.Lower, "x-fapi-") && !slices.Contains(known, f.Lower):
			c.fail(http.StatusBadRequest, codeRequest, "the header %s is not known", f.Name)
		case f.Lower == "x-customer-user-agent" && f.Value == "":
			c.fail(http.StatusBadRequest, codeRequest, "the header %s is empty; leave it out instead", f.Name)
		case f.Lower == "x-customer-user-agent" && !present:
			c.fail(http.StatusBadRequest, codeRequest, "x-customer-user-agent is there, but %s is missing", customerIP)
		}
	}
}

// checkIdempotencyKey looks at x-idempotency-key, which POST requests about
// payments must have, and no others.
func (c *call) checkIdempotencyKey(due bool) {
	key, ok := c.msg.first(idempotencyKey)
	switch {
	case due && !ok:
		c.fail(http.StatusBadRequest, codeRequest, "the header %s is missing", idempotencyKey)
	case ok && c.msg.Method != http.MethodPost:
		c.fail(http.StatusBadRequest, codeRequest, "the header %s belongs to POST requests only", idempotencyKey)
	case ok && (key == "" || len(key) > 40):
		c.fail(http.StatusBadRequest, codeRequest, "the header %s is empty or longer than 40 characters", idempotencyKey)
	}
}

// isMedia compares a Content-Type without its parameters.
func isMedia(value, want string) bool {
	media, _, err := mime.ParseMediaType(value)
	return err == nil && media == want
}
