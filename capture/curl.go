package capture

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// curl is a command line being read.
type curl struct {
	opts Options
	// what the options say
	method, target, bearer, rangeOf string
	urls                            []string
	queries                         []string // of --url-query
	headers                         []string
	body                            []byte
	hasData, isJSON, isUpload       bool
	user, agent                     *string
	refererText                     string
	cookies                         []string
	get, head, compressed, pathAsIs bool
	next                            bool
	defaultScheme                   string

	warnings []Warning
	ignored  map[string]bool
}

var (
	assignment  = regexp.MustCompile(`^[A-Za-z_]\w*=`)
	windowsCopy = regexp.MustCompile(`\^["%]`)
)

// isCurl says whether a word is the command, with a path or Windows' ending.
func isCurl(word string) bool {
	name := path.Base(strings.ReplaceAll(word, `\`, "/"))
	return strings.EqualFold(strings.TrimSuffix(strings.ToLower(name), ".exe"), "curl")
}

// looksLikeCurl looks at the first words of a text.
func looksLikeCurl(text string) bool {
	first, _, _ := strings.Cut(text, "\n")
	for _, word := range strings.Fields(first) {
		switch {
		case isCurl(word):
			return true
		case word == "\\":
		case strings.HasPrefix(word, "-") && len(word) > 1:
			name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
			_, long := find(name)
			return long && strings.HasPrefix(word, "--") || !strings.HasPrefix(word, "--") && shortNames[word[1]] != ""
		case isPrompt(word) || assignment.MatchString(word) || word == "sudo" || word == "time" || word == "exec":
		default:
			return false
		}
	}
	return false
}

// isPrompt is what a shell shows before a command.
func isPrompt(word string) bool {
	return word == "$" || word == "#" || word == "%" || word == ">" || strings.HasSuffix(word, "$") || strings.HasSuffix(word, "#")
}

// ParseCurl reads a curl command line as it would be typed into bash: with or
// without a prompt and the word curl. Only the first request of the first
// command is read. Options that do not show in a request are accepted and named
// in a warning. Files are read with opts only. Errors wrap [ErrCapture].
func ParseCurl(command string, opts Options) (*Request, error) {
	if err := checkSize([]byte(command)); err != nil {
		return nil, err
	}
	if windowsCopy.MatchString(command) {
		return nil, fmt.Errorf("%w: the command is quoted for Windows; copy it for bash", ErrCapture)
	}
	sh := &shell{text: withoutPrompt(command)}
	words, err := sh.split()
	if err != nil {
		return nil, err
	}
	c := &curl{opts: opts, defaultScheme: "http", ignored: make(map[string]bool)}
	if sh.found {
		c.warn(WarnShell, "the command holds shell variables or commands; they were left as written")
	}
	if sh.lost {
		c.warn(WarnShell, "lines of the command are not joined by a backslash; they were read as one command")
	}
	if err := c.read(afterCurl(words)); err != nil {
		return nil, err
	}
	return c.request()
}

// withoutPrompt takes a prompt off, which # would make a comment.
func withoutPrompt(command string) string {
	command = strings.TrimLeft(strings.TrimPrefix(command, "\ufeff"), " \t\r\n")
	for {
		word, rest, ok := strings.Cut(command, " ")
		if !ok || !isPrompt(word) || strings.ContainsAny(word, "'\"\n") {
			return command
		}
		command = strings.TrimLeft(rest, " \t")
	}
}

// afterCurl cuts off the command's name and what stands before it.
func afterCurl(words []string) []string {
	for i, word := range words {
		if isCurl(word) {
			return words[i+1:]
		}
		if strings.HasPrefix(word, "-") {
			break
		}
	}
	return words
}

// read goes through the words.
func (c *curl) read(words []string) error {
	for i := 0; i < len(words) && !c.next; i++ {
		word := words[i]
		var err error
		switch {
		case word == "--":
		case strings.HasPrefix(word, "--"):
			i, err = c.long(word[2:], words, i)
		case len(word) > 1 && word[0] == '-':
			i, err = c.short(word[1:], words, i)
		default:
			err = c.url(word)
		}
		if err != nil {
			return err
		}
	}
	if c.next {
		c.warn(WarnMore, "the command makes further requests after --next; only the first was read")
	}
	return nil
}

func (c *curl) long(name string, words []string, i int) (int, error) {
	o, ok := find(name)
	if !ok {
		return i, fmt.Errorf("%w: curl has no option --%s that is known here; leave it out if it does not matter", ErrCapture, printable(name))
	}
	return c.option("--"+name, name, o, "", words, i)
}

// short reads options of one letter, which may stand together, the last one
// with its value.
func (c *curl) short(letters string, words []string, i int) (int, error) {
	for n := range len(letters) {
		name := shortNames[letters[n]]
		o, ok := find(name)
		if !ok {
			return i, fmt.Errorf("%w: curl has no option -%s that is known here; leave it out if it does not matter", ErrCapture, printable(letters[n:n+1]))
		}
		shown, value := "-"+letters[n:n+1], letters[n+1:]
		if o.takesValue {
			return c.option(shown, name, o, value, words, i)
		}
		if _, err := c.option(shown, name, o, "", words, i); err != nil {
			return i, err
		}
	}
	return i, nil
}

// option applies one, whose value is given or the next word.
func (c *curl) option(shown, name string, o option, value string, words []string, i int) (int, error) {
	if o.takesValue && value == "" {
		if i++; i >= len(words) {
			return i, fmt.Errorf("%w: curl's option %s has no value", ErrCapture, shown)
		}
		value = words[i]
	}
	if o.apply == nil {
		c.ignored[shown] = true
		return i, nil
	}
	return i, o.apply(c, value)
}

// printable keeps an option that is none from carrying a secret or a control
// character into an error.
func printable(name string) string {
	name, _, _ = strings.Cut(name, "=")
	if len(name) > 30 || !isToken(name) {
		return strconv.QuoteToASCII("?")
	}
	return name
}

func (c *curl) warn(code, text string) { c.warnings = append(c.warnings, Warning{code, text}) }

func unreadable(name, why string) func(*curl, string) error {
	return func(*curl, string) error {
		return fmt.Errorf("%w: curl's option --%s: %s", ErrCapture, name, why)
	}
}

func authNote(c *curl, _ string) error {
	c.warn(WarnNotExact, "an Authorization that curl works out by itself (--digest, --negotiate, --ntlm, --netrc) is not shown")
	return nil
}

// request puts together what curl would send.
func (c *curl) request() (*Request, error) {
	if len(c.urls) == 0 {
		return nil, fmt.Errorf("%w: the curl command names no URL", ErrCapture)
	}
	if len(c.urls) > 1 {
		c.warn(WarnMore, "the command names several URLs; only the first was read")
	}
	r := &Request{Form: FormCurl, Warnings: c.warnings}
	u, err := c.address(r)
	if err != nil {
		return nil, err
	}
	if c.get && c.hasData {
		c.queries = append(c.queries, string(c.body))
		c.body, c.hasData = nil, false
	}
	if r.Target = u.withQueries(c.queries); strings.Contains(strings.Join(c.queries, ""), "%") {
		r.warn(WarnNotExact, "versions of curl write %XX that -G or --url-query make in lower or upper case")
	}
	if c.target != "" {
		r.Target = c.target
	}
	r.Method = c.verb()
	r.Body = c.body
	c.compose(r, u)
	if len(c.ignored) > 0 {
		r.warn(WarnIgnored, "options that do not show in the request were ignored: "+strings.Join(slices.Sorted(maps.Keys(c.ignored)), " "))
	}
	if strings.ContainsAny(r.Target, " \t\r\n\x00") {
		return nil, fmt.Errorf("%w: the request-target holds a space or control character", ErrCapture)
	}
	return r, r.finish()
}

func (c *curl) verb() string {
	switch {
	case c.method != "":
		return c.method
	case c.head:
		return "HEAD"
	case c.isUpload:
		return "PUT"
	case c.hasData:
		return "POST"
	}
	return "GET"
}

// compose writes the header as curl does: its own fields first, each unless
// the command gives or removes it, then those of the command.
func (c *curl) compose(r *Request, u address) {
	var added []string
	own := func(name, value string, note bool) {
		for _, h := range c.headers {
			if n, _, _ := strings.Cut(strings.TrimSuffix(h, ";"), ":"); strings.EqualFold(trim(n), name) {
				if name == "Host" {
					break // stays in front
				}
				return
			}
		}
		r.Fields = append(r.Fields, Field{Name: name, Raw: " " + value})
		if note {
			added = append(added, name)
		}
	}
	host := u.host
	for _, h := range c.headers {
		if n, v, ok := strings.Cut(h, ":"); ok && strings.EqualFold(n, "Host") && trim(v) != "" {
			host = trim(v)
		}
	}
	own("Host", host, false)
	if credentials := c.credentials(r, u); credentials != "" {
		own("Authorization", credentials, false)
	}
	if c.rangeOf != "" {
		own("Range", "bytes="+c.rangeOf, false)
	}
	switch {
	case c.agent == nil:
		own("User-Agent", "curl", true) // its version is not known
	case *c.agent != "":
		own("User-Agent", *c.agent, false)
	}
	if c.isJSON {
		own("Content-Type", "application/json", true)
		own("Accept", "application/json", true)
	} else {
		own("Accept", "*/*", true)
	}
	if c.compressed {
		own("Accept-Encoding", "deflate, gzip, br, zstd", true) // as it was built
	}
	if c.refererText != "" {
		own("Referer", c.refererText, false)
	}
	if len(c.cookies) > 0 {
		own("Cookie", strings.Join(c.cookies, "; "), false)
	}
	for _, h := range c.headers {
		c.field(r, h)
	}
	if c.hasData || c.isUpload {
		own("Content-Length", strconv.Itoa(len(c.body)), false)
	}
	if c.hasData && !c.isJSON {
		own("Content-Type", "application/x-www-form-urlencoded", true)
	}
	if len(added) > 0 {
		r.warn(WarnCurlAdds, "headers that curl adds by itself: "+strings.Join(added, ", "))
	}
}

// field adds a header of the command. "Name:" removes, "Name;" is empty.
func (c *curl) field(r *Request, h string) {
	name, raw, ok := strings.Cut(h, ":")
	switch {
	case ok && strings.EqualFold(trim(name), "Host"), ok && trim(raw) == "":
	case ok && isToken(name) && !strings.ContainsAny(raw, "\r\n\x00"):
		r.Fields = append(r.Fields, Field{Name: name, Raw: raw})
	case !ok && strings.HasSuffix(h, ";") && isToken(strings.TrimSuffix(h, ";")):
		r.Fields = append(r.Fields, Field{Name: strings.TrimSuffix(h, ";")})
	default:
		r.warn(WarnMalformed, "a -H of the command is no header and was left out")
	}
}

func (c *curl) credentials(r *Request, u address) string {
	user := u.user
	if c.user != nil {
		user = *c.user
	}
	switch {
	case c.bearer != "":
		return "Bearer " + c.bearer
	case user == "":
		return ""
	case !strings.Contains(user, ":"):
		r.warn(WarnNotExact, "-u names no password, which curl would ask for")
		user += ":"
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user))
}

// header takes a -H, or reads a file of them.
func (c *curl) header(value string) error {
	if !strings.HasPrefix(value, "@") {
		c.headers = append(c.headers, value)
		return nil
	}
	content, err := c.file("-H", value[1:])
	for line := range bytes.Lines(content) {
		if line := strings.TrimRight(string(line), "\r\n"); line != "" && !strings.HasPrefix(line, "#") {
			c.headers = append(c.headers, line)
		}
	}
	return err
}
