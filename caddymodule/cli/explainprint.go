package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// printExplanation writes an explanation for people.
func printExplanation(out io.Writer, e *sidecar.Explanation) {
	fmt.Fprintf(out, "ASPSP %s, profile %s (certainty: %s), operation %s\n",
		e.ASPSP, e.Profile, cmp.Or(e.Certainty, "not said"), cmp.Or(e.Operation, "not known"))
	if r := e.Refusal; r != nil {
		fmt.Fprintf(out, "\nREFUSED, nothing would be sent: %s (%d)\n  %s", r.Code, r.Status, r.Title)
		if r.Detail != "" {
			fmt.Fprintf(out, ": %s", r.Detail)
		}
		fmt.Fprintf(out, "\n  what to do: %s\n", r.Remedy)
	}
	printHeaders(out, "Headers of the application", e.In, true)
	printHeaders(out, "Headers that leave", e.Out, false)
	printSignature(out, e.Signature)
	if e.Request != "" {
		if e.Signature == nil && e.Refusal == nil {
			fmt.Fprintln(out, "\nNot signed (signature.container, signature.only, token.sign)")
		}
		fmt.Fprintf(out, "\nFinal request\n%s\n", indent(strings.ReplaceAll(e.Request, "\r\n", "\n")))
	}
	printNotes(out, e)
}

func printHeaders(out io.Writer, title string, headers []sidecar.ExplainedHeader, in bool) {
	if len(headers) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s\n", title)
	for _, h := range headers {
		mark := "  "
		if in && h.Passes {
			mark = "+ "
		} else if in {
			mark = "- "
		}
		value := ""
		if h.Value != "" {
			value = ": " + visible(h.Value)
		}
		fmt.Fprintf(out, "  %s%s%s\n        %s\n", mark, h.Name, value, h.Reason)
	}
}

func printSignature(out io.Writer, s *sidecar.ExplainedSignature) {
	if s == nil {
		return
	}
	fmt.Fprintf(out, "\nSignature (container %s)\n", s.Container)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(out, "  %-10s %s\n", name, value)
		}
	}
	row("algorithm", s.Algorithm)
	if s.Label != s.Algorithm {
		row("label", s.Label)
	}
	row("keyId", visible(s.KeyID))
	row("from", s.KeyIDFrom)
	row("header", string(s.Protected))
	if d := s.Digest; d != nil {
		row("digest", fmt.Sprintf("%s: %s", d.Header, d.Value))
		row("of", fmt.Sprintf("%s, %d bytes", d.Input, d.InputLength))
	}
	fmt.Fprintf(out, "  signing string, %d bytes (%s)\n%s\n", len(s.Text), marks, indent(visible(s.Text)))
}

func printNotes(out io.Writer, e *sidecar.Explanation) {
	if len(e.Notes) > 0 {
		fmt.Fprintln(out, "\nNotes")
	}
	for _, note := range e.Notes {
		fmt.Fprintf(out, "  %s\n", note)
	}
	if len(e.Sources) > 0 {
		fmt.Fprintln(out, "\nWhat the profile rests on")
	}
	for _, source := range e.Sources {
		fmt.Fprintf(out, "  [%s] %s", source.Certainty, source.Title)
		if source.Covers != "" {
			fmt.Fprintf(out, ": %s", source.Covers)
		}
		fmt.Fprintln(out)
	}
	if len(e.OpenQuestions) > 0 {
		fmt.Fprintln(out, "\nTo be asked of the bank")
	}
	for _, question := range e.OpenQuestions {
		fmt.Fprintf(out, "  %s\n", question)
	}
}

// marks says what visible writes for characters that cannot be seen.
const marks = "␊ line end, ␍ carriage return, ␉ tab, · blank at a line's end, ‹U+…› others"

// visible marks the characters of a text that cannot be seen, or be mistaken.
func visible(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		content, ended := strings.CutSuffix(line, "\n")
		trimmed := strings.TrimRight(content, " ")
		for _, r := range trimmed {
			switch {
			case r == '\r':
				out.WriteRune('␍')
			case r == '\t':
				out.WriteRune('␉')
			case r == ' ' || unicode.IsGraphic(r) && !unicode.IsSpace(r) && r != unicode.ReplacementChar:
				out.WriteRune(r)
			default:
				fmt.Fprintf(&out, "‹U+%04X›", r)
			}
		}
		out.WriteString(strings.Repeat("·", len(content)-len(trimmed)))
		if ended {
			out.WriteString("␊\n")
		}
	}
	return out.String()
}
