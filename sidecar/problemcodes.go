package sidecar

import (
	"net/http"
	"slices"
)

// Codes of local refusals. They are stable: an app may compare with them.
const (
	CodeUnknownASPSP         Code = "unknown-aspsp"
	CodeOutsideBaseURL       Code = "path-outside-base-url"
	CodeMethodRefused        Code = "method-refused"
	CodeUpgradeRefused       Code = "upgrade-refused"
	CodeBodyTooLarge         Code = "body-too-large"
	CodeBodyUnreadable       Code = "body-unreadable"
	CodeHeaderInvalid        Code = "header-invalid"
	CodeControlHeader        Code = "control-header-unknown"
	CodeGrantName            Code = "grant-name-invalid"
	CodeGrantsOff            Code = "grants-not-configured"
	CodeGrantUnknown         Code = "grant-unknown"
	CodeGrantElsewhere       Code = "grant-of-another-endpoint"
	CodeGrantQuarantined     Code = "grant-quarantined"
	CodeAuthorizationLost    Code = "authorization-answer-lost"
	CodeIDToken              Code = "id-token-not-validated"
	CodeGrantUsedUp          Code = "grant-without-refresh-token"
	CodeGrantDamaged         Code = "grant-record-damaged"
	CodeConsentExpired       Code = "consent-expired"
	CodeConsentRevoked       Code = "consent-revoked"
	CodeVaultUnavailable     Code = "vault-unavailable"
	CodeVaultKey             Code = "vault-key-missing"
	CodeTokenForm            Code = "token-request-invalid"
	CodeRedirectURI          Code = "redirect-uri-not-allowed"
	CodeAuthorizeOff         Code = "authorize-not-configured"
	CodeAuthorizeParameter   Code = "authorize-parameter-invalid"
	CodeReturnURL            Code = "return-url-not-allowed"
	CodeCallbackState        Code = "callback-state-unknown"
	CodeCallbackParameter    Code = "callback-parameter-invalid"
	CodeCallbackIssuer       Code = "callback-issuer-wrong"
	CodePSUInvalid           Code = "psu-header-invalid"
	CodePSURequired          Code = "psu-context-required"
	CodePSUIncomplete        Code = "psu-context-incomplete"
	CodeAuthorizationRefused Code = "authorization-not-allowed"
	CodeTokenMissing         Code = "token-missing"
	CodeTokenEndpointClosed  Code = "token-endpoint-closed"
	CodeFallbackRefused      Code = "fallback-not-allowed"
	CodeFallbackReason       Code = "fallback-reason-missing"
	CodeTokenRefused         Code = "token-refused"
	CodeClientRefused        Code = "client-refused-by-bank"
	CodeTokenUnavailable     Code = "token-endpoint-unavailable"
	CodeTokenTimeout         Code = "token-endpoint-timeout"
	CodeTokenMalformed       Code = "token-answer-malformed"
	CodeTokenUndelivered     Code = "token-not-delivered"
	CodeDeliveryUnexpected   Code = "token-delivery-unexpected"
	CodeDeliveryRepeated     Code = "token-delivery-repeated"
	CodeDeliveryMalformed    Code = "token-delivery-malformed"
	CodeDeliveryTooLong      Code = "token-delivery-too-long"
	CodeTokenMisconfigured   Code = "token-misconfigured"
	CodeSignedHeaderMissing  Code = "signed-header-missing"
	CodeBodyNotSignable      Code = "body-not-signable"
	CodeSecretUnreadable     Code = "secret-unreadable"
	CodeSigningFailed        Code = "signing-failed"
	CodeCertificateUnusable  Code = "certificate-unusable"
	CodeCertificateRefused   Code = "certificate-refused-by-bank"
	CodeBankCertificate      Code = "bank-certificate-untrusted"
	CodeBankUnreachable      Code = "bank-unreachable"
	CodeBankConnectTimeout   Code = "bank-connect-timeout"
	CodeBankTimeout          Code = "bank-timeout"
	CodeBankConnectionLost   Code = "bank-connection-lost"
	CodeBankAnswerUnreadable Code = "bank-answer-unreadable"
	CodeAnswerSignature      Code = "bank-answer-signature"
	CodeRewrittenAfterChecks Code = "rewritten-after-checks"
	CodeWithoutExchange      Code = "transport-without-exchange"
	CodeInternal             Code = "internal-error"
)

