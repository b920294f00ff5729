// Package headers decides which request headers of the application may leave
// towards a bank. It is an allow-list: what neither the application's content
// needs nor the bank's profile names is dropped, so that nothing of the TPP's
// inside (proxy chains, cookies, trace ids) gets out, and so that nothing the
// application sends can be taken for what the sidecar vouches for.
package headers
