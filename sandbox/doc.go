// Package sandbox is an embedded ASPSP that demands what a strict bank
// demands and says in plain sentences what was wrong. It serves the STET
// PSD2 API as BPCE publishes it (1.4.0 below /stet/psd2/v1/, 1.4.2 below
// /stet/psd2/v1.4.2/), a few resources of Berlin Group NextGenPSD2 1.3 below
// /berlin/v1/, and one token endpoint for all of them.
//
// Further standards sign messages as a whole, each below its own path: UK Open
// Banking 3.1.x with accounts, payments, confirmation of funds and its own
// authorization server (/obie/, and two variants), Open Banking Europe's JWS
// over headers as Georgia (/georgia/) and ING (/ing-jws/) have it, Open Finance
// Brasil (/brasil/), PolishAPI (/polish/), RFC 9421 (/rfc9421/). Their answers
// are signed, too, or wrongly, as Rules say.
//
// It shares no code with the signing side: header parsing, signing string,
// digest and distinguished names are written here a second time, so that a
// mistake of the signer is not repeated by its judge. Over HTTP/1.1 the
// signature is verified against the bytes as they arrived.
//
// Its authorization server is strict, too: clients authenticate in the one way
// they registered for, codes work once, one pair of tokens lives per PSU, TPP
// and role, and PKCE, pushed and signed requests are verified. What becomes of
// refresh tokens, and what is demanded, is up to Rules. It counts every token
// call. A few resources below /oauth2/ and /v3/ do as ING does.
//
// The token endpoint is /stet/psd2/oauth/token, the code flow begins at
// /stet/psd2/oauth/authorize. A keyId of the form SN=,CA= must carry the serial
// number in hexadecimal and the issuer's name as Java's X500Principal.getName()
// prints it, because that is what the gateways of known banks compare with.
//
// Two payment systems that are no PSD2 APIs stand beside the banks: Payline, with
// SOAP and HTTP Basic or a client certificate, and Carat, with a JWT or a token
// that it posts to the merchant. See ShopOptions.
//
// The bank is for tests and demonstrations. Its accounts, codes and tokens are
// made up; the error envelope and some status codes are choices of this
// package where the public documentation is silent.
package sandbox
