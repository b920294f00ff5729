package docs_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// Exit statuses of curl.
const (
	curlUsage      = 2
	curlNoConnect  = 7
	curlHTTPError  = 22
	curlWriteError = 23
)

// curl is as much of curl as the documentation uses, so that testing commands
// needs nothing but Go. What it does not know is an error.
type curl struct {
	method, url string
	header      http.Header
	data        []string
	include     bool   // -i
	fail        bool   // -f
	failBody    bool   // --fail-with-body
	follow      bool   // -L
	output      string // -o
	dump        string // -D
}

// runCurl does what the arguments say and returns curl's exit status.
func runCurl(args []string, stdout, stderr io.Writer) int {
	call, err := parseCurl(args)
	if err != nil {
		fmt.Fprintln(stderr, "curl:", err)
		return curlUsage
	}
	status, err := call.run(stdout)
	if err != nil {
		fmt.Fprintln(stderr, "curl:", err)
	}
	return status
}

func parseCurl(args []string) (*curl, error) {
	c := &curl{header: make(http.Header)}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--fail-with-body":
			c.failBody = true
		case strings.HasPrefix(arg, "--"), arg == "-":
			return nil, fmt.Errorf("the curl of the tests does not know %s", arg)
		case strings.HasPrefix(arg, "-"):
			var err error
			if args, err = c.short(arg[1:], args); err != nil {
				return nil, err
			}
		case c.url != "":
			return nil, fmt.Errorf("a second URL: %s", arg)
		default:
			c.url = arg
		}
	}
	return c, nil
}

// short reads a cluster of short options and gives the arguments that are left.
func (c *curl) short(cluster string, args []string) ([]string, error) {
	for i, letter := range cluster {
		switch letter {
		case 's':
			continue
		case 'i':
			c.include = true
			continue
		case 'f':
			c.fail = true
			continue
		case 'L':
			c.follow = true
			continue
		}
		value := cluster[i+1:]
		if value == "" && len(args) > 0 {
			value, args = args[0], args[1:]
		}
		if value == "" {
			return nil, fmt.Errorf("-%c needs a value", letter)
		}
		return args, c.set(letter, value)
	}
	return args, nil
}

func (c *curl) set(letter rune, value string) error {
	switch letter {
	case 'X':
		c.method = value
	case 'o':
		c.output = value
	case 'D':
		c.dump = value
	case 'd':
		if strings.HasPrefix(value, "@") {
			return fmt.Errorf("the curl of the tests does not read data from files")
		}
		c.data = append(c.data, value)
	case 'H':
		name, text, ok := strings.Cut(value, ":")
		if !ok {
			return fmt.Errorf("-H %q has no colon", value)
		}
		c.header.Add(name, strings.TrimSpace(text))
	default:
		return fmt.Errorf("the curl of the tests does not know -%c", letter)
	}
	return nil
}

func (c *curl) run(stdout io.Writer) (status int, err error) {
	request, err := c.request()
	if err != nil {
		return curlUsage, err
	}
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	client := &http.Client{Transport: transport}
	if !c.follow {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	response, err := client.Do(request)
	if err != nil {
		return curlNoConnect, err
	}
	defer response.Body.Close()
	head := new(strings.Builder)
	fmt.Fprintf(head, "%s %s\r\n", response.Proto, response.Status)
	if err := response.Header.Write(head); err != nil {
		return curlWriteError, err
	}
	head.WriteString("\r\n")
	if err := c.write(c.dump, head.String(), stdout); err != nil {
		return curlWriteError, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return curlNoConnect, err
	}
	failed := response.StatusCode >= http.StatusBadRequest && (c.fail || c.failBody)
	if failed && !c.failBody {
		return curlHTTPError, fmt.Errorf("the requested URL returned error: %d", response.StatusCode)
	}
	text := string(body)
	if c.include {
		text = head.String() + text
	}
	target := c.output
	if target == "" {
		target = "-"
	}
	if err := c.write(target, text, stdout); err != nil {
		return curlWriteError, err
	}
	if failed {
		return curlHTTPError, fmt.Errorf("the requested URL returned error: %d", response.StatusCode)
	}
	return 0, nil
}

func (c *curl) request() (*http.Request, error) {
	method, data := c.method, strings.Join(c.data, "&")
	if method == "" {
		method = http.MethodGet
		if data != "" {
			method = http.MethodPost
		}
	}
	request, err := http.NewRequest(method, c.url, strings.NewReader(data))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "*/*")
	request.Header.Set("User-Agent", "curl/8.0")
	if data != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, values := range c.header {
		request.Header[name] = values
	}
	return request, nil
}

// write writes to a file; "-" is standard output, "" nowhere.
func (*curl) write(target, text string, stdout io.Writer) error {
	switch target {
	case "":
		return nil
	case "-":
		_, err := io.WriteString(stdout, text)
		return err
	}
	return os.WriteFile(target, []byte(text), 0o600)
}
