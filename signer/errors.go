package signer

import "errors"

// Errors of this package wrap one of these. They name headers and settings but
// never hold a header's value, which may be a token or personal data.
var (
	// ErrSpec says that a [Spec] cannot be followed: the configuration is wrong.
	ErrSpec = errors.New("invalid signature settings")
	// ErrKey says that the credentials do not fit the Spec, or that the key
	// refused to sign.
	ErrKey = errors.New("unusable signing key")
	// ErrHeaderMissing says that a header the bank wants signed is absent.
	ErrHeaderMissing = errors.New("header to be signed is missing")
	// ErrHeaderValue says that a part of the request cannot be signed because
	// it would not arrive as signed: control characters, a name that is no
	// token, one header under two spellings.
	ErrHeaderValue = errors.New("request cannot be signed as it stands")
	// ErrBody says that the body cannot be put into the form the bank wants.
	ErrBody = errors.New("body cannot be signed as it stands")
	// ErrSignature says that a signature or what belongs to it did not verify.
	ErrSignature = errors.New("signature does not verify")
)
