package sandbox

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// request is a request to be written by hand, so that nothing is normalised.
type request struct {
	method, target string
	header         [][2]string
	body           string
	signed         []string
	sealedBy       *testpki.Issued
	keyID          string
	algorithm      string
}

func (r *request) set(name, value string) {
	for i := range r.header {
		if strings.EqualFold(r.header[i][0], name) {
			r.header[i][1] = value
			return
		}
	}
	r.header = append(r.header, [2]string{name, value})
}

func (r *request) del(name string) {
	kept := r.header[:0:0]
	for _, h := range r.header {
		if !strings.EqualFold(h[0], name) {
			kept = append(kept, h)
		}
	}
	r.header = kept
}

func (r *request) get(name string) string {
	for _, h := range r.header {
		if strings.EqualFold(h[0], name) {
			return h[1]
		}
	}
	return ""
}

func digestOf(body string) string {
	sum := sha256.Sum256([]byte(body))
	return "SHA-256=" + base64.StdEncoding.EncodeToString(sum[:])
}

// stet prepares a complete, unsigned request.
func (w *world) stet(method, target, body, token string) *request {
	r := &request{method: method, target: target, body: body, sealedBy: w.qseal, algorithm: "rsa-sha256"}
	r.set("Host", w.bank.Addr().String())
	r.set("Authorization", "Bearer "+token)
	r.set("Date", w.bank.now().UTC().Format(http.TimeFormat))
	r.set("X-Request-ID", uuid.NewString())
	r.set("PSU-IP-Address", "81.2.69.160")
	r.signed = []string{"(request-target)", "date", "x-request-id", "psu-ip-address"}
	if body != "" {
		r.set("Content-Type", "application/json")
		r.set("Digest", digestOf(body))
		r.set("Content-Length", strconv.Itoa(len(body)))
		r.signed = append(r.signed, "digest", "content-type")
	}
	r.keyID = serialIssuer(w.T, w.qseal)
	return r
}

// serialIssuer is written with a fixed text, not with the code under test.
func serialIssuer(t *testing.T, i *testpki.Issued) string {
	t.Helper()
	const org = "2.5.4.97=#0c1156415446522d3132333435363738393031"
	return "SN=" + i.Certificate.SerialNumber.Text(16) + ",CA=CN=Test QTSP CA," + org + ",O=Test QTSP,C=FR"
}

// sign adds the Signature header over what the request holds now.
func (r *request) sign(t *testing.T) {
	t.Helper()
	var lines []string
	for _, name := range r.signed {
		if name == "(request-target)" {
			lines = append(lines, name+": "+strings.ToLower(r.method)+" "+r.target)
		} else {
			lines = append(lines, name+": "+r.get(name))
		}
	}
	text := []byte(strings.Join(lines, "\n"))
	hash, sum := crypto.SHA256, sha256.Sum256(text)
	digest := sum[:]
	if strings.HasSuffix(r.algorithm, "512") {
		wide := sha512.Sum512(text)
		hash, digest = crypto.SHA512, wide[:]
	}
	sig, err := r.sealedBy.Key.Sign(rand.Reader, digest, hash)
	if err != nil {
		t.Fatal(err)
	}
	r.set("Signature", `keyId="`+r.keyID+`",algorithm="`+r.algorithm+`",headers="`+strings.Join(r.signed, " ")+
		`",signature="`+base64.StdEncoding.EncodeToString(sig)+`"`)
}

func (r *request) bytes() []byte {
	var b bytes.Buffer
	b.WriteString(r.method + " " + r.target + " HTTP/1.1\r\n")
	for _, h := range r.header {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	b.WriteString("\r\n" + r.body)
	return b.Bytes()
}

// response is an answer read to its end.
type response struct {
	status int
	header http.Header
	body   string
	closes bool // the bank closes the connection
}

func (r response) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("answer is no JSON object: %v: %s", err, r.body)
	}
	return v
}

// exchange writes a request on a connection and reads the answer.
func exchange(conn net.Conn, raw []byte, method string) (response, error) {
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return response{}, err
	}
	if _, err := conn.Write(raw); err != nil {
		return response{}, err
	}
	reader := bufio.NewReader(conn)
	resp, err := http.ReadResponse(reader, &http.Request{Method: method})
	for err == nil && resp.StatusCode == http.StatusContinue {
		resp, err = http.ReadResponse(reader, &http.Request{Method: method})
	}
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return response{resp.StatusCode, resp.Header, string(body), resp.Close}, err
}
