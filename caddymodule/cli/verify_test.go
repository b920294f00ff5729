package cli

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/diagnose"
	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/signer"
)

// verifyWorld is a folder with certificates and requests that were signed.
type verifyWorld struct {
	dir string
	raw string // a request as bpce wants it
}

func newVerifyWorld(t *testing.T) *verifyWorld {
	t.Helper()
	people, err := newParties()
	if err != nil {
		t.Fatal(err)
	}
	w := &verifyWorld{dir: t.TempDir()}
	if err := people.write(w.dir); err != nil {
		t.Fatal(err)
	}
	spec := must(must(profiles.Builtin()).Get("bpce")).Signature
	made := must(signer.Compile(spec, signer.Credentials{Key: people.qseal.Key, Certificate: people.qseal.Certificate}))
	msg := &signer.Message{Method: "POST", Target: "/funds-confirmations?a=b", Host: "bank.example", Body: []byte(demoBody), Header: http.Header{
		"Date": {time.Now().UTC().Format(http.TimeFormat)}, "X-Request-Id": {"1"}, "Content-Type": {"application/json"}, "Psu-Ip-Address": {demoPSU}}}
	if err := made.Sign(msg, time.Now()); err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	raw.WriteString("POST /funds-confirmations?a=b HTTP/1.1\r\nHost: bank.example\r\n")
	if err := msg.Header.Write(&raw); err != nil {
		t.Fatal(err)
	}
	w.raw = raw.String() + "\r\n" + demoBody
	return w
}

