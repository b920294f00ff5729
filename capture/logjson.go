package capture

import (
	"encoding/base64"
	"strings"
)

// maxDepth bounds requests within strings within requests.
const maxDepth = 3

// requestsInJSON looks for requests in one or several JSON values.
func requestsInJSON(data []byte, depth int) []*Request {
	var found []*Request
	for _, v := range decodeAll(data) {
		found = v.requests(found, depth)
	}
	return found
}

// requests collects the requests of a value, outer ones first.
func (v *value) requests(found []*Request, depth int) []*Request {
	if len(found) >= maxCandidates {
		return found
	}
	switch v.kind {
	case kindObject:
		if r := v.request(); r != nil {
			return append(found, r)
		}
		for i := range v.members {
			found = v.members[i].value.requests(found, depth)
		}
	case kindArray:
		for i := range v.items {
			found = v.items[i].requests(found, depth)
		}
	case kindString:
		if depth < maxDepth && written.MatchString(v.text) {
			if r, err := ParseRaw([]byte(v.text)); err == nil {
				return append(found, r)
			}
			found = append(found, requestsInText(v.text, depth+1)...)
		}
	}
	return found
}

// plainKey makes httpMethod, request_method and req.method the same.
func plainKey(key string) string {
	key = strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(strings.ToLower(key))
	for _, prefix := range []string{"http", "request", "req", "http"} {
		if rest := strings.TrimPrefix(key, prefix); rest != "" {
			key = rest
		}
	}
	return key
}

// member finds the first of several names that the object has.
func (v *value) member(names ...string) *value {
	for _, name := range names {
		for i := range v.members {
			if m := &v.members[i]; plainKey(m.name) == name && m.value.kind != kindNull {
				return &m.value
			}
		}
	}
	return nil
}

func (v *value) string(names ...string) string {
	if m := v.member(names...); m != nil && m.kind == kindString {
		return m.text
	}
	return ""
}

// request reads an object that has a method and an address.
func (v *value) request() *Request {
	target := v.string("target", "uri", "url", "pathandquery", "rawpath", "fullpath", "originalurl", "path")
	r := &Request{Form: FormLog, Method: v.string("method", "verb"), Host: v.string("host", "authority", "hostname")}
	if !isToken(r.Method) || target == "" || r.setTarget(target) != nil {
		return nil
	}
	if query := strings.TrimPrefix(v.string("querystring", "rawquery", "query", "search"), "?"); query != "" && !strings.Contains(r.Target, "?") {
		if strings.ContainsAny(query, " \t\r\n\x00") {
			return nil
		}
		r.Target += "?" + query
	}
	if h := v.member("headers", "header", "rawheaders"); h != nil {
		h.fields(r)
	} else if head, err := ParseRaw([]byte(v.string("head", "rawhead"))); err == nil {
		// The lines as they came, as the sandbox bank keeps them.
		r.Target, r.Fields = head.Target, head.Fields
	}
	r.bodyOf(v)
	if r.finish() != nil {
		return nil
	}
	return r
}

// fields reads headers: an object, a list of pairs or of objects, or lines.
func (v *value) fields(r *Request) {
	switch v.kind {
	case kindObject:
		for i := range v.members {
			v.members[i].value.field(r, v.members[i].name)
		}
	case kindArray:
		for i := range v.items {
			item := &v.items[i]
			switch {
			case item.kind == kindObject:
				if value := item.member("value", "values"); value != nil {
					value.field(r, item.string("name", "key"))
				}
			case item.kind == kindArray && len(item.items) == 2:
				item.items[1].field(r, item.items[0].text)
			case item.kind == kindString:
				if name, raw, ok := strings.Cut(item.text, ":"); ok {
					r.addField(name, raw)
				}
			}
		}
	case kindString:
		for line := range strings.Lines(v.text) {
			if name, raw, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
				r.addField(name, raw)
			}
		}
	}
}

// field adds a header, once for each of its values.
func (v *value) field(r *Request, name string) {
	switch v.kind {
	case kindArray:
		for i := range v.items {
			v.items[i].field(r, name)
		}
	case kindString, kindOther:
		if strings.HasPrefix(name, ":") {
			if r.pseudoHeader(name+":"+v.text, 0) == nil {
				r.warn(WarnPseudo, "the request is written with HTTP/2 pseudo-headers")
			}
			return
		}
		r.addField(name, " "+v.text)
	}
}

func (r *Request) addField(name, raw string) {
	if name = trim(name); isToken(name) && !strings.ContainsAny(raw, "\r\n\x00") {
		r.Fields = append(r.Fields, Field{Name: name, Raw: raw})
	} else {
		r.warn(WarnMalformed, "a header of the log is none and was left out")
	}
}

// bodyOf reads the body of an object that is a request.
func (r *Request) bodyOf(v *value) {
	if encoded := v.string("bodybase64", "base64body", "rawbodybase64"); encoded != "" {
		if body, err := base64.StdEncoding.DecodeString(encoded); err == nil {
			r.Body = body
			return
		}
	}
	body := v.member("rawbody", "body", "payload", "bodytext", "postdata", "data", "content", "entity")
	if body != nil && body.kind == kindObject {
		// HAR's postData, and others that wrap the text.
		if text := body.member("text", "raw"); text != nil && text.kind == kindString && body.member("mimetype", "encoding", "mode") != nil {
			body = text
		}
	}
	switch {
	case body == nil:
		if n, known := r.contentLength(); known && n > 0 {
			r.warn(WarnLength, "the log does not hold the body, although Content-Length says that there was one")
		}
		return
	case body.kind == kindString:
		r.Body = []byte(body.text)
		if flag := v.member("isbase64encoded", "bodyisbase64"); flag != nil && flag.text == "true" {
			if decoded, err := base64.StdEncoding.DecodeString(body.text); err == nil {
				r.Body = decoded
			}
		}
	case body.kind == kindObject || body.kind == kindArray:
		r.Body = body.raw
		r.warn(WarnNotExact, "the log holds the body as JSON of its own, which need not be byte for byte what was sent")
	}
	if n, known := r.contentLength(); known && n != len(r.Body) {
		r.warn(WarnLength, "Content-Length and the body in the log disagree")
	}
}
