package capture

import (
	"strings"
	"testing"
)

const (
	logged     = "POST /v1/payments?x=1 @bank.example\nHost: bank.example\nSignature: keyId=\"a\"\n"
	loggedBody = logged + "Content-Length: 7\n\n{\"a\":1}"
)

// prefixed puts a prefix before every line.
func prefixed(prefix string, lines ...string) string {
	return prefix + strings.Join(lines, "\n"+prefix) + "\n"
}

func TestParseLog(t *testing.T) {
	head := []string{"POST /v1/payments?x=1 HTTP/1.1", "Host: bank.example", `Signature: keyId="a"`, "Content-Length: 7"}
	whole := append(append([]string{}, head...), "", `{"a":1}`)
	runTable(t, FormLog, map[string]parseTest{
		"times": {prefixed("2026-01-02 03:04:05.678 DEBUG [http-1] - ", whole...) + "2026-01-02 03:04:06.1 WARN [http-1] - refused\n", loggedBody, ""},
		"times that differ in length": {"09:59:59.9 POST /v1/payments?x=1 HTTP/1.1\n10:00:00.12 Host: bank.example\n10:00:00.3 Signature: keyId=\"a\"\n10:00:01 refused\n",
			logged + "\n", ""},
		"indented":       {"Request refused, signature invalid:\n" + prefixed("    ", whole...) + "\nGood bye\n", loggedBody, ""},
		"indented alone": {prefixed("\t", whole...), loggedBody, ""},
		"after a title":  {"2026-01-02T03:04:05Z ERROR request was: " + strings.Join(whole, "\n") + "\n2026-01-02T03:04:05Z INFO next", loggedBody, ""},
		"curl -v": {"$ curl -v -X POST https://bank.example/\n*   Trying 192.0.2.1:443...\n> POST /v1/payments?x=1 HTTP/1.1\n> Host: bank.example\n> Signature: keyId=\"a\"\n>\n* upload completely sent off\n< HTTP/1.1 401 Unauthorized\n< Host: other\n",
			logged + "\n", ""},
		"curl -v with a body": {prefixed("> ", head...) + ">\n} [7 bytes data]\n< HTTP/1.1 401\n", strings.TrimSuffix(loggedBody, `{"a":1}`), "content-length"},
		"curl --trace-ascii":  {"=> Send header, 91 bytes (0x5b)\n0000: POST /v1/payments?x=1 HTTP/1.1\n0020: Host: bank.example\n0036: Signature: keyId=\"a\"\n004d: \n", logged + "\n", ""},
		"HttpClient headers": {"10:00:00 DEBUG headers - http-outgoing-0 >> POST /v1/payments?x=1 HTTP/1.1\n10:00:00 DEBUG headers - http-outgoing-0 >> Host: bank.example\n10:00:00 DEBUG headers - http-outgoing-0 >> Signature: keyId=\"a\"\n10:00:00 DEBUG wire - http-outgoing-0 << \"HTTP/1.1 401 \"\n",
			logged + "\n", ""},
		"HttpClient wire": {"x >> \"POST /v1/payments?x=1 HTTP/1.1[\\r][\\n]\"\nx >> \"Host: bank.example[\\r][\\n]\"\nx >> \"Signature: keyId=\"a\"[\\r][\\n]\"\nx >> \"Content-Length: 7[\\r][\\n]\"\nx >> \"[\\r][\\n]\"\nx >> \"{\"a\":1}\"\nx << \"HTTP/1.1 401 [\\r][\\n]\"\n",
			loggedBody, ""},
		"OkHttp": {"D/OkHttp: --> POST https://bank.example/v1/payments?x=1 http/1.1\nD/OkHttp: Host: bank.example\nD/OkHttp: Signature: keyId=\"a\"\nD/OkHttp: Content-Length: 7\nD/OkHttp: \nD/OkHttp: {\"a\":1}\nD/OkHttp: --> END POST (7-byte body)\n",
			loggedBody, "absolute-target"},
		"other threads between": {"10:00:00 [a] POST /v1/payments?x=1 HTTP/1.1\n10:00:00 [a] Host: bank.example\n10:00:00 [b] unrelated: line\n10:00:00 [a] Signature: keyId=\"a\"\n", logged + "\n", ""},
		"escaped in a line": {`level=warn msg="refused" request="POST /v1/payments?x=1 HTTP/1.1\r\nHost: bank.example\r\nSignature: keyId=\"a\"\r\nContent-Length: 7\r\n\r\n{\"a\":1}" status=401`,
			loggedBody, ""},
		"the signed one of two": {"Requests:\nGET /health HTTP/1.1\nHost: x\n\nPOST /v1/payments?x=1 HTTP/1.1\nHost: bank.example\nSignature: keyId=\"a\"\n\n", logged + "\n", "more"},
		"access log":            {"192.0.2.1 - - [02/Jan/2026:03:04:05 +0100] \"GET /a?b HTTP/1.1\" 401 12 \"-\" \"x\"\n", "GET /a?b @\n\n", ""},
		"JSON": {`{"time":"x","request":{"method":"POST","uri":"/v1/payments?x=1","host":"bank.example","headers":{"Host":["bank.example"],"Signature":["keyId=\"a\""],"Content-Length":["7"]},"body":"{\"a\":1}"}}`,
			strings.Replace(loggedBody, `:["`, `: `, 1), ""},
		"JSON lines":                {"{\"level\":\"info\"}\n{\"httpMethod\":\"POST\",\"url\":\"https://bank.example/v1/payments?x=1\",\"requestHeaders\":{\"Host\":\"bank.example\",\"Signature\":\"keyId=\\\"a\\\"\"}}\n", logged + "\n", "absolute-target"},
		"JSON after text":           {`2026 WARN refused {"method":"POST","path":"/v1/payments","query":"x=1","headers":[{"name":"Host","value":"bank.example"},{"name":"Signature","value":"keyId=\"a\""}]}`, logged + "\n", ""},
		"JSON with a list":          {`{"method":"POST","target":"/v1/payments?x=1","headers":["Host: bank.example","Signature: keyId=\"a\""]}`, logged + "\n", ""},
		"JSON with pairs":           {`{"method":"POST","target":"/v1/payments?x=1","headers":[["Host","bank.example"],["Signature","keyId=\"a\""]]}`, logged + "\n", ""},
		"JSON with lines":           {`{"method":"POST","target":"/v1/payments?x=1","headers":"Host: bank.example\r\nSignature: keyId=\"a\"\r\n"}`, logged + "\n", ""},
		"JSON with a message":       {`{"message":"refused: POST /v1/payments?x=1 HTTP/1.1\nHost: bank.example\nSignature: keyId=\"a\"\n"}`, logged + "\n", ""},
		"JSON with a whole request": {`{"raw":"POST /v1/payments?x=1 HTTP/1.1\r\nHost: bank.example\r\nSignature: keyId=\"a\"\r\nContent-Length: 7\r\n\r\n{\"a\":1}"}`, loggedBody, ""},
		"body as JSON":              {`{"method":"POST","target":"/v1/payments?x=1","headers":{"Host":"bank.example","Signature":"keyId=\"a\"","Content-Length":7},"body": {"a":1}}`, loggedBody, "not-exact"},
		"body in base64":            {`{"method":"POST","target":"/v1/payments?x=1","headers":{"Host":"bank.example","Signature":"keyId=\"a\"","Content-Length":"7"},"body":"eyJhIjoxfQ==","isBase64Encoded":true}`, loggedBody, ""},
		"body missing":              {`{"method":"POST","target":"/v1/payments?x=1","headers":{"Host":"bank.example","Signature":"keyId=\"a\"","Content-Length":"7"}}`, strings.TrimSuffix(loggedBody, `{"a":1}`), "content-length"},
		"HAR": {`{"log":{"entries":[{"request":{"method":"POST","url":"https://bank.example/v1/payments?x=1","headers":[{"name":"Host","value":"bank.example"},{"name":"Signature","value":"keyId=\"a\""},{"name":"Content-Length","value":"7"}],"queryString":[],"postData":{"mimeType":"application/json","text":"{\"a\":1}"}}}]}}`,
			loggedBody, "absolute-target"},
		"JSON with a head": {`[{"head":"POST /v1/payments?x=1 HTTP/1.1\r\nHost: bank.example\r\nSignature: keyId=\"a\"\r\nContent-Length: 7\r\n\r\n","method":"POST","request_uri":"/v1/payments?x=1","body":"{\"a\":1}"}]`, loggedBody, ""},
		"HTTP/2 in JSON":   {`{"method":"POST","path":"/v1/payments?x=1","headers":{":authority":"bank.example","signature":"a"}}`, "POST /v1/payments?x=1 @bank.example\nsignature: a\n\n", "pseudo-headers"},
	})
}

func FuzzParseLog(f *testing.F) {
	f.Add([]byte("10:00:00 > POST /a HTTP/1.1\n10:00:01 > Host: b\n10:00:01 >\n10:00:01 > {}\n"))
	f.Add([]byte(`{"request":{"method":"GET","url":"https://b/a","headers":{"A":["b"]},"body":{}}}`))
	f.Add([]byte(`x "POST /a HTTP/1.1\r\nHost: b\r\n\r\n{\"a\":1}" y`))
	f.Add([]byte("x >> \"POST / HTTP/1.1[\\r][\\n]\"\nx >> \"A: b[\\r][\\n]\"\nx >> \"[\\r][\\n]\"\nx >> \"{}\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseLog(data)
		sound(t, r, err)
		r, err = Parse(data, Options{})
		sound(t, r, err)
	})
}
