package diagnose

import (
	"regexp"
	"strings"
)

// secretLine is a line of a signing string whose value is nobody's business. A
// protected header may stand before the first line of a JWS.
var secretLine = regexp.MustCompile(`(?im)^((?:[a-z0-9_=-]*\.)?"?(?:authorization|proxy-authorization|cookie|psu-[a-z0-9-]*|x-fapi-customer[a-z0-9-]*|merchant_key|token)"?(?:;[^:\n]*)?:)([^\n]*)`)

// masked replaces such values by their length.
func (c *check) masked(text string) string {
	text = secretLine.ReplaceAllStringFunc(text, func(line string) string {
		parts := secretLine.FindStringSubmatch(line)
		return parts[1] + " [" + plural(len(strings.TrimSpace(parts[2])), "character") + "]"
	})
	// A client that joined lines otherwise leaves no lines to go by.
	for _, f := range c.in.Request.Fields {
		if value := f.Value(); len(value) > 3 && secretLine.MatchString(f.Name+":") {
			text = strings.ReplaceAll(text, value, "["+plural(len(value), "character")+"]")
		}
	}
	return text
}
