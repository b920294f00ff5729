// Package links rewrites the links in a bank's answer that lead back to the
// bank, so that an app follows them through the sidecar: links of paging,
// "_links", the Location of a created resource. Only what a [Policy] names is
// looked at, and only links that lead below the address the app's paths are
// appended to are changed: nothing else of the bank can be reached through the
// sidecar. Everything beside the changed part of a link stays as it was, byte by
// byte.
//
// The package knows neither Caddy nor net/http servers, and holds no state.
package links
