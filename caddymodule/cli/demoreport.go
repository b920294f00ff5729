package cli

import (
	"crypto/x509"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/signer"
)

// Widths of the two columns of a report.
const (
	leftWidth  = 42
	rightWidth = 84
)

// describe prints what is running.
func (s *stage) describe(out io.Writer) {
	fmt.Fprintf(out, `
Running, on loopback only:
  sandbox bank   %s   demands mutual TLS, signatures, tokens
  bank's control http://%s/records
  sidecar        http://%s   configured by %s

`, s.bank.URL(), s.controls, s.sidecar, s.caddyfile())
}

// report shows the plain request beside what the bank received, then how that
// came about, then the bank's answer.
func report(out io.Writer, plain string, record sandbox.Record, answer appAnswer) {
	head := hideToken(string(record.RawHead))
	columns(out, "The app's plain request", "What the bank received",
		strings.ReplaceAll(plain, "\r", ""), strings.TrimRight(strings.ReplaceAll(head, "\r", ""), "\n")+"\n\n"+string(record.Body))
	fmt.Fprintf(out, "\nSigning string, as the bank rebuilt it from the raw bytes:\n%s\n", indent(record.SigningString))
	fmt.Fprintf(out, "\nTLS client certificate (QWAC):   %s\nSignature certificate (QSEAL):   %s\n",
		certificateLine(record.ClientCert), certificateLine(record.QSEAL))
	verdict := "everything verified"
	if len(record.Problems) > 0 {
		verdict = strings.Join(record.Problems, "; ")
	}
	fmt.Fprintf(out, "\nThe bank's checks: %s\n\nThe bank's answer, byte for byte to the app: HTTP %d\n%s\n", verdict, answer.status, indent(answer.body))
}

var bearer = regexp.MustCompile(`(?m)^(Authorization: Bearer )(.+?)(\r?)$`)

// hideToken keeps even the sandbox's tokens off the screen.
func hideToken(head string) string {
	return bearer.ReplaceAllStringFunc(head, func(line string) string {
		parts := bearer.FindStringSubmatch(line)
		return fmt.Sprintf("%s<token of %d characters>%s", parts[1], len(parts[2]), parts[3])
	})
}

func certificateLine(cert *x509.Certificate) string {
	if cert == nil {
		return "none"
	}
	name, err := signer.RenderDN(cert.RawSubject, "openssl-utf8", false)
	if err != nil {
		name = err.Error()
	}
	return fmt.Sprintf("serial %s, %s", cert.SerialNumber.Text(16), name)
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ")
}

// columns prints two texts side by side, wrapping long lines.
func columns(out io.Writer, leftTitle, rightTitle, left, right string) {
	lefts := append([]string{leftTitle, strings.Repeat("-", leftWidth)}, wrapAll(left, leftWidth)...)
	rights := append([]string{rightTitle, strings.Repeat("-", rightWidth)}, wrapAll(right, rightWidth)...)
	for i := range max(len(lefts), len(rights)) {
		var l, r string
		if i < len(lefts) {
			l = lefts[i]
		}
		if i < len(rights) {
			r = rights[i]
		}
		padding := strings.Repeat(" ", leftWidth-utf8.RuneCountInString(l))
		fmt.Fprintln(out, strings.TrimRight(l+padding+" | "+r, " "))
	}
}

// wrapAll breaks lines that are longer than width; what follows is indented.
func wrapAll(text string, width int) []string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		runes := []rune(line)
		for len(runes) > width {
			lines = append(lines, string(runes[:width]))
			runes = append([]rune("    "), runes[width:]...)
		}
		lines = append(lines, string(runes))
	}
	return lines
}

// invite prints calls to go on with.
func (s *stage) invite(out io.Writer) {
	fmt.Fprintf(out, `
Go on, in another terminal:

  # a call of your own; more accounts: FR7613807008043001965405158, FR7613807008043001965406225
  curl -i http://%[1]s/bpgo/funds-confirmations -H 'Content-Type: application/json' -H 'PSU-IP-Address: %[2]s' \
    -d '%[3]s'

  # refused before it leaves: a private address is no PSU's
  curl -i http://%[1]s/bpgo/funds-confirmations -H 'Content-Type: application/json' -H 'PSU-IP-Address: 192.168.1.7' -d '{}'

  # the bank's own error passes byte for byte
  curl -i http://%[1]s/bpgo/funds-confirmations -H 'Content-Type: application/json' -d '{}'

  # the fallback interface of RTS article 33, asked for with a reason: a 302 that is not followed
  curl -i http://%[1]s/bpgo/oauth/token -H 'Sidecar-Fallback: five requests unanswered' \
    -d 'client_id=PSDFR-ACPR-12345&grant_type=client_credentials&scope=aisp'

  # a customer authorizes: what their browser does, from the sidecar to the bank and back
  curl -sL 'http://%[1]s/authorize?aspsp=bpgo-aisp&grant=marc&return_url=http://%[1]s/-/health'

  # a call in this customer's name
  curl -i http://%[1]s/bpgo-aisp/accounts -H 'Sidecar-Grant: marc' -H 'PSU-IP-Address: %[2]s'

  # the sidecar's health, and what the bank has seen
  curl -s http://%[1]s/-/health
  curl -s http://%[4]s/stats

Ctrl-C ends the demo. Keep its configuration and certificates with --dir <folder>.
`, s.sidecar, demoPSU, demoBody, s.controls)
}
