package capture

import (
	"errors"
	"os"
	"strings"
	"testing"
)

const (
	get      = "GET /a @b.example\nHost: b.example\nUser-Agent: curl\nAccept: */*\n\n"
	postHead = "POST /a @b.example\nHost: b.example\nUser-Agent: curl\nAccept: */*\n"
	form     = "Content-Type: application/x-www-form-urlencoded\n"
)

func TestParseCurl(t *testing.T) {
	runTable(t, FormCurl, map[string]parseTest{
		"plain":                   {"curl https://b.example/a", get, "curl-adds"},
		"prompt":                  {"$ curl https://b.example/a", get, "curl-adds"},
		"prompt with a name":      {"me@host:~/x$ /usr/bin/curl https://b.example/a", get, "curl-adds"},
		"root's prompt":           {"# curl https://b.example/a", get, "curl-adds"},
		"without curl":            {"--request GET https://b.example/a", get, "curl-adds"},
		"without curl, and short": {"-X GET https://b.example/a", get, "curl-adds"},
		"assignment":              {"TOKEN=x curl 'https://b.example/a'", get, "curl-adds"},
		"operator":                {"curl https://b.example/a | jq . && echo done", get, "curl-adds"},
		"redirection":             {"curl https://b.example/a >out 2>&1", get, "curl-adds"},
		"next line is another":    {"curl https://b.example/a\necho hello", get, "curl-adds"},
		"in a mail":               {"Dear bank,\nwe send\n  curl https://b.example/a\nregards", get, "curl-adds"},
		"no path":                 {"curl https://b.example?x=1", strings.Replace(get, "/a ", "/?x=1 ", 1), "curl-adds"},
		"fragment and port":       {"curl https://b.example:443/a#x", get, "curl-adds"},
		"own port":                {"curl https://b.example:8443/a", strings.ReplaceAll(get, "b.example", "b.example:8443"), "curl-adds"},
		"dots":                    {"curl https://b.example/x/./../a", get, "curl-adds"},
		"dots kept":               {"curl --path-as-is https://b.example/x/../a", strings.Replace(get, "/a ", "/x/../a ", 1), "curl-adds"},
		"nothing decoded":         {`curl "https://b.example/%61%2f?a=b%20c"`, strings.Replace(get, "/a ", "/%61%2f?a=b%20c ", 1), "curl-adds"},
		"ignored":                 {"curl -k -sSv --cert c.pem:pass --key k.pem -o /dev/null -m5 --http1.1 https://b.example/a", get, "curl-adds ignored"},
		"values joined to options": {"curl -XPUT -HX-A:1 https://b.example/a",
			strings.Replace(get, "GET /a @b.example\nHost: b.example\nUser-Agent: curl\nAccept: */*\n", "PUT /a @b.example\nHost: b.example\nUser-Agent: curl\nAccept: */*\nX-A:1\n", 1), "curl-adds"},
		"HEAD": {"curl -I https://b.example/a", strings.Replace(get, "GET", "HEAD", 1), "curl-adds"},
		"as a web page shows it": {"curl --request POST \\\n  --url https://b.example/a \\ \n  --header 'content-type: application/json' \\\n  --data '{\"a\":1}'",
			postHead + "content-type: application/json\nContent-Length: 7\n\n{\"a\":1}", "curl-adds"},
		"backslashes lost": {"curl\n--request POST \"https://b.example/a\"\n--header \"Content-Type: application/json\"\n--data-binary '{}'\n--verbose",
			postHead + "Content-Type: application/json\nContent-Length: 2\n\n{}", "shell curl-adds ignored"},
		"Postman": {"curl --location --request POST 'https://b.example/a' --header 'X-Request-ID: 1' --data-raw '{\n  \"a\": \"@x\"\n}'",
			postHead + "X-Request-ID: 1\nContent-Length: 15\n" + form + "\n{\n  \"a\": \"@x\"\n}", "curl-adds ignored"},
		"form":              {"curl -d a=1 -d b=2 https://b.example/a", postHead + "Content-Length: 7\n" + form + "\na=1&b=2", "curl-adds"},
		"urlencode":         {"curl --data-urlencode 'a=b c' --data-urlencode =x/y --data-urlencode z https://b.example/a", postHead + "Content-Length: 13\n" + form + "\na=b+c&x%2Fy&z", "curl-adds"},
		"into the query":    {"curl -G -d a=1 --data-urlencode 'b=x y' 'https://b.example/a?c=d'", strings.Replace(get, "/a ", "/a?c=d&a=1&b=x+y ", 1), "curl-adds"},
		"url-query":         {"curl --url-query 'a=x y' https://b.example/a", strings.Replace(get, "/a ", "/a?a=x+y ", 1), "curl-adds"},
		"json":              {`curl --json '{"a":' --json '1}' https://b.example/a`, "POST /a @b.example\nHost: b.example\nUser-Agent: curl\nContent-Type: application/json\nAccept: application/json\nContent-Length: 7\n\n{\"a\":1}", "curl-adds"},
		"user":              {"curl -u Aladdin:opensesame https://b.example/a", strings.Replace(get, "User-Agent", "Authorization: Basic QWxhZGRpbjpvcGVuc2VzYW1l\nUser-Agent", 1), "curl-adds"},
		"user in the URL":   {"curl https://Aladdin:open%73esame@b.example/a", strings.Replace(get, "User-Agent", "Authorization: Basic QWxhZGRpbjpvcGVuc2VzYW1l\nUser-Agent", 1), "curl-adds"},
		"bearer":            {"curl --oauth2-bearer t https://b.example/a", strings.Replace(get, "User-Agent", "Authorization: Bearer t\nUser-Agent", 1), "curl-adds"},
		"agent and referer": {"curl -A me -e https://x/ -b a=b https://b.example/a", "GET /a @b.example\nHost: b.example\nUser-Agent: me\nAccept: */*\nReferer: https://x/\nCookie: a=b\n\n", "curl-adds"},
		"headers removed":   {"curl -H Accept: -H 'User-Agent:' -H 'X-Empty;' https://b.example/a", "GET /a @b.example\nHost: b.example\nX-Empty:\n\n", ""},
		"own host":          {"curl -H 'Host: other' https://b.example/a", "GET /a @other\nHost: other\nUser-Agent: curl\nAccept: */*\n\n", "curl-adds"},
		"ANSI quotes":       {`curl https://b.example/a --data-raw $'it\'s\n\x41\u00e9\101'`, postHead + "Content-Length: 9\n" + form + "\nit's\nAéA", "curl-adds"},
		"mixed quotes":      {`curl https://b.example/a -d 'a'\''b'"c\"d\$e\f"g\ h`, postHead + "Content-Length: 13\n" + form + "\na'bc\"d$e\\fg h", "curl-adds"},
		"variables stay":    {`curl -H "X-A: $TOKEN" https://b.example/a`, strings.Replace(get, "\n\n", "\nX-A: $TOKEN\n\n", 1), "shell curl-adds"},
		"next":              {"curl https://b.example/a --next https://b.example/b", get, "more curl-adds"},
		"compressed":        {"curl --compressed -g https://b.example/a", strings.Replace(get, "\n\n", "\nAccept-Encoding: deflate, gzip, br, zstd\n\n", 1), "curl-adds ignored"},
		"no scheme":         {"curl b.example/a", get, "curl-adds"},
	})
}

