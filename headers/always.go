package headers

// always lists what the application's content and its negotiation with the bank
// need. Each is an end-to-end header that describes the body or the wished
// answer and says nothing about the TPP's inside.
var always = []string{
	"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", // the wished form of the answer (RFC 9110 section 12.5)
	"Content-Type", "Content-Encoding", "Content-Language", // the body, which leaves as it came
	"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", // conditions (RFC 9110 section 13); losing If-Match loses an update
	"Cache-Control", // the wish for a fresh answer
	"User-Agent",    // some banks refuse requests without one; set it to "" to keep the software's name in
	// Losing either would turn a repeated payment into a second one. The second
	// is the name in the UK's Open Banking standard.
	"Idempotency-Key", "X-Idempotency-Key",
}
