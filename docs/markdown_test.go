package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// root is the checkout, seen from this package.
const root = ".."

// document is a Markdown file of the project.
type document struct {
	name   string // path from the root
	text   string
	prose  string // text without code blocks
	blocks []block
}

// block is a fenced code block.
type block struct {
	doc   *document
	line  int
	words []string // of the info string: language first
	text  string
}

// language is the first word of the info string, "" if there is none.
func (b block) language() string {
	if len(b.words) == 0 {
		return ""
	}
	return b.words[0]
}

// attribute gives the value of name=value in the info string.
func (b block) attribute(name string) string {
	for _, word := range b.words {
		if value, ok := strings.CutPrefix(word, name+"="); ok {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documents reads all Markdown files of the root and of docs.
func documents(t *testing.T) []*document {
	t.Helper()
	var list []*document
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			name, err := filepath.Rel(root, name)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, parse(t, filepath.ToSlash(name)))
		}
	}
	if len(list) < 5 {
		t.Fatalf("found only %d documents", len(list))
	}
	return list
}

var (
	fence = regexp.MustCompile("^([ \t]*)```(.*)$")
	// infoWord is a word of an info string; a value in quotation marks may hold blanks.
	infoWord = regexp.MustCompile(`[^\s"]+"[^"]*"|\S+`)
)

func parse(t *testing.T, name string) *document {
	t.Helper()
	d := &document{name: name, text: read(t, name)}
	var prose, code strings.Builder
	var open *block
	indent := ""
	for i, line := range strings.Split(d.text, "\n") {
		switch marks := fence.FindStringSubmatch(line); {
		case marks != nil && open == nil:
			indent = marks[1]
			open = &block{doc: d, line: i + 1, words: infoWord.FindAllString(marks[2], -1)}
			code.Reset()
		case marks != nil:
			open.text = code.String()
			d.blocks = append(d.blocks, *open)
			open = nil
		case open != nil:
			code.WriteString(strings.TrimPrefix(line, indent) + "\n")
		default:
			prose.WriteString(line + "\n")
		}
	}
	if open != nil {
		t.Errorf("%s:%d: the code block does not end", name, open.line)
	}
	d.prose = prose.String()
	return d
}

var heading = regexp.MustCompile(`(?m)^#+ (.+)$`)

// anchors are the fragments that a link may have: headings as GitHub makes
// them, and explicit ids.
func (d *document) anchors() map[string]bool {
	found := map[string]bool{"": true}
	for _, h := range heading.FindAllStringSubmatch(d.prose, -1) {
		found[slug(h[1])] = true
	}
	for _, id := range regexp.MustCompile(`<a id="([^"]+)"></a>`).FindAllStringSubmatch(d.prose, -1) {
		found[id[1]] = true
	}
	return found
}

func slug(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, title)
}

// section is the part of a text from a heading to the next one of its level.
func section(t *testing.T, text, title string) string {
	t.Helper()
	_, after, ok := strings.Cut(text, "\n"+title+"\n")
	if !ok {
		t.Fatalf("there is no heading %q", title)
	}
	marks, _, _ := strings.Cut(title, " ")
	var part strings.Builder
	code := false
	for line := range strings.SplitSeq(after, "\n") {
		level, _, _ := strings.Cut(line, " ")
		if !code && level != "" && strings.HasPrefix(marks, level) {
			break
		}
		code = code != fence.MatchString(line)
		part.WriteString(line + "\n")
	}
	return part.String()
}

// rows gives the cells of all table rows of a text, without heads.
func rows(text string) (list [][]string) {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| ---") ||
			i+1 < len(lines) && strings.HasPrefix(lines[i+1], "| ---") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), " | ")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		list = append(list, cells)
	}
	return list
}

// quoted gives what stands in backticks.
func quoted(text string) (list []string) {
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}