func (w *verifyWorld) file(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(w.dir, name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// curl is the request as a curl command.
func (w *verifyWorld) curl() string {
	head, body, _ := strings.Cut(w.raw, "\r\n\r\n")
	command := "curl -X POST 'https://bank.example/funds-confirmations?a=b'"
	for _, line := range strings.Split(head, "\r\n")[1:] {
		command += " \\\n  -H '" + line + "'"
	}
	return command + " \\\n  --data-raw '" + body + "'\n"
}

func TestVerify(t *testing.T) {
	w := newVerifyWorld(t)
	cert := filepath.Join(w.dir, "qseal.pem")
	lines := strings.Split(strings.ReplaceAll(w.raw, "\r\n", "\n"), "\n")
	logged := must(json.Marshal(map[string]any{"level": "warn", "request": w.raw}))
	for name, test := range map[string]struct {
		input  string
		args   []string
		want   []string
		exit   int
		absent []string
	}{
		"valid":           {w.raw, []string{"--profile", "bpce"}, []string{"The signature is valid: qseal.pem, rsa-sha256, as bpce wants it.\n", "code         valid\n"}, 0, nil},
		"no profile":      {w.raw, nil, []string{"The signature is valid", "bpce"}, 0, nil},
		"curl":            {w.curl(), []string{"--profile", "bpce"}, []string{"as bpce wants it"}, 0, nil},
		"log":             {"2026-01-02 WARN refused\n2026-01-02 WARN " + strings.Join(lines, "\n2026-01-02 WARN ") + "\n", []string{"--profile", "bpce"}, []string{"as bpce wants it"}, 0, nil},
		"JSON lines":      {"{\"level\":\"info\"}\n" + string(logged) + "\n", []string{"--profile", "bpce"}, []string{"as bpce wants it"}, 0, nil},
		"line end added":  {w.raw + "\n", []string{"--profile", "bpce"}, []string{"Digest is of the body without the line end after it.\n", "code         digest-newline"}, 1, nil},
		"query cut":       {strings.Replace(w.raw, "?a=b", "", 1), []string{"--profile", "bpce"}, []string{"code         content-changed"}, 1, nil},
		"method":          {strings.Replace(w.raw, "POST", "PUT", 1), []string{"--profile", "bpce"}, []string{"(request-target) was signed with the method post, but the request is a PUT."}, 1, nil},
		"other profile":   {w.raw, []string{"--profile", "qonto"}, []string{"qonto wants"}, 1, nil},
		"verbose":         {w.raw, []string{"--profile", "bpce", "--verbose"}, []string{"(request-target): post /funds-confirmations?a=b␊\n", "psu-ip-address: [" + "7 characters]"}, 0, []string{demoPSU}},
		"later":           {w.raw, []string{"--profile", "bpce", "--at", "2099-01-02T15:04:05Z"}, []string{"code         certificate-expired"}, 1, nil},
		"never":           {w.raw, []string{"--profile", "bpce", "--at", "never"}, []string{"code         valid"}, 0, nil},
		"several":         {w.raw, []string{"--cert", filepath.Join(w.dir, "qwac.pem"), "--profile", "bpce"}, []string{"The signature is valid: qseal.pem"}, 0, nil},
		"unknown profile": {w.raw, []string{"--profile", "bcpe"}, []string{"bpce"}, 2, nil},
		"no request":      {"hello", nil, []string{"no request can be read"}, 2, nil},
		"no certificate":  {w.raw, []string{"--cert", filepath.Join(w.dir, "qseal-key.pem")}, []string{"holds neither a certificate nor a public key"}, 2, nil},
		"time":            {w.raw, []string{"--at", "yesterday"}, []string{"--at"}, 2, nil},
		"flag":            {w.raw, []string{"--nonesuch"}, []string{"nonesuch"}, 2, nil},
		"argument":        {w.raw, []string{"file"}, []string{"--request"}, 2, nil},
		"file of curl":    {"curl -d @/etc/passwd https://bank.example/a", nil, []string{"reads a file"}, 2, []string{"root"}},
	} {
		t.Run(name, func(t *testing.T) {
			output, err := executeWith(t.Context(), test.input, append([]string{"verify", "--request", "-", "--cert", cert}, test.args...)...)
			if (err != nil) != (test.exit > 0) {
				t.Errorf("%v", err)
			}
			if test.exit == 2 {
				output += err.Error()
			}
			for _, want := range test.want {
				if !strings.Contains(output, want) {
					t.Errorf("%q is not in:\n%s", want, output)
				}
			}
			for _, not := range append(test.absent, "PRIVATE") {
				if strings.Contains(output, not) {
					t.Errorf("%q is in:\n%s", not, output)
				}
			}
		})
	}
}

func TestVerifyPrintsJSON(t *testing.T) {
	w := newVerifyWorld(t)
	output, err := executeWith(t.Context(), w.raw, "verify", "--request", "-", "--cert", filepath.Join(w.dir, "qseal.pem"), "--profile", "bpce", "--json")
	var result diagnose.Result
	if jsonErr := json.Unmarshal([]byte(output), &result); err != nil || jsonErr != nil || !result.Valid || result.Container != "signature" {
		t.Errorf("%v, %v: %s", err, jsonErr, output)
	}
}

// TestVerifyExitStatus holds what a script sees of the real binary, and that
// the files of a curl command are looked for beside it.
func TestVerifyExitStatus(t *testing.T) {
	w := newVerifyWorld(t)
	cert := filepath.Join(w.dir, "qseal.pem")
	w.file(t, "body.json", demoBody)
	command := strings.Replace(w.curl(), "--data-raw '"+demoBody+"'", "--data-binary @body.json", 1)
	for file, want := range map[string]int{
		w.file(t, "valid.http", w.raw):         0,
		w.file(t, "command.sh", command):       0,
		w.file(t, "invalid.http", w.raw+"\n"):  1,
		filepath.Join(w.dir, "missing.http"):   2,
		w.file(t, "nothing.http", "nothing\n"): 2,
	} {
		output, exit := run(t, nil, "tpp", "verify", "--request", file, "--cert", cert, "--profile", "bpce")
		if exit != want {
			t.Errorf("%s: exit status %d, not %d:\n%s", filepath.Base(file), exit, want, output)
		}
	}
	if output, exit := run(t, nil, "tpp", "verify", "--nonesuch"); exit != 2 {
		t.Errorf("exit status %d:\n%s", exit, output)
	}
}
