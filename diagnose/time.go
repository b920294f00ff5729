package diagnose

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-tpp/caddy-tpp/capture"
)

// TimeOf is when a request was made by its own account, and what says so: Date,
// created, sigT or iat. It serves as [Input.At] where nothing better is known;
// the zero time means that the request does not say.
func TimeOf(r *capture.Request) (at time.Time, what string) {
	if date, ok := r.Get("Date"); ok {
		if at, err := http.ParseTime(date); err == nil {
			return at, "Date"
		}
	}
	for _, header := range []string{"Signature", "Signature-Input"} {
		value, _ := r.Get(header)
		if at, ok := createdIn(value); ok {
			return at, "created"
		}
	}
	j := findJWS(r)
	if j == nil {
		return time.Time{}, ""
	}
	if at, err := time.Parse(time.RFC3339, j.sigT); err == nil {
		return at, "sigT"
	}
	for name, raw := range j.members {
		var seconds int64
		if strings.HasSuffix(name, "iat") && json.Unmarshal(raw, &seconds) == nil {
			return time.Unix(seconds, 0), "iat"
		}
	}
	return time.Time{}, ""
}

// createdParameter is created as any draft or bank writes it.
var createdParameter = regexp.MustCompile(`\bcreated\)?="?([0-9]{1,15})\b`)

func createdIn(value string) (time.Time, bool) {
	found := createdParameter.FindStringSubmatch(value)
	if found == nil {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(found[1], 10, 64)
	return time.Unix(n, 0), err == nil
}
