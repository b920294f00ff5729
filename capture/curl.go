package capture

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
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
