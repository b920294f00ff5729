// Package authorize owns the redirect of an authorization: it sends the PSU to
// the bank (RFC 6749 section 4.1.1) and takes the answer that the PSU's browser
// brings back (section 4.1.2), for apps that leave both to the sidecar.
//
// [Flow.Begin] makes the address at the bank, with state and, where the profile
// says so, a code challenge (RFC 7636), a nonce, a signed request object
// (RFC 9101) or a pushed request (RFC 9126). What must be known again when the
// PSU comes back is kept in the vault under the state's hash. [Flow.Finish]
// consumes the state, exchanges the code through package grants, and says where
// the PSU goes on to.
//
// A state is good once, on whatever instance, and for one ASPSP, grant and
// redirect_uri. The PSU is only ever sent on to an allow-listed address.
//
// A state says which flow an answer belongs to, not whose browser brings it: the
// sidecar sees no session of the app. So the app must check, where the PSU
// arrives with sidecar_result=granted, that this session is the one that began
// the grant, before it uses the grant. Otherwise somebody could have a stranger
// authorize at the bank for him.
package authorize
