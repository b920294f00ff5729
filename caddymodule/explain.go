package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-tpp/caddy-tpp/capture"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// Explain says how a captured request of the app would leave for an ASPSP of a
// configuration, without starting it. Only the app "tpp" and the storage are
// loaded; config is JSON, as Caddy reads it. aspsp may be empty where the request
// itself tells, or there is one only.
func Explain(config []byte, aspsp string, captured *capture.Request, options sidecar.ExplainOptions) (*sidecar.Explanation, error) {
	reduced, err := reduceConfig(config)
	if err != nil {
		return nil, err
	}
	ctx, err := caddy.ProvisionContext(reduced)
	if err != nil {
		return nil, err
	}
	app, err := appOf(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = app.Cleanup() }()
	return app.explain(aspsp, captured, options)
}

// reduceConfig leaves of a configuration what explaining needs, so that nothing
// else has to be there, and nothing is logged beside the explanation.
func reduceConfig(config []byte) (*caddy.Config, error) {
	var full struct {
		Apps    map[string]json.RawMessage `json:"apps"`
		Storage json.RawMessage            `json:"storage"`
	}
	if err := json.Unmarshal(config, &full); err != nil {
		return nil, fmt.Errorf("the configuration is no JSON object: %w", err)
	}
	tpp, ok := full.Apps["tpp"]
	if !ok {
		return nil, errors.New("the configuration has no tpp app: add the global option tpp { … } with an identity and an aspsp")
	}
	silent := &caddy.CustomLog{BaseLog: caddy.BaseLog{Level: "ERROR"}}
	return &caddy.Config{
		Admin:      &caddy.AdminConfig{Disabled: true},
		Logging:    &caddy.Logging{Logs: map[string]*caddy.CustomLog{"default": silent}},
		StorageRaw: full.Storage,
		AppsRaw:    caddy.ModuleMap{"tpp": tpp},
	}, nil
}

// explain finds the ASPSP of a captured request and has it explained.
func (a *App) explain(aspsp string, captured *capture.Request, options sidecar.ExplainOptions) (*sidecar.Explanation, error) {
	req, err := appRequest(captured)
	if err != nil {
		return nil, err
	}
	req, route, err := a.explainRoute(aspsp, req)
	if err != nil {
		return nil, err
	}
	repl := caddyhttp.NewTestReplacer(req)
	return route.Explain(req, func(template string) string { return repl.ReplaceAll(template, "") }, options), nil
}

// explainRoute finds the ASPSP that a request is for: by the bank's host, else by
// name, which the path may begin with as it does below a tpp_proxy of that name.
func (a *App) explainRoute(name string, req *http.Request) (*http.Request, sidecar.Route, error) {
	if route, err := a.registry.RouteByHost(req); err == nil && (name == "" || route.ASPSP.Name() == name) {
		return req, route, nil
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(req.URL.EscapedPath(), "/"), "/")
	names := a.registry.Names()
	switch {
	case name != "":
	case a.registry.Get(first) != nil:
		name = first
	case len(names) == 1:
		name = names[0]
	}
	found := a.registry.Get(name)
	if found == nil {
		return nil, sidecar.Route{}, fmt.Errorf("which ASPSP is it for? Neither host nor path tell; configured are: %s", strings.Join(names, ", "))
	}
	if first == name {
		if stripped, ok := stripPrefix(req, "/"+name); ok {
			req = stripped
		}
	}
	return req, sidecar.Route{ASPSP: found}, nil
}

// appRequest makes a captured request into one as net/http's server hands it over.
func appRequest(captured *capture.Request) (*http.Request, error) {
	target, err := url.ParseRequestURI(captured.Target)
	if err != nil {
		return nil, errors.New("the request-target cannot be read")
	}
	req := &http.Request{
		Method: captured.Method, URL: target, RequestURI: captured.Target, Host: captured.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header),
		Body: io.NopCloser(bytes.NewReader(captured.Body)), ContentLength: int64(len(captured.Body)),
	}
	for _, field := range captured.Fields {
		switch key := http.CanonicalHeaderKey(field.Name); key {
		case "Host", "Content-Length", "Transfer-Encoding":
		default:
			req.Header.Add(key, field.Value())
		}
	}
	return req, nil
}