// problems is the table of all refusals; docs/errors.md shows the same and a
// test keeps it so.
var problems = []Problem{
	{CodeUnknownASPSP, http.StatusNotFound, "no ASPSP is configured for this address", "check the path or host the app calls against the aspsp blocks of the configuration"},
	{CodeOutsideBaseURL, http.StatusNotFound, "the path is outside every base_url configured for this host", "call a path below an ASPSP's base_url, or configure an ASPSP for it"},
	{CodeMethodRefused, http.StatusMethodNotAllowed, "this method cannot be passed to a bank", "for an HTTP proxy setting, use a plain http:// URL of the bank: the sidecar cannot sign inside a CONNECT tunnel"},
	{CodeUpgradeRefused, http.StatusBadRequest, "protocol upgrades cannot be passed to a bank", "call without Connection: Upgrade"},
	{CodeBodyTooLarge, http.StatusRequestEntityTooLarge, "the request body is larger than the configured limit", "send less, or raise max_body of the ASPSP"},
	{CodeBodyUnreadable, http.StatusBadRequest, "the request body could not be read to its end", "send the body completely, with a correct Content-Length or chunked framing"},
	{CodeHeaderInvalid, http.StatusBadRequest, "a request header cannot be passed on safely", "correct the header that the detail names"},
	{CodeControlHeader, http.StatusBadRequest, "an unknown Sidecar-* control header", "check its spelling: Sidecar-Grant and Sidecar-Fallback exist"},
	{CodeGrantName, http.StatusBadRequest, "Sidecar-Grant holds no name of a grant", "send it once, with 1 to 128 visible ASCII characters"},
	{CodeGrantsOff, http.StatusNotImplemented, "this sidecar keeps no grants", "add a vault block with a key to the tpp global option"},
	{CodeGrantUnknown, http.StatusNotFound, "no grant of this name is known", "have the PSU authorize at the bank, under this name; check the name first"},
	{CodeGrantElsewhere, http.StatusConflict, "the grant was made at another token endpoint, or for another client_id", "compare token_endpoint and client_id of the ASPSP with those the grant was made with; a bank's sandbox and its live system do not share grants; if the bank itself has moved, bind the grant anew (caddy tpp grants adopt)"},
	{CodeGrantQuarantined, http.StatusConflict, "it is not known whether the bank has taken the grant's refresh token", "nobody needs to log in yet: an operator releases the grant for one more try (caddy tpp grants release), or the PSU authorizes anew"},
	{CodeAuthorizationLost, http.StatusConflict, "the bank's answer to the authorization code was lost", "have the PSU authorize at the bank again: a code can be used once, and nobody knows whether it was"},
	{CodeIDToken, http.StatusConflict, "the id_token of this authorization does not hold, or could not be validated", "nobody needs to log in yet: an operator looks at the sidecar's log, and releases the grant if all is well (caddy tpp grants release)"},
	{CodeGrantUsedUp, http.StatusForbidden, "the access token has ended, and the bank gave no refresh token", "have the PSU authorize at the bank again"},
	{CodeGrantDamaged, http.StatusInternalServerError, "the grant's record cannot be read", "restore the record from a backup of the storage (a copy was kept aside), or have the PSU authorize anew"},
	{CodeConsentExpired, http.StatusForbidden, "the PSU's strong authentication is too old", "have the PSU authorize at the bank again"},
	{CodeConsentRevoked, http.StatusForbidden, "the authorization was revoked", "do not call for this PSU; if they want it, have them authorize at the bank again"},
	{CodeVaultUnavailable, http.StatusServiceUnavailable, "the storage that holds the grants cannot be used", "retry later, nobody needs to log in again; check the storage and the space on its disk"},
	{CodeVaultKey, http.StatusInternalServerError, "the grant's record was encrypted with a key that is not configured", "add the key that the sidecar's log names to the vault block"},
	{CodeTokenForm, http.StatusBadRequest, "the token request cannot be made into one for the bank", "post grant_type=authorization_code with code and redirect_uri as a form; the sidecar refreshes by itself"},
	{CodeRedirectURI, http.StatusBadRequest, "redirect_uri is not the one configured for this ASPSP", "use the redirect_uri that is registered at the bank, in the authorize request as well"},
	{CodeAuthorizeOff, http.StatusNotImplemented, "PSUs cannot be sent to this bank by the sidecar", "configure redirect_uri, return_urls and, if the profile has none, token { authorize { endpoint } } for this ASPSP"},
	{CodeAuthorizeParameter, http.StatusBadRequest, "the authorize call has not the parameters that this bank needs", "call it with aspsp, grant and return_url, with consent exactly where the profile has a place for it; scope is optional"},
	{CodeReturnURL, http.StatusBadRequest, "return_url is not among the addresses that are allowed", "add its origin and path to return_urls of the ASPSP"},
	{CodeCallbackState, http.StatusBadRequest, "this answer belongs to no authorization that is under way", "begin again: an authorization can be answered once, within ten minutes"},
	{CodeCallbackParameter, http.StatusBadRequest, "the bank's answer to the authorization cannot be read", "begin again; if it stays, compare the callback's address with redirect_uri"},
	{CodeCallbackIssuer, http.StatusBadRequest, "the answer to the authorization comes from another issuer", "begin again; if it stays, compare token { issuer } with the bank's metadata"},
	{CodePSUInvalid, http.StatusBadRequest, "a PSU header holds a value that must not be sent", "send the PSU's real values; leave the header out where there is none"},
	{CodePSURequired, http.StatusBadRequest, "this operation needs the PSU's context", "send PSU-IP-Address with the PSU's public address, or call when the PSU is present"},
	{CodePSUIncomplete, http.StatusBadRequest, "PSU headers without PSU-IP-Address", "add PSU-IP-Address if the PSU is present; send no PSU header at all if not"},
	{CodeAuthorizationRefused, http.StatusBadRequest, "the app sent an Authorization header of its own", "leave it out, or configure token { from_app } for this ASPSP"},
	{CodeTokenMissing, http.StatusBadRequest, "the bank wants an access token and none is available", "name a grant in Sidecar-Grant, send Authorization: Bearer with token { from_app }, or configure token { grant client_credentials } if the bank offers it"},
	{CodeTokenEndpointClosed, http.StatusForbidden, "the token endpoint is not open to the app", "the sidecar fetches tokens itself; name the grant in Sidecar-Grant to exchange a code, or configure token { from_app } if the app must call it"},
	{CodeFallbackRefused, http.StatusForbidden, "the fallback interface may not be used here", "configure fallback on for this ASPSP, and ask for it only on the operation the profile names"},
	{CodeFallbackReason, http.StatusBadRequest, "the fallback interface was asked for without a reason", "give the reason in Sidecar-Fallback; it is logged for the authority (RTS article 33)"},
	{CodeTokenRefused, http.StatusBadGateway, "the bank refused an access token", "see oauth_error: invalid_client means the bank does not know this certificate or client_id, invalid_scope that the scope is not granted"},
	{CodeClientRefused, http.StatusBadGateway, "the bank refused this TPP at its token endpoint", "nobody needs to log in again; check at the bank that this certificate and client_id are registered, not revoked and not replaced"},
	{CodeTokenUnavailable, http.StatusBadGateway, "the bank's token endpoint is not available", "retry later; nobody needs to log in again"},
	{CodeTokenTimeout, http.StatusGatewayTimeout, "the bank's token endpoint did not answer in time", "retry later; nobody needs to log in again"},
	{CodeTokenMalformed, http.StatusBadGateway, "the bank's token endpoint gave an unusable answer", "retry later; if it stays, compare token { endpoint } with the bank's documentation"},
	{CodeTokenUndelivered, http.StatusGatewayTimeout, "the bank was asked for a token and has delivered none in time", "check that the address registered at the bank leads to tpp_token_inbox, and its log; raise token { delivered { wait } } if the bank is slow"},
	{CodeDeliveryUnexpected, http.StatusConflict, "a token was delivered that nobody waits for", "to the bank: deliver when asked; if it came too late, raise token { delivered { wait } }"},
	{CodeDeliveryRepeated, http.StatusGone, "a token was delivered already", "to the bank: deliver one token for each request"},
	{CodeDeliveryMalformed, http.StatusBadRequest, "a delivery holds no usable token", "to the bank: post a form with the token once; compare its name and length with token { delivered } of the ASPSP"},
	{CodeDeliveryTooLong, http.StatusRequestEntityTooLarge, "a delivered token is longer than expected", "compare its length with token { delivered { max_length } } of the ASPSP"},
	{CodeTokenMisconfigured, http.StatusInternalServerError, "no token can be asked for as configured", "see the cause in the sidecar's log; check token, client_id and token_endpoint of the ASPSP"},
	{CodeSignedHeaderMissing, http.StatusBadRequest, "a header that this bank wants signed is missing", "send the header that the detail names"},
	{CodeBodyNotSignable, http.StatusBadRequest, "the body cannot be put into the form that this bank wants signed", "send a JSON object without the members that the detail names"},
	{CodeSecretUnreadable, http.StatusInternalServerError, "a secret cannot be read", "check the {file./path} or {env.NAME} of what the detail names"},
	{CodeSigningFailed, http.StatusInternalServerError, "the request could not be signed", "check the QSEAL key and, if it lives in a device, that device"},
	{CodeCertificateUnusable, http.StatusServiceUnavailable, "the identity's certificate cannot be used", "replace the file that the detail names; it is picked up without a restart"},
	{CodeCertificateRefused, http.StatusBadGateway, "the bank refused this TLS client certificate", "check at the bank that this QWAC is registered, not revoked and not replaced"},
	{CodeBankCertificate, http.StatusBadGateway, "the bank's TLS certificate is not trusted", "add the bank's certification authority with trust_pool, after checking it with the bank"},
	{CodeBankUnreachable, http.StatusBadGateway, "the bank cannot be reached", "check DNS, firewall and base_url; nothing was sent"},
	{CodeBankConnectTimeout, http.StatusGatewayTimeout, "connecting to the bank took too long", "check the network path, or raise connect_timeout; nothing was sent"},
	{CodeBankTimeout, http.StatusGatewayTimeout, "the bank did not answer in time", "find out whether the request was processed before repeating it"},
	{CodeBankConnectionLost, http.StatusBadGateway, "the connection to the bank broke before its answer", "find out whether the request was processed before repeating it"},
	{CodeBankAnswerUnreadable, http.StatusBadGateway, "the bank's answer is not valid HTTP", "find out whether the request was processed before repeating it"},
	{CodeAnswerSignature, http.StatusBadGateway, "the signature of the bank's answer is not valid", "the bank has answered, so find out whether the request was processed before repeating it; compare the responses section and its keys with the bank's documentation"},
	{CodeRewrittenAfterChecks, http.StatusInternalServerError, "the request was rewritten after it was checked", "remove rewrite and method from tpp_proxy; rewrite before it instead"},
	{CodeWithoutExchange, http.StatusInternalServerError, "a request reached the tpp transport without the tpp handler", "use the tpp_proxy directive, or put the tpp handler before reverse_proxy"},
	{CodeInternal, http.StatusInternalServerError, "the sidecar failed", "see the sidecar's log for this request_id"},
}

// Problems returns the table of all refusals, for documentation.
func Problems() []Problem { return slices.Clone(problems) }
