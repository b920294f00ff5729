package tokens

import (
	"bytes"
	"encoding/json"
)

// members are those of a JSON object. Names are case-sensitive; of duplicates
// the last counts.
type members struct {
	values map[string]json.RawMessage
	// complete says that the object came to its end.
	complete bool
}

// salvage reads the members of a JSON object that came as a whole, even if the
// object broke off after them. A byte order mark and what follows the object are
// not looked at.
func salvage(body []byte) members {
	m := members{values: map[string]json.RawMessage{}}
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	decoder := json.NewDecoder(bytes.NewReader(body))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('{') {
		return m
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return m
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return m
		}
		if last := value[len(value)-1]; int(decoder.InputOffset()) == len(body) && last >= '0' && last <= '9' {
			return m // further digits may be missing
		}
		// After '{' and ',' the decoder gives nothing but strings.
		m.values[name.(string)] = value
	}
	closing, err := decoder.Token()
	m.complete = err == nil && closing == json.Delim('}')
	return m
}

// text gives a string member, "" if it is missing, null or no string.
func (m members) text(name string) string {
	value, _ := stringMember(m.values, name)
	return value
}

// refusal gives the error code (RFC 6749 section 5.2) if it can be shown, and
// whether there is one at all.
func (m members) refusal() (code string, refused bool) {
	return refusalIn(m.values)
}
