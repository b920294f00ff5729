package diagnose

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/capture"
)

const requestTarget = "(request-target)"

// targetForm is a request-target as it may have been signed.
type targetForm struct {
	text, what string
}

// targetForms are those of a request, as sent first.
func targetForms(r *capture.Request) []targetForm {
	path, query, hasQuery := strings.Cut(r.Target, "?")
	list := []targetForm{{r.Target, ""}}
	add := func(text, what string) {
		for _, f := range list {
			if f.text == text {
				return
			}
		}
		list = append(list, targetForm{text, what})
	}
	// mark gives the query back to a changed path.
	mark := func(p string) string {
		if hasQuery {
			return p + "?" + query
		}
		return p
	}
	if hasQuery {
		add(path, "the path without the query")
		if plain, err := url.QueryUnescape(query); err == nil {
			add(path+"?"+plain, "the query decoded")
		}
		if plain, err := url.PathUnescape(query); err == nil {
			add(path+"?"+plain, "the query decoded")
		}
		if values, err := url.ParseQuery(query); err == nil {
			add(path+"?"+values.Encode(), "the query encoded anew")
			add(path+"?"+strings.ReplaceAll(values.Encode(), "+", "%20"), "the query encoded anew")
		}
		add(path+"?"+strings.ReplaceAll(query, ",", "%2C"), "the query encoded anew")
		add(path+"?"+strings.ReplaceAll(query, ":", "%3A"), "the query encoded anew")
	} else {
		add(path+"?", "the path with a question mark after it")
	}
	if plain, err := url.PathUnescape(path); err == nil {
		add(mark(plain), "the path decoded")
		add(mark((&url.URL{Path: plain}).EscapedPath()), "the path encoded anew")
	}
	if whole, err := url.PathUnescape(r.Target); err == nil {
		add(whole, "path and query decoded")
	}
	add(mark(strings.TrimSuffix(path, "/")), "the path without the slash at its end")
	add(mark(path+"/"), "the path with a slash at its end")
	add(mark(strings.ToLower(path)), "the path in lower case")
	add(strings.ToLower(r.Target), "path and query in lower case")
	add(mark(strings.TrimPrefix(path, "/")), "the path without the slash in front")
	for rest := path[min(1, len(path)):]; ; {
		i := strings.IndexByte(rest, '/')
		if i < 0 {
			break
		}
		rest = rest[i+1:]
		const what = "the path without the base path in front: a gateway added it, or the client signed the path it was configured with"
		add(mark("/"+rest), what)
		add("/"+rest, what+", and without the query")
	}
	for _, scheme := range []string{"https", "http"} {
		add(scheme+"://"+r.Host+r.Target, "the whole URL")
		add(scheme+"://"+r.Host+path, "the whole URL without the query")
	}
	return list
}

// targetPart makes the line (request-target).
func targetPart(r *capture.Request) part {
	p := part{name: requestTarget}
	method := strings.ToLower(r.Method)
	forms := targetForms(r)
	line := func(method, target string) string { return requestTarget + ": " + method + " " + target }
	for _, f := range forms {
		v := variant{text: line(method, f.text)}
		if f.what != "" {
			v.finding = finding(TargetForm, fmt.Sprintf("(request-target) was signed with %s.", f.what), "signed form", f.what)
		}
		p.add(v)
	}
	for _, f := range forms {
		with := ""
		if f.what != "" {
			with = ", and with " + f.what
		}
		p.add(variant{text: line(r.Method, f.text), finding: finding(MethodForm, fmt.Sprintf("(request-target) was signed with the method as sent, not in lower case%s.", with))})
		p.add(variant{text: line(strings.ToUpper(r.Method), f.text), finding: finding(MethodForm, fmt.Sprintf("(request-target) was signed with the method in capitals, not in lower case%s.", with))})
		for _, other := range []string{"post", "get", "put", "delete", "patch"} {
			p.add(variant{text: line(other, f.text), finding: finding(MethodForm, fmt.Sprintf("(request-target) was signed with the method %s, but the request is a %s%s.", other, strings.ToUpper(r.Method), with))})
		}
		p.add(variant{text: requestTarget + ": " + f.text, finding: finding(MethodForm, fmt.Sprintf("(request-target) was signed without the method%s.", with))})
	}
	p.add(variant{absent: true, finding: finding(HeaderDropped, "(request-target) is listed as signed, but the signature was made without its line.")})
	return p
}