func TestParseCurlRefuses(t *testing.T) {
	for command, want := range map[string]string{
		"curl":                                   "no URL",
		"curl -X":                                "-X has no value",
		"curl 'https://b.example/a":              "no closing '",
		`curl "https://b.example/a`:              `no closing "`,
		"curl ftp://b.example/a":                 "neither http nor https",
		"curl 'https://b.example/a b'":           "holds a space",
		"curl https:///a":                        "no host",
		"curl -F a=b https://b.example/a":        "--form",
		"curl --nonesuch https://b.example/a":    "--nonesuch",
		"curl --secret=x https://b.example/a":    "--secret",
		"curl -d @secrets https://b.example/a":   "reads a file",
		"curl -H @secrets https://b.example/a":   "reads a file",
		"curl -T secrets https://b.example/a":    "reads a file",
		"curl -d @- https://b.example/a":         "standard input",
		`curl ^"https://b.example/a^" -H ^"a: b`: "Windows",
		"curl -X 'A B' https://b.example/a":      "no method",
		"curl --request-target '/a b' https://b": "request-target",
	} {
		_, err := ParseCurl(command, Options{})
		if !errors.Is(err, ErrCapture) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "=x") {
			t.Errorf("%s: %v", command, err)
		}
	}
}

func TestParseCurlReadsFilesIfAllowed(t *testing.T) {
	files := map[string]string{"body": "{\r\n}\n", "headers": "# none\r\nX-A: 1\r\n\r\n"}
	opts := Options{ReadFile: func(name string) ([]byte, error) {
		if content, ok := files[name]; ok {
			return []byte(content), nil
		}
		return nil, os.ErrNotExist
	}}
	for command, want := range map[string]string{
		"curl -d @body https://b.example/a":                     "{}",
		"curl --data-binary @body https://b.example/a":          "{\r\n}\n",
		"curl --json @body https://b.example/a":                 "{\r\n}\n",
		"curl -T body https://b.example/a":                      "{\r\n}\n",
		"curl --data-urlencode x@body https://b.example/a":      "x=%7B%0D%0A%7D%0A",
		"curl --data-raw @body -H @headers https://b.example/a": "@body",
	} {
		r, err := ParseCurl(command, opts)
		if err != nil || string(r.Body) != want || strings.Contains(command, "headers") != r.has("X-A") {
			t.Errorf("%s: %v, %+v", command, err, r)
		}
	}
	if _, err := ParseCurl("curl -d @none https://b.example/a", opts); !errors.Is(err, os.ErrNotExist) || !errors.Is(err, ErrCapture) {
		t.Error(err)
	}
}

func FuzzParseCurl(f *testing.F) {
	f.Add("curl -X POST 'https://b.example/a?b' -H 'A: b' -d $'\\x41' --json \"{}\"")
	f.Add("$ curl -sSk \\\n--url https://u:p@b.example:443/%20/../ -G -d a=b")
	f.Fuzz(func(t *testing.T, command string) {
		r, err := ParseCurl(command, Options{})
		sound(t, r, err)
	})
}
