package sandbox

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
)

// write gives the one form of an item (RFC 8941 section 4.1.3).
func (i sfItem) write() (string, error) {
	switch i.kind {
	case sfInteger:
		return strconv.FormatInt(i.number, 10), nil
	case sfString:
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(i.text) + `"`, nil
	case sfToken:
		return i.text, nil
	case sfBytes:
		return ":" + base64.StdEncoding.EncodeToString(i.bytes) + ":", nil
	case sfBoolean:
		if i.truth {
			return "?1", nil
		}
		return "?0", nil
	}
	return "", errors.New("it has no value")
}

// writeParameters gives the one form of parameters; true is left out.
func writeParameters(params []sfParameter) (string, error) {
	var out strings.Builder
	for _, p := range params {
		out.WriteString(";" + p.name)
		if p.item.kind == sfBoolean && p.item.truth {
			continue
		}
		text, err := p.item.write()
		if err != nil {
			return "", err
		}
		out.WriteString("=" + text)
	}
	return out.String(), nil
}

// writeInner gives the one form of an inner list with its parameters.
func (m *sfMember) writeInner() (string, error) {
	var entries []string
	for _, e := range m.list {
		text, err := e.item.write()
		if err != nil {
			return "", err
		}
		params, err := writeParameters(e.params)
		if err != nil {
			return "", err
		}
		entries = append(entries, text+params)
	}
	params, err := writeParameters(m.params)
	return "(" + strings.Join(entries, " ") + ")" + params, err
}
