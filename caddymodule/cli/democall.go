package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// demoBody asks whether Marc's account covers 12.45 euros; it is one of the
// bank's acceptance tests.
const demoBody = `{"paymentCoverageRequestId":"MyCoverage123456",` +
	`"instructedAmount":{"currency":"EUR","amount":"12.45"},` +
	`"accountId":{"iban":"FR7613807008043001965405255"}}`

// demoPSU is the end user's address in the demo: it has to be a public one,
// since a bank, and the sidecar, refuse all others.
const demoPSU = "9.9.9.9"

// plainRequest is what a legacy app sends: no signature, no token, no certificate.
func plainRequest(address string) string {
	return strings.Join([]string{
		"POST /bpgo/funds-confirmations HTTP/1.1",
		"Host: " + address,
		"Content-Type: application/json",
		"PSU-IP-Address: " + demoPSU,
		"X-Forwarded-For: 10.1.2.3",
		"Cookie: session=internal",
		fmt.Sprintf("Content-Length: %d", len(demoBody)),
		"Connection: close",
		"", demoBody,
	}, "\r\n")
}

// appAnswer is what the app received.
type appAnswer struct {
	status int
	header http.Header
	body   string
}

// send writes the plain request to the sidecar, byte for byte, and reads the answer.
func send(ctx context.Context, address, request string) (appAnswer, error) {
	dialer := net.Dialer{Timeout: 5 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return appAnswer{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return appAnswer{}, err
	}
	if _, err := io.WriteString(conn, request); err != nil {
		return appAnswer{}, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return appAnswer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return appAnswer{response.StatusCode, response.Header, string(body)}, err
}
