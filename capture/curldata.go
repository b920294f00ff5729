package capture

import (
	"fmt"
	"strings"
)

// file reads a file that the command names, if the caller allows it.
func (c *curl) file(option, name string) ([]byte, error) {
	if name == "-" {
		return nil, fmt.Errorf("%w: curl's option %s reads its standard input, which is not here", ErrCapture, option)
	}
	if c.opts.ReadFile == nil {
		return nil, fmt.Errorf("%w: curl's option %s reads a file; put its content into the command", ErrCapture, option)
	}
	content, err := c.opts.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%w: curl's option %s: %w", ErrCapture, option, err)
	}
	return content, checkSize(content)
}

// addData appends to the body as curl does: several -d are joined by "&".
func (c *curl) addData(data []byte) {
	if c.hasData {
		c.body = append(c.body, '&')
	}
	c.body, c.hasData = append(c.body, data...), true
}

// text is -d: of a file, line ends are dropped.
func (c *curl) text(value string) error {
	name, isFile := strings.CutPrefix(value, "@")
	if !isFile {
		c.addData([]byte(value))
		return nil
	}
	content, err := c.file("-d", name)
	c.addData([]byte(strings.NewReplacer("\r", "", "\n", "", "\x00", "").Replace(string(content))))
	return err
}

// binary is --data-binary: a file byte for byte.
func (c *curl) binary(value string) error {
	data, err := c.exact("--data-binary", value)
	c.addData(data)
	return err
}

// json is --json: several are put one after the other.
func (c *curl) json(value string) error {
	data, err := c.exact("--json", value)
	c.body, c.hasData, c.isJSON = append(c.body, data...), true, true
	return err
}

func (c *curl) exact(option, value string) ([]byte, error) {
	if name, isFile := strings.CutPrefix(value, "@"); isFile {
		return c.file(option, name)
	}
	return []byte(value), nil
}

func (c *curl) urlencode(value string) error {
	data, err := c.encoded("--data-urlencode", value)
	c.addData([]byte(data))
	return err
}

func (c *curl) urlQuery(value string) error {
	if plain, ok := strings.CutPrefix(value, "+"); ok {
		c.queries = append(c.queries, plain)
		return nil
	}
	data, err := c.encoded("--url-query", value)
	c.queries = append(c.queries, data)
	return err
}

// encoded reads content, =content, name=content, @file or name@file.
func (c *curl) encoded(option, value string) (string, error) {
	i := strings.IndexAny(value, "=@")
	if i < 0 {
		return percentEncode(value), nil
	}
	name, content := value[:i], value[i+1:]
	if value[i] == '@' {
		read, err := c.file(option, content)
		if err != nil {
			return "", err
		}
		content = string(read)
	}
	if name != "" {
		name += "="
	}
	return name + percentEncode(content), nil
}

// percentEncode leaves unreserved characters (RFC 3986 section 2.3) only, and
// writes a space as + as forms have it.
func percentEncode(s string) string {
	var out strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			out.WriteByte(c)
		} else if c == ' ' {
			out.WriteByte('+')
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}

// upload is -T: a PUT of a file.
func (c *curl) upload(name string) error {
	content, err := c.file("-T", name)
	c.body, c.isUpload = content, true
	return err
}

func (c *curl) referer(value string) error {
	c.refererText = strings.TrimSuffix(value, ";auto")
	return nil
}

// cookie is -b: cookies, or a file of them, which depends on the URL.
func (c *curl) cookie(value string) error {
	if strings.Contains(value, "=") {
		c.cookies = append(c.cookies, value)
	} else {
		c.warn(WarnNotExact, "-b names a file of cookies; they are not shown")
	}
	return nil
}
